//! What a partition has read: which event may go next, and how far everything is handled. No I/O.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    ops::RangeInclusive,
};

use fairlead_application::subscription::{Checkpoint, Entry, ParkedStream, Stretch};
use uuid::Uuid;

/// A stream of a tenant.
pub(crate) type StreamKey = (Uuid, Uuid);

/// Remembered ranges beyond the checkpoint's position. What is forgotten may be published twice, so the longest stay.
const MAX_RANGES: usize = 1_024;

/// The entries after the checkpoint, narrow, in the log's order.
///
/// Of one stream a single event is out at a time, so that its order holds whatever the broker does; later ones wait
/// while other streams go on. Tenants take turns among what may go, so that one's backlog doesn't hold up another's
/// event. Nothing here but [`Window::checkpoint`] is linear in the number of entries.
#[derive(Debug)]
pub(crate) struct Window {
    /// As many entries are held after the checkpoint, handled or not.
    read_ahead: usize,
    slots: VecDeque<Slot>,
    /// The number of the first slot.
    first: u64,
    /// Up to here the log was read.
    reached: i64,
    /// The streams of which something is not handled.
    streams: HashMap<StreamKey, Queue>,
    /// What may go: of each tenant, the oldest first. No heap is empty.
    tenants: HashMap<Uuid, BinaryHeap<Reverse<u64>>>,
    /// The tenants that have something that may go, in the order of their turns.
    turns: VecDeque<Uuid>,
    /// What earlier claims handled beyond where they had come to.
    remembered: VecDeque<RangeInclusive<i64>>,
    /// The streams that are set aside, each from a version on.
    aside: HashMap<StreamKey, i64>,
    /// The same of the streams that are being replayed: new entries wait.
    held: HashMap<StreamKey, i64>,
    /// Nothing from here on may go.
    barrier: Option<u64>,
}

#[derive(Debug)]
struct Slot {
    entry: Entry,
    /// The stream's next entry.
    next: Option<u64>,
    handled: bool,
}

/// The unhandled entries of a stream, linked through their slots.
#[derive(Debug)]
struct Queue {
    head: u64,
    tail: u64,
}

/// What was read does not follow what was read before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Disorder {
    /// Up to here the log had been read.
    pub(crate) reached: i64,
    /// The position that came.
    pub(crate) got: i64,
}

impl Window {
    /// Nothing is read beyond a checkpoint.
    pub(crate) fn new(checkpoint: &Checkpoint, parked: &[ParkedStream], read_ahead: usize) -> Self {
        Self {
            read_ahead,
            slots: VecDeque::new(),
            first: 0,
            reached: checkpoint.position,
            streams: HashMap::new(),
            tenants: HashMap::new(),
            turns: VecDeque::new(),
            remembered: checkpoint.ahead.iter().cloned().collect(),
            aside: parked.iter().map(|parked| ((parked.tenant, parked.stream), parked.first_version)).collect(),
            held: HashMap::new(),
            barrier: None,
        }
    }

    /// Up to here the log was read.
    pub(crate) fn reached(&self) -> i64 {
        self.reached
    }

    /// How many more entries can be offered.
    pub(crate) fn room(&self) -> usize {
        self.read_ahead.saturating_sub(self.slots.len())
    }

    /// Takes what comes next in the log. Whether anything of it is to be handled.
    pub(crate) fn offer(&mut self, stretch: &Stretch) -> Result<bool, Disorder> {
        let end = self.first + self.slots.len() as u64;
        for entry in &stretch.entries {
            if entry.position <= self.reached {
                return Err(Disorder { reached: self.reached, got: entry.position });
            }
            self.reached = entry.position;
            self.take(*entry);
        }
        if stretch.reached < self.reached {
            return Err(Disorder { reached: self.reached, got: stretch.reached });
        }
        self.reached = stretch.reached;
        self.remember_no_more();
        self.trim();
        Ok(self.first + self.slots.len() as u64 > end)
    }

    fn take(&mut self, entry: Entry) {
        let (number, key) = (self.first + self.slots.len() as u64, key(&entry));
        while self.remembered.front().is_some_and(|range| *range.end() < entry.position) {
            self.remembered.pop_front();
        }
        let remembered = self.remembered.front().is_some_and(|range| range.contains(&entry.position));
        let handled = remembered || self.aside.get(&key).is_some_and(|first| *first <= entry.version);
        self.slots.push_back(Slot { entry, next: None, handled });
        if handled {
            return;
        }
        if let Some(queue) = self.streams.get_mut(&key) {
            let tail = std::mem::replace(&mut queue.tail, number);
            if let Some(slot) = self.slot(tail) {
                slot.next = Some(number);
            }
        } else {
            self.streams.insert(key, Queue { head: number, tail: number });
            if !self.held.contains_key(&key) {
                self.ready(number, entry.tenant);
            }
        }
    }

    /// What goes next, `limit` entries at most, each with its number. Each stays its stream's only one until it is
    /// handled, or may go [`again`](Self::again).
    pub(crate) fn pick(&mut self, limit: usize) -> Vec<(u64, Entry)> {
        let mut picked = Vec::new();
        while picked.len() < limit
            && let Some(tenant) = self.turns.pop_front()
        {
            let Some(heap) = self.tenants.get_mut(&tenant) else { continue };
            let oldest = heap.pop();
            if heap.is_empty() {
                self.tenants.remove(&tenant);
            } else {
                self.turns.push_back(tenant);
            }
            if let Some(Reverse(number)) = oldest
                && let Some(slot) = self.slot(number)
            {
                picked.push((number, slot.entry));
            }
        }
        picked
    }

    /// What was picked may be picked again.
    pub(crate) fn again(&mut self, number: u64) {
        if let Some(tenant) = self.slot(number).map(|slot| slot.entry.tenant) {
            self.ready(number, tenant);
        }
    }

    fn ready(&mut self, number: u64, tenant: Uuid) {
        if self.barrier.is_some_and(|barrier| barrier <= number) {
            return;
        }
        let heap = self.tenants.entry(tenant).or_default();
        if heap.is_empty() {
            self.turns.push_back(tenant);
        }
        heap.push(Reverse(number));
    }

    /// What was picked is handled.
    pub(crate) fn handled(&mut self, number: u64) {
        let Some(slot) = self.slot(number).filter(|slot| !slot.handled) else { return };
        slot.handled = true;
        let (stream, tenant, next) = (key(&slot.entry), slot.entry.tenant, slot.next);
        match (next, self.streams.get_mut(&stream)) {
            (Some(next), Some(queue)) => {
                queue.head = next;
                self.ready(next, tenant);
            }
            _ => drop(self.streams.remove(&stream)),
        }
        self.trim();
    }

    /// A stream is set aside from a version on: what of it was picked and what waits is handled, and so is what comes.
    pub(crate) fn set_aside(&mut self, stream: StreamKey, first_version: i64) {
        self.held.remove(&stream);
        self.aside.insert(stream, first_version);
        let mut next = self.streams.remove(&stream).map(|queue| queue.head);
        while let Some(slot) = next.and_then(|number| self.slot(number)) {
            slot.handled = true;
            next = slot.next;
        }
        self.trim();
    }

    /// The streams that are set aside, those with them that are being replayed.
    pub(crate) fn aside(&self) -> Vec<ParkedStream> {
        let parked =
            |(&(tenant, stream), &first_version): (&StreamKey, &i64)| ParkedStream { tenant, stream, first_version };
        self.aside.iter().chain(&self.held).map(parked).collect()
    }

    /// Whether any stream is set aside.
    pub(crate) fn has_aside(&self) -> bool {
        !self.aside.is_empty()
    }

    /// Takes a stream back for its replay, while which its new entries wait; returns the version from which on it is set
    /// aside. Refused when it is not set aside, when something of it, of before that, is on its way still, or as long as
    /// earlier claims may have counted something of it as handled that was not read yet.
    pub(crate) fn hold(&mut self, stream: StreamKey) -> Option<i64> {
        if self.streams.contains_key(&stream) || !self.remembered.is_empty() {
            return None;
        }
        let first = self.aside.remove(&stream)?;
        self.held.insert(stream, first);
        Some(first)
    }

    /// The replay is over: what of the stream has come meanwhile may go.
    pub(crate) fn let_go(&mut self, stream: StreamKey) {
        self.held.remove(&stream);
        if let Some(head) = self.streams.get(&stream).map(|queue| queue.head) {
            self.again(head);
        }
    }

    /// Nothing from this entry on may go any more.
    pub(crate) fn stop_before(&mut self, number: u64) {
        let barrier = self.barrier.map_or(number, |barrier| barrier.min(number));
        self.barrier = Some(barrier);
        self.tenants.retain(|_, heap| {
            heap.retain(|Reverse(number)| *number < barrier);
            !heap.is_empty()
        });
        self.turns.retain(|tenant| self.tenants.contains_key(tenant));
    }

    /// Whether everything is handled before which it [stopped](Self::stop_before).
    pub(crate) fn is_stopped(&self) -> bool {
        self.barrier.is_some_and(|barrier| self.first >= barrier)
    }

    /// How far everything is handled, and what is beyond.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let mut position = self.slots.front().map_or(self.reached, |slot| slot.entry.position - 1);
        let mut ahead: Vec<RangeInclusive<i64>> = Vec::new();
        let mut open = false;
        for slot in &self.slots {
            match ahead.last_mut() {
                // The positions in between are other partitions'.
                Some(range) if slot.handled && open => *range = *range.start()..=slot.entry.position,
                _ if slot.handled => ahead.push(slot.entry.position..=slot.entry.position),
                _ => {}
            }
            open = slot.handled;
        }
        for range in &self.remembered {
            let start = *range.start().max(&(self.reached + 1));
            match ahead.last_mut() {
                _ if start > *range.end() => {}
                Some(last) if last.end() + 1 >= start => *last = *last.start()..=*range.end(),
                _ if position + 1 >= start => position = *range.end(),
                _ => ahead.push(start..=*range.end()),
            }
        }
        if ahead.len() > MAX_RANGES {
            ahead.sort_unstable_by_key(|range| Reverse(range.end() - range.start()));
            ahead.truncate(MAX_RANGES);
            ahead.sort_unstable_by_key(|range| *range.start());
        }
        Checkpoint { position, ahead }
    }

    fn remember_no_more(&mut self) {
        while self.remembered.front().is_some_and(|range| *range.end() <= self.reached) {
            self.remembered.pop_front();
        }
    }

    fn trim(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.handled) {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(index)
    }

    /// Whether nothing is left of all that came.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.streams.is_empty() && self.tenants.is_empty() && self.turns.is_empty()
    }
}

fn key(entry: &Entry) -> StreamKey {
    (entry.tenant, entry.stream)
}
