//! One stream's events, held against the stream.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use fairlead_domain::kernel::Reference;
use uuid::Uuid;

use super::{
    Fault,
    folding::{Folded, Folding, folding},
};
use crate::{
    ports::{StoredEvent, StoredStream},
    recorded::DecodeError,
};

/// An event's place in the global order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its position, if it has one.
    pub position: Option<i64>,
    /// Whether the last tick has seen the event, so that it must have one.
    pub due: bool,
}

/// A stream's events, taken in one by one, in ascending order of version.
pub struct History {
    stream: Uuid,
    /// `None` where the aggregate is unknown.
    folding: Option<Box<dyn Folding>>,
    /// Of the last event taken.
    version: i64,
    /// The highest one so far.
    position: i64,
    /// When the first and the last one occurred.
    span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The first event that says something about the person to whom the stream belongs, and where.
    told: Option<(i64, String)>,
    /// About whom the events tell something, apart from that person.
    people: BTreeSet<Uuid>,
    /// Whether every event so far could be folded.
    readable: bool,
    faults: Vec<Fault>,
}

/// What is noted beside a stream.
#[derive(Debug, Default)]
pub struct Noted {
    /// The keys that are reserved for it, each a scope and a value.
    pub keys: BTreeSet<(String, String)>,
    /// The records to which it refers.
    pub references: BTreeSet<Uuid>,
    /// Those about whom it tells something, and to whom it does not belong.
    pub told: BTreeSet<Uuid>,
}

/// What came out.
#[derive(Debug, PartialEq, Eq)]
pub struct Compared {
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// Whether the state is stored in an older shape.
    pub stale: bool,
    /// Whether everything could be read, so that rows can be made of it.
    pub readable: bool,
}

impl History {
    /// The history of a stream of this aggregate, before its first event.
    pub fn new(aggregate: &str, stream: Uuid) -> Self {
        let folding = folding(aggregate);
        let faults = if folding.is_none() { vec![Fault::UnknownAggregate] } else { Vec::new() };
        let readable = folding.is_some();
        Self {
            stream,
            folding,
            version: 0,
            position: 0,
            span: None,
            told: None,
            people: BTreeSet::new(),
            readable,
            faults,
        }
    }

    /// Takes in the next event. One of the same version as the last is the same event with another position.
    ///
    /// # Errors
    /// [`DecodeError::Newer`]
    pub fn take(&mut self, event: StoredEvent, place: Place) -> Result<(), DecodeError> {
        if !self.follows(event.version, event.occurred_at, place) || !self.readable {
            return Ok(());
        }
        let Some(folding) = &mut self.folding else { return Ok(()) };
        let version = event.version;
        match folding.take(self.stream, event) {
            Ok(told) => self.told = self.told.take().or(told.map(|pointer| (version, pointer))),
            Err(newer @ DecodeError::Newer { .. }) => return Err(newer),
            Err(error) => self.fails(version, error.to_string()),
        }
        Ok(())
    }

    /// Takes in an event whose content can't be had.
    pub fn take_unreadable(&mut self, version: i64, occurred_at: DateTime<Utc>, place: Place, reason: String) {
        if self.follows(version, occurred_at, place) && self.readable {
            self.fails(version, reason);
        }
    }

    fn fails(&mut self, version: i64, reason: String) {
        self.readable = false;
        self.faults.push(Fault::Unreadable { version, reason });
    }

    /// Notes version, time and place; whether the event is another one than the last.
    fn follows(&mut self, version: i64, occurred_at: DateTime<Utc>, place: Place) -> bool {
        if version == self.version {
            self.faults.push(Fault::PlacedTwice(version));
            return false;
        }
        if version > self.version + 1 {
            self.faults.push(Fault::Gap { from: self.version + 1, to: version - 1 });
        }
        self.version = version;
        self.span = Some((self.span.map_or(occurred_at, |(first, _)| first), occurred_at));
        match place.position {
            Some(position) if position < self.position => self.faults.push(Fault::Disorder(version)),
            Some(position) => self.position = position,
            None if place.due => self.faults.push(Fault::NotPlaced(version)),
            None => {}
        }
        true
    }

    /// Notes that an event, as it is stored, tells something about this person.
    pub fn tells_of(&mut self, person: Uuid) {
        self.people.extend(Some(person).filter(|person| *person != self.stream));
    }

    /// Holds the events against the stream and what is noted beside it.
    ///
    /// # Errors
    /// [`DecodeError::Newer`]
    pub fn compare(mut self, stored: &StoredStream, deleted: bool, noted: &Noted) -> Result<Compared, DecodeError> {
        if self.version == 0 {
            self.faults.push(Fault::NoEvents);
            return Ok(Compared { faults: self.faults, stale: false, readable: false });
        }
        if stored.version != self.version {
            self.faults.push(Fault::Version { stored: stored.version, last: self.version });
        }
        if let Some((first, last)) = self.span {
            self.faults.extend((first != stored.created_at).then_some(Fault::Column("created_at")));
            self.faults.extend((last != stored.updated_at).then_some(Fault::Column("updated_at")));
        }
        self.faults.extend(self.people.difference(&noted.told).map(|person| Fault::NotTold(*person)));
        self.faults.extend(noted.told.difference(&self.people).map(|person| Fault::ToldOfNobody(*person)));
        let mut stale = false;
        match self.folding.as_ref().filter(|_| self.readable).map(|folding| folding.compared(stored)) {
            None => {}
            Some(Ok(Some(folded))) => {
                stale = folded.differing.is_none();
                self.compare_folded(folded, deleted, noted);
            }
            Some(Ok(None)) => {
                self.readable = false;
                self.faults.push(Fault::Headless);
            }
            Some(Err(newer @ DecodeError::Newer { .. })) => return Err(newer),
            Some(Err(_)) => {
                self.readable = false;
                self.faults.push(Fault::UnreadableState);
            }
        }
        Ok(Compared { faults: self.faults, stale, readable: self.readable })
    }

    fn compare_folded(&mut self, folded: Folded, deleted: bool, noted: &Noted) {
        let Folded { differing, keys, references, deleted: is_deleted, erased } = folded;
        let reserved = &noted.keys;
        self.faults.extend(differing.filter(|places| !places.is_empty()).map(Fault::State));
        self.faults.extend((deleted != is_deleted).then_some(Fault::Column("deleted_at")));
        self.faults.extend(keys.difference(reserved).map(|(scope, _)| Fault::NotReserved(scope.clone())));
        self.faults.extend(reserved.difference(&keys).map(|(scope, _)| Fault::Reserved(scope.clone())));
        let missing = references.iter().filter(|reference| !noted.references.contains(&reference.id));
        self.faults.extend(missing.map(|Reference { record_type, id }| Fault::NotReferred { record_type, id: *id }));
        let ids: BTreeSet<_> = references.iter().map(|reference| reference.id).collect();
        self.faults.extend(noted.references.difference(&ids).map(|id| Fault::Referred(*id)));
        let told = self.told.take().filter(|_| erased);
        self.faults.extend(told.map(|(version, pointer)| Fault::Told { version, pointer }));
    }
}
