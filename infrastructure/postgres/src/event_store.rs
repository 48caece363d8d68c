//! The event store: each method is one statement, and so one round trip.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deadpool_postgres::{Object, PoolError};
use fairlead_application::{
    Context, Receipt,
    consistency::{ConsistencyToken, slot_bit},
    ports::{Answer, Append, Appended, EventStore, Loaded, Metadata, StoreError, StoredEvent, StoredStream},
};
use fairlead_domain::{ids::OrganizationId, kernel::UniqueKey};
use serde_json::value::RawValue;
use tokio_postgres::{
    Row, Statement,
    error::SqlState,
    types::{Json, ToSql},
};
use uuid::Uuid;

use crate::{Databases, Nudge};

/// The columns of a stream, in the order in which [`stored_stream`] reads them.
pub(crate) const STREAM_COLUMNS: &str =
    "stream_id, aggregate, version, state_version, state, created_at, updated_at, incarnation, xid::text::bigint";
/// The columns of an event `e`, in the order in which [`stored_event`] reads them.
pub(crate) const EVENT_COLUMNS: &str =
    "e.event_id, e.version, e.type, e.schema_version, e.data, e.metadata, e.occurred_at";

const LOAD: &str =
    "select stream_id, aggregate, version, state_version, state, created_at, updated_at, incarnation, xid,
                           fingerprint, receipts
                      from engine.load($1, $2, $3, $4)";
const APPEND: &str = "select answered, incarnation, xid, fingerprint, receipts
                        from engine.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                                           $19, $20, $21, $22, $23, $24, $25, $26, $27)";
const HISTORY: &str = "select event_id, version, type, schema_version, data, metadata, occurred_at
                         from engine.history($1, $2)";

/// Streams in `PostgreSQL`, reached as a member of `fairlead_app`.
pub struct PostgresStore {
    databases: Databases,
    nudge: Arc<Nudge>,
}

impl PostgresStore {
    /// A store that nudges the sequencer after each commit.
    pub fn new(databases: Databases, nudge: Arc<Nudge>) -> Self {
        Self { databases, nudge }
    }

    async fn prepared(&self, sql: &str) -> Result<(Object, Statement), StoreError> {
        let client = self.databases.pool.get().await.map_err(pool_error)?;
        let statement = client.prepare_cached(sql).await.map_err(store_error)?;
        Ok((client, statement))
    }
}

#[async_trait]
impl EventStore for PostgresStore {
    async fn load(&self, cx: &Context, streams: &[Uuid]) -> Result<Loaded, StoreError> {
        let (client, load) = self.prepared(LOAD).await?;
        let key = cx.idempotency.as_ref().map(|key| key.key.as_str());
        let parameters: [&(dyn ToSql + Sync); 4] = [&Uuid::from(cx.tenant()), &streams, &cx.actor().as_str(), &key];
        let rows = client.query(&load, &parameters).await.map_err(store_error)?;
        let mut loaded = Loaded::default();
        for row in &rows {
            match row.try_get::<_, Option<Uuid>>(0).map_err(internal)? {
                Some(_) => loaded.streams.push(stored_stream(row, 0, cx.tenant()).map_err(internal)?),
                None => loaded.answer = Some(answer(cx, row, 7).map_err(internal)?),
            }
        }
        Ok(loaded)
    }

    async fn append(&self, cx: &Context, append: Append) -> Result<Appended, StoreError> {
        let (client, statement) = self.prepared(APPEND).await?;
        let columns = Columns::of(&append);
        let key = cx.idempotency.as_ref();
        let row = client
            .query_one(
                &statement,
                &[
                    &Uuid::from(cx.tenant()),
                    &cx.actor().as_str(),
                    &key.map(|key| key.key.as_str()),
                    &key.map(|key| &key.fingerprint[..]),
                    &Json(&append.receipts),
                    &append.occurred_at,
                    &Json(Metadata::from(cx)),
                    &columns.streams,
                    &columns.aggregates,
                    &columns.expected,
                    &columns.versions,
                    &columns.states,
                    &columns.state_versions,
                    &columns.deleted,
                    &columns.released_scopes,
                    &columns.released_keys,
                    &columns.claimed_scopes,
                    &columns.claimed_keys,
                    &columns.claimed_streams,
                    &columns.event_streams,
                    &columns.event_versions,
                    &columns.event_ids,
                    &columns.types,
                    &columns.schema_versions,
                    &columns.data,
                    &append.seen.map(|seen| seen.incarnation),
                    &append.seen.map(|seen| seen.xid.cast_signed()),
                ],
            )
            .await
            .map_err(store_error)?;
        if row.try_get(0).map_err(internal)? {
            return answer(cx, &row, 1).map(Appended::Answered).map_err(internal);
        }
        self.nudge.sequencer();
        let written = columns.streams.iter().fold(0, |slots, stream| slots | slot_bit(cx.tenant(), *stream));
        token(&row, 1, append.seen.map_or(written, |seen| seen.slots)).map(Appended::Stored).map_err(internal)
    }

    async fn events(&self, cx: &Context, stream: Uuid) -> Result<Vec<StoredEvent>, StoreError> {
        let (client, history) = self.prepared(HISTORY).await?;
        let rows = client.query(&history, &[&Uuid::from(cx.tenant()), &stream]).await;
        let rows = rows.map_err(store_error)?;
        rows.iter().map(|row| stored_event(row, 0).map_err(internal)).collect()
    }
}

/// What an append brings, column by column, as `unnest` takes it.
#[derive(Default)]
struct Columns<'a> {
    streams: Vec<Uuid>,
    aggregates: Vec<&'a str>,
    expected: Vec<i64>,
    versions: Vec<i64>,
    states: Vec<Json<&'a RawValue>>,
    state_versions: Vec<i16>,
    deleted: Vec<bool>,
    released_scopes: Vec<&'a str>,
    released_keys: Vec<&'a str>,
    claimed_scopes: Vec<&'a str>,
    claimed_keys: Vec<&'a str>,
    claimed_streams: Vec<Uuid>,
    event_streams: Vec<Uuid>,
    event_versions: Vec<i64>,
    event_ids: Vec<Uuid>,
    types: Vec<&'a str>,
    schema_versions: Vec<i16>,
    data: Vec<Json<&'a serde_json::Value>>,
}

impl<'a> Columns<'a> {
    fn of(append: &'a Append) -> Self {
        let mut columns = Self::default();
        for stream in &append.streams {
            let mut version = stream.expected;
            for event in &stream.events {
                version += 1;
                columns.event_streams.push(stream.id);
                columns.event_versions.push(version);
                columns.event_ids.push(event.id);
                columns.types.push(&event.event_type);
                columns.schema_versions.push(event.schema_version);
                columns.data.push(Json(&event.data));
            }
            columns.streams.push(stream.id);
            columns.aggregates.push(stream.aggregate);
            columns.expected.push(stream.expected);
            columns.versions.push(version);
            columns.states.push(Json(&stream.state));
            columns.state_versions.push(stream.state_version);
            columns.deleted.push(stream.deleted);
            for UniqueKey { scope, value } in &stream.released {
                columns.released_scopes.push(scope);
                columns.released_keys.push(value);
            }
            for UniqueKey { scope, value } in &stream.claimed {
                columns.claimed_scopes.push(scope);
                columns.claimed_keys.push(value);
                columns.claimed_streams.push(stream.id);
            }
        }
        columns
    }
}

/// Reads a stream whose columns begin at `column`, in the order of [`STREAM_COLUMNS`].
pub(crate) fn stored_stream(
    row: &Row,
    column: usize,
    tenant: OrganizationId,
) -> Result<StoredStream, tokio_postgres::Error> {
    let id = row.try_get(column)?;
    Ok(StoredStream {
        id,
        aggregate: row.try_get(column + 1)?,
        version: row.try_get(column + 2)?,
        state_version: row.try_get(column + 3)?,
        state: row.try_get::<_, Json<Box<RawValue>>>(column + 4)?.0,
        created_at: row.try_get(column + 5)?,
        updated_at: row.try_get(column + 6)?,
        token: token(row, column + 7, slot_bit(tenant, id))?,
    })
}

/// Reads incarnation and xid, which stand at `column` and behind it.
fn token(row: &Row, column: usize, slots: u64) -> Result<ConsistencyToken, tokio_postgres::Error> {
    let xid: i64 = row.try_get(column + 1)?;
    Ok(ConsistencyToken { incarnation: row.try_get(column)?, xid: xid.cast_unsigned(), slots })
}

/// Reads an earlier answer: incarnation, xid, fingerprint and receipts, which stand at `column` and behind it.
fn answer(cx: &Context, row: &Row, column: usize) -> Result<Answer, tokio_postgres::Error> {
    let Json(receipts) = row.try_get::<_, Json<Vec<Receipt>>>(column + 3)?;
    let slots = receipts.iter().fold(0, |slots, receipt| slots | slot_bit(cx.tenant(), receipt.id));
    let fingerprint: &[u8] = row.try_get(column + 2)?;
    let fingerprint = fingerprint.try_into().unwrap_or_default();
    Ok(Answer { fingerprint, receipts, token: token(row, column, slots)? })
}

/// Reads an event whose columns begin at `column`, in the order of [`EVENT_COLUMNS`].
pub(crate) fn stored_event(row: &Row, column: usize) -> Result<StoredEvent, tokio_postgres::Error> {
    Ok(StoredEvent {
        id: row.try_get(column)?,
        version: row.try_get(column + 1)?,
        event_type: row.try_get(column + 2)?,
        schema_version: row.try_get(column + 3)?,
        data: row.try_get(column + 4)?,
        metadata: row.try_get::<_, Json<Metadata>>(column + 5)?.0,
        occurred_at: row.try_get::<_, DateTime<Utc>>(column + 6)?,
    })
}

/// Whether the same statement may succeed later: connection lost, shutting down, out of resources, timed out, locked.
pub(crate) fn is_transient(code: &SqlState) -> bool {
    let class = code.code().get(..2).unwrap_or_default();
    matches!(class, "08" | "53" | "57" | "58") || *code == SqlState::LOCK_NOT_AVAILABLE
}

fn store_error(error: tokio_postgres::Error) -> StoreError {
    let Some(database) = error.as_db_error() else {
        return StoreError::Unavailable(error.into());
    };
    let code = database.code();
    match code.code() {
        "FL001" => StoreError::Stale,
        "FL004" => StoreError::KeyInProgress,
        "FL002" => StoreError::Taken { scope: database.detail().unwrap_or("key").to_owned() },
        _ if *code == SqlState::T_R_DEADLOCK_DETECTED || *code == SqlState::T_R_SERIALIZATION_FAILURE => {
            StoreError::Stale
        }
        _ if is_transient(code) => StoreError::Unavailable(error.into()),
        _ => StoreError::Internal(error.into()),
    }
}

fn pool_error(error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => store_error(error),
        error => StoreError::Unavailable(error.into()),
    }
}

fn internal(error: tokio_postgres::Error) -> StoreError {
    StoreError::Internal(error.into())
}
