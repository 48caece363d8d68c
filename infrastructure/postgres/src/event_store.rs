//! The event store: each method is one statement, and so one round trip.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deadpool_postgres::{Object, PoolError};
use fairlead_application::{
    Context, StepAnswer,
    consistency::{ConsistencyToken, slot_bit},
    ports::{
        Answer, Append, Appended, EventStore, Loaded, Metadata, StoreError, StoredEvent, StoredStream, SubjectKey,
        TakenClaim,
    },
};
use fairlead_domain::{ids::OrganizationId, kernel::UniqueKey};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio_postgres::{
    Row, Statement,
    error::{DbError, SqlState},
    types::{Json, ToSql},
};
use tracing::instrument;
use uuid::Uuid;

use crate::{
    Databases, Nudge, VaultError,
    append::{APPEND, send},
    vault::subject_key,
};

/// How often an append is sealed anew because the keys changed meanwhile.
const MAX_SEALINGS: usize = 5;

/// The columns of a stream, in the order in which [`stored_stream`] reads them.
pub(crate) const STREAM_COLUMNS: &str =
    "stream_id, aggregate, version, state_version, state, created_at, updated_at, incarnation, xid::text::bigint";
/// The columns of an event `e`, in the order in which [`stored_event`] reads them.
pub(crate) const EVENT_COLUMNS: &str =
    "e.event_id, e.version, e.type, e.schema_version, e.data, e.metadata, e.occurred_at";

const LOAD: &str =
    "select stream_id, aggregate, version, state_version, state, created_at, updated_at, incarnation, xid,
                           fingerprint, receipts, has_subject_key, wrapped, tenant_key
                      from engine.load($1, $2, $3, $4)";
const HOLDERS: &str = "select stream_id from engine.holders($1, $2, $3) order by ordinal";
const HISTORY: &str = "select event_id, version, type, schema_version, data, metadata, occurred_at
                         from engine.history($1, $2)";

/// Streams in `PostgreSQL`, reached as a member of `fairlead_app`.
pub struct PostgresStore {
    pub(crate) databases: Databases,
    nudge: Arc<Nudge>,
}

impl PostgresStore {
    /// A store that nudges the sequencer after each commit.
    pub fn new(databases: Databases, nudge: Arc<Nudge>) -> Self {
        Self { databases, nudge }
    }

    fn appended(&self, cx: &Context, append: &Append, row: &Row) -> Result<Appended, tokio_postgres::Error> {
        if row.try_get(0)? {
            return answer(cx, row, 1).map(Appended::Answered);
        }
        let written = append.streams.iter().fold(0, |slots, stream| slots | slot_bit(cx.tenant(), stream.id));
        let token = token(row, 1, append.seen.map_or(written, |seen| seen.slots))?;
        self.nudge.sequencer(token);
        Ok(Appended::Stored(token))
    }

    pub(crate) async fn prepared(&self, sql: &str) -> Result<(Object, Statement), StoreError> {
        let client = self.databases.pool.get().await.map_err(pool_error)?;
        let statement = client.prepare_cached(sql).await.map_err(store_error)?;
        Ok((client, statement))
    }
}

#[async_trait]
impl EventStore for PostgresStore {
    #[instrument(level = "debug", skip_all)]
    async fn load(&self, cx: &Context, streams: &[Uuid]) -> Result<Loaded, StoreError> {
        let (client, load) = self.prepared(LOAD).await?;
        let key = cx.idempotency.as_ref().map(|key| key.key.as_str());
        let parameters: [&(dyn ToSql + Sync); 4] = [&Uuid::from(cx.tenant()), &streams, &cx.actor().as_str(), &key];
        let rows = client.query(&load, &parameters).await.map_err(store_error)?;
        let mut loaded = Loaded::default();
        for row in &rows {
            match row.try_get::<_, Option<Uuid>>(0).map_err(internal)? {
                Some(_) => {
                    let mut stream = stored_stream(row, 0, cx.tenant()).map_err(internal)?;
                    if row.try_get(11).map_err(internal)? {
                        stream.key = subject_key(row, 12).map_err(internal)?;
                    }
                    loaded.streams.push(stream);
                }
                None => loaded.answer = Some(answer(cx, row, 7).map_err(internal)?),
            }
        }
        Ok(loaded)
    }

    #[instrument(level = "debug", skip_all)]
    async fn append(&self, cx: &Context, append: Append) -> Result<Appended, StoreError> {
        let (client, statement) = self.prepared(APPEND).await?;
        let (vault, tenant) = (&self.databases.vault, Uuid::from(cx.tenant()));
        for attempt in 1..=MAX_SEALINGS {
            let row = match vault.seal(&client, tenant, &append, attempt > 1).await {
                Ok(sealed) => send(&client, &statement, cx, &append, &sealed).await,
                Err(VaultError::Moved) => {
                    vault.forget(tenant);
                    continue;
                }
                Err(error) => return Err(error.into_store()),
            };
            match row {
                Ok(row) => return self.appended(cx, &append, &row).map_err(internal),
                Err(error) if error.code().is_some_and(|code| code.code() == "FL005") => vault.forget(tenant),
                Err(error) => return Err(store_error(error)),
            }
        }
        Err(StoreError::Stale { streams: Vec::new() })
    }

    async fn holders(&self, cx: &Context, keys: &[UniqueKey]) -> Result<Vec<Option<Uuid>>, StoreError> {
        let (client, holders) = self.prepared(HOLDERS).await?;
        let scopes: Vec<_> = keys.iter().map(|key| key.scope).collect();
        let values: Vec<_> = keys.iter().map(|key| key.value.as_str()).collect();
        let rows = client.query(&holders, &[&Uuid::from(cx.tenant()), &scopes, &values]).await.map_err(store_error)?;
        rows.iter().map(|row| row.try_get(0).map_err(internal)).collect()
    }

    async fn events(&self, cx: &Context, stream: Uuid) -> Result<Vec<StoredEvent>, StoreError> {
        let (client, history) = self.prepared(HISTORY).await?;
        let rows = client.query(&history, &[&Uuid::from(cx.tenant()), &stream]).await;
        let rows = rows.map_err(store_error)?;
        let events = rows.iter().map(|row| stored_event(row, 0)).collect::<Result<Vec<_>, _>>();
        let (mut events, vault) = (events.map_err(internal)?, &self.databases.vault);
        let opened = vault.open_stream_as_app(&client, cx.tenant().into(), stream, &mut events).await;
        opened.map_err(VaultError::into_store)?;
        Ok(events)
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
        key: SubjectKey::Unknown,
    })
}

/// Reads incarnation and xid, which stand at `column` and behind it.
fn token(row: &Row, column: usize, slots: u64) -> Result<ConsistencyToken, tokio_postgres::Error> {
    let xid: i64 = row.try_get(column + 1)?;
    Ok(ConsistencyToken { incarnation: row.try_get(column)?, xid: xid.cast_unsigned(), slots })
}

/// Reads an earlier answer: incarnation, xid, fingerprint and receipts, which stand at `column` and behind it.
fn answer(cx: &Context, row: &Row, column: usize) -> Result<Answer, tokio_postgres::Error> {
    let Json(receipts) = row.try_get::<_, Json<Vec<StepAnswer>>>(column + 3)?;
    let slots = receipts.iter().fold(0, |slots, answer| match answer {
        StepAnswer::Done(receipt) => slots | slot_bit(cx.tenant(), receipt.id),
        StepAnswer::Refused(_) => slots,
    });
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

pub(crate) fn store_error(error: tokio_postgres::Error) -> StoreError {
    let Some(database) = error.as_db_error() else {
        return StoreError::Unavailable(error.into());
    };
    let code = database.code();
    match code.code() {
        "FL001" => named(database).map_or_else(internal, |streams| StoreError::Stale { streams }),
        "FL002" => named(database).map_or_else(internal, taken),
        "FL004" => StoreError::KeyInProgress,
        _ if *code == SqlState::T_R_DEADLOCK_DETECTED || *code == SqlState::T_R_SERIALIZATION_FAILURE => {
            StoreError::Stale { streams: Vec::new() }
        }
        _ if is_transient(code) => StoreError::Unavailable(error.into()),
        _ => StoreError::Internal(error.into()),
    }
}

/// What is in the way of an append, as the detail of its refusal lists it.
fn named<T: DeserializeOwned>(refusal: &DbError) -> Result<T, serde_json::Error> {
    serde_json::from_str(refusal.detail().unwrap_or_default())
}

fn taken(mut claims: Vec<TakenClaim>) -> StoreError {
    claims.sort_unstable();
    StoreError::Taken { claims }
}

fn pool_error(error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => store_error(error),
        error => StoreError::Unavailable(error.into()),
    }
}

pub(crate) fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::Internal(error.into())
}
