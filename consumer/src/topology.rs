//! What a consumer needs in the broker. Declaring does nothing when it is there.

use lapin::{
    Channel, Confirmation, ErrorKind, ExchangeKind,
    options::{BasicPublishOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    protocol::{AMQPErrorKind, AMQPSoftError, BasicProperties},
    types::{AMQPValue, FieldTable},
};
use tokio::time::timeout;

use crate::connection::{BrokerError, LIMIT};

/// Where Fairlead publishes every event.
pub(crate) const EXCHANGE: &str = "fairlead.events";

/// Deliveries after which the broker itself puts a message away. Far more than the kit lets happen: a message that ends
/// the program is set aside long before.
const DELIVERY_LIMIT: i64 = 100;

/// The queue for what is given up.
pub(crate) fn dead_queue(consumer: &str) -> String {
    format!("{consumer}.dead")
}

/// Declares the exchange, the queue, its bindings and the dead-letter queue.
pub(crate) async fn declare(channel: &Channel, consumer: &str, bindings: &[String]) -> Result<(), BrokerError> {
    let declaring = async {
        let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let exchange = channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, durable, FieldTable::default());
        exchange.await.map_err(|error| named(EXCHANGE, error))?;
        let dead = dead_queue(consumer);
        queue(channel, &dead, quorum()).await?;
        queue(channel, consumer, arguments(&dead)).await?;
        for binding in bindings {
            let (key, options) = (binding.as_str().into(), QueueBindOptions::default());
            channel.queue_bind(consumer.into(), EXCHANGE.into(), key, options, FieldTable::default()).await?;
        }
        Ok(())
    };
    timeout(LIMIT, declaring).await.map_err(|_| BrokerError::TimedOut("declaring the queues"))?
}

async fn queue(channel: &Channel, name: &str, arguments: FieldTable) -> Result<(), BrokerError> {
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    let declared = channel.queue_declare(name.into(), durable, arguments).await;
    declared.map(drop).map_err(|error| named(name, error))
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments
}

/// <https://www.rabbitmq.com/docs/quorum-queues>
fn arguments(dead: &str) -> FieldTable {
    let mut arguments = quorum();
    // Several instances may run; one gets the messages, so that their order holds.
    arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(DELIVERY_LIMIT));
    // The default exchange, which nobody can delete or unbind.
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(dead));
    // Not the default strategy, which drops the message when the other queue is not there; it asks for the overflow.
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

fn named(name: &str, error: lapin::Error) -> BrokerError {
    let conflict = matches!(error.kind(), ErrorKind::ProtocolError(error)
        if matches!(error.kind(), AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)));
    if conflict { BrokerError::Conflict { name: name.to_owned(), source: error } } else { error.into() }
}

/// Whether the broker has said no, rather than gone away.
pub(crate) fn is_refusal(error: &BrokerError) -> bool {
    match error {
        BrokerError::Conflict { .. } => true,
        BrokerError::Failed(error) => matches!(error.kind(), ErrorKind::ProtocolError(error)
            if matches!(error.kind(), AMQPErrorKind::Soft(_))),
        BrokerError::Ended | BrokerError::TimedOut(_) | BrokerError::Refused { .. } => false,
    }
}

/// Whether the broker has no queue of the name that it was asked for.
pub(crate) fn is_missing(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error)
        if matches!(error.kind(), AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND)))
}

/// Puts a message into a queue, and waits until the broker has confirmed it. The channel is one with confirms.
pub(crate) async fn put(
    channel: &Channel,
    queue: &str,
    body: &[u8],
    properties: BasicProperties,
) -> Result<(), BrokerError> {
    let publishing = async {
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        channel.basic_publish("".into(), queue.into(), options, body, properties).await?.await
    };
    match timeout(LIMIT, publishing).await.map_err(|_| BrokerError::TimedOut("confirming a message"))?? {
        Confirmation::Ack(None) => Ok(()),
        _ => Err(BrokerError::Refused { queue: queue.to_owned() }),
    }
}
