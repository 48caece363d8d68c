//! How far a partition has come, for those who handle entries in order and record the checkpoint with their effect.
//! No I/O.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Checkpoint, Entry, ParkedStream, Stretch};

/// Stretches that hold nothing of a partition are recorded only when this many positions have gone by, or when their
/// handler thinks that it is time: being idle costs no write.
const UNRECORDED: i64 = 10_000;

/// A partition's place in the log.
#[derive(Debug)]
pub struct Progress {
    /// Everything up to here is handled.
    position: i64,
    /// What the checkpoint says.
    recorded: i64,
    /// Whether something was handled since the log's end was last recorded. A write counts as seen only when the
    /// checkpoint has passed the whole tick it was ordered in, and that may end beyond the write.
    unsettled: bool,
    /// Streams that were set aside, with the first version each.
    parked: HashMap<(Uuid, Uuid), i64>,
}

/// Part of the log, to be handled at once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// What is to be handled, in order.
    pub entries: Vec<Entry>,
    /// What is of streams that were set aside before. It counts as handled.
    pub passed: Vec<Entry>,
    /// The position to be recorded with the effects.
    pub reached: i64,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Handle these, and record the position with them.
    Handle(Batch),
    /// Record the position alone.
    Record(i64),
    /// Read on.
    Read,
    /// Wait until the log has grown.
    Wait,
}

impl Progress {
    /// Begins where earlier claims have come.
    pub fn new(checkpoint: &Checkpoint, parked: &[ParkedStream]) -> Self {
        let parked = parked.iter().map(|parked| ((parked.tenant, parked.stream), parked.first_version)).collect();
        Self { position: checkpoint.position, recorded: checkpoint.position, unsettled: true, parked }
    }

    /// Where to read on.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Where the checkpoint could be, if that is beyond where it is.
    pub fn unrecorded(&self) -> Option<i64> {
        (self.position > self.recorded).then_some(self.position)
    }

    /// Takes a stretch read after [`Progress::position`].
    pub fn offer(&mut self, stretch: Stretch) -> Next {
        let Stretch { entries, reached } = stretch;
        if !entries.is_empty() {
            return Next::Handle(self.batch(entries, reached));
        }
        if reached > self.position {
            return if self.pass(reached) { Next::Record(reached) } else { Next::Read };
        }
        if self.unsettled && self.recorded < self.position {
            return Next::Record(self.position);
        }
        self.unsettled = false;
        Next::Wait
    }

    /// Tells what is to be handled from what is of streams that were set aside.
    pub fn batch(&self, entries: Vec<Entry>, reached: i64) -> Batch {
        let (passed, entries) = entries.into_iter().partition(|entry| self.is_parked(entry));
        Batch { entries, passed, reached }
    }

    /// The position was recorded, with the effects of what came before.
    pub fn recorded(&mut self, position: i64, handled: bool) {
        self.position = position;
        self.recorded = position;
        self.unsettled = handled;
    }

    /// There was nothing to handle up to a position. Whether enough has gone by for it to be recorded.
    pub fn pass(&mut self, position: i64) -> bool {
        self.position = position;
        position - self.recorded >= UNRECORDED
    }

    /// The stream was set aside, from this entry on.
    pub fn park(&mut self, entry: &Entry) {
        self.parked.entry((entry.tenant, entry.stream)).or_insert(entry.version);
    }

    /// The stream was taken back.
    pub fn unpark(&mut self, parked: &ParkedStream) {
        self.parked.remove(&(parked.tenant, parked.stream));
    }

    /// Whether an entry is of a stream that was set aside before it.
    pub fn is_parked(&self, entry: &Entry) -> bool {
        self.parked.get(&(entry.tenant, entry.stream)).is_some_and(|first| entry.version >= *first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(position: i64, stream: u128) -> Entry {
        Entry { position, incarnation: 1, tenant: Uuid::nil(), stream: Uuid::from_u128(stream), version: position }
    }

    fn stretch(entries: &[Entry], reached: i64) -> Stretch {
        Stretch { entries: entries.to_vec(), reached }
    }

    fn batch(entries: &[Entry], passed: &[Entry], reached: i64) -> Batch {
        Batch { entries: entries.to_vec(), passed: passed.to_vec(), reached }
    }

    #[test]
    fn what_is_handled_is_recorded_and_then_the_end_of_its_tick() {
        let mut progress = Progress::new(&Checkpoint::default(), &[]);
        assert_eq!(progress.offer(stretch(&[entry(1, 1)], 1)), Next::Handle(batch(&[entry(1, 1)], &[], 1)));
        assert_eq!(progress.position(), 0, "not before it is handled");
        progress.recorded(1, true);
        assert_eq!(progress.offer(stretch(&[], 3)), Next::Read);
        assert_eq!(progress.offer(stretch(&[], 3)), Next::Record(3));
        progress.recorded(3, false);
        assert_eq!(progress.offer(stretch(&[], 3)), Next::Wait);
    }

    #[test]
    fn what_concerns_others_is_recorded_now_and_then_only() {
        let mut progress = Progress::new(&Checkpoint::default(), &[]);
        assert_eq!(progress.offer(stretch(&[], 0)), Next::Wait);
        assert_eq!(progress.offer(stretch(&[], 9)), Next::Read);
        assert_eq!(progress.offer(stretch(&[], 9)), Next::Wait);
        assert_eq!(progress.offer(stretch(&[], UNRECORDED)), Next::Record(UNRECORDED));
    }

    #[test]
    fn later_events_of_a_parked_stream_are_passed_over() {
        let mut progress = Progress::new(&Checkpoint::default(), &[]);
        progress.park(&entry(2, 1));
        let offered = stretch(&[entry(1, 1), entry(2, 1), entry(3, 2), entry(4, 1)], 4);
        assert_eq!(
            progress.offer(offered),
            Next::Handle(batch(&[entry(1, 1), entry(3, 2)], &[entry(2, 1), entry(4, 1)], 4))
        );
        progress.recorded(4, true);
        let parked = ParkedStream { tenant: Uuid::nil(), stream: Uuid::from_u128(1), first_version: 2 };
        progress.unpark(&parked);
        assert_eq!(progress.offer(stretch(&[entry(5, 1)], 5)), Next::Handle(batch(&[entry(5, 1)], &[], 5)));
    }
}
