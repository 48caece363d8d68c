//! An event as a message.

use fairlead_application::{
    TraceParent,
    envelope::{CONTENT_TYPE, SequencedEvent},
    registry::routing_key,
    trace,
};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use tracing::{Span, info_span};
use uuid::Uuid;

use crate::plan::Body;

/// AMQP's `delivery-mode` of messages that survive the broker's restart.
const PERSISTENT: u8 = 2;

/// The header that names a message's place in a trace.
const TRACEPARENT: &str = "traceparent";

/// A message that is ready to be published.
#[derive(Debug)]
pub(crate) struct Message {
    /// The event's id.
    pub(crate) event: Uuid,
    pub(crate) routing_key: ShortString,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn of(event: &SequencedEvent) -> Body<Self> {
        let name = &event.event.event_type;
        let Some(routing_key) = routing_key(name) else { return Body::Unknown(name.clone()) };
        let (Ok(routing_key), Ok(event_type)) = (ShortString::try_new(routing_key), ShortString::try_new(name.clone()))
        else {
            return Body::Unencodable("its name is too long for a message".to_owned());
        };
        let body = match serde_json::to_vec(&event.cloud_event()) {
            Ok(body) => body,
            Err(error) => return Body::Unencodable(format!("it can't be written as JSON: {error}")),
        };
        // A time before 1970 has no place in the property; the envelope has it.
        let seconds = u64::try_from(event.event.occurred_at.timestamp()).unwrap_or(0);
        let mut properties = BasicProperties::default()
            .with_message_id(event.event.id.to_string().into())
            .with_content_type(CONTENT_TYPE.into())
            .with_type(event_type)
            .with_timestamp(seconds)
            .with_delivery_mode(PERSISTENT)
            .with_headers(headers(event));
        if let Some(correlation) = event.event.metadata.correlation_id {
            properties = properties.with_correlation_id(correlation.to_string().into());
        }
        Body::Message(Self { event: event.event.id, routing_key, properties, body })
    }
}

impl Message {
    /// A span for as long as the message is on its way. It continues the event's trace, and is what consumers
    /// continue. None at all where traces are not recorded, or the event is in none.
    pub(crate) fn traced(&mut self) -> Span {
        if trace::are_recorded() { self.continued().unwrap_or_else(Span::none) } else { Span::none() }
    }

    fn continued(&mut self) -> Option<Span> {
        let mut headers = self.properties.headers().clone()?;
        let AMQPValue::LongString(parent) = headers.inner().get(TRACEPARENT)? else { return None };
        let parent = TraceParent::parse(str::from_utf8(parent.as_bytes()).ok()?).ok()?;
        let span = info_span!(parent: None, "relay publish", otel.kind = "producer");
        trace::put_below(&span, &parent);
        let place = trace::place_of(&span)?;
        headers.insert(TRACEPARENT.into(), AMQPValue::LongString(place.as_str().into()));
        self.properties = std::mem::take(&mut self.properties).with_headers(headers);
        Some(span)
    }
}

fn headers(event: &SequencedEvent) -> FieldTable {
    let mut headers = FieldTable::default();
    let text = |text: String| AMQPValue::LongString(text.into());
    let metadata = &event.event.metadata;
    headers.insert("tenant".into(), text(event.tenant.to_string()));
    headers.insert("stream".into(), text(event.stream.to_string()));
    headers.insert("version".into(), AMQPValue::LongLongInt(event.event.version));
    headers.insert("position".into(), AMQPValue::LongLongInt(event.position));
    let optional = [
        ("correlation", metadata.correlation_id.map(|id| id.to_string())),
        ("causation", metadata.causation_id.map(|id| id.to_string())),
        (TRACEPARENT, metadata.traceparent.clone()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            headers.insert(name.into(), text(value));
        }
    }
    headers
}
