//! What an operator does with streams that wait.

use chrono::{DateTime, Utc};
use deadpool_postgres::{GenericClient, Pool};
use fairlead_events::ids::OrganizationId;
use lapin::types::FieldTable;
use tokio::time::timeout;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{
    ConfigError, DeadLettersError, TablesError, builder,
    connection::{BrokerError, LIMIT, channel, connect, parse},
    tables::{StreamKey, Tables},
    topology::EXCHANGE,
};

/// Looks at what a consumer has set aside, and decides about what it has given up. Works beside running instances, which
/// notice within seconds.
pub struct Operator {
    pub(crate) tables: Tables,
}

/// A stream that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldStream {
    /// The organization.
    pub tenant: OrganizationId,
    /// The stream.
    pub stream: Uuid,
    /// The event that fails.
    pub event: Uuid,
    /// The routing key under which it was published.
    pub routing_key: String,
    /// The attempts that count.
    pub attempts: i32,
    /// `failed`, `rejected` or `unreadable`.
    pub reason: Option<String>,
    /// What the last attempt ended with.
    pub error: Option<String>,
    /// When the first one failed.
    pub failed_at: Option<DateTime<Utc>>,
    /// When that event was set aside.
    pub held_at: DateTime<Utc>,
    /// When it is tried again, unless it is dead.
    pub due_at: Option<DateTime<Utc>>,
    /// When it was given up.
    pub dead_at: Option<DateTime<Utc>>,
    /// Messages that are set aside in this stream, the failing one included.
    pub messages: i64,
}

/// Which waiting streams are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeldQuery {
    /// Only dead ones, or only those that are tried again; all when `None`.
    pub dead: Option<bool>,
    /// Those behind a stream, told by when the event that it waits for was set aside, its organization and its id.
    pub after: Option<(DateTime<Utc>, OrganizationId, Uuid)>,
    /// How many at most.
    pub limit: u32,
}

/// Which dead streams are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All of the consumer.
    All,
    /// One.
    Stream {
        /// The organization.
        tenant: OrganizationId,
        /// The stream.
        stream: Uuid,
    },
}

/// The heads of the streams that wait.
const HELD: &str = "select h.tenant_id, h.stream_id, h.event_id, h.routing_key, h.attempts, h.reason, h.error, h.failed_at,
                           h.held_at, h.due_at, h.dead_at,
                           (select count(*) from @.inbox_held s where s.tenant_id = h.tenant_id
                                                                  and s.consumer = h.consumer and s.stream_id = h.stream_id)
                      from @.inbox_held h where h.consumer = $1 and (h.due_at is not null or h.dead_at is not null)";

fn held(row: &Row) -> HeldStream {
    HeldStream {
        tenant: row.get::<_, Uuid>(0).into(),
        stream: row.get(1),
        event: row.get(2),
        routing_key: row.get(3),
        attempts: row.get(4),
        reason: row.get(5),
        error: row.get(6),
        failed_at: row.get(7),
        held_at: row.get(8),
        due_at: row.get(9),
        dead_at: row.get(10),
        messages: row.get(11),
    }
}

impl Operator {
    /// An operator of the consumer of this name, with the tables in this schema.
    ///
    /// # Errors
    /// [`ConfigError::Name`], [`ConfigError::Schema`]
    pub fn new(consumer: &str, pool: Pool, schema: &str) -> Result<Self, ConfigError> {
        Ok(Self { tables: builder::tables(pool, schema, consumer)? })
    }

    /// The streams that wait, the dead ones first, up to `limit` of them.
    ///
    /// # Errors
    /// [`TablesError`]
    pub async fn held(&self, limit: u32) -> Result<Vec<HeldStream>, TablesError> {
        let sql = self.tables.sql(&format!("{HELD} order by h.dead_at nulls last, h.due_at limit $2"));
        let rows = self.tables.client().await?.query(&sql, &[&&*self.tables.consumer, &i64::from(limit)]).await?;
        Ok(rows.iter().map(held).collect())
    }

    /// The streams that wait, in the order in which the events that they wait for were set aside: so they can be gone
    /// through page by page while they are tried. A stream that has got on to its next event meanwhile may come twice.
    ///
    /// # Errors
    /// [`TablesError`]
    pub async fn held_page(&self, query: &HeldQuery) -> Result<Vec<HeldStream>, TablesError> {
        let sql = self.tables.sql(&format!(
            "{HELD} and ($3::boolean is null or (h.dead_at is not null) = $3)
                    and ($4::timestamptz is null or (h.held_at, h.tenant_id, h.stream_id) > ($4, $5, $6))
              order by h.held_at, h.tenant_id, h.stream_id limit $2"
        ));
        let HeldQuery { dead, after, limit } = *query;
        let (at, tenant, stream) = (
            after.map(|(at, ..)| at),
            after.map(|(_, tenant, _)| Uuid::from(tenant)),
            after.map(|(.., stream)| stream),
        );
        let client = self.tables.client().await?;
        let limit = i64::from(limit);
        let rows = client.query(&sql, &[&&*self.tables.consumer, &limit, &dead, &at, &tenant, &stream]).await?;
        Ok(rows.iter().map(held).collect())
    }

    /// Has dead streams tried again, with all their attempts anew; those that follow go on behind. Returns how many.
    ///
    /// # Errors
    /// [`TablesError`]
    pub async fn replay(&self, which: Which) -> Result<u64, TablesError> {
        let sql = "update @.inbox_held set attempts = 0, due_at = now(), dead_at = null, letter_at = null
                    where consumer = $1 and dead_at is not null and ($2 or (tenant_id = $3 and stream_id = $4))";
        let (all, tenant, stream) = match which {
            Which::All => (true, Uuid::nil(), Uuid::nil()),
            Which::Stream { tenant, stream } => (false, tenant.into(), stream),
        };
        let client = self.tables.client().await?;
        Ok(self.tables.execute(&client, sql, &[&&*self.tables.consumer, &all, &tenant, &stream]).await?)
    }

    /// Gives up one event for good: the failing one of its stream, dead or not. It counts as handled, and those behind it
    /// go on. False when it is not the one that its stream waits for.
    ///
    /// # Errors
    /// [`TablesError`]
    pub async fn discard(&self, tenant: OrganizationId, stream: Uuid, event: Uuid) -> Result<bool, TablesError> {
        let key = StreamKey { tenant: tenant.into(), stream };
        let mut client = self.tables.client().await?;
        let transaction = client.transaction().await?;
        self.tables.lock(&transaction, key).await?;
        let sql = "select number, attempts from @.inbox_held
                    where tenant_id = $1 and consumer = $2 and event_id = $3 and stream_id = $4
                      and (due_at is not null or dead_at is not null)";
        let sql = transaction.prepare_cached(&self.tables.sql(sql)).await?;
        let row = transaction.query_opt(&sql, &[&key.tenant, &&*self.tables.consumer, &event, &stream]).await?;
        let Some(row) = row else { return Ok(false) };
        let sql = "delete from @.inbox_held where tenant_id = $1 and consumer = $2 and stream_id = $3 and number = $4";
        let number: i64 = row.get(0);
        self.tables.execute(&transaction, sql, &[&key.tenant, &&*self.tables.consumer, &stream, &number]).await?;
        self.tables.record_and_promote(&transaction, key, event).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Takes a binding off the consumer's queue, once no instance asks for it any more: a running one that does would put
    /// it on again with its next connection.
    ///
    /// # Errors
    /// [`DeadLettersError`]
    pub async fn unbind(&self, broker: &str, pattern: &str) -> Result<(), DeadLettersError> {
        let connection = connect(parse(broker).ok_or(DeadLettersError::Url)?, "fairlead consumer operator").await?;
        let channel = channel(&connection).await?;
        let name = (*self.tables.consumer).into();
        let unbinding = channel.queue_unbind(name, EXCHANGE.into(), pattern.into(), FieldTable::default());
        let unbound = timeout(LIMIT, unbinding).await.map_err(|_| BrokerError::TimedOut("unbinding"))?;
        unbound.map_err(BrokerError::from)?;
        connection.close(200, "OK".into()).await.map_err(BrokerError::from)?;
        Ok(())
    }
}
