//! Folding without knowing the aggregate: for who meets every kind of stream.

use std::collections::BTreeSet;

use fairlead_domain::{
    for_each_aggregate,
    kernel::{Aggregate, Reference, fold},
};
use serde_json::Value;
use uuid::Uuid;

use super::differing;
use crate::{
    ports::{StoredEvent, StoredStream},
    recorded::{DecodeError, decode_event, decode_state, encode_event},
    step::{references, referrals},
};

/// Takes a stream's events in, one by one.
pub(super) trait Folding: Send {
    /// Takes the next event; tells where it says something about the person to whom the stream belongs.
    ///
    /// # Errors
    /// [`DecodeError`]
    fn take(&mut self, stream: Uuid, event: StoredEvent) -> Result<Option<String>, DecodeError>;

    /// What was folded; `None` when no event could come first.
    ///
    /// # Errors
    /// [`DecodeError`] of the stored state.
    fn compared(&self, stored: &StoredStream) -> Result<Option<Folded>, DecodeError>;
}

/// What a stream's events fold to, held against the stored state.
pub(super) struct Folded {
    /// Where the stored state differs; `None` when it was stored in an older shape.
    pub(super) differing: Option<Vec<String>>,
    /// What the stream has to reserve: scope and value.
    pub(super) keys: BTreeSet<(String, String)>,
    /// To what it refers.
    pub(super) references: BTreeSet<Reference>,
    pub(super) deleted: bool,
    pub(super) erased: bool,
}

macro_rules! foldings {
    ($($aggregate:ty),+ $(,)?) => {
        /// The folding of an aggregate's streams; `None` when this program does not have it.
        pub(super) fn folding(aggregate: &str) -> Option<Box<dyn Folding>> {
            $(if aggregate == <$aggregate>::TYPE {
                return Some(Box::new(FoldingOf::<$aggregate> { state: None, told: BTreeSet::new() }));
            })+
            None
        }
    };
}
for_each_aggregate!(foldings);

struct FoldingOf<A> {
    state: Option<A>,
    /// To what the events say that it refers, beyond what the state says.
    told: BTreeSet<Reference>,
}

impl<A: Aggregate> Folding for FoldingOf<A> {
    fn take(&mut self, stream: Uuid, event: StoredEvent) -> Result<Option<String>, DecodeError> {
        let event = decode_event::<A>(&event.event_type, event.schema_version, event.data)?;
        self.state = fold(self.state.take(), [&event]);
        for (reference, refers) in referrals::<A>(std::slice::from_ref(&event)) {
            if refers {
                self.told.insert(reference)
            } else {
                self.told.remove(&reference)
            };
        }
        let encoded = encode_event::<A>(&event)?;
        let own = encoded.personal.into_iter().filter(|field| field.subject.is_none_or(|subject| subject == stream));
        let told = own.map(|field| field.pointer).find(|pointer| encoded.data.pointer(pointer).is_some_and(says));
        Ok(told)
    }

    fn compared(&self, stored: &StoredStream) -> Result<Option<Folded>, DecodeError> {
        let Some(state) = &self.state else { return Ok(None) };
        let differing = if stored.state_version == A::STATE_VERSION {
            Some(differing_state(state, stored)?)
        } else if stored.state_version > A::STATE_VERSION {
            let (stored, known) = (stored.state_version, A::STATE_VERSION);
            return Err(DecodeError::Newer { what: A::TYPE.to_owned(), stored, known });
        } else {
            None
        };
        let keys = if state.is_deleted() { Vec::new() } else { state.keys() };
        let keys = keys.into_iter().map(|key| (key.scope.to_owned(), key.value)).collect();
        let references = references(state).into_iter().chain(self.told.iter().copied()).collect();
        Ok(Some(Folded { differing, keys, references, deleted: state.is_deleted(), erased: state.is_erased() }))
    }
}

/// Whether a value says anything. What is a collection and was erased is read as an empty one.
fn says(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(values) => !values.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// Where a stored state is read as another one than was folded, or holds more than can be read.
///
/// Both are compared as the aggregate writes them, since the store writes numbers in its own way, and may have been left
/// without members that have a default.
fn differing_state<A: Aggregate>(state: &A, stored: &StoredStream) -> Result<Vec<String>, DecodeError> {
    let shape = |source| DecodeError::Shape { what: A::TYPE.to_owned(), source };
    let folded = serde_json::to_value(state).map_err(shape)?;
    let raw: Value = serde_json::from_str(stored.state.get()).map_err(shape)?;
    if folded == raw {
        return Ok(Vec::new());
    }
    let read = serde_json::to_value(decode_state::<A>(&stored.state)?).map_err(shape)?;
    let mut places = differing(&folded, &read);
    // What is left out when it is its default may have been written out by another program.
    let surplus =
        |pointer: &String| raw.pointer(pointer).is_some_and(|value| says(value) && *value != Value::Bool(false));
    let unread = differing(&read, &raw).into_iter().filter(|place| read.pointer(place).is_none() && surplus(place));
    places.extend(unread);
    Ok(places)
}
