//! Telling the dead-letter queue what was given up.

use chrono::{DateTime, SecondsFormat, Utc};
use deadpool_postgres::GenericClient;
use lapin::{
    BasicProperties, Channel,
    message::Delivery,
    types::{AMQPValue, FieldTable, ShortString},
};
use uuid::Uuid;

use crate::{
    connection::BrokerError,
    tables::{Tables, TablesError, text},
    topology::{dead_queue, put},
};

/// Says why.
pub(crate) const ERROR: &str = "fairlead-error";
/// The attempts that were made.
pub(crate) const ATTEMPTS: &str = "fairlead-attempts";
/// When the first one failed.
pub(crate) const FIRST_FAILURE: &str = "fairlead-first-failure";
/// The message lies in the table too, which decides about it.
pub(crate) const HELD: &str = "fairlead-held";
/// The routing key under which the event was published.
pub(crate) const ROUTING_KEY: &str = "fairlead-routing-key";

const CONTENT_TYPE: &str = "application/cloudevents+json";
/// AMQP's `delivery-mode` of messages that survive the broker's restart.
const PERSISTENT: u8 = 2;
/// Letters written in one transaction.
const BATCH: i64 = 20;

/// A letter was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LetterError {
    #[error(transparent)]
    Tables(#[from] TablesError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

impl From<tokio_postgres::Error> for LetterError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Tables(error.into())
    }
}

/// Puts copies of the dead heads into the dead-letter queue, and notes that they are there. When it is cut off between
/// the two, the copy is written a second time. Returns whether there may be more.
pub(crate) async fn write(tables: &Tables, channel: &Channel) -> Result<bool, LetterError> {
    let sql = tables.sql(
        "select tenant_id, stream_id, number, event_id, routing_key, body, attempts, error, failed_at
           from @.inbox_held where consumer = $1 and dead_at is not null and letter_at is null
          order by dead_at limit $2 for update skip locked",
    );
    let mut client = tables.client().await?;
    let transaction = client.transaction().await?;
    let rows = transaction.query(&transaction.prepare_cached(&sql).await?, &[&&*tables.consumer, &BATCH]).await?;
    let queue = dead_queue(&tables.consumer);
    for row in &rows {
        let event: Uuid = row.get(3);
        let mut headers = reasons(row.get::<_, Option<&str>>(7).unwrap_or_default(), row.get(4));
        headers.insert(ATTEMPTS.into(), AMQPValue::LongInt(row.get(6)));
        if let Some(first) = row.get::<_, Option<DateTime<Utc>>>(8) {
            let first = first.to_rfc3339_opts(SecondsFormat::Micros, true);
            headers.insert(FIRST_FAILURE.into(), AMQPValue::LongString(first.into()));
        }
        headers.insert(HELD.into(), AMQPValue::Boolean(true));
        let properties = BasicProperties::default()
            .with_message_id(ShortString::from(event.to_string()))
            .with_content_type(CONTENT_TYPE.into())
            .with_delivery_mode(PERSISTENT)
            .with_headers(headers);
        put(channel, &queue, row.get(5), properties).await?;
        let sql = "update @.inbox_held set letter_at = now()
                    where tenant_id = $1 and consumer = $2 and stream_id = $3 and number = $4";
        let (tenant, stream, number): (Uuid, Uuid, i64) = (row.get(0), row.get(1), row.get(2));
        tables.execute(&transaction, sql, &[&tenant, &&*tables.consumer, &stream, &number]).await?;
    }
    transaction.commit().await?;
    Ok(rows.len() == usize::try_from(BATCH).unwrap_or(usize::MAX))
}

/// Puts away a message that is no event. Nothing in the tables knows of it.
pub(crate) async fn put_away(
    tables: &Tables,
    channel: &Channel,
    delivery: &Delivery,
    error: &str,
) -> Result<(), BrokerError> {
    let mut headers = delivery.properties.headers().clone().unwrap_or_default();
    for (name, value) in reasons(&text(error), delivery.routing_key.as_str()).inner() {
        headers.insert(name.clone(), value.clone());
    }
    let properties = delivery.properties.clone().with_headers(headers).with_delivery_mode(PERSISTENT);
    put(channel, &dead_queue(&tables.consumer), &delivery.data, properties).await
}

fn reasons(error: &str, routing_key: &str) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert(ERROR.into(), AMQPValue::LongString(error.into()));
    headers.insert(ROUTING_KEY.into(), AMQPValue::LongString(routing_key.into()));
    headers
}
