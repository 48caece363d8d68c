//! Bringing back what lies in the dead-letter queue.

use deadpool_postgres::GenericClient;
use lapin::{
    Channel,
    message::Delivery,
    options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::time::timeout;

use crate::{
    Event, Operator, TablesError, Which,
    connection::{BrokerError, LIMIT, confirming, connect, parse},
    letters,
    tables::StreamKey,
    topology::{dead_queue, is_missing, put},
};

/// What became of dead letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Returned {
    /// Put back into the consumer's queue: what is no event, and what the broker had put away. It comes out of its order.
    pub requeued: u64,
    /// Copies of what lies in the table: their dead streams are tried again, in order.
    pub replayed: u64,
    /// Copies of what was handled or discarded meanwhile, or is being tried: taken off the queue.
    pub settled: u64,
}

/// Dead letters can't be brought back.
#[derive(Debug, thiserror::Error)]
pub enum DeadLettersError {
    /// The text is not repeated, since it may hold a password.
    #[error("the broker's URL: expected amqp://user:password@host:port/virtual-host or amqps://…")]
    Url,
    /// The consumer never ran on this broker, or its queue was deleted.
    #[error("the broker has no queue {0}")]
    NoQueue(String),
    /// The broker did not do it.
    #[error("{0}")]
    Broker(String),
    /// The database did not do it.
    #[error(transparent)]
    Tables(#[from] TablesError),
}

impl From<BrokerError> for DeadLettersError {
    fn from(error: BrokerError) -> Self {
        Self::Broker(error.to_string())
    }
}

impl From<lapin::Error> for DeadLettersError {
    fn from(error: lapin::Error) -> Self {
        BrokerError::from(error).into()
    }
}

/// Headers that belong to a message's life before.
const OF_OLD: [&str; 6] =
    ["x-death", "x-delivery-count", "x-first-death-", "x-last-death-", "x-acquired-count", "fairlead-"];

impl Operator {
    /// Brings back up to `limit` messages of the dead-letter queue, of those that are there now: what fails again is not
    /// met twice. A message leaves the queue only when its fate is certain; cut off in between, it is brought back again,
    /// and the inbox drops the duplicate.
    ///
    /// # Errors
    /// [`DeadLettersError`]
    pub async fn replay_dead_letters(&self, broker: &str, limit: u32) -> Result<Returned, DeadLettersError> {
        let connection = connect(parse(broker).ok_or(DeadLettersError::Url)?, "fairlead consumer operator").await?;
        let channel = confirming(&connection).await?;
        let queue = dead_queue(&self.tables.consumer);
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let asking = timeout(LIMIT, channel.queue_declare(queue.as_str().into(), passive, FieldTable::default())).await;
        let there = match asking.map_err(|_| BrokerError::TimedOut("looking at the dead-letter queue"))? {
            Ok(there) => there.message_count(),
            Err(error) if is_missing(&error) => return Err(DeadLettersError::NoQueue(queue)),
            Err(error) => return Err(error.into()),
        };
        let mut returned = Returned::default();
        for _ in 0..there.min(limit) {
            let getting = timeout(LIMIT, channel.basic_get(queue.as_str().into(), BasicGetOptions::default())).await;
            let Some(letter) = getting.map_err(|_| BrokerError::TimedOut("getting a dead letter"))?? else { break };
            self.bring_back(&channel, &letter, &mut returned).await?;
            letter.ack(BasicAckOptions::default()).await?;
        }
        connection.close(200, "OK".into()).await?;
        Ok(returned)
    }

    async fn bring_back(
        &self,
        channel: &Channel,
        letter: &Delivery,
        returned: &mut Returned,
    ) -> Result<(), DeadLettersError> {
        let headers = letter.properties.headers().clone().unwrap_or_default();
        let held = matches!(headers.inner().get(letters::HELD), Some(AMQPValue::Boolean(true)));
        if held && let Ok(event) = Event::parse(&letter.data) {
            // The table decides, however old the copy is and whatever the inbox has forgotten.
            let which = Which::Stream { tenant: event.tenant, stream: event.stream };
            if self.is_dead(&event).await? && self.replay(which).await? > 0 {
                returned.replayed += 1;
            } else {
                returned.settled += 1;
            }
            return Ok(());
        }
        let mut kept = FieldTable::default();
        for (name, value) in headers.inner() {
            if !OF_OLD.iter().any(|old| name.as_str().starts_with(old)) {
                kept.insert(name.clone(), value.clone());
            }
        }
        let properties = letter.properties.clone().with_headers(kept);
        put(channel, &self.tables.consumer, &letter.data, properties).await?;
        returned.requeued += 1;
        Ok(())
    }

    async fn is_dead(&self, event: &Event) -> Result<bool, TablesError> {
        let sql = "select exists (select from @.inbox_held where tenant_id = $1 and consumer = $2 and event_id = $3
                                     and dead_at is not null)";
        let client = self.tables.client().await?;
        let statement = client.prepare_cached(&self.tables.sql(sql)).await?;
        let key = StreamKey::from(event);
        Ok(client.query_one(&statement, &[&key.tenant, &&*self.tables.consumer, &event.id]).await?.get(0))
    }
}
