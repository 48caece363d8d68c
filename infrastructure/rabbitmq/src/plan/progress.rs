//! When to record which checkpoint. No I/O.

use std::time::Duration;

use fairlead_application::subscription::Checkpoint;
use tokio::time::Instant;

/// The longest time that a handled event waits for being recorded; also the shortest between two records.
const INTERVAL: Duration = Duration::from_millis(100);
/// The same where only other partitions' positions were passed, which costs nothing to pass again.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// From confirms to recorded checkpoints.
///
/// The client library hands a returned message to *some* message that the broker acknowledges together with it or
/// before. The publisher sorts that out, but it relies on the library's inner order for that; a checkpoint can't be taken
/// back, so it counts only when everything that was in flight with it has been settled too: the return must have shown
/// up by then.
#[derive(Debug)]
pub(crate) struct Progress {
    recorded: Checkpoint,
    safe: Checkpoint,
    candidate: Option<Candidate>,
    due: Option<Instant>,
    recording: bool,
    /// Nothing becomes safe any more.
    frozen: bool,
}

#[derive(Debug)]
struct Candidate {
    checkpoint: Checkpoint,
    /// Everything published under a lower tag must have been settled for it to be safe.
    needs: u64,
}

/// What was published, by consecutive tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tags {
    /// The next message's.
    pub(crate) next: u64,
    /// The oldest unsettled message's; the next one's when everything is settled.
    pub(crate) oldest: u64,
}

impl Progress {
    /// Nothing is handled beyond what is recorded.
    pub(crate) fn new(recorded: Checkpoint) -> Self {
        Self { safe: recorded.clone(), recorded, candidate: None, due: None, recording: false, frozen: false }
    }

    /// Something was handled.
    pub(crate) fn handled(&mut self, now: Instant) {
        self.by(now + INTERVAL);
    }

    /// The log was read further.
    pub(crate) fn moved(&mut self, now: Instant) {
        self.by(now + IDLE_INTERVAL);
    }

    fn by(&mut self, time: Instant) {
        if !self.frozen {
            self.due = Some(self.due.map_or(time, |due| due.min(time)));
        }
    }

    /// Takes notice of what is settled; asks for the checkpoint when it is time for one, at once when it is the `last`.
    pub(crate) fn observe(&mut self, checkpoint: impl FnOnce() -> Checkpoint, tags: Tags, now: Instant, last: bool) {
        if let Some(candidate) = self.candidate.take_if(|candidate| tags.oldest >= candidate.needs) {
            self.safe = candidate.checkpoint;
        }
        let due = self.due.is_some_and(|due| last || due <= now);
        if due && self.candidate.is_none() {
            self.due = None;
            let checkpoint = checkpoint();
            if tags.oldest >= tags.next {
                self.safe = checkpoint;
            } else {
                self.candidate = Some(Candidate { checkpoint, needs: tags.next });
            }
        }
    }

    /// What is in flight will never be settled: what is not safe yet won't be.
    pub(crate) fn freeze(&mut self) {
        self.frozen = true;
        self.candidate = None;
        self.due = None;
    }

    /// When a checkpoint is to be looked at; `None` when nothing happened since the last one.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due.filter(|_| self.candidate.is_none())
    }

    /// The checkpoint to record now, one at a time.
    pub(crate) fn record(&mut self) -> Option<Checkpoint> {
        let record = !self.recording && self.safe != self.recorded;
        self.recording |= record;
        record.then(|| {
            self.recorded.clone_from(&self.safe);
            self.safe.clone()
        })
    }

    /// The checkpoint of the last [`record`](Self::record) is recorded.
    pub(crate) fn recorded(&mut self) {
        self.recording = false;
    }

    /// Whether everything safe is recorded, and nothing waits for becoming safe.
    pub(crate) fn is_idle(&self) -> bool {
        !self.recording && self.candidate.is_none() && self.due.is_none() && self.safe == self.recorded
    }

    /// What is recorded, once no record is under way.
    pub(crate) fn checkpoint(&self) -> &Checkpoint {
        &self.recorded
    }
}
