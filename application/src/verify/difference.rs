//! What can differ. Places and names are told, values never: they may be personal.

use std::fmt;

use serde_json::Value;
use uuid::Uuid;

/// Something that is not as the events tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The tenant, where it concerns one.
    pub organization: Option<Uuid>,
    /// The stream, where it is known.
    pub stream: Option<Uuid>,
    /// The stream's aggregate, where it is known.
    pub aggregate: Option<String>,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The stream belongs to an aggregate that this program does not have.
    #[error("this program knows no such aggregate")]
    UnknownAggregate,
    /// There are events of a stream that is not there.
    #[error("there are events, but no stream")]
    NoStream,
    /// A stream has no events.
    #[error("the stream has no events")]
    NoEvents,
    /// Versions are left out.
    #[error("events are missing from version {from} to {to}")]
    Gap {
        /// The first missing one.
        from: i64,
        /// The last missing one.
        to: i64,
    },
    /// The stream's version is not that of its last event.
    #[error("the stream is at version {stored}, its last event has {last}")]
    Version {
        /// The stream's.
        stored: i64,
        /// The last event's.
        last: i64,
    },
    /// An event can't be read, so that nothing can be folded.
    #[error("event {version} can't be read: {reason}")]
    Unreadable {
        /// The event's.
        version: i64,
        /// Why.
        reason: String,
    },
    /// The state can't be read.
    #[error("the stored state can't be read")]
    UnreadableState,
    /// The first event is none that can come first.
    #[error("the events begin with none that can come first")]
    Headless,
    /// The stored state is not what the events fold to.
    #[error("the stored state differs at {}", .0.join(", "))]
    State(
        /// JSON pointers (RFC 6901).
        Vec<String>,
    ),
    /// A column of the stream's row is not as the events tell.
    #[error("{0} is not as the events tell")]
    Column(
        /// Its name.
        &'static str,
    ),
    /// The state needs a key that is not reserved for it.
    #[error("a key of {0} is not reserved")]
    NotReserved(
        /// The key's scope.
        String,
    ),
    /// A key is reserved that the state does not need.
    #[error("a key of {0} is reserved without need")]
    Reserved(
        /// The key's scope.
        String,
    ),
    /// The state refers to a record, and that is not noted.
    #[error("that it refers to the {record_type} {id} is not noted")]
    NotReferred {
        /// What the record is.
        record_type: &'static str,
        /// Which.
        id: Uuid,
    },
    /// It is noted that the state refers to a record to which it does not.
    #[error("it is noted to refer to {0}, to which it does not")]
    Referred(
        /// The record.
        Uuid,
    ),
    /// The events tell something about a person, and that is not noted.
    #[error("that it tells about {0} is not noted")]
    NotTold(
        /// The person.
        Uuid,
    ),
    /// It is noted that the events tell about a person about whom they don't.
    #[error("it is noted to tell about {0}, about whom it does not")]
    ToldOfNobody(
        /// The person.
        Uuid,
    ),
    /// An event still tells something about a person who was erased.
    #[error("event {version} still tells about the erased person at {pointer}")]
    Told {
        /// The event's.
        version: i64,
        /// A JSON pointer.
        pointer: String,
    },
    /// A tick has passed over an event.
    #[error("event {0} has no position, although a later tick has seen it")]
    NotPlaced(
        /// The event's version.
        i64,
    ),
    /// An event has two positions.
    #[error("event {0} has more than one position")]
    PlacedTwice(
        /// The event's version.
        i64,
    ),
    /// An event stands before an earlier one of its stream.
    #[error("event {0} has a position before that of an earlier event")]
    Disorder(
        /// The event's version.
        i64,
    ),
    /// Positions are left out.
    #[error("positions {from} to {to} are missing in the global order")]
    Positions {
        /// The first missing one.
        from: i64,
        /// The last missing one.
        to: i64,
    },
    /// The order goes on behind what ticks have covered.
    #[error("the global order goes up to {last}, the last tick to {tick}")]
    BeyondTick {
        /// The last position.
        last: i64,
        /// The last tick's.
        tick: i64,
    },
    /// A position refers to an event that is not there.
    #[error("position {position} refers to event {version}, which is not there")]
    NoEvent {
        /// The position.
        position: i64,
        /// The event's version.
        version: i64,
    },
    /// A position has the wrong slot, so that another partition reads it.
    #[error("position {0} has the wrong slot")]
    Slot(
        /// The position.
        i64,
    ),
    /// A read model.
    #[error("{read_model}: {fault}")]
    Row {
        /// The read model's name.
        read_model: &'static str,
        /// What is wrong with a row.
        fault: RowFault,
    },
}

/// What is wrong with a row of a read model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowFault {
    /// It is not there; the event's version where it is an event's row.
    Missing(Option<i64>),
    /// It is another one than the projection makes; the columns that differ.
    Differs(Option<i64>, Vec<String>),
    /// Nothing accounts for it.
    Surplus,
    /// The projection makes none, since it fails.
    Fails(String),
}

impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, what) = match self {
            Self::Missing(version) => (version, "is missing".to_owned()),
            Self::Differs(version, columns) => (version, format!("differs in {}", columns.join(", "))),
            Self::Surplus => return f.write_str("nothing accounts for the row"),
            Self::Fails(reason) => return write!(f, "the row can't be made: {reason}"),
        };
        match version {
            Some(version) => write!(f, "the row of event {version} {what}"),
            None => write!(f, "the row {what}"),
        }
    }
}

/// The places at which two values differ, as JSON pointers (RFC 6901), the deepest ones.
pub fn differing(expected: &Value, found: &Value) -> Vec<String> {
    let mut places = Vec::new();
    compare(expected, found, &mut String::new(), &mut places);
    places
}

fn compare(expected: &Value, found: &Value, pointer: &mut String, places: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(one), Value::Object(other)) => {
            let surplus = other.iter().filter(|(name, _)| !one.contains_key(*name));
            for (name, value) in one.iter().chain(surplus) {
                let absent = Value::Null;
                let (one, other) = match one.get(name) {
                    Some(value) => (value, other.get(name).unwrap_or(&absent)),
                    None => (&absent, value),
                };
                within(pointer, &name.replace('~', "~0").replace('/', "~1"), |pointer| {
                    compare(one, other, pointer, places);
                });
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (n, (one, other)) in one.iter().zip(other).enumerate() {
                within(pointer, &n.to_string(), |pointer| compare(one, other, pointer, places));
            }
        }
        _ if expected == found => {}
        _ => places.push(if pointer.is_empty() { "/".to_owned() } else { pointer.clone() }),
    }
}

fn within(pointer: &mut String, name: &str, work: impl FnOnce(&mut String)) {
    let above = pointer.len();
    pointer.push('/');
    pointer.push_str(name);
    work(pointer);
    pointer.truncate(above);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_told_and_values_are_not() {
        let one = json!({ "a": { "b/c": "Ana", "d": [1, 2] }, "e": null, "f": 1.0 });
        assert_eq!(differing(&one, &one), Vec::<String>::new());
        let other = json!({ "a": { "b/c": "Bo", "d": [1, 3] }, "f": 1.0, "g": "new" });
        assert_eq!(differing(&one, &other), ["/a/b~1c", "/a/d/1", "/g"]);
        assert_eq!(differing(&json!([1]), &json!([1, 2])), ["/"]);
        assert_eq!(differing(&json!({ "a": 1 }), &json!({})), ["/a"]);
    }
}
