//! When to record which checkpoint. No I/O.

use std::time::Duration;

use tokio::time::Instant;

/// The longest time that a confirmed event goes unrecorded; also the shortest between two records.
const INTERVAL: Duration = Duration::from_millis(100);
/// Confirmed events after which a record doesn't wait for the interval.
const MANY: i64 = 512;

/// From confirms to recorded checkpoints.
///
/// The client library hands a returned message to *some* message that the broker acknowledges together with it or
/// before, so that the one that was really returned may look confirmed. Hence a checkpoint counts only when
/// everything that was in flight with it has been confirmed too: the return must have shown up by then.
#[derive(Debug)]
pub(crate) struct Progress {
    recorded: i64,
    safe: i64,
    candidate: Option<Candidate>,
    due: Option<Instant>,
}

#[derive(Debug)]
struct Candidate {
    checkpoint: i64,
    /// How many messages must have been confirmed for it to be safe.
    needs: u64,
}

/// How many messages a publisher has published, and how many of them, the oldest first, are confirmed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) published: u64,
    pub(crate) confirmed: u64,
}

impl Progress {
    /// Nothing is confirmed beyond what is recorded.
    pub(crate) fn new(recorded: i64) -> Self {
        Self { recorded, safe: recorded, candidate: None, due: None }
    }

    /// Takes notice of the window's checkpoint.
    pub(crate) fn observe(&mut self, checkpoint: i64, counts: Counts, now: Instant) {
        if counts.confirmed == counts.published {
            self.candidate = None;
            self.safe = checkpoint;
        } else {
            if let Some(candidate) = self.candidate.take_if(|candidate| counts.confirmed >= candidate.needs) {
                self.safe = candidate.checkpoint;
            }
            if checkpoint > self.safe && self.candidate.is_none() {
                self.candidate = Some(Candidate { checkpoint, needs: counts.published });
            }
        }
        let unrecorded = self.safe - self.recorded;
        if unrecorded >= MANY {
            self.due = Some(now);
        } else if unrecorded > 0 {
            self.due.get_or_insert(now + INTERVAL);
        }
    }

    /// When something is to be recorded; `None` when nothing is.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The checkpoint to record, if it is not recorded yet.
    pub(crate) fn unrecorded(&self) -> Option<i64> {
        (self.safe > self.recorded).then_some(self.safe)
    }

    /// A checkpoint is recorded.
    pub(crate) fn recorded(&mut self, checkpoint: i64) {
        self.recorded = checkpoint;
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::{Counts, INTERVAL, Progress};

    fn counts(published: u64, confirmed: u64) -> Counts {
        Counts { published, confirmed }
    }

    #[test]
    fn a_checkpoint_waits_for_everything_that_was_in_flight_with_it() {
        let now = Instant::now();
        let mut progress = Progress::new(0);
        progress.observe(3, counts(5, 3), now);
        assert_eq!(progress.unrecorded(), None);
        progress.observe(4, counts(9, 4), now);
        assert_eq!(progress.unrecorded(), None);
        progress.observe(6, counts(9, 6), now);
        assert_eq!(progress.unrecorded(), Some(3));
        progress.observe(9, counts(9, 9), now);
        assert_eq!(progress.unrecorded(), Some(9));
    }

    #[test]
    fn records_are_coalesced() {
        let now = Instant::now();
        let mut progress = Progress::new(0);
        assert_eq!(progress.due(), None);
        progress.observe(1, counts(1, 1), now);
        progress.observe(2, counts(2, 2), now + INTERVAL / 2);
        assert_eq!(progress.due(), Some(now + INTERVAL));
        progress.observe(700, counts(700, 700), now + INTERVAL / 2);
        assert_eq!(progress.due(), Some(now + INTERVAL / 2));
        progress.recorded(700);
        assert_eq!((progress.due(), progress.unrecorded()), (None, None));
    }
}
