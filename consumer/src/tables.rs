//! The tables, as the handling of messages uses them.

use std::{sync::Arc, time::Duration};

use deadpool_postgres::{Client, GenericClient, Pool, PoolError, Transaction};
use futures::try_join;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::{
    Event, InstallError,
    decide::{Next, Seen},
    handler::Trouble,
    install::quoted,
    message::Message,
};

/// The database did not do it.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    /// There is no connection.
    #[error("no connection to the database")]
    Pool(#[from] PoolError),
    /// A statement failed.
    #[error("the database failed")]
    Database(#[from] tokio_postgres::Error),
}

/// The inbox and the held messages of one consumer.
#[derive(Clone)]
pub(crate) struct Tables {
    pool: Pool,
    schema: Arc<str>,
    pub(crate) consumer: Arc<str>,
}

/// A stream, as the tables name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StreamKey {
    pub(crate) tenant: Uuid,
    pub(crate) stream: Uuid,
}

impl From<&Event> for StreamKey {
    fn from(event: &Event) -> Self {
        Self { tenant: event.tenant.into(), stream: event.stream }
    }
}

/// Work on one stream excludes all other work on it, by whichever process, until the transaction ends. A collision of
/// hashes only makes one stream wait for another.
const LOCK: &str = "select pg_advisory_xact_lock(hashtextextended($2::text || $1::uuid || $3::uuid, 0))";
const TRY_LOCK: &str = "select pg_try_advisory_xact_lock(hashtextextended($2::text || $1::uuid || $3::uuid, 0))";

impl Tables {
    pub(crate) fn new(pool: Pool, schema: &str, consumer: &str) -> Result<Self, InstallError> {
        Ok(Self { pool, schema: quoted(schema)?.into(), consumer: consumer.into() })
    }

    pub(crate) async fn client(&self) -> Result<Client, TablesError> {
        Ok(self.pool.get().await?)
    }

    /// A statement; `@` stands for the schema, which can't be a parameter and is checked when the tables are named.
    pub(crate) fn sql(&self, text: &str) -> String {
        text.replace('@', &self.schema)
    }

    /// Executes a statement, prepared once a connection.
    pub(crate) async fn execute(
        &self,
        client: &impl GenericClient,
        text: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, tokio_postgres::Error> {
        let statement = client.prepare_cached(&self.sql(text)).await?;
        client.execute(&statement, parameters).await
    }

    /// Waits for the stream's lock, and says what is known of the event. One round trip: the second statement is sent
    /// behind the first, and sees what was committed before the lock was granted.
    pub(crate) async fn look(&self, transaction: &Transaction<'_>, event: &Event) -> Result<Seen, TablesError> {
        let sql = self.sql(
            "select exists (select from @.inbox where tenant_id = $1 and consumer = $2 and event_id = $4),
                    exists (select from @.inbox_held where tenant_id = $1 and consumer = $2 and event_id = $4),
                    exists (select from @.inbox_held where tenant_id = $1 and consumer = $2 and stream_id = $3)",
        );
        let (lock, sql) = (transaction.prepare_cached(LOCK).await?, transaction.prepare_cached(&sql).await?);
        let StreamKey { tenant, stream } = event.into();
        let key: [&(dyn ToSql + Sync); 4] = [&tenant, &&*self.consumer, &stream, &event.id];
        let (_, row) = try_join!(transaction.query_one(&lock, &key[..3]), transaction.query_one(&sql, &key))?;
        Ok(Seen { handled: row.get(0), held: row.get(1), stream_held: row.get(2) })
    }

    /// Waits for the stream's lock.
    pub(crate) async fn lock(
        &self,
        transaction: &Transaction<'_>,
        key: StreamKey,
    ) -> Result<(), tokio_postgres::Error> {
        self.execute(transaction, LOCK, &[&key.tenant, &&*self.consumer, &key.stream]).await.map(drop)
    }

    /// Takes the stream's lock, unless somebody has it.
    pub(crate) async fn try_lock(&self, transaction: &Transaction<'_>, key: StreamKey) -> Result<bool, TablesError> {
        let statement = transaction.prepare_cached(TRY_LOCK).await?;
        let row = transaction.query_one(&statement, &[&key.tenant, &&*self.consumer, &key.stream]).await?;
        Ok(row.get(0))
    }

    /// Records that the event takes effect with this transaction. Fails in a transaction that has failed: a commit would
    /// say nothing, and undo everything.
    pub(crate) async fn record(
        &self,
        transaction: &Transaction<'_>,
        event: &Event,
    ) -> Result<(), tokio_postgres::Error> {
        let sql = "insert into @.inbox (tenant_id, consumer, event_id) values ($1, $2, $3)";
        let parameters: [&(dyn ToSql + Sync); 3] = [&Uuid::from(event.tenant), &&*self.consumer, &event.id];
        self.execute(transaction, sql, &parameters).await.map(drop)
    }

    /// Sets a message aside: behind the others of its stream, or as the head of a stream that waits from now on.
    pub(crate) async fn hold(
        &self,
        transaction: &Transaction<'_>,
        message: &Message,
        head: Option<(&Trouble, Next)>,
    ) -> Result<(), TablesError> {
        let sql =
            "insert into @.inbox_held (tenant_id, consumer, stream_id, number, event_id, routing_key, body, attempts,
                                             reason, error, failed_at, due_at, dead_at)
                   select $1, $2, $3, coalesce(max(number), 0) + 1, $4, $5, $6, $7, $8::text, $9,
                          case when $8::text is not null then now() end, now() + $10::float8 * interval '1 second',
                          case when $11 then now() end
                     from @.inbox_held where tenant_id = $1 and consumer = $2 and stream_id = $3";
        let StreamKey { tenant, stream } = (&message.event).into();
        let state = head.map(|(_, next)| State::of(next)).unwrap_or_default();
        let reason = head.map(|(trouble, _)| trouble.reason.as_str());
        let error = head.map(|(trouble, _)| text(&trouble.error));
        let parameters: [&(dyn ToSql + Sync); 11] = [
            &tenant,
            &&*self.consumer,
            &stream,
            &message.event.id,
            &message.routing_key,
            &message.body,
            &state.attempts,
            &reason,
            &error,
            &state.due_in,
            &state.dead,
        ];
        self.execute(transaction, sql, &parameters).await?;
        Ok(())
    }
}

/// What is stored of a head's future.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) attempts: i32,
    /// Seconds.
    pub(crate) due_in: Option<f64>,
    pub(crate) dead: bool,
}

impl State {
    pub(crate) fn of(next: Next) -> Self {
        match next {
            Next::Retry { delay, attempts } => {
                Self { attempts: attempts.try_into().unwrap_or(i32::MAX), due_in: Some(seconds(delay)), dead: false }
            }
            Next::Dead { attempts } => {
                Self { attempts: attempts.try_into().unwrap_or(i32::MAX), due_in: None, dead: true }
            }
        }
    }
}

pub(crate) fn seconds(delay: Duration) -> f64 {
    delay.as_secs_f64()
}

/// The longest error that is stored, in characters.
const LONGEST: usize = 2000;

/// An error as it can be stored: the database's text knows no NUL, and an operator reads no novels.
pub(crate) fn text(error: &str) -> String {
    error.chars().filter(|c| *c != '\0').take(LONGEST).collect()
}
