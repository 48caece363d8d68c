//! Events as the world outside sees them: `CloudEvents` 1.0 in structured mode.

use std::{fmt, str::FromStr};

use chrono::{DateTime, SecondsFormat, Utc};
use fairlead_domain::kernel::Invalid;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
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

/// The envelope of an event, ready to be written as JSON.
///
/// Extension attributes have lower-case names without separators, as the specification demands.
#[derive(Debug, Serialize)]
pub struct Envelope<'a> {
    specversion: &'static str,
    id: Uuid,
    source: &'static str,
    #[serde(rename = "type")]
    event_type: &'a str,
    subject: Uuid,
    time: String,
    datacontenttype: &'static str,
    #[serde(serialize_with = "as_text")]
    dataschema: DataSchema<'a>,
    tenantid: Uuid,
    streamversion: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incarnation: Option<i32>,
    schemaversion: i16,
    actor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlationid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causationid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    data: &'a Value,
}

/// The name of the schema of an event's data: `urn:fairlead:schema:contact.created:v1`.
#[derive(Debug, Clone, Copy)]
pub struct DataSchema<'a> {
    event_type: &'a str,
    version: i16,
}

/// The name of the schema of the data of events of this type and version.
pub fn data_schema(event_type: &str, version: i16) -> DataSchema<'_> {
    DataSchema { event_type, version }
}

impl fmt::Display for DataSchema<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "urn:fairlead:schema:{}:v{}", self.event_type, self.version)
    }
}

fn as_text<S: Serializer>(value: &DataSchema<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl SequencedEvent {
    /// The envelope as a value, to be looked into.
    pub fn envelope(&self) -> Value {
        envelope(self.tenant, self.stream, &self.event, Some(self.place()))
    }

    /// The envelope, to be written without detour.
    pub fn cloud_event(&self) -> Envelope<'_> {
        Envelope::of(self.tenant, self.stream, &self.event, Some(self.place()))
    }

    /// Where it stands in the global order.
    pub fn place(&self) -> Place {
        Place { incarnation: self.incarnation, position: self.position }
    }
}

/// A place in the global order, written `<incarnation>.<position>`: `1.748`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The life of the database in which the position has a meaning; a restore begins a new one.
    pub incarnation: i32,
    /// The position, from 1; 0 before the first event.
    pub position: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.incarnation, self.position)
    }
}

impl FromStr for Place {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<i64>().ok())?;
        let parts = text.split_once('.').and_then(|(life, position)| number(life).zip(number(position)));
        let place = parts.and_then(|(life, position)| Some(Self { incarnation: life.try_into().ok()?, position }));
        place
            .ok_or_else(|| Invalid::new("events.invalid_id", "must be the id of an event of the stream, such as 1.748"))
    }
}

impl<'a> Envelope<'a> {
    fn of(tenant: Uuid, stream: Uuid, event: &'a StoredEvent, place: Option<Place>) -> Self {
        let StoredEvent { id, version, event_type, schema_version, data, metadata, occurred_at } = event;
        Self {
            specversion: "1.0",
            id: *id,
            source: SOURCE,
            event_type,
            subject: stream,
            time: rfc3339(*occurred_at),
            datacontenttype: "application/json",
            dataschema: data_schema(event_type, *schema_version),
            tenantid: tenant,
            streamversion: *version,
            sequence: place.map(|place| place.position.to_string()),
            incarnation: place.map(|place| place.incarnation),
            schemaversion: *schema_version,
            actor: &metadata.actor,
            correlationid: metadata.correlation_id,
            causationid: metadata.causation_id,
            traceparent: metadata.traceparent.as_deref(),
            data,
        }
    }
}

/// The envelope of a stored event, wherever it was met. An event that was read from its stream alone has no place.
pub fn envelope(tenant: Uuid, stream: Uuid, event: &StoredEvent, place: Option<Place>) -> Value {
    json!(Envelope::of(tenant, stream, event, place))
}

/// A time as it stands in every answer and event: RFC 3339, UTC, microseconds.
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
