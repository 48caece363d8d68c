//! Publishing, and what became of it.

use std::cmp::Reverse;

use fairlead_application::subscription::Entry;
use tokio::time::Instant;

use super::{
    Plan,
    refusals::{Evidence, Verdict},
};

/// A message on its way.
#[derive(Debug, Clone, Copy)]
pub(super) enum Flight {
    /// Of the window, with its number there.
    Entry(u64, Entry),
    /// Of a replay.
    Replay(Entry),
}

impl Flight {
    fn entry(&self) -> &Entry {
        match self {
            Self::Entry(_, entry) | Self::Replay(entry) => entry,
        }
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The broker has it.
    Confirmed,
    /// No queue wanted it.
    Returned(String),
    /// The broker would not keep it.
    Refused,
}

impl<T> Plan<T> {
    /// The message to publish now, with its tag; it counts as in flight from here on. `holds` is asked right before, and
    /// nothing goes out when it says no.
    pub(crate) fn publish(&mut self, holds: impl FnOnce() -> bool) -> Option<(u64, T)> {
        let width = if self.suspects.is_empty() { self.limits.in_flight } else { 1 };
        if self.draining || self.paused || self.in_flight.len() >= width || !self.has_prepared() || !holds() {
            return None;
        }
        let (flight, message) = match self.replays.next() {
            Some((entry, message)) => {
                if let Some(error) = self.condemned.remove(&entry.position) {
                    self.suspects.remove(&entry.position);
                    self.replays.failed(&entry, error);
                    return None;
                }
                (Flight::Replay(entry), message)
            }
            None => {
                let (number, entry, message) = self.prepared.pop_front()?;
                (Flight::Entry(number, entry), message)
            }
        };
        let tag = self.next_tag;
        self.next_tag += 1;
        self.in_flight.insert(tag, flight);
        Some((tag, message))
    }

    /// Whether something could be published, if there is room in flight.
    pub(crate) fn has_prepared(&self) -> bool {
        !self.prepared.is_empty() || self.replays.has_prepared()
    }

    /// Nothing goes out until [`resume`](Self::resume).
    pub(crate) fn pause(&mut self) {
        self.paused = true;
    }

    /// The pause is over.
    pub(crate) fn resume(&mut self) {
        self.paused = false;
    }

    /// Takes what became of a message. What is not in flight is ignored.
    pub(crate) fn settled(&mut self, tag: u64, outcome: &Outcome, now: Instant) {
        let Some(flight) = self.in_flight.remove(&tag) else { return };
        let reason = match outcome {
            Outcome::Confirmed => return self.confirmed(tag, flight, now),
            Outcome::Returned(reason) => format!("no queue wants it: {reason}"),
            Outcome::Refused => "the broker refuses it".to_owned(),
        };
        match self.refused(flight.entry().position, false, now) {
            Verdict::Again(time) => match flight {
                Flight::Entry(number, _) => self.retries.push(Reverse((time, number))),
                Flight::Replay(entry) => self.replays.again(entry, time),
            },
            Verdict::Park => match flight {
                Flight::Entry(_, entry) => self.parking.push_back((entry, reason)),
                Flight::Replay(entry) => {
                    self.suspects.remove(&entry.position);
                    self.replays.failed(&entry, reason);
                }
            },
        }
    }

    fn confirmed(&mut self, tag: u64, flight: Flight, now: Instant) {
        self.confirmed = self.confirmed.max(tag);
        let position = flight.entry().position;
        self.refusals.forget(position);
        self.suspects.remove(&position);
        match flight {
            Flight::Entry(number, _) => {
                self.window.handled(number);
                self.progress.handled(now);
            }
            Flight::Replay(_) => self.replays.confirmed(self.next_tag),
        }
    }

    fn refused(&mut self, position: i64, certain: bool, now: Instant) -> Verdict {
        let evidence = Evidence { next: self.next_tag, confirmed: self.confirmed, certain };
        self.refusals.refused(position, evidence, now)
    }

    /// The channel is gone, and with it what was in flight; nothing more begins. When the broker closed it because a
    /// message was `too_large`, what was in flight comes under suspicion, and a single one is guilty.
    pub(crate) fn interrupted(&mut self, too_large: bool, now: Instant) {
        let flights = std::mem::take(&mut self.in_flight);
        self.draining = true;
        self.progress.freeze();
        if !too_large {
            return;
        }
        let mut positions = flights.values().map(|flight| flight.entry().position);
        match (positions.next(), flights.len()) {
            (Some(position), 1) => {
                self.suspects.insert(position);
                if self.refused(position, true, now) == Verdict::Park {
                    self.condemned.insert(position, "it is too large for the broker".to_owned());
                }
            }
            (first, _) => self.suspects.extend(first.into_iter().chain(positions)),
        }
    }
}
