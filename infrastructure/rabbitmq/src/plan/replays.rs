//! Publishing what was set aside, once an operator demands it. No I/O.

use std::collections::VecDeque;

use fairlead_application::subscription::{Entry, ParkedStream};
use tokio::time::Instant;

use super::{Body, Call, window::Window};

/// Events fetched at once.
const BATCH: usize = 64;

/// Replays, one stream after the other, each one message after the other.
#[derive(Debug)]
pub(crate) struct Replays<T> {
    demanded: VecDeque<ParkedStream>,
    current: Option<Replay<T>>,
}

#[derive(Debug)]
struct Replay<T> {
    parked: ParkedStream,
    stage: Stage<T>,
}

#[derive(Debug)]
enum Stage<T> {
    /// Its entries up to a position are to be asked for; `None` when they have been.
    Listing(Option<i64>),
    Publishing(Publishing<T>),
    /// It ends, well or with an error; whether that is being recorded.
    Ending(Option<String>, bool),
}

#[derive(Debug)]
struct Publishing<T> {
    /// What is not fetched.
    entries: VecDeque<Entry>,
    /// What is being fetched.
    fetching: Vec<Entry>,
    prepared: VecDeque<(Entry, T)>,
    in_flight: bool,
    not_before: Option<Instant>,
    /// Everything under a lower tag must be settled before it ends.
    needs: u64,
}

impl<T> Replays<T> {
    pub(crate) fn new() -> Self {
        Self { demanded: VecDeque::new(), current: None }
    }

    /// What an operator demands by now.
    pub(crate) fn demand(&mut self, demanded: Vec<ParkedStream>) {
        self.demanded = demanded.into();
    }

    /// Whether one is under way.
    pub(crate) fn is_active(&self) -> bool {
        self.current.is_some()
    }

    /// Whether its end is being recorded.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.current, Some(Replay { stage: Stage::Ending(_, true), .. }))
    }

    /// When a refused event is to be tried again.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        match &self.current {
            Some(Replay { stage: Stage::Publishing(publishing), .. }) => publishing.not_before,
            _ => None,
        }
    }

    /// What to ask the log for. Everything under a tag lower than `oldest` is settled.
    pub(crate) fn call(&mut self, window: &mut Window, oldest: u64, now: Instant) -> Option<Call> {
        if self.current.is_none() {
            while let Some(mut parked) = self.demanded.pop_front() {
                if let Some(first_version) = window.hold((parked.tenant, parked.stream)) {
                    parked.first_version = first_version;
                    self.current = Some(Replay { parked, stage: Stage::Listing(Some(window.reached())) });
                    break;
                }
            }
        }
        let Replay { parked, stage } = self.current.as_mut()?;
        match stage {
            Stage::Listing(until) => until.take().map(|until| Call::Backlog(*parked, until)),
            Stage::Publishing(publishing) => {
                if publishing.is_over() {
                    if oldest < publishing.needs {
                        return None;
                    }
                    *stage = Stage::Ending(None, true);
                    return Some(Call::Replayed(*parked, None));
                }
                let idle = publishing.fetching.is_empty() && publishing.prepared.is_empty() && !publishing.in_flight;
                if !idle || publishing.not_before.is_some_and(|time| time > now) {
                    return None;
                }
                publishing.not_before = None;
                let count = publishing.entries.len().min(BATCH);
                publishing.fetching = publishing.entries.drain(..count).collect();
                Some(Call::FetchReplay(publishing.fetching.clone()))
            }
            Stage::Ending(_, true) => None,
            Stage::Ending(error, recording) => {
                *recording = true;
                Some(Call::Replayed(*parked, error.clone()))
            }
        }
    }

    /// The entries that were asked for.
    pub(crate) fn listed(&mut self, entries: Vec<Entry>) {
        if let Some(replay) = &mut self.current {
            replay.stage = Stage::Publishing(Publishing {
                entries: entries.into(),
                fetching: Vec::new(),
                prepared: VecDeque::new(),
                in_flight: false,
                not_before: None,
                needs: 0,
            });
        }
    }

    /// The events that were asked for.
    pub(crate) fn fetched(&mut self, bodies: Vec<Body<T>>) {
        let Some(publishing) = self.publishing() else { return };
        let mut fetched = std::mem::take(&mut publishing.fetching).into_iter().zip(bodies);
        let failed = loop {
            match fetched.next() {
                None => return,
                Some((entry, Body::Message(message))) => publishing.prepared.push_back((entry, message)),
                Some((_, Body::Gone)) => {}
                Some((entry, Body::Unencodable(error))) => break (entry, error),
                Some((entry, Body::Unknown(name))) => break (entry, format!("this program does not know {name}")),
            }
        };
        if publishing.prepared.is_empty() {
            return self.failed(&failed.0, failed.1);
        }
        // What comes before it is published first; then it is the first again.
        let rest: Vec<_> = fetched.map(|(entry, _)| entry).collect();
        rest.into_iter().rev().for_each(|entry| publishing.entries.push_front(entry));
        publishing.entries.push_front(failed.0);
    }

    /// Whether something is to be published now.
    pub(crate) fn has_prepared(&self) -> bool {
        let publishing = self.current.as_ref().map(|replay| &replay.stage);
        matches!(publishing, Some(Stage::Publishing(it)) if !it.in_flight && !it.prepared.is_empty())
    }

    /// What to publish now.
    pub(crate) fn next(&mut self) -> Option<(Entry, T)> {
        let publishing = self.publishing().filter(|publishing| !publishing.in_flight)?;
        let next = publishing.prepared.pop_front()?;
        publishing.in_flight = true;
        Some(next)
    }

    /// The message in flight is confirmed.
    pub(crate) fn confirmed(&mut self, next: u64) {
        if let Some(publishing) = self.publishing() {
            publishing.in_flight = false;
            publishing.needs = next;
        }
    }

    /// The message in flight is to be tried again.
    pub(crate) fn again(&mut self, entry: Entry, not_before: Instant) {
        if let Some(publishing) = self.publishing() {
            publishing.in_flight = false;
            publishing.not_before = Some(not_before);
            while let Some((later, _)) = publishing.prepared.pop_back() {
                publishing.entries.push_front(later);
            }
            publishing.entries.push_front(entry);
        }
    }

    /// The stream stays set aside, from this entry on.
    pub(crate) fn failed(&mut self, entry: &Entry, error: String) {
        if let Some(Replay { parked, stage }) = &mut self.current {
            parked.first_version = entry.version;
            *stage = Stage::Ending(Some(error), false);
        }
    }

    /// The end is recorded.
    pub(crate) fn ended(&mut self, window: &mut Window) {
        if let Some(Replay { parked, stage }) = self.current.take() {
            let stream = (parked.tenant, parked.stream);
            match stage {
                Stage::Ending(None, _) => window.let_go(stream),
                _ => window.set_aside(stream, parked.first_version),
            }
        }
    }

    fn publishing(&mut self) -> Option<&mut Publishing<T>> {
        match &mut self.current {
            Some(Replay { stage: Stage::Publishing(publishing), .. }) => Some(publishing),
            _ => None,
        }
    }
}

impl<T> Publishing<T> {
    fn is_over(&self) -> bool {
        self.entries.is_empty() && self.fetching.is_empty() && self.prepared.is_empty() && !self.in_flight
    }
}
