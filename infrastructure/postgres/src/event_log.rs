//! The log in global order, with its contents.

use std::{collections::HashSet, time::Duration};

use deadpool_postgres::Object;
use fairlead_application::{envelope::SequencedEvent, log::LogError, subscription::Entry};
use tokio::time::{sleep, timeout};
use tokio_postgres::Row;

use crate::{
    Databases, VaultError, Wakeups,
    connect::log_error,
    event_store::stored_event,
    vault::{Hold, Vault},
};

/// Without a notification the log is looked at this often; one can be lost with a connection.
const IDLE: Duration = Duration::from_secs(1);

const READ: &str = "select o.position, o.incarnation, o.tenant_id, o.stream_id,
                           e.event_id, e.version, e.type, e.schema_version, e.data, e.metadata, e.occurred_at
                      from engine.outbox o
                      join engine.events e using (tenant_id, stream_id, version)
                     where o.position > $1 order by o.position limit $2";

const EVENTS: &str = "select o.position, o.incarnation, tenant_id, stream_id,
                             e.event_id, e.version, e.type, e.schema_version, e.data, e.metadata, e.occurred_at
                        from unnest($1::bigint[], $2::integer[], $3::uuid[], $4::uuid[], $5::bigint[])
                             with ordinality as o (position, incarnation, tenant_id, stream_id, version, n)
                        join engine.events e using (tenant_id, stream_id, version)
                       where $6::text[] is null or e.type = any ($6) order by o.n";

/// Whether all of some organizations were purged.
const PURGED: &str = "select not exists (select from unnest($1::uuid[]) as w (tenant_id)
                                           where not exists (select from engine.purged p where p.tenant_id = w.tenant_id))";

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
        let rows = client.query(&read, &[&after, &i64::from(limit)]).await.map_err(log_error)?;
        opened(&client, &self.databases.vault, &rows, Hold::No).await
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
}

/// The events behind some entries, in the order of the entries. Those of organizations that were purged meanwhile are left
/// out.
pub(crate) async fn events_of(
    client: &Object,
    vault: &Vault,
    entries: &[Entry],
    hold: Hold,
) -> Result<Vec<SequencedEvent>, LogError> {
    let rows = rows_of(client, entries, None).await?;
    if rows.len() != entries.len() && !are_purged(client, entries, &rows).await? {
        return Err(LogError::Internal("the log refers to events that are not there".into()));
    }
    opened(client, vault, &rows, hold).await
}

/// Whether all entries without an event are of organizations that were purged.
async fn are_purged(client: &Object, entries: &[Entry], rows: &[Row]) -> Result<bool, LogError> {
    let found = rows.iter().map(|row| row.try_get(0)).collect::<Result<HashSet<i64>, _>>().map_err(log_error)?;
    let missing = entries.iter().filter(|entry| !found.contains(&entry.position)).map(|entry| entry.tenant);
    let tenants: Vec<_> = missing.collect::<HashSet<_>>().into_iter().collect();
    let row = client.query_one(PURGED, &[&tenants]).await.map_err(log_error)?;
    row.try_get(0).map_err(log_error)
}

/// Those of the events behind some entries that are of some types, in the order of the entries.
pub(crate) async fn events_of_types(
    client: &Object,
    vault: &Vault,
    entries: &[Entry],
    types: &[&str],
) -> Result<Vec<SequencedEvent>, LogError> {
    opened(client, vault, &rows_of(client, entries, Some(types)).await?, Hold::No).await
}

async fn rows_of(client: &Object, entries: &[Entry], types: Option<&[&str]>) -> Result<Vec<Row>, LogError> {
    let read = client.prepare_cached(EVENTS).await.map_err(log_error)?;
    let positions: Vec<_> = entries.iter().map(|entry| entry.position).collect();
    let incarnations: Vec<_> = entries.iter().map(|entry| entry.incarnation).collect();
    let tenants: Vec<_> = entries.iter().map(|entry| entry.tenant).collect();
    let streams: Vec<_> = entries.iter().map(|entry| entry.stream).collect();
    let versions: Vec<_> = entries.iter().map(|entry| entry.version).collect();
    client.query(&read, &[&positions, &incarnations, &tenants, &streams, &versions, &types]).await.map_err(log_error)
}

/// Reads events, and opens what is sealed in them.
async fn opened(client: &Object, vault: &Vault, rows: &[Row], hold: Hold) -> Result<Vec<SequencedEvent>, LogError> {
    let mut events = rows.iter().map(sequenced).collect::<Result<Vec<_>, _>>().map_err(log_error)?;
    vault.open(client, &mut events, hold).await.map_err(VaultError::into_log)?;
    Ok(events)
}

fn sequenced(row: &Row) -> Result<SequencedEvent, tokio_postgres::Error> {
    Ok(SequencedEvent {
        position: row.try_get(0)?,
        incarnation: row.try_get(1)?,
        tenant: row.try_get(2)?,
        stream: row.try_get(3)?,
        event: stored_event(row, 4)?,
    })
}
