//! The log in global order, held by one process a subscription.
//!
//! Holding is a session lock: it needs no renewal, so idling writes nothing, and it ends with the connection. The epoch,
//! raised by each new holder and checked by each checkpoint, keeps out a holder of old that has not noticed yet.

use std::time::Duration;

use async_trait::async_trait;
use fairlead_application::{
    envelope::SequencedEvent,
    log::{Claim, EventLog, LogError},
};
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Statement, types::ToSql};
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use crate::{Databases, Wakeups, connect::log_error, event_store::stored_event};

/// All slots, until subscriptions are partitioned.
const PARTITION: i16 = 0;
/// How often it is tried whether the holder has gone. Waiting inside the database would hold a snapshot open.
const TRY_AGAIN: Duration = Duration::from_millis(500);
/// Without a notification the log is looked at this often; one can be lost with a connection.
const IDLE: Duration = Duration::from_secs(1);

const READ: &str = "select o.position, o.incarnation, o.tenant_id, o.stream_id,
                           e.event_id, e.version, e.type, e.schema_version, e.data, e.metadata, e.occurred_at
                      from engine.outbox o
                      join engine.events e using (tenant_id, stream_id, version)
                     where o.position > $1 order by o.position limit $2";

/// The log in `PostgreSQL`, reached as a member of `fairlead_engine`.
#[derive(Clone)]
pub struct PostgresLog {
    databases: Databases,
    wakeups: Wakeups,
}

impl PostgresLog {
    /// The log of the engine's database.
    pub fn new(databases: Databases, wakeups: Wakeups) -> Self {
        Self { databases, wakeups }
    }

    /// The first `limit` events after a position, without holding anything: for looking on.
    ///
    /// # Errors
    /// [`LogError`]
    pub async fn peek(&self, after: i64, limit: u32) -> Result<Vec<SequencedEvent>, LogError> {
        let client = self.databases.pool.get().await.map_err(|error| LogError::Unavailable(error.into()))?;
        let read = client.prepare_cached(READ).await.map_err(log_error)?;
        read_log(&client, &read, after, limit).await
    }

    /// The last position given, 0 when there is none.
    ///
    /// # Errors
    /// [`LogError`]
    pub async fn end(&self) -> Result<i64, LogError> {
        let client = self.databases.pool.get().await.map_err(|error| LogError::Unavailable(error.into()))?;
        let sql = "select coalesce((select position from engine.outbox order by position desc limit 1), 0)";
        Ok(client.query_one(sql, &[]).await.map_err(log_error)?.get(0))
    }

    /// Waits until the log may have grown.
    pub async fn grown(&mut self) {
        // The sender lives as long as the listener; without one, looking now and then is what remains.
        if let Ok(Err(_)) = timeout(IDLE, self.wakeups.ticked.changed()).await {
            sleep(IDLE).await;
        }
    }

    pub(crate) async fn hold(&self, subscription: &str) -> Result<PostgresClaim, LogError> {
        let (client, connection) = self.databases.dedicated().await.map_err(log_error)?;
        let lock = client.prepare("select pg_try_advisory_lock(hashtext($1), $2::smallint::integer)").await;
        let lock = lock.map_err(log_error)?;
        while !client.query_one(&lock, &[&subscription, &PARTITION]).await.map_err(log_error)?.get::<_, bool>(0) {
            sleep(TRY_AGAIN).await;
        }
        let sql = "select epoch, position from engine.take_over($1, $2)";
        let row = client.query_one(sql, &[&subscription, &PARTITION]).await.map_err(log_error)?;
        let claim = PostgresClaim {
            read: client.prepare(READ).await.map_err(log_error)?,
            advance: client.prepare("select engine.advance($1, $2, $3, $4)").await.map_err(log_error)?,
            subscription: subscription.to_owned(),
            epoch: row.get(0),
            checkpoint: row.get(1),
            ticked: tokio::sync::Mutex::new(self.wakeups.ticked.clone()),
            client,
            _connection: connection,
        };
        info!(subscription, epoch = claim.epoch, checkpoint = claim.checkpoint, "holding the subscription");
        Ok(claim)
    }
}

#[async_trait]
impl EventLog for PostgresLog {
    async fn claim(&self, subscription: &str) -> Result<Box<dyn Claim>, LogError> {
        Ok(Box::new(self.hold(subscription).await?))
    }
}

/// A subscription that this process holds, on a connection of its own.
pub(crate) struct PostgresClaim {
    subscription: String,
    epoch: i64,
    checkpoint: i64,
    read: Statement,
    advance: Statement,
    ticked: tokio::sync::Mutex<tokio::sync::watch::Receiver<()>>,
    client: Client,
    _connection: AbortOnDropHandle<()>,
}

impl PostgresClaim {
    /// The connection that holds the subscription; used by one task at a time.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

#[async_trait]
impl Claim for PostgresClaim {
    fn checkpoint(&self) -> i64 {
        self.checkpoint
    }

    async fn read(&self, after: i64, limit: u32) -> Result<Vec<SequencedEvent>, LogError> {
        read_log(&self.client, &self.read, after, limit).await
    }

    async fn advance(&self, position: i64) -> Result<(), LogError> {
        let parameters: [&(dyn ToSql + Sync); 4] = [&self.subscription, &PARTITION, &self.epoch, &position];
        let row = self.client.query_one(&self.advance, &parameters).await;
        if row.map_err(log_error)?.get(0) { Ok(()) } else { Err(LogError::Lost) }
    }

    async fn grown(&self) -> Result<(), LogError> {
        if self.client.is_closed() {
            return Err(LogError::Unavailable("the connection that holds the subscription is closed".into()));
        }
        match timeout(IDLE, async { self.ticked.lock().await.changed().await }).await {
            Ok(Ok(())) | Err(_) => Ok(()),
            Ok(Err(_)) => Err(LogError::Unavailable("nobody listens for notifications".into())),
        }
    }

    async fn release(self: Box<Self>) {
        // Closing the connection would do, but the server might take its time to notice.
        drop(self.client.execute("select pg_advisory_unlock_all()", &[]).await);
    }
}

async fn read_log(client: &Client, read: &Statement, after: i64, limit: u32) -> Result<Vec<SequencedEvent>, LogError> {
    let rows = client.query(read, &[&after, &i64::from(limit)]).await.map_err(log_error)?;
    rows.iter()
        .map(|row| {
            Ok(SequencedEvent {
                position: row.try_get(0)?,
                incarnation: row.try_get(1)?,
                tenant: row.try_get(2)?,
                stream: row.try_get(3)?,
                event: stored_event(row, 4)?,
            })
        })
        .collect::<Result<_, _>>()
        .map_err(log_error)
}
