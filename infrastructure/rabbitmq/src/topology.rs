//! What must be in the broker before anything is published.

use std::time::Duration;

use lapin::{
    Channel, Connection, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    protocol::AMQPSoftError,
    types::{AMQPValue, FieldTable},
};
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::error::{BrokerError, soft_error};

/// The topic exchange to which every event is published. Consumers bind their queues to it.
pub const EXCHANGE: &str = "fairlead.events";
/// The stream queue that keeps the recent events of all kinds, for those who come late. While it is there every event
/// is routable, so that a returned message means a fault.
pub const LOG_QUEUE: &str = "fairlead.log";

/// The log's retention. <https://www.rabbitmq.com/docs/streams#retention>
const MAX_AGE: &str = "7D";
const MAX_BYTES: i64 = 5_000_000_000;
/// Retention drops whole segments, and only when one is full: small ones, so that age counts where events are few.
const SEGMENT_BYTES: i64 = 20_000_000;

const LIMIT: Duration = Duration::from_secs(10);
/// How often it is made sure that everything is there still. While another queue takes an event, nothing else tells
/// that the log was deleted or unbound.
const ROUND: Duration = Duration::from_secs(10);

/// Makes what an operator or another program took away, for as long as the connection holds; returns its failure.
pub(crate) async fn keep(connection: &Connection) -> BrokerError {
    loop {
        sleep(ROUND).await;
        if let Err(error) = look_after(connection).await {
            return error;
        }
    }
}

/// Makes what is missing.
pub(crate) async fn look_after(connection: &Connection) -> Result<(), BrokerError> {
    let opened = || async {
        let opening = timeout(LIMIT, connection.create_channel()).await;
        opening.map_err(|_| BrokerError::TimedOut("opening a channel"))?.map_err(BrokerError::from)
    };
    let mut channel = opened().await?;
    let passive = QueueDeclareOptions { passive: true, ..Default::default() };
    let asking = timeout(LIMIT, channel.queue_declare(LOG_QUEUE.into(), passive, FieldTable::default())).await;
    if asking.map_err(|_| BrokerError::TimedOut("looking for the log queue"))?.is_err() {
        warn!(queue = LOG_QUEUE, "the log queue was gone; events of the meantime are missing in it");
        // The refusal closed the channel.
        channel = opened().await?;
    }
    declare(&channel).await?;
    Ok(channel.close(200, "OK".into()).await?)
}

/// Declares the exchange, the log queue and its binding. Does nothing when they are there.
pub(crate) async fn declare(channel: &Channel) -> Result<(), BrokerError> {
    let declaring = async {
        let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let exchange = channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, durable, FieldTable::default());
        exchange.await.map_err(|error| named(EXCHANGE, error))?;
        let durable = QueueDeclareOptions { durable: true, ..Default::default() };
        let queue = channel.queue_declare(LOG_QUEUE.into(), durable, log_arguments());
        queue.await.map_err(|error| named(LOG_QUEUE, error))?;
        let everything = "#".into();
        let options = QueueBindOptions::default();
        channel.queue_bind(LOG_QUEUE.into(), EXCHANGE.into(), everything, options, FieldTable::default()).await?;
        Ok(())
    };
    timeout(LIMIT, declaring).await.map_err(|_| BrokerError::TimedOut("declaring the exchange and the queue"))?
}

fn log_arguments() -> FieldTable {
    let mut arguments = FieldTable::default();
    let text = |text: &str| AMQPValue::LongString(text.into());
    arguments.insert("x-queue-type".into(), text("stream"));
    arguments.insert("x-max-age".into(), text(MAX_AGE));
    arguments.insert("x-max-length-bytes".into(), AMQPValue::LongLongInt(MAX_BYTES));
    arguments.insert("x-stream-max-segment-size-bytes".into(), AMQPValue::LongLongInt(SEGMENT_BYTES));
    arguments
}

fn named(name: &'static str, error: lapin::Error) -> BrokerError {
    let conflict = soft_error(&error) == Some(AMQPSoftError::PRECONDITIONFAILED);
    if conflict { BrokerError::Conflict { name, source: error } } else { error.into() }
}
