//! Consistency tokens: read your own writes from read models that follow later.

use std::{fmt, str::FromStr};

use fairlead_domain::{ids::OrganizationId, kernel::Invalid};
use uuid::Uuid;

/// Identifies a write so that a read can wait until it is seen.
///
/// Written as `<incarnation>.<xid>.<slots>`, the slots as a hexadecimal bit set: `1.748.400`. Callers treat it as opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsistencyToken {
    /// The life of the database in which `xid` has a meaning; a restore begins a new one.
    pub incarnation: i32,
    /// The transaction that wrote, as `PostgreSQL`'s `xid8`.
    pub xid: u64,
    /// Bit n is set when a stream of slot n was written.
    pub slots: u64,
}

/// The number of slots over which streams are spread; partitions are sets of slots. Fixed forever.
pub const SLOTS: u8 = 64;

/// The bit of a stream's slot. `engine.slot` in the database is the same formula; the last byte of a UUID of version 4 or
/// 7 is random.
pub fn slot_bit(tenant: OrganizationId, stream: Uuid) -> u64 {
    1 << ((Uuid::from(tenant).as_bytes()[15] ^ stream.as_bytes()[15]) % SLOTS)
}

impl fmt::Display for ConsistencyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{:x}", self.incarnation, self.xid, self.slots)
    }
}

impl FromStr for ConsistencyToken {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid::new("consistency.invalid", "must be a token that a command answered");
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or_else(invalid);
        let token = Self {
            incarnation: next()?.parse().map_err(|_| invalid())?,
            xid: next()?.parse().map_err(|_| invalid())?,
            slots: u64::from_str_radix(next()?, 16).map_err(|_| invalid())?,
        };
        // Of what no command answers, some would be waited for in vain.
        let is_possible = token.incarnation > 0 && token.xid <= i64::MAX as u64 && token.slots != 0;
        if is_possible && token.to_string() == text { Ok(token) } else { Err(invalid()) }
    }
}

#[cfg(test)]
mod tests {
    use super::ConsistencyToken;

    #[test]
    fn reads_what_it_writes_and_nothing_else() {
        let token = ConsistencyToken { incarnation: 3, xid: 748, slots: 1 << 10 };
        assert_eq!(token.to_string(), "3.748.400");
        assert_eq!(token.to_string().parse(), Ok(token));
        let forged = ["0.2.3", "-1.2.3", "1.2.0", "+1.2.3", "1.+2.3", "1.2.+3", "01.2.3", "1.2.0f", "1.2.F"];
        let odd = ["", "1", "1.2", "1.2.x", "1.2.3.4", "1.2.3.", "1.-2.3", "1.18446744073709551615.1"];
        for text in odd.into_iter().chain(forged) {
            assert!(text.parse::<ConsistencyToken>().is_err(), "{text}");
        }
    }
}
