//! What is done with a message: the decisions, without a database, a broker or a clock.

use std::time::Duration;

use uuid::Uuid;

use crate::handler::Reason;

/// How often a failing message is tried, and after which delays: they double from the first to the longest, and each is
/// shortened by up to a half, so that what failed together isn't tried together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// Attempts in all, the first included. After the last one the stream is dead.
    pub attempts: u32,
    /// The delay after the first failure.
    pub first: Duration,
    /// No delay is longer.
    pub longest: Duration,
}

impl Default for Retries {
    /// 16 attempts, the delays from a second to an hour: about three hours in all.
    fn default() -> Self {
        Self { attempts: 16, first: Duration::from_secs(1), longest: Duration::from_secs(3600) }
    }
}

impl Retries {
    /// The delay after that many attempts. The same for the same event and attempt.
    pub(crate) fn delay(&self, event: Uuid, attempts: u32) -> Duration {
        let doubled = 2_u32.checked_pow(attempts.saturating_sub(1)).and_then(|factor| self.first.checked_mul(factor));
        let full = doubled.map_or(self.longest, |delay| delay.min(self.longest));
        full - full.mul_f64(fraction(event, attempts) / 2.0)
    }

    /// What comes after a failed attempt, the `attempts`-th.
    pub(crate) fn after(&self, reason: Reason, event: Uuid, attempts: u32) -> Next {
        match reason {
            Reason::Rejected => Next::Dead { attempts },
            Reason::Failed if self.are_used_up(attempts) => Next::Dead { attempts },
            Reason::Failed => Next::Retry { delay: self.delay(event, attempts), attempts },
            // The handler was not called, so nothing counts; a newer program will read it, however long it takes to come.
            Reason::Unreadable => Next::Retry { delay: NEWER.min(self.longest), attempts: 0 },
        }
    }

    /// Whether so many attempts are all there are. An attempt that ended the program has counted as well.
    pub(crate) fn are_used_up(&self, attempts: u32) -> bool {
        attempts >= self.attempts
    }
}

/// How often an old program looks whether it can read by now what it could not. A newer one looks when it starts.
const NEWER: Duration = Duration::from_secs(60);

/// What comes after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another one.
    Retry {
        /// The time until then.
        delay: Duration,
        /// Those that count so far.
        attempts: u32,
    },
    /// An operator decides.
    Dead {
        /// Those that count.
        attempts: u32,
    },
}

/// From 0 to 1, spread evenly over events and attempts (the finalizer of `SplitMix64`).
fn fraction(event: Uuid, attempts: u32) -> f64 {
    let (high, low) = event.as_u64_pair();
    let mut mixed = (high ^ low).wrapping_add(u64::from(attempts).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    f64::from(u32::try_from(mixed >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

/// What the tables say about a message, under its stream's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// It took effect.
    pub(crate) handled: bool,
    /// It is set aside.
    pub(crate) held: bool,
    /// Some message of its stream is set aside.
    pub(crate) stream_held: bool,
}

/// What is to be done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing: it came before.
    Duplicate,
    /// Set aside, behind those of its stream.
    SetAside,
    /// Handled.
    Handle,
}

impl Seen {
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Self { handled: true, .. } | Self { held: true, .. } => Verdict::Duplicate,
            Self { stream_held: true, .. } => Verdict::SetAside,
            _ => Verdict::Handle,
        }
    }
}

/// Deliveries without an answer after which a message is suspected to end the program that handles it. Connections that
/// are cut and programs that are stopped count too, for every message that was on its way: so it is only set aside, to be
/// tried from the table, where attempts are counted before they begin.
const SUSPECT: i64 = 10;

/// Whether a message should not be handled from the queue, by its count of earlier deliveries.
pub(crate) fn is_suspect(earlier_deliveries: i64) -> bool {
    earlier_deliveries >= SUSPECT
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::{Next, Retries};
    use crate::handler::Reason;

    #[test]
    fn delays_double_up_to_the_longest_and_are_spread() {
        let retries = Retries::default();
        for id in 1..1000_u128 {
            for attempts in 1..80 {
                let full = Duration::from_secs(1 << (attempts - 1).min(12)).min(retries.longest);
                let delay = retries.delay(Uuid::from_u128(id), attempts);
                assert!(full / 2 <= delay && delay <= full, "{delay:?} after {attempts}");
            }
        }
        let mean: f64 = (0..1000).map(|id| retries.delay(Uuid::from_u128(id), 1).as_secs_f64()).sum::<f64>() / 1000.0;
        assert!((0.72..0.78).contains(&mean), "{mean}");
    }

    #[test]
    fn the_last_attempt_is_the_last_and_a_newer_program_is_waited_for() {
        let (retries, id) = (Retries { attempts: 3, ..Retries::default() }, Uuid::nil());
        assert!(matches!(retries.after(Reason::Failed, id, 2), Next::Retry { attempts: 2, .. }));
        assert_eq!(retries.after(Reason::Failed, id, 3), Next::Dead { attempts: 3 });
        assert_eq!(retries.after(Reason::Rejected, id, 1), Next::Dead { attempts: 1 });
        assert!(matches!(retries.after(Reason::Unreadable, id, 1000), Next::Retry { attempts: 0, .. }));
    }
}
