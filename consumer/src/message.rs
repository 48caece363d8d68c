//! A message of the queue.

use lapin::{
    message::Delivery,
    types::{AMQPValue, FieldTable},
};

use fairlead_events::{Event, NoEvent};

/// An event with what is kept of its message.
pub(crate) struct Message {
    pub(crate) event: Event,
    pub(crate) routing_key: String,
    pub(crate) body: Vec<u8>,
    /// How often it was delivered before without an answer.
    pub(crate) earlier_deliveries: i64,
}

impl Message {
    pub(crate) fn of(delivery: &Delivery) -> Result<Self, NoEvent> {
        let headers = delivery.properties.headers().as_ref();
        // A message that was published a second time may carry the header of its first life.
        let counted = if delivery.redelivered { headers.and_then(deliveries) } else { None };
        Ok(Self {
            event: Event::parse(&delivery.data)?,
            // Text of the database can't hold NUL.
            routing_key: delivery.routing_key.as_str().replace('\0', ""),
            body: delivery.data.clone(),
            earlier_deliveries: counted.unwrap_or(0),
        })
    }
}

/// Quorum queues count in a header, in an integer of any width.
fn deliveries(headers: &FieldTable) -> Option<i64> {
    match headers.inner().get("x-delivery-count")? {
        AMQPValue::ShortShortInt(count) => Some((*count).into()),
        AMQPValue::ShortShortUInt(count) => Some((*count).into()),
        AMQPValue::ShortInt(count) => Some((*count).into()),
        AMQPValue::ShortUInt(count) => Some((*count).into()),
        AMQPValue::LongInt(count) => Some((*count).into()),
        AMQPValue::LongUInt(count) => Some((*count).into()),
        AMQPValue::LongLongInt(count) => Some(*count),
        _ => None,
    }
}
