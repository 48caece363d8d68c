//! The end of the global order, followed for those who want to hear of events at once.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use fairlead_application::{
    envelope::{Place, SequencedEvent},
    live::{Stretch, Tail, TenantStream},
    log::LogError,
};
use fairlead_domain::kernel::Belonging;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use crate::{Databases, VaultError, Wakeups, connect::log_error, event_store::stored_event, vault::Hold};

/// Without a notification the log is looked at this often; one can be lost with a connection.
const IDLE: Duration = Duration::from_secs(1);

/// The stretch is read by position alone, and contents only for the tenants that are listened to. The last row has an
/// event only if that is wanted too.
const READ: &str = "with span as materialized (
                      select o.position, o.incarnation, o.tenant_id, o.stream_id, o.version
                        from engine.outbox o where o.position > $1 order by o.position limit $2)
                    select s.position, s.incarnation, s.tenant_id, s.stream_id,
                           e.event_id, e.version, e.type, e.schema_version, e.data, e.metadata, e.occurred_at
                      from span s
                      left join engine.events e
                        on e.tenant_id = case when $3::uuid[] is null or s.tenant_id = any ($3) then s.tenant_id end
                       and e.stream_id = s.stream_id and e.version = s.version
                     where e.event_id is not null or s.position = (select max(position) from span)
                     order by s.position";
const BELONGINGS: &str =
    "select s.tenant_id, s.stream_id, (s.state ->> 'owner_id')::uuid, (s.state ->> 'project_id')::uuid
                            from unnest($1::uuid[], $2::uuid[]) as asked (tenant_id, stream_id)
                            join engine.streams s on s.tenant_id = asked.tenant_id and s.stream_id = asked.stream_id";
const END: &str = "select t.position, t.incarnation from engine.ticks t order by t.number desc limit 1";

/// The log in `PostgreSQL`, followed as a member of `fairlead_engine`.
pub struct PostgresTail {
    databases: Databases,
    wakeups: Wakeups,
}

impl PostgresTail {
    /// Follows the log of the engine's database.
    pub fn new(databases: Databases, wakeups: Wakeups) -> Self {
        Self { databases, wakeups }
    }
}

#[async_trait]
impl Tail for PostgresTail {
    async fn end(&self) -> Result<Place, LogError> {
        let client = self.databases.pool.get().await.map_err(|error| LogError::Unavailable(error.into()))?;
        let end = client.prepare_cached(END).await.map_err(log_error)?;
        let row = client.query_one(&end, &[]).await.map_err(log_error)?;
        let place = (row.try_get(0), row.try_get(1));
        Ok(Place { position: place.0.map_err(log_error)?, incarnation: place.1.map_err(log_error)? })
    }

    async fn read(&self, after: i64, limit: u32, tenants: Option<&[Uuid]>) -> Result<Option<Stretch>, LogError> {
        let client = self.databases.pool.get().await.map_err(|error| LogError::Unavailable(error.into()))?;
        let read = client.prepare_cached(READ).await.map_err(log_error)?;
        let parameters: [&(dyn ToSql + Sync); 3] = [&after, &i64::from(limit), &tenants];
        let rows = client.query(&read, &parameters).await.map_err(log_error)?;
        let Some(last) = rows.last() else { return Ok(None) };
        let reached = (last.try_get(0), last.try_get(1));
        let reached = Place { position: reached.0.map_err(log_error)?, incarnation: reached.1.map_err(log_error)? };
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            if row.try_get::<_, Option<Uuid>>(4).map_err(log_error)?.is_some() {
                events.push(SequencedEvent {
                    position: row.try_get(0).map_err(log_error)?,
                    incarnation: row.try_get(1).map_err(log_error)?,
                    tenant: row.try_get(2).map_err(log_error)?,
                    stream: row.try_get(3).map_err(log_error)?,
                    event: stored_event(row, 4).map_err(log_error)?,
                });
            }
        }
        self.databases.vault.open(&client, &mut events, Hold::No).await.map_err(VaultError::into_log)?;
        Ok(Some(Stretch { events, reached }))
    }

    async fn belongings(&self, streams: &[TenantStream]) -> Result<HashMap<TenantStream, Belonging>, LogError> {
        let client = self.databases.pool.get().await.map_err(|error| LogError::Unavailable(error.into()))?;
        let belongings = client.prepare_cached(BELONGINGS).await.map_err(log_error)?;
        let (tenants, streams): (Vec<_>, Vec<_>) = streams.iter().copied().unzip();
        let rows = client.query(&belongings, &[&tenants, &streams]).await.map_err(log_error)?;
        rows.iter().map(|row| belonging(row).map_err(log_error)).collect()
    }

    async fn grown(&mut self) {
        // The sender lives as long as the listener; without one, looking now and then is what remains.
        if let Ok(Err(_)) = timeout(IDLE, self.wakeups.ticked.changed()).await {
            sleep(IDLE).await;
        }
    }
}

fn belonging(row: &Row) -> Result<(TenantStream, Belonging), tokio_postgres::Error> {
    let owner_id = row.try_get::<_, Option<Uuid>>(2)?.map(Into::into);
    let project_id = row.try_get::<_, Option<Uuid>>(3)?.map(Into::into);
    Ok(((row.try_get(0)?, row.try_get(1)?), Belonging { owner_id, project_id }))
}
