//! What an event's data are read as.

use std::fmt;

use fairlead_domain::kernel::{Aggregate, Unreadable, read_event};
use serde::de::{DeserializeOwned, value::MapDeserializer};
use serde_json::Value;

/// What an event's data are read as: an aggregate's events (`Contact` reads as `ContactEvent`), or [`Json`].
///
/// Personal values that were erased read as [`Personal::Erased`](fairlead_domain::kernel::Personal), and as
/// `{"erased": true}` in JSON.
pub trait Payload: 'static {
    /// The data, read.
    type Data: Send + Sync;

    /// Reads the data of an event of this type, published in this schema version.
    ///
    /// # Errors
    /// [`Undecodable`]
    fn decode(event_type: &str, schema_version: i16, data: Value) -> Result<Self::Data, Undecodable>;
}

/// Data as they were published, in whatever version.
pub struct Json;

/// The data can't be read by this program.
#[derive(Debug, thiserror::Error)]
pub enum Undecodable {
    /// They were written by a newer program.
    #[error("{event_type} was published in version {published}, this program knows up to {known}; deploy a newer one")]
    Newer {
        /// The event's name.
        event_type: String,
        /// The version found.
        published: i16,
        /// The newest version known here.
        known: i16,
    },
    /// The aggregate has no such event here.
    #[error("{event_type} is an event that this program does not know; deploy a newer one, or bind without it")]
    Unknown {
        /// The event's name.
        event_type: String,
    },
    /// They don't have the shape of their version. The cause is not repeated, since it may quote them.
    #[error("the data of {event_type} don't have the shape of version {version}")]
    Shape {
        /// The event's name.
        event_type: String,
        /// The version.
        version: i16,
    },
}

impl Payload for Json {
    type Data = Value;

    fn decode(_event_type: &str, _schema_version: i16, data: Value) -> Result<Value, Undecodable> {
        Ok(data)
    }
}

impl<A: Aggregate> Payload for A {
    type Data = A::Event;

    fn decode(event_type: &str, published: i16, data: Value) -> Result<A::Event, Undecodable> {
        let named = || event_type.to_owned();
        if !knows::<A::Event>(event_type) {
            return Err(Undecodable::Unknown { event_type: named() });
        }
        read_event::<A>(event_type, published, data).map_err(|unreadable| match unreadable {
            Unreadable::Newer { known } => Undecodable::Newer { event_type: named(), published, known },
            Unreadable::Shape(_) => Undecodable::Shape { event_type: named(), version: published },
        })
    }
}

/// Whether an event of this name exists: the name alone is offered, and the complaint tells.
fn knows<E: DeserializeOwned>(event_type: &str) -> bool {
    let name = MapDeserializer::<_, Complaint>::new([("type", event_type)].into_iter());
    !matches!(E::deserialize(name), Err(Complaint { unknown_variant: true }))
}

#[derive(Debug)]
struct Complaint {
    unknown_variant: bool,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name is not enough")
    }
}

impl std::error::Error for Complaint {}

impl serde::de::Error for Complaint {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self { unknown_variant: false }
    }

    fn unknown_variant(_variant: &str, _expected: &'static [&'static str]) -> Self {
        Self { unknown_variant: true }
    }
}

#[cfg(test)]
mod tests {
    use fairlead_domain::{
        crm::{Contact, ContactEvent},
        kernel::Personal,
    };
    use serde_json::json;

    use super::{Payload, Undecodable};

    #[test]
    fn events_are_typed_and_what_was_erased_is_told() {
        let event = Contact::decode("contact.renamed", 1, json!({ "name": { "erased": true } })).unwrap();
        assert_eq!(event, ContactEvent::Renamed { name: Personal::Erased });
        assert_eq!(Contact::decode("contact.deleted", 1, json!({})).unwrap(), ContactEvent::Deleted {});
    }

    #[test]
    fn what_can_t_be_read_is_told_apart() {
        let refused = |name, version, data| Contact::decode(name, version, data).unwrap_err();
        assert!(matches!(refused("contact.unheard", 1, json!({})), Undecodable::Unknown { .. }));
        assert!(matches!(refused("contact.deleted", 99, json!({})), Undecodable::Newer { published: 99, .. }));
        let secret = refused("contact.renamed", 1, json!({ "name": { "first": "Ana" } }));
        assert!(matches!(secret, Undecodable::Shape { .. }));
        assert!(!secret.to_string().contains("Ana"));
    }
}
