//! What stands in tokens (RFC 7519), and when it holds.

use chrono::{DateTime, Utc};
use fairlead_application::identity::tokens::{RESERVED_ACTORS, Refusal};
use serde::{Deserialize, Serialize};

/// How far the clocks of those who sign and those who verify may differ, in seconds.
pub(crate) const LEEWAY_SECONDS: f64 = 10.0;
/// The longest subject, in characters.
pub(crate) const MAX_SUBJECT: usize = 200;

/// Seconds since 1970, perhaps with a fraction (RFC 7519, section 2). We write whole ones.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum NumericDate {
    Whole(i64),
    Fractional(f64),
}

impl NumericDate {
    pub(crate) fn of(time: DateTime<Utc>) -> Self {
        Self::Whole(time.timestamp())
    }

    /// Exact to the microsecond for the dates that there are.
    fn seconds(self) -> f64 {
        match self {
            Self::Whole(seconds) => seconds as f64,
            Self::Fractional(seconds) => seconds,
        }
    }
}

/// When a token holds.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Times {
    exp: NumericDate,
    nbf: Option<NumericDate>,
    /// Must be a date where it is given.
    #[expect(dead_code, reason = "read for its form alone")]
    iat: Option<NumericDate>,
}

impl Times {
    /// From ever until then.
    pub(crate) fn until(exp: NumericDate) -> Self {
        Self { exp, nbf: None, iat: None }
    }

    /// Until when it holds, the difference of clocks included; `None` for a date beyond all dates.
    pub(crate) fn check(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Refusal> {
        let now = now.timestamp_micros() as f64 / 1e6;
        let end = self.exp.seconds() + LEEWAY_SECONDS;
        if end <= now {
            return Err(Refusal::Expired);
        }
        if self.nbf.is_some_and(|nbf| nbf.seconds() - LEEWAY_SECONDS > now) {
            return Err(Refusal::Invalid);
        }
        Ok(DateTime::from_timestamp_micros((end * 1e6) as i64))
    }
}

/// Whether a subject can stand in logs and events, and is not taken for somebody of ours there.
pub(crate) fn is_nameable(subject: &str) -> bool {
    let fits = (1..=MAX_SUBJECT).contains(&subject.chars().count());
    let reserved = RESERVED_ACTORS.iter().any(|prefix| subject.starts_with(prefix));
    fits && !reserved && !subject.chars().any(char::is_control)
}
