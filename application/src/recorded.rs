//! A state together with what the store knows about it, and the translation of events to and from what is stored.

use chrono::{DateTime, Utc};
use fairlead_domain::{
    ids::OrganizationId,
    kernel::{Aggregate, MARK, MARK_SUBJECT, Unreadable, marked, read_event},
};
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use crate::ports::{PersonalField, StoredEvent, StoredStream};

/// An aggregate's present, as recorded in its stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded<A> {
    /// The tenant.
    pub tenant: OrganizationId,
    /// The stream.
    pub id: Uuid,
    /// The number of events.
    pub version: i64,
    /// What they fold to.
    pub state: A,
    /// When the first one occurred.
    pub created_at: DateTime<Utc>,
    /// When the last one occurred.
    pub updated_at: DateTime<Utc>,
}

/// What is stored can't be read by this program.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It was written by a newer program. Readers are deployed before writers.
    #[error("{what} is stored in version {stored}, this program knows up to {known}")]
    Newer {
        /// The aggregate's or the event's name.
        what: String,
        /// The version found.
        stored: i16,
        /// The newest version known here.
        known: i16,
    },
    /// The JSON does not have the shape.
    #[error("{what} can't be decoded")]
    Shape {
        /// The aggregate's or the event's name.
        what: String,
        /// Where it fails.
        #[source]
        source: serde_json::Error,
    },
    /// The events can't be a stream's history.
    #[error("the events of this {what} begin with none that can come first")]
    Headless {
        /// The aggregate's name.
        what: String,
    },
}

/// An event as it goes to the store, but for its identity.
pub(crate) struct EncodedEvent {
    pub(crate) event_type: String,
    pub(crate) schema_version: i16,
    pub(crate) data: Value,
    pub(crate) personal: Vec<PersonalField>,
}

/// Writes an event, and finds what is personal in it.
pub(crate) fn encode_event<A: Aggregate>(event: &A::Event) -> Result<EncodedEvent, DecodeError> {
    let shape = |source| DecodeError::Shape { what: A::TYPE.to_owned(), source };
    let mut value = marked(|| serde_json::to_value(event)).map_err(shape)?;
    match (value["type"].take(), value["data"].take()) {
        (Value::String(event_type), mut data) => {
            let (schema_version, mut personal) = (A::schema_version(&event_type), Vec::new());
            take_marks(&mut data, &mut String::new(), &mut personal);
            Ok(EncodedEvent { event_type, schema_version, data, personal })
        }
        _ => Err(shape(serde::ser::Error::custom("an event has a type"))),
    }
}

/// Puts the values in the place of their marks, and notes the places.
fn take_marks(value: &mut Value, pointer: &mut String, found: &mut Vec<PersonalField>) {
    let above = pointer.len();
    match value {
        Value::Object(map) => {
            if let Some(known) = map.remove(MARK) {
                let subject = map.get(MARK_SUBJECT).and_then(Value::as_str).and_then(|id| id.parse().ok());
                found.push(PersonalField { pointer: pointer.clone(), subject });
                *value = known;
                return;
            }
            for (name, value) in map {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                take_marks(value, pointer, found);
                pointer.truncate(above);
            }
        }
        Value::Array(values) => {
            for (n, value) in values.iter_mut().enumerate() {
                pointer.push('/');
                pointer.push_str(&n.to_string());
                take_marks(value, pointer, found);
                pointer.truncate(above);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The event that was stored, lifted to today's shape.
///
/// # Errors
/// [`DecodeError`]
pub fn decode_event<A: Aggregate>(event_type: &str, stored: i16, data: Value) -> Result<A::Event, DecodeError> {
    let what = || event_type.to_owned();
    read_event::<A>(event_type, stored, data).map_err(|unreadable| match unreadable {
        Unreadable::Newer { known } => DecodeError::Newer { what: what(), stored, known },
        Unreadable::Shape(source) => DecodeError::Shape { what: what(), source },
    })
}

/// Folds a whole history.
///
/// # Errors
/// [`DecodeError`]
pub fn refold<A: Aggregate>(events: Vec<StoredEvent>) -> Result<A, DecodeError> {
    let events: Vec<A::Event> = events
        .into_iter()
        .map(|event| decode_event::<A>(&event.event_type, event.schema_version, event.data))
        .collect::<Result<_, _>>()?;
    fairlead_domain::kernel::fold(None, &events).ok_or(DecodeError::Headless { what: A::TYPE.to_owned() })
}

/// Reads a stored state of today's shape.
///
/// # Errors
/// [`DecodeError::Shape`]
pub fn decode_state<A: Aggregate>(state: &RawValue) -> Result<A, DecodeError> {
    serde_json::from_str(state.get()).map_err(|source| DecodeError::Shape { what: A::TYPE.to_owned(), source })
}

impl<A> Recorded<A> {
    /// Joins a decoded state with the rest of its stream.
    pub fn new(tenant: OrganizationId, stream: &StoredStream, state: A) -> Self {
        let StoredStream { id, version, created_at, updated_at, .. } = *stream;
        Self { tenant, id, version, state, created_at, updated_at }
    }
}
