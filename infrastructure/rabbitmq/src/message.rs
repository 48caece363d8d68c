//! An event as a message.

use fairlead_application::{
    envelope::{CONTENT_TYPE, SequencedEvent},
    registry::routing_key,
};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};

/// AMQP's `delivery-mode` of messages that survive the broker's restart.
const PERSISTENT: u8 = 2;

/// A message that is ready to be published.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) routing_key: ShortString,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// `None` when the event's aggregate is unknown to this program.
    pub(crate) fn of(event: &SequencedEvent) -> Option<Self> {
        let routing_key = ShortString::try_new(routing_key(&event.event.event_type)?).ok()?;
        let event_type = ShortString::try_new(event.event.event_type.clone()).ok()?;
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
        // Writing a JSON value to memory doesn't fail: its keys are texts.
        let body = event.envelope().to_string().into_bytes();
        Some(Self { routing_key, properties, body })
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
        ("traceparent", metadata.traceparent.clone()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            headers.insert(name.into(), text(value));
        }
    }
    headers
}
