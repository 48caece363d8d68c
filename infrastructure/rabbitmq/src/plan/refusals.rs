//! Whether an event that the broker did not take is tried again, or parks its stream. No I/O.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

/// Refusals after which a stream is parked: about ten seconds after the first.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// The events that the broker refused, by position.
///
/// A fault of the broker looks like a refusal of every event: a consumer's full queue that rejects, a binding that is
/// gone. So an attempt counts only when the broker has taken another event that was published after this one's first
/// refusal; while it takes nothing, nothing is parked.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    by_position: HashMap<i64, Refusal>,
}

#[derive(Debug)]
struct Refusal {
    /// Those that count.
    attempts: u32,
    pause: Duration,
    /// The tag of what was published next after the first refusal.
    since: u64,
}

/// What is known when an event is refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence {
    /// The next message's tag.
    pub(crate) next: u64,
    /// The highest tag that was ever confirmed.
    pub(crate) confirmed: u64,
    /// The broker said that it is this very event which it won't take.
    pub(crate) certain: bool,
}

/// What to do about a refusal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Again(Instant),
    Park,
}

impl Refusals {
    /// The event at a position was refused.
    pub(crate) fn refused(&mut self, position: i64, evidence: Evidence, now: Instant) -> Verdict {
        let Evidence { next, confirmed, certain } = evidence;
        let refusal =
            self.by_position.entry(position).or_insert(Refusal { attempts: 0, pause: FIRST_PAUSE, since: next });
        if certain || refusal.attempts == 0 || confirmed >= refusal.since {
            refusal.attempts += 1;
        }
        if refusal.attempts >= ATTEMPTS {
            self.by_position.remove(&position);
            return Verdict::Park;
        }
        let pause = refusal.pause;
        refusal.pause = (pause * 3).min(LAST_PAUSE);
        Verdict::Again(now + pause)
    }

    /// The event at a position was taken after all.
    pub(crate) fn forget(&mut self, position: i64) {
        if !self.by_position.is_empty() {
            self.by_position.remove(&position);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::{ATTEMPTS, Evidence, FIRST_PAUSE, LAST_PAUSE, Refusals, Verdict};

    fn evidence(next: u64, confirmed: u64) -> Evidence {
        Evidence { next, confirmed, certain: false }
    }

    #[test]
    fn parks_only_while_the_broker_takes_others() {
        let (now, mut refusals) = (Instant::now(), Refusals::default());
        // Tag 9 was on its way already when it happened.
        for _ in 0..10 {
            assert_ne!(refusals.refused(1, evidence(10, 9), now), Verdict::Park);
        }
        for _ in 2..ATTEMPTS {
            assert_ne!(refusals.refused(1, evidence(20, 10), now), Verdict::Park);
        }
        assert_eq!(refusals.refused(1, evidence(20, 10), now), Verdict::Park);
    }

    #[test]
    fn a_refusal_of_the_very_event_needs_no_evidence() {
        let (now, mut refusals) = (Instant::now(), Refusals::default());
        let certain = Evidence { next: 1, confirmed: 0, certain: true };
        for _ in 1..ATTEMPTS {
            assert_ne!(refusals.refused(1, certain, now), Verdict::Park);
        }
        assert_eq!(refusals.refused(1, certain, now), Verdict::Park);
    }

    #[test]
    fn waits_longer_each_time_and_forgets_what_was_taken() {
        let (now, mut refusals) = (Instant::now(), Refusals::default());
        assert_eq!(refusals.refused(1, evidence(10, 0), now), Verdict::Again(now + FIRST_PAUSE));
        assert_eq!(refusals.refused(1, evidence(10, 0), now), Verdict::Again(now + FIRST_PAUSE * 3));
        for _ in 0..9 {
            refusals.refused(1, evidence(10, 0), now);
        }
        assert_eq!(refusals.refused(1, evidence(10, 0), now), Verdict::Again(now + LAST_PAUSE));
        refusals.forget(1);
        assert_eq!(refusals.refused(1, evidence(10, 0), now), Verdict::Again(now + FIRST_PAUSE));
    }
}
