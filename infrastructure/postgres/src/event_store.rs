//! The event store: each method is one statement, and so one round trip.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deadpool_postgres::{Object, PoolError};
use fairlead_application::{
    AppError, Context, StepAnswer,
    consistency::{ConsistencyToken, slot_bit},
    identity::Directory,
    ports::{
        Answer, Append, Appended, EventStore, Loaded, Metadata, RegisterQuery, RelatedQuery, Relation, Secrets,
        StoreError, StoredEvent, StoredStream, SubjectKey, TakenClaim,
    },
};
use fairlead_domain::{
    ids::{OrganizationId, UserId},
    kernel::UniqueKey,
};
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
    append::{Form, send},
    vault::{Vault, subject_key},
    work::{Savepoint, Work},
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
const REGISTER: &str =
    "select stream_id, aggregate, version, state_version, state, created_at, updated_at, incarnation, xid
                          from engine.register($1, $2, $3, $4, $5)";
const STREAMS_ABOUT: &str = "select stream_id from engine.streams_about($1, $2, $3, $4, $5)";
const REFERRERS: &str = "select stream_id from engine.referrers($1, $2, $3, $4, $5)";

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

    async fn client(&self) -> Result<Object, StoreError> {
        self.databases.pool.get().await.map_err(pool_error)
    }

    pub(crate) async fn prepared(&self, sql: &str) -> Result<(Object, Statement), StoreError> {
        let client = self.client().await?;
        let statement = client.prepare_cached(sql).await.map_err(store_error)?;
        Ok((client, statement))
    }

    fn on<'a>(&'a self, client: &'a Object) -> Statements<'a> {
        Statements { client, vault: &self.databases.vault }
    }
}

#[async_trait]
impl EventStore for PostgresStore {
    #[instrument(level = "debug", skip_all)]
    async fn load(&self, cx: &Context, streams: &[Uuid]) -> Result<Loaded, StoreError> {
        self.on(&self.client().await?).load(cx, streams).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn append(&self, cx: &Context, append: Append) -> Result<Appended, StoreError> {
        let appended = self.on(&self.client().await?).append(cx, &append, None).await?;
        if let Appended::Stored(token) = appended {
            self.nudge.sequencer(token);
        }
        Ok(appended)
    }

    async fn holders(&self, cx: &Context, keys: &[UniqueKey]) -> Result<Vec<Option<Uuid>>, StoreError> {
        self.on(&self.client().await?).holders(cx, keys).await
    }

    async fn events(&self, cx: &Context, stream: Uuid) -> Result<Vec<StoredEvent>, StoreError> {
        self.on(&self.client().await?).events(cx, stream).await
    }

    async fn secrets(&self, cx: &Context, stream: Uuid) -> Result<Secrets, StoreError> {
        self.on(&self.client().await?).secrets(cx, stream).await
    }

    async fn register(&self, cx: &Context, query: &RegisterQuery) -> Result<Vec<StoredStream>, StoreError> {
        self.on(&self.client().await?).register(cx, query).await
    }

    async fn related(&self, cx: &Context, query: &RelatedQuery) -> Result<Vec<Uuid>, StoreError> {
        self.on(&self.client().await?).related(cx, query).await
    }
}

#[async_trait]
impl Directory for PostgresStore {
    async fn organizations_of(&self, user: UserId) -> Result<Vec<OrganizationId>, AppError> {
        let (client, statement) = self.prepared("select identity.organizations_of($1)").await?;
        let rows = client.query(&statement, &[&Uuid::from(user)]).await.map_err(store_error)?;
        let tenants = rows.iter().map(|row| row.try_get::<_, Uuid>(0).map(Into::into)).collect::<Result<_, _>>();
        Ok(tenants.map_err(internal)?)
    }
}

/// The same within the transaction that is open on a connection, as `fairlead_app`. Who owns the transaction commits it, and
/// nudges the sequencer.
pub(crate) struct TransactionStore {
    pub(crate) work: Arc<Work>,
    pub(crate) vault: Vault,
}

impl TransactionStore {
    fn statements(&self) -> Result<Statements<'_>, StoreError> {
        Ok(Statements { client: self.work.client().map_err(internal)?, vault: &self.vault })
    }
}

#[async_trait]
impl EventStore for TransactionStore {
    async fn load(&self, cx: &Context, streams: &[Uuid]) -> Result<Loaded, StoreError> {
        self.statements()?.load(cx, streams).await
    }

    async fn append(&self, cx: &Context, append: Append) -> Result<Appended, StoreError> {
        // An append that is refused would end the transaction otherwise.
        self.statements()?.append(cx, &append, Some(Savepoint("append"))).await
    }

    async fn holders(&self, cx: &Context, keys: &[UniqueKey]) -> Result<Vec<Option<Uuid>>, StoreError> {
        self.statements()?.holders(cx, keys).await
    }

    async fn events(&self, cx: &Context, stream: Uuid) -> Result<Vec<StoredEvent>, StoreError> {
        self.statements()?.events(cx, stream).await
    }

    async fn secrets(&self, cx: &Context, stream: Uuid) -> Result<Secrets, StoreError> {
        self.statements()?.secrets(cx, stream).await
    }

    async fn register(&self, cx: &Context, query: &RegisterQuery) -> Result<Vec<StoredStream>, StoreError> {
        self.statements()?.register(cx, query).await
    }

    async fn related(&self, cx: &Context, query: &RelatedQuery) -> Result<Vec<Uuid>, StoreError> {
        self.statements()?.related(cx, query).await
    }
}

/// What the store asks of a connection.
struct Statements<'a> {
    client: &'a Object,
    vault: &'a Vault,
}

impl Statements<'_> {
    async fn prepared(&self, sql: &str) -> Result<Statement, StoreError> {
        self.client.prepare_cached(sql).await.map_err(store_error)
    }

    async fn load(&self, cx: &Context, streams: &[Uuid]) -> Result<Loaded, StoreError> {
        let load = self.prepared(LOAD).await?;
        let key = cx.idempotency.as_ref().map(|key| key.key.as_str());
        let parameters: [&(dyn ToSql + Sync); 4] = [&Uuid::from(cx.tenant()), &streams, &cx.actor().as_str(), &key];
        let rows = self.client.query(&load, &parameters).await.map_err(store_error)?;
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

    async fn append(
        &self,
        cx: &Context,
        append: &Append,
        savepoint: Option<Savepoint>,
    ) -> Result<Appended, StoreError> {
        let form = Form::of(append);
        let (client, statement) = (self.client, self.prepared(form.sql()).await?);
        let (vault, tenant) = (self.vault, Uuid::from(cx.tenant()));
        for attempt in 1..=MAX_SEALINGS {
            let sealed = match vault.seal(client, tenant, append, attempt > 1).await {
                Ok(sealed) => sealed,
                Err(VaultError::Moved) => {
                    vault.forget(tenant);
                    continue;
                }
                Err(error) => return Err(error.into_store()),
            };
            let sending = send(client, &statement, cx, (form, append), &sealed);
            let row = match savepoint {
                // Sent together, so that it takes no more time.
                Some(savepoint) => tokio::join!(savepoint.set(client), sending).1,
                None => sending.await,
            };
            let error = match row {
                Ok(row) => return appended(cx, append, &row).map_err(internal),
                Err(error) => error,
            };
            if let Some(savepoint) = savepoint {
                savepoint.roll_back(client).await.map_err(store_error)?;
            }
            if error.code().is_none_or(|code| code.code() != "FL005") {
                return Err(store_error(error));
            }
            vault.forget(tenant);
        }
        Err(StoreError::Stale { streams: Vec::new() })
    }

    async fn holders(&self, cx: &Context, keys: &[UniqueKey]) -> Result<Vec<Option<Uuid>>, StoreError> {
        let holders = self.prepared(HOLDERS).await?;
        let scopes: Vec<_> = keys.iter().map(|key| key.scope).collect();
        let values: Vec<_> = keys.iter().map(|key| key.value.as_str()).collect();
        let rows = self.client.query(&holders, &[&Uuid::from(cx.tenant()), &scopes, &values]).await;
        rows.map_err(store_error)?.iter().map(|row| row.try_get(0).map_err(internal)).collect()
    }

    async fn events(&self, cx: &Context, stream: Uuid) -> Result<Vec<StoredEvent>, StoreError> {
        let history = self.prepared(HISTORY).await?;
        let rows = self.client.query(&history, &[&Uuid::from(cx.tenant()), &stream]).await;
        let rows = rows.map_err(store_error)?;
        let events = rows.iter().map(|row| stored_event(row, 0)).collect::<Result<Vec<_>, _>>();
        let mut events = events.map_err(internal)?;
        let opened = self.vault.open_stream_as_app(self.client, cx.tenant().into(), stream, &mut events).await;
        opened.map_err(VaultError::into_store)?;
        Ok(events)
    }

    async fn secrets(&self, cx: &Context, stream: Uuid) -> Result<Secrets, StoreError> {
        self.vault.secrets(self.client, cx.tenant().into(), stream).await.map_err(VaultError::into_store)
    }

    async fn register(&self, cx: &Context, query: &RegisterQuery) -> Result<Vec<StoredStream>, StoreError> {
        let register = self.prepared(REGISTER).await?;
        let user = query.user.map(|user| user.to_string());
        let parameters: [&(dyn ToSql + Sync); 5] =
            [&Uuid::from(cx.tenant()), &query.aggregate, &user, &query.after, &i32::from(query.limit)];
        let rows = self.client.query(&register, &parameters).await.map_err(store_error)?;
        rows.iter().map(|row| stored_stream(row, 0, cx.tenant()).map_err(internal)).collect()
    }

    async fn related(&self, cx: &Context, query: &RelatedQuery) -> Result<Vec<Uuid>, StoreError> {
        let related = match query.relation {
            Relation::TellsOf => self.prepared(STREAMS_ABOUT).await?,
            Relation::RefersTo => self.prepared(REFERRERS).await?,
        };
        let parameters: [&(dyn ToSql + Sync); 5] =
            [&Uuid::from(cx.tenant()), &query.record, &query.aggregate, &query.after, &i32::from(query.limit)];
        let rows = self.client.query(&related, &parameters).await.map_err(store_error)?;
        rows.iter().map(|row| row.try_get(0).map_err(internal)).collect()
    }
}

fn appended(cx: &Context, append: &Append, row: &Row) -> Result<Appended, tokio_postgres::Error> {
    if row.try_get(0)? {
        return answer(cx, row, 1).map(Appended::Answered);
    }
    let written = append.streams.iter().fold(0, |slots, stream| slots | slot_bit(cx.tenant(), stream.id));
    token(row, 1, append.seen.map_or(written, |seen| seen.slots)).map(Appended::Stored)
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

pub(crate) fn pool_error(error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => store_error(error),
        error => StoreError::Unavailable(error.into()),
    }
}

pub(crate) fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::Internal(error.into())
}
