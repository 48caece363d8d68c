//! Who guesses passwords is slowed down, in a way that can't be used to lock others out for long.
//!
//! Failures are counted for an account together with an address, and for the account alone. From one address a few are
//! allowed before each next one has to wait longer; from all addresses together many are, and the wait stays within a minute. An attempt
//! that has to wait is not looked at, and does not count. Counted in this process alone.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::AppError;

/// How many failures are free, of an account from one address.
const FREE_FROM_ADDRESS: u32 = 5;
/// The same from all addresses.
const FREE: u32 = 50;
/// The longest wait, of an account from one address.
const LONGEST_FROM_ADDRESS: Duration = Duration::from_secs(15 * 60);
/// The same from all addresses.
const LONGEST: Duration = Duration::from_secs(60);
/// After so long without a failure all is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(3600);
/// How many accounts are remembered; beyond it those are forgotten whose wait is over.
const MOST: usize = 100_000;

/// Failed attempts.
#[derive(Default)]
pub struct Attempts {
    from_address: Counter<(String, Option<IpAddr>)>,
    all: Counter<String>,
}

struct Counter<K>(Mutex<HashMap<K, Failures>>);

impl<K> Default for Counter<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    /// How long the next attempt has to wait.
    fn wait(&self, free: u32, longest: Duration, now: Instant) -> Duration {
        let Some(beyond) = self.count.checked_sub(free) else { return Duration::ZERO };
        let wait = longest.min(Duration::from_secs(1 << beyond.min(20)));
        wait.saturating_sub(now.saturating_duration_since(self.last))
    }
}

impl<K: Hash + Eq> Counter<K> {
    fn wait(&self, key: &K, free: u32, longest: Duration, now: Instant) -> Duration {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(key).map_or(Duration::ZERO, |failures| failures.wait(free, longest, now))
    }

    fn failed(&self, key: K, longest: Duration, now: Instant) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MOST {
            failures.retain(|_, failures| now.saturating_duration_since(failures.last) < longest);
        }
        let known = failures.entry(key).or_insert(Failures { count: 0, last: now });
        if now.saturating_duration_since(known.last) > FORGOTTEN {
            known.count = 0;
        }
        *known = Failures { count: known.count.saturating_add(1), last: now };
    }

    fn succeeded(&self, key: &K) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

impl Attempts {
    /// Whether an attempt may be looked at now.
    ///
    /// # Errors
    /// [`AppError::TooManyAttempts`]
    pub fn admit(&self, account: &str, address: Option<IpAddr>, now: Instant) -> Result<(), AppError> {
        let from_address = (account.to_owned(), network(address));
        let wait = self.from_address.wait(&from_address, FREE_FROM_ADDRESS, LONGEST_FROM_ADDRESS, now);
        let wait = wait.max(self.all.wait(&account.to_owned(), FREE, LONGEST, now));
        if wait.is_zero() {
            return Ok(());
        }
        Err(AppError::TooManyAttempts { retry_after: wait.as_secs().max(1) })
    }

    /// An attempt failed.
    pub fn failed(&self, account: &str, address: Option<IpAddr>, now: Instant) {
        self.from_address.failed((account.to_owned(), network(address)), LONGEST_FROM_ADDRESS, now);
        self.all.failed(account.to_owned(), LONGEST, now);
    }

    /// An attempt succeeded: what failed from this address before is forgotten. What failed from others is not, or whoever guesses would be
    /// let off by the account's owner.
    pub fn succeeded(&self, account: &str, address: Option<IpAddr>) {
        self.from_address.succeeded(&(account.to_owned(), network(address)));
    }
}

/// What counts as one address: of version 6 a network of 64 bits, which is what one subscriber has.
pub fn network(address: Option<IpAddr>) -> Option<IpAddr> {
    address.map(|address| match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(std::net::Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, n]))
    }

    #[test]
    fn who_guesses_waits_longer_each_time() {
        let (attempts, mut now) = (Attempts::default(), Instant::now());
        for _ in 0..5 {
            attempts.admit("ana", address(1), now).unwrap();
            attempts.failed("ana", address(1), now);
        }
        assert!(attempts.admit("ana", address(1), now).is_err());
        now += Duration::from_secs(1);
        attempts.admit("ana", address(1), now).unwrap();
        attempts.failed("ana", address(1), now);
        now += Duration::from_secs(1);
        assert!(matches!(attempts.admit("ana", address(1), now), Err(AppError::TooManyAttempts { retry_after: 1 })));
        now += Duration::from_secs(1);
        attempts.admit("ana", address(1), now).unwrap();
    }

    #[test]
    fn others_are_not_locked_out_for_long() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..40 {
            attempts.failed("ana", address(1), now);
        }
        assert!(attempts.admit("ana", address(1), now + Duration::from_secs(800)).is_err());
        attempts.admit("ana", address(2), now).unwrap();
        attempts.admit("bo", address(1), now).unwrap();
        for n in 2..250 {
            attempts.failed("ana", address(n), now);
        }
        assert!(attempts.admit("ana", address(251), now).is_err());
        attempts.admit("ana", address(251), now + Duration::from_secs(60)).unwrap();
    }

    #[test]
    fn success_forgives_what_failed_from_there() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for n in 1..=2 {
            for _ in 0..9 {
                attempts.failed("ana", address(n), now);
            }
        }
        attempts.succeeded("ana", address(1));
        attempts.admit("ana", address(1), now).unwrap();
        assert!(attempts.admit("ana", address(2), now).is_err());
    }

    #[test]
    fn a_subscriber_has_a_network_of_version_6() {
        let [one, two, other] = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map(|text| text.parse().ok());
        assert_eq!(network(one), network(two));
        assert_ne!(network(one), network(other));
        assert_eq!(network("::ffff:192.0.2.1".parse().ok()), address(1));
    }
}
