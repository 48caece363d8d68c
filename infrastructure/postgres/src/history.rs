//! Reading history as a tenant: each method is one statement, by indexes alone.

use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::Object;
use fairlead_application::{
    AppError, Context,
    access::Extent,
    consistency::ConsistencyToken,
    envelope::{Place, SequencedEvent},
    history::{Gap, HistoryPort, LogPage, LogQuery, RecordPage, Wanted},
    ports::StoreError,
};
use fairlead_domain::ids::ProjectId;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use crate::{
    PostgresStore, VaultError,
    event_store::{internal, store_error, stored_event},
};

/// How many of a tenant's events are looked through for one page, when not all are wanted.
const SPAN: i32 = 2000;
/// A reader whose own write is not in the log by then is told so.
const DEADLINE: Duration = Duration::from_secs(3);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// The columns behind `at` and `stream_id` are those that [`stored_event`] reads.
const READ_LOG: &str = "select at, incarnation, stream_id, used_up,
                               event_id, version, type, schema_version, data, metadata, occurred_at
                          from engine.read_log($1, $2, $3, $4, $5, $6, $7)";
const READ_LOG_WITHIN: &str = "select at, incarnation, stream_id, used_up,
                                      event_id, version, type, schema_version, data, metadata, occurred_at
                                 from engine.read_log_within($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const READ_RECORD: &str = "select event_id, version, type, schema_version, data, metadata, occurred_at
                             from engine.read_record($1, $2, $3, $4, $5)";
const READ_RECORD_WITHIN: &str = "select event_id, version, type, schema_version, data, metadata, occurred_at
                                    from engine.read_record_within($1, $2, $3, $4, $5, $6, $7)";
const GAP: &str = "select engine.gap($1, $2, $3, $4)";
const STAMPED: &str = "select engine.stamped($1, $2)";

#[async_trait]
impl HistoryPort for PostgresStore {
    async fn log(&self, cx: &Context, query: &LogQuery) -> Result<LogPage, AppError> {
        if let Some(token) = cx.read_after {
            self.wait_for(token).await?;
        }
        let tenant = Uuid::from(cx.tenant());
        let limit = i32::from(query.limit);
        // One more tells whether this page is the last one.
        let span = if query.wanted.is_everything() { limit + 1 } else { SPAN };
        let (event_type, reached) = (query.wanted.event_type(), Reached::of(&query.wanted));
        let wanted: [&(dyn ToSql + Sync); 7] =
            [&tenant, &query.after, &query.until, &span, &limit, &reached.aggregates, &event_type];
        let within: [&(dyn ToSql + Sync); 4] = [&reached.parts, &reached.own, &reached.owner, &reached.projects];
        let (client, mut rows) = if query.wanted.is_partial() {
            self.queried(READ_LOG_WITHIN, &[&wanted[..], &within].concat()).await?
        } else {
            self.queried(READ_LOG, &wanted).await?
        };
        let last = rows.pop().ok_or_else(|| AppError::internal("the log tells how far it was read"))?;
        let end: i64 = last.try_get(0).map_err(internal)?;
        let used_up: bool = last.try_get(3).map_err(internal)?;
        let events = rows.iter().map(|row| {
            Ok(SequencedEvent {
                position: row.try_get(0)?,
                incarnation: row.try_get(1)?,
                tenant,
                stream: row.try_get(2)?,
                event: stored_event(row, 4)?,
            })
        });
        let mut events = events.collect::<Result<Vec<_>, tokio_postgres::Error>>().map_err(internal)?;
        let opened = self.databases.vault.open_as_app(&client, tenant, &mut events).await;
        opened.map_err(VaultError::into_store)?;
        // What comes behind a full page was not looked at.
        let full = events.last().map(|event| event.position).filter(|_| events.len() >= usize::from(query.limit));
        let reached = full.unwrap_or(end);
        Ok(LogPage { events, reached, more: reached < end || used_up })
    }

    async fn record(
        &self,
        cx: &Context,
        aggregate: &'static str,
        within: Extent<'_>,
        stream: Uuid,
        after: i64,
        limit: u16,
    ) -> Result<Option<RecordPage>, AppError> {
        let (tenant, one_more) = (Uuid::from(cx.tenant()), i32::from(limit) + 1);
        let wanted: [&(dyn ToSql + Sync); 5] = [&tenant, &stream, &aggregate, &after, &one_more];
        let (client, rows) = match within {
            Extent::Nothing => return Ok(None),
            Extent::Everything => self.queried(READ_RECORD, &wanted).await?,
            Extent::Part { owner, projects } => {
                let (owner, projects) = (owner.map(Uuid::from), projects.map(ids));
                self.queried(READ_RECORD_WITHIN, &[&wanted[..], &[&owner, &projects]].concat()).await?
            }
        };
        let Some((_, rows)) = rows.split_first() else { return Ok(None) };
        let events = rows.iter().take(limit.into()).map(|row| stored_event(row, 0));
        let mut events = events.collect::<Result<Vec<_>, _>>().map_err(internal)?;
        let opened = self.databases.vault.open_stream_as_app(&client, cx.tenant().into(), stream, &mut events).await;
        opened.map_err(VaultError::into_store)?;
        Ok(Some(RecordPage { events, more: rows.len() > usize::from(limit) }))
    }

    async fn gap(&self, cx: &Context, after: Place, limit: u32) -> Result<Gap, AppError> {
        let (client, gap) = self.prepared(GAP).await?;
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let parameters: [&(dyn ToSql + Sync); 4] =
            [&Uuid::from(cx.tenant()), &after.incarnation, &after.position, &limit];
        let row = client.query_one(&gap, &parameters).await.map_err(store_error)?;
        let missed: Option<i64> = row.try_get(0).map_err(internal)?;
        Ok(missed.map_or(Gap::Unknown, |missed| Gap::Missed(missed.try_into().unwrap_or(u32::MAX))))
    }
}

/// What is wanted, as the database is told.
#[derive(Default)]
struct Reached {
    /// Of which every record is within.
    aggregates: Vec<&'static str>,
    /// Of which those in the projects are.
    parts: Vec<&'static str>,
    /// Of which the owner's in the projects are.
    own: Vec<&'static str>,
    owner: Option<Uuid>,
    projects: Option<Vec<Uuid>>,
}

impl Reached {
    /// Owner and projects are the same wherever they are named, since one caller asks.
    fn of(wanted: &Wanted) -> Self {
        let mut reached = Self::default();
        for (name, extent) in wanted.aggregates() {
            match extent {
                Extent::Nothing => {}
                Extent::Everything => reached.aggregates.push(name),
                Extent::Part { owner, projects } => {
                    if owner.is_some() { &mut reached.own } else { &mut reached.parts }.push(name);
                    reached.owner = owner.map(Uuid::from).or(reached.owner);
                    reached.projects = projects.map(ids).or(reached.projects);
                }
            }
        }
        reached
    }
}

pub(crate) fn ids(projects: &[ProjectId]) -> Vec<Uuid> {
    projects.iter().copied().map(Uuid::from).collect()
}

impl PostgresStore {
    async fn queried(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<(Object, Vec<Row>), StoreError> {
        let (client, statement) = self.prepared(sql).await?;
        let rows = client.query(&statement, parameters).await.map_err(store_error)?;
        Ok((client, rows))
    }

    /// Waits until the log holds the write.
    async fn wait_for(&self, token: ConsistencyToken) -> Result<(), AppError> {
        let deadline = Instant::now() + DEADLINE;
        while !self.stamped(token).await? {
            if Instant::now() + PAUSE > deadline {
                return Err(AppError::NotYetVisible);
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn stamped(&self, token: ConsistencyToken) -> Result<bool, StoreError> {
        // The connection goes back between two looks, so that waiting readers don't use up the pool.
        let (client, stamped) = self.prepared(STAMPED).await?;
        let row = client.query_one(&stamped, &[&token.incarnation, &token.xid.cast_signed()]).await;
        row.map_err(store_error)?.try_get(0).map_err(internal)
    }
}
