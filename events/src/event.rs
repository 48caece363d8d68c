//! An event as a consumer meets it: `CloudEvents` 1.0 in structured mode, as `guides/events.md` describes it.

use std::fmt;

use chrono::{DateTime, Utc};
use fairlead_domain::ids::OrganizationId;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::payload::{Payload, Undecodable};

/// Something that happened in Fairlead. `D` is what its data are read as: JSON, or the events of an aggregate.
///
/// `Debug` leaves the data out, since they may be personal.
#[derive(Clone)]
pub struct Event<D = Value> {
    /// Its identity, everywhere and forever.
    pub id: Uuid,
    /// Its name: `contact.created`.
    pub event_type: String,
    /// The organization.
    pub tenant: OrganizationId,
    /// The stream: the id of the contact, company, …
    pub stream: Uuid,
    /// Its number within the stream, from 1.
    pub version: i64,
    /// The shape in which the data were published.
    pub schema_version: i16,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// Its position in the log of all tenants.
    pub position: i64,
    /// The life of the database in which the position has a meaning.
    pub incarnation: i32,
    /// Who did it.
    pub actor: String,
    /// What joins everything that one request from outside brought about.
    pub correlation_id: Option<Uuid>,
    /// The event that brought this one about.
    pub causation_id: Option<Uuid>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// What happened.
    pub data: D,
}

/// The message is no event.
#[derive(Debug, thiserror::Error)]
pub enum NoEvent {
    /// It is not JSON, or lacks what every event has.
    #[error("not an event in CloudEvents 1.0: {0}")]
    Shape(#[from] serde_json::Error),
    /// It follows another version of the specification.
    #[error("specversion is not 1.0")]
    Specification,
    /// The position is none.
    #[error("sequence is not a number")]
    Sequence,
    /// The name holds U+0000, as none of Fairlead's does, and which not every database stores.
    #[error("type holds a NUL character")]
    Type,
}

/// The names are those of the attributes.
#[derive(Deserialize)]
struct Envelope {
    specversion: String,
    id: Uuid,
    #[serde(rename = "type")]
    event_type: String,
    subject: Uuid,
    time: DateTime<Utc>,
    tenantid: OrganizationId,
    streamversion: i64,
    sequence: String,
    incarnation: i32,
    schemaversion: i16,
    actor: String,
    correlationid: Option<Uuid>,
    causationid: Option<Uuid>,
    traceparent: Option<String>,
    #[serde(default)]
    data: Value,
}

impl Event {
    /// Reads an envelope, such as a message's body.
    ///
    /// # Errors
    /// [`NoEvent`]
    pub fn parse(body: &[u8]) -> Result<Self, NoEvent> {
        let envelope: Envelope = serde_json::from_slice(body)?;
        if envelope.specversion != "1.0" {
            return Err(NoEvent::Specification);
        }
        if envelope.event_type.contains('\0') {
            return Err(NoEvent::Type);
        }
        Ok(Self {
            id: envelope.id,
            event_type: envelope.event_type,
            tenant: envelope.tenantid,
            stream: envelope.subject,
            version: envelope.streamversion,
            schema_version: envelope.schemaversion,
            occurred_at: envelope.time,
            position: envelope.sequence.parse().map_err(|_| NoEvent::Sequence)?,
            incarnation: envelope.incarnation,
            actor: envelope.actor,
            correlation_id: envelope.correlationid,
            causation_id: envelope.causationid,
            traceparent: envelope.traceparent,
            data: envelope.data,
        })
    }

    /// The same event with its data read as `P` says, lifted from older shapes.
    ///
    /// # Errors
    /// [`Undecodable`]
    pub fn decode<P: Payload>(&self) -> Result<Event<P::Data>, Undecodable> {
        let data = P::decode(&self.event_type, self.schema_version, self.data.clone())?;
        Ok(Event {
            id: self.id,
            event_type: self.event_type.clone(),
            tenant: self.tenant,
            stream: self.stream,
            version: self.version,
            schema_version: self.schema_version,
            occurred_at: self.occurred_at,
            position: self.position,
            incarnation: self.incarnation,
            actor: self.actor.clone(),
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            traceparent: self.traceparent.clone(),
            data,
        })
    }
}

impl<D> Event<D> {
    /// An id for an effect outside the database, the same at each attempt: hand it to the other side as its idempotency
    /// key, since after a failure the effect may be asked for again. `effect` tells several effects of one event apart.
    ///
    /// A UUID of version 8 (RFC 9562) made of SHA-256 over the event's id and the effect's name.
    pub fn derived_id(&self, effect: &str) -> Uuid {
        let digest = Sha256::new().chain_update(self.id.as_bytes()).chain_update(effect).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Builder::from_custom_bytes(bytes).into_uuid()
    }
}

impl<D> fmt::Debug for Event<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .field("tenant", &self.tenant)
            .field("stream", &self.stream)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Event;

    fn envelope() -> Value {
        json!({
            "specversion": "1.0", "id": "0199c1a2-7d3e-7c55-9a53-0f6b1f3f7a10", "source": "/fairlead",
            "type": "contact.renamed", "subject": "0199c1a1-03b4-7e0a-8d4c-5f3f0a9c2b77",
            "time": "2026-03-04T05:06:07.000008Z", "datacontenttype": "application/json",
            "tenantid": "0199b000-1111-7222-8333-444455556666", "streamversion": 3, "sequence": "1042",
            "incarnation": 1, "schemaversion": 1, "actor": "somebody", "data": { "name": "Ana" }, "unheardof": 1
        })
    }

    #[test]
    fn is_read_from_an_envelope() {
        let event = Event::parse(envelope().to_string().as_bytes()).unwrap();
        assert_eq!((event.version, event.position, event.schema_version), (3, 1042, 1));
        assert_eq!(event.data["name"], "Ana");
        assert_eq!(event.correlation_id, None);
        assert!(!format!("{event:?}").contains("Ana"));
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let refused = |name: &str, value: Value| {
            let mut envelope = envelope();
            envelope[name] = value;
            Event::parse(envelope.to_string().as_bytes()).is_err()
        };
        assert!(refused("specversion", json!("2.0")));
        assert!(refused("id", json!("one")));
        assert!(refused("sequence", json!("many")));
        assert!(refused("type", json!("a\0b")));
        assert!(refused("tenantid", Value::Null));
        assert!(!refused("correlationid", Value::Null));
        assert!(Event::parse(b"\xff").is_err());
    }

    #[test]
    fn derived_ids_are_the_same_at_each_attempt_and_differ_by_effect() {
        let event = Event::parse(envelope().to_string().as_bytes()).unwrap();
        assert_eq!(event.derived_id("letter"), event.derived_id("letter"));
        assert_ne!(event.derived_id("letter"), event.derived_id("call"));
        assert_eq!(event.derived_id("letter").get_version_num(), 8);
    }
}
