//! What the relay of one partition does next. No I/O, so that every decision can be tried out in any order of events.
//!
//! A plan asks for calls to the log ([`Plan::call`]) and takes their answers ([`Plan::answer`]), gives out messages to
//! publish ([`Plan::publish`]) and takes what became of them ([`Plan::settled`]).

mod progress;
mod refusals;
mod replays;
mod settling;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod window;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque},
    time::Duration,
};

use fairlead_application::subscription::{Checkpoint, Entry, ParkedStream, Stretch};
use tokio::time::Instant;

use self::{
    progress::{Progress, Tags},
    refusals::Refusals,
    replays::Replays,
    settling::Flight,
    window::Window,
};
pub(crate) use self::{settling::Outcome, window::Disorder};

/// Between two questions which replays are demanded.
const REPLAYS_INTERVAL: Duration = Duration::from_millis(500);

/// How much a plan has under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Unconfirmed messages.
    pub(crate) in_flight: usize,
    /// Events fetched at once; twice as many wait for being published at most.
    pub(crate) batch: usize,
    /// Entries read at once.
    pub(crate) read: usize,
    /// Entries after the checkpoint, handled or not.
    pub(crate) read_ahead: usize,
}

/// A question to the log. Of each kind one is open at a time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Grown,
    Read(i64, u32),
    Fetch(Vec<Entry>),
    Record(Checkpoint),
    Park(Entry, String),
    Replays,
    Backlog(ParkedStream, i64),
    FetchReplay(Vec<Entry>),
    Replayed(ParkedStream, Option<String>),
}

/// The answer to the [`Call`] of the same name.
#[derive(Debug)]
pub(crate) enum Answer<T> {
    Grown,
    Read(Stretch),
    Fetched(Vec<Body<T>>),
    Recorded,
    Parked,
    Replays(Vec<ParkedStream>),
    Backlog(Vec<Entry>),
    ReplayFetched(Vec<Body<T>>),
    Replayed,
}

/// What became of an event that was fetched.
#[derive(Debug)]
pub(crate) enum Body<T> {
    Message(T),
    /// It is gone: its organization was purged.
    Gone,
    /// It is no message that the broker could take.
    Unencodable(String),
    /// Its name belongs to no aggregate of this program: a newer one wrote it.
    Unknown(String),
}

/// How a plan ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As it was told to; everything that can be recorded is.
    Drained,
    /// Everything before an event is handled of whose aggregate this program has not heard.
    Unknown { position: i64, event_type: String },
}

/// The relay of one partition.
#[derive(Debug)]
pub(crate) struct Plan<T> {
    limits: Limits,
    window: Window,
    progress: Progress,
    refusals: Refusals,
    replays: Replays<T>,
    asked: Asked,
    /// Whether the log may hold entries that were not read.
    unread: bool,
    /// What is being fetched, in the order in which it goes.
    fetching: Vec<(u64, Entry)>,
    /// What may be published as soon as there is room in flight.
    prepared: VecDeque<(u64, Entry, T)>,
    in_flight: BTreeMap<u64, Flight>,
    /// The next message's tag.
    next_tag: u64,
    /// The highest tag that was confirmed.
    confirmed: u64,
    /// Refused events, each to be picked again at a time.
    retries: BinaryHeap<Reverse<(Instant, u64)>>,
    /// Entries from which on their streams are to be set aside, with the errors.
    parking: VecDeque<(Entry, String)>,
    /// Positions that are to be parked as soon as they come up again.
    condemned: HashMap<i64, String>,
    /// Positions of which one may be what made the broker close the channel: they go one by one.
    suspects: HashSet<i64>,
    unknown: Option<(i64, String)>,
    draining: bool,
    /// Nothing is published until it is told to go on.
    paused: bool,
}

/// The calls that are open.
#[derive(Debug, Default)]
struct Asked {
    grown: bool,
    read: bool,
    parking: bool,
    /// When the last question about replays was asked, and whether it is open.
    replays: Option<Instant>,
    replays_open: bool,
    /// Whether another is wanted.
    replays_stale: bool,
}

impl<T> Plan<T> {
    /// Begins where earlier claims have come to.
    pub(crate) fn new(checkpoint: &Checkpoint, parked: &[ParkedStream], limits: Limits) -> Self {
        Self {
            limits,
            window: Window::new(checkpoint, parked, limits.read_ahead),
            progress: Progress::new(checkpoint.clone()),
            refusals: Refusals::default(),
            replays: Replays::new(),
            asked: Asked { replays_stale: true, ..Asked::default() },
            unread: true,
            fetching: Vec::new(),
            prepared: VecDeque::new(),
            in_flight: BTreeMap::new(),
            next_tag: 1,
            confirmed: 0,
            retries: BinaryHeap::new(),
            parking: VecDeque::new(),
            condemned: HashMap::new(),
            suspects: HashSet::new(),
            unknown: None,
            draining: false,
            paused: false,
        }
    }

    /// Begins again, on another channel, where the last one came to for certain. It knows still which events made
    /// trouble.
    pub(crate) fn anew(self) -> Self {
        let fresh = Self::new(self.progress.checkpoint(), &self.window.aside(), self.limits);
        Self {
            refusals: self.refusals,
            condemned: self.condemned,
            suspects: self.suspects,
            next_tag: self.next_tag,
            confirmed: self.confirmed,
            ..fresh
        }
    }

    /// The tag of the next message: consecutive, from one plan to the one that begins anew.
    pub(crate) fn next_tag(&self) -> u64 {
        self.next_tag
    }

    fn tags(&self) -> Tags {
        let oldest = self.in_flight.first_key_value().map_or(self.next_tag, |(tag, _)| *tag);
        Tags { next: self.next_tag, oldest }
    }

    /// Takes notice of the time.
    pub(crate) fn tick(&mut self, now: Instant) {
        while let Some(Reverse((_, number))) = self.retries.peek().filter(|Reverse((time, _))| *time <= now).copied() {
            self.retries.pop();
            self.window.again(number);
        }
        let last = self.in_flight.is_empty() && (self.draining || self.unknown.is_some());
        let tags = self.tags();
        let Self { progress, window, .. } = self;
        progress.observe(|| window.checkpoint(), tags, now, last);
    }

    /// When to look again although nothing came.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let retry = self.retries.peek().map(|Reverse((time, _))| *time);
        let replays = if self.draining { None } else { self.replays.wake_at() };
        let asking = self.asks_for_replays().then(|| self.asked.replays.map(|last| last + REPLAYS_INTERVAL)).flatten();
        [self.progress.due(), retry, replays, asking].into_iter().flatten().min()
    }

    fn asks_for_replays(&self) -> bool {
        let asked = &self.asked;
        !self.draining
            && asked.replays_stale
            && !asked.replays_open
            && !self.replays.is_active()
            && self.window.has_aside()
    }

    /// The next question to the log, if there is one now.
    pub(crate) fn call(&mut self, now: Instant) -> Option<Call> {
        if let Some(checkpoint) = self.progress.record() {
            return Some(Call::Record(checkpoint));
        }
        if !self.asked.parking
            && let Some((entry, error)) = self.parking.front()
        {
            self.asked.parking = true;
            return Some(Call::Park(*entry, error.clone()));
        }
        if self.draining {
            return None;
        }
        if !std::mem::replace(&mut self.asked.grown, true) {
            return Some(Call::Grown);
        }
        self.fetch().or_else(|| self.read()).or_else(|| self.replay(now))
    }

    fn fetch(&mut self) -> Option<Call> {
        while self.fetching.is_empty() && self.prepared.len() <= self.limits.batch {
            let picked = self.window.pick(self.limits.batch);
            if picked.is_empty() {
                return None;
            }
            for (number, entry) in picked {
                match self.condemned.remove(&entry.position) {
                    Some(error) => self.parking.push_back((entry, error)),
                    None => self.fetching.push((number, entry)),
                }
            }
            if !self.fetching.is_empty() {
                return Some(Call::Fetch(self.fetching.iter().map(|(_, entry)| *entry).collect()));
            }
        }
        None
    }

    fn read(&mut self) -> Option<Call> {
        let wanting = self.unread && !self.asked.read && self.unknown.is_none();
        if !wanting || self.window.room() < self.limits.read {
            return None;
        }
        self.asked.read = true;
        self.unread = false;
        Some(Call::Read(self.window.reached(), u32::try_from(self.limits.read).unwrap_or(u32::MAX)))
    }

    fn replay(&mut self, now: Instant) -> Option<Call> {
        if self.asks_for_replays() && self.asked.replays.is_none_or(|last| last + REPLAYS_INTERVAL <= now) {
            self.asked.replays = Some(now);
            self.asked.replays_open = true;
            self.asked.replays_stale = false;
            return Some(Call::Replays);
        }
        let oldest = self.tags().oldest;
        self.replays.call(&mut self.window, oldest, now)
    }

    /// Takes the answer to a call.
    pub(crate) fn answer(&mut self, answer: Answer<T>, now: Instant) -> Result<(), Disorder> {
        match answer {
            Answer::Grown => {
                self.asked.grown = false;
                self.asked.replays_stale = true;
                self.unread = true;
            }
            Answer::Read(stretch) => {
                self.asked.read = false;
                let before = self.window.reached();
                if self.window.offer(&stretch)? || !stretch.entries.is_empty() {
                    self.progress.handled(now);
                } else if stretch.reached > before {
                    self.progress.moved(now);
                }
                self.unread |= stretch.reached > before;
            }
            Answer::Fetched(bodies) => self.fetched(bodies, now),
            Answer::Recorded => self.progress.recorded(),
            Answer::Parked => {
                self.asked.parking = false;
                if let Some((entry, _)) = self.parking.pop_front() {
                    self.window.set_aside((entry.tenant, entry.stream), entry.version);
                    self.suspects.remove(&entry.position);
                    self.progress.handled(now);
                }
            }
            Answer::Replays(demanded) => {
                self.asked.replays_open = false;
                self.replays.demand(demanded);
            }
            Answer::Backlog(entries) => self.replays.listed(entries),
            Answer::ReplayFetched(bodies) => self.replays.fetched(bodies),
            Answer::Replayed => {
                self.replays.ended(&mut self.window);
                self.progress.handled(now);
            }
        }
        Ok(())
    }

    fn fetched(&mut self, bodies: Vec<Body<T>>, now: Instant) {
        for ((number, entry), body) in std::mem::take(&mut self.fetching).into_iter().zip(bodies) {
            match body {
                Body::Message(message) => self.prepared.push_back((number, entry, message)),
                Body::Gone => {
                    self.window.handled(number);
                    self.progress.handled(now);
                }
                Body::Unencodable(error) => self.parking.push_back((entry, error)),
                Body::Unknown(event_type) => {
                    if self.unknown.as_ref().is_none_or(|(position, _)| entry.position < *position) {
                        self.unknown = Some((entry.position, event_type));
                    }
                    self.window.stop_before(number);
                }
            }
        }
        if let Some((barrier, _)) = self.unknown {
            self.prepared.retain(|(_, entry, _)| entry.position < barrier);
        }
    }

    /// Begins nothing any more: what is in flight is waited for, and recorded.
    pub(crate) fn drain(&mut self) {
        self.draining = true;
    }

    /// Whether this is the end.
    pub(crate) fn end(&self) -> Option<End> {
        let quiet = self.in_flight.is_empty() && self.progress.is_idle() && !self.asked.parking;
        if !quiet || self.replays.is_ending() {
            return None;
        }
        if self.draining {
            return self.parking.is_empty().then_some(End::Drained);
        }
        let (position, event_type) = self.unknown.as_ref().filter(|_| self.window.is_stopped())?;
        Some(End::Unknown { position: *position, event_type: event_type.clone() })
    }

    /// Whether nothing is left to do for all that was read.
    #[cfg(test)]
    fn is_idle(&self) -> bool {
        self.window.is_empty() && self.in_flight.is_empty() && self.progress.is_idle() && !self.replays.is_active()
    }
}
