//! What is being published: which event may go next, and up to where everything is confirmed. No I/O.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
};

use uuid::Uuid;

/// A stream of a tenant.
pub(crate) type StreamKey = (Uuid, Uuid);

/// Events between being read and being confirmed, in the log's order.
///
/// Of one stream a single event is in flight at a time, so that its order holds whatever the broker does; later ones
/// wait while other streams go on. Nothing here is linear in the number of events.
#[derive(Debug)]
pub(crate) struct Window<T> {
    /// Everything up to it is confirmed.
    checkpoint: i64,
    /// The events after the checkpoint, without gaps.
    slots: VecDeque<Slot<T>>,
    /// Those that may be published, the oldest first.
    ready: BinaryHeap<Reverse<i64>>,
    /// Each stream of which an event is ready or in flight, with its later events.
    waiting: HashMap<StreamKey, VecDeque<i64>>,
    in_flight: usize,
    limits: Limits,
}

/// How much a window holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Unconfirmed events.
    pub(crate) in_flight: usize,
    /// Events after the checkpoint, confirmed or not.
    pub(crate) read_ahead: usize,
}

#[derive(Debug)]
struct Slot<T> {
    stream: StreamKey,
    state: State<T>,
}

#[derive(Debug)]
enum State<T> {
    Unpublished(T),
    InFlight,
    Confirmed,
}

/// The position that had to be offered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotNext(pub(crate) i64);

impl<T> Window<T> {
    /// An empty window after a checkpoint.
    pub(crate) fn new(checkpoint: i64, limits: Limits) -> Self {
        Self {
            checkpoint,
            slots: VecDeque::with_capacity(limits.read_ahead),
            ready: BinaryHeap::new(),
            waiting: HashMap::new(),
            in_flight: 0,
            limits,
        }
    }

    /// Up to and including here everything is confirmed.
    pub(crate) fn checkpoint(&self) -> i64 {
        self.checkpoint
    }

    /// The last position that was offered.
    pub(crate) fn last(&self) -> i64 {
        self.checkpoint + i64::try_from(self.slots.len()).unwrap_or(i64::MAX)
    }

    /// How many more events can be offered.
    pub(crate) fn room(&self) -> usize {
        self.limits.read_ahead.saturating_sub(self.slots.len())
    }

    /// Takes the event at the next position.
    pub(crate) fn offer(&mut self, position: i64, stream: StreamKey, event: T) -> Result<(), NotNext> {
        let next = self.last() + 1;
        if position != next {
            return Err(NotNext(next));
        }
        self.slots.push_back(Slot { stream, state: State::Unpublished(event) });
        match self.waiting.get_mut(&stream) {
            Some(later) => later.push_back(position),
            None => {
                self.waiting.insert(stream, VecDeque::new());
                self.ready.push(Reverse(position));
            }
        }
        Ok(())
    }

    /// The event to publish now; it counts as in flight from here on.
    pub(crate) fn next(&mut self) -> Option<(i64, T)> {
        if self.in_flight >= self.limits.in_flight {
            return None;
        }
        let Reverse(position) = self.ready.pop()?;
        let state = &mut self.slot(position)?.state;
        match std::mem::replace(state, State::InFlight) {
            State::Unpublished(event) => {
                self.in_flight += 1;
                Some((position, event))
            }
            other => {
                *state = other;
                None
            }
        }
    }

    /// The broker has the event. What is not in flight is ignored.
    pub(crate) fn confirmed(&mut self, position: i64) {
        let Some(slot) = self.slot(position).filter(|slot| matches!(slot.state, State::InFlight)) else { return };
        slot.state = State::Confirmed;
        let stream = slot.stream;
        self.in_flight -= 1;
        match self.waiting.get_mut(&stream).and_then(VecDeque::pop_front) {
            Some(later) => self.ready.push(Reverse(later)),
            None => drop(self.waiting.remove(&stream)),
        }
        while self.slots.front().is_some_and(|slot| matches!(slot.state, State::Confirmed)) {
            self.slots.pop_front();
            self.checkpoint += 1;
        }
    }

    fn slot(&mut self, position: i64) -> Option<&mut Slot<T>> {
        let index = usize::try_from(position - self.checkpoint - 1).ok()?;
        self.slots.get_mut(index)
    }
}

#[cfg(test)]
mod tests;
