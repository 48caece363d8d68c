//! Events as the world outside sees them: `CloudEvents` 1.0 in structured mode.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::ports::StoredEvent;

/// A stored event together with its place in the global order.
#[derive(Debug, Clone, PartialEq)]
pub struct SequencedEvent {
    /// Its dense, gap-free position, from 1.
    pub position: i64,
    /// The life of the database in which the position has a meaning.
    pub incarnation: i32,
    /// The tenant.
    pub tenant: Uuid,
    /// The stream.
    pub stream: Uuid,
    /// The event.
    pub event: StoredEvent,
}

/// The media type of an envelope.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";
/// The `source` attribute: events are told apart by it and their id.
pub const SOURCE: &str = "/fairlead";

impl SequencedEvent {
    /// The envelope. Extension attributes have lower-case names without separators, as the specification demands.
    pub fn envelope(&self) -> Value {
        let event = &self.event;
        let mut envelope = Map::new();
        let mut put = |name: &str, value: Value| envelope.insert(name.to_owned(), value);
        put("specversion", json!("1.0"));
        put("id", json!(event.id));
        put("source", json!(SOURCE));
        put("type", json!(event.event_type));
        put("subject", json!(self.stream));
        put("time", json!(rfc3339(event.occurred_at)));
        put("datacontenttype", json!("application/json"));
        put("tenantid", json!(self.tenant));
        put("streamversion", json!(event.version));
        put("sequence", json!(self.position.to_string()));
        put("incarnation", json!(self.incarnation));
        put("schemaversion", json!(event.schema_version));
        put("actor", json!(event.metadata.actor));
        let optional = [
            ("correlationid", event.metadata.correlation_id.map(|id| json!(id))),
            ("causationid", event.metadata.causation_id.map(|id| json!(id))),
            ("traceparent", event.metadata.traceparent.as_ref().map(|parent| json!(parent))),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                put(name, value);
            }
        }
        put("data", event.data.clone());
        Value::Object(envelope)
    }
}

/// A time as it stands in every answer and event: RFC 3339, UTC, microseconds.
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
