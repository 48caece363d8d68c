//! State projections: one row for each living stream, computed from its present, built anew by scanning the streams.

use std::{collections::HashSet, marker::PhantomData};

use async_trait::async_trait;
use deadpool_postgres::Object;
use fairlead_application::{
    Recorded,
    list::{Field, Listed},
    ports::StoredStream,
    recorded::{DecodeError, decode_state, refold},
    subscription::Entry,
};
use fairlead_domain::kernel::Aggregate;
use sea_orm::EntityTrait;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::{Projection, ProjectionError, upsert::Upsert};
use crate::{
    Beside, VaultError,
    event_store::{EVENT_COLUMNS, STREAM_COLUMNS, stored_event, stored_stream},
    vault::Vault,
};

/// The key of every table of states.
const KEY: &str = "tenant_id, id";

/// How an aggregate's state becomes a row of its read model.
///
/// The table has the columns `tenant_id`, `id`, `version`, `created_at`, `updated_at` and `state`, and those that its
/// fields are filtered and sorted by.
pub trait StateProjection: Send + Sync + 'static {
    /// Whose states.
    type Aggregate: Listed;
    /// The table.
    type Entity: EntityTrait<Model: Serialize>;
    /// The subscription's name, and the table's, with its schema: `crm.contacts`.
    const NAME: &'static str;
    /// Where the aggregate is [searched](Listed::SEARCHED), the function by which rows are found by words, which the table then has in the column `words`, and by parts of texts.
    /// It stands above the policies and names the rows of the tenant that meet everything it is given. Its parameters are
    /// `p_words`, `p_most`, and for each field by which lists are filtered `p_<name>`: of a text its part, of several texts,
    /// labels and ids those that must all be there, and of several texts also `p_<name>_part`. It returns `uuid[]`, or null when
    /// there are more than `p_most`.
    const LOOKUP: Option<&'static str> = None;
    /// Where lists are filtered and sorted by custom attributes, the schema and the table that hold their values.
    const VALUES: Option<(&'static str, &'static str)> = None;

    /// The row of a living state.
    ///
    /// # Errors
    /// The state can't be written as JSON.
    fn row(recorded: &Recorded<Self::Aggregate>) -> Result<<Self::Entity as EntityTrait>::Model, serde_json::Error>;

    /// The column behind a field of the aggregate's lists.
    fn column(field: &Field) -> <Self::Entity as EntityTrait>::Column;

    /// The other table in which the values of a field stand; `None` for those that have a column.
    fn beside(_: &Field) -> Option<Beside> {
        None
    }
}

/// A state projection at work.
pub(crate) struct StateRows<P> {
    upsert: Upsert,
    vault: Vault,
    projection: PhantomData<fn() -> P>,
}

impl<P: StateProjection> StateRows<P> {
    pub(crate) fn new(vault: Vault) -> Self {
        let newer = "present.version < excluded.version";
        Self { upsert: Upsert::of::<P::Entity>(KEY, newer), vault, projection: PhantomData }
    }

    /// The rows of living streams, and what is left to say of the others.
    async fn read(
        &self,
        client: &Object,
        streams: &[(Uuid, Uuid)],
    ) -> Result<(Vec<Value>, Vec<Value>), ProjectionError> {
        let (mut living, mut gone) = (Vec::with_capacity(streams.len()), Vec::new());
        for recorded in present::<P::Aggregate>(client, &self.vault, streams).await? {
            if recorded.state.is_deleted() {
                let Recorded { tenant, id, version, .. } = recorded;
                gone.push(json!({ "tenant_id": tenant, "id": id, "version": version }));
            } else {
                living.push(serde_json::to_value(P::row(&recorded)?)?);
            }
        }
        Ok((living, gone))
    }
}

#[async_trait]
impl<P: StateProjection> Projection for StateRows<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn table(&self) -> &'static str {
        P::NAME
    }

    async fn project(&self, client: &Object, table: &str, entries: &[Entry]) -> Result<(), ProjectionError> {
        let streams: HashSet<_> = entries.iter().map(|entry| (entry.tenant, entry.stream)).collect();
        self.project_streams(client, table, &streams.into_iter().collect::<Vec<_>>()).await
    }

    async fn forget(&self, client: &Object, table: &str, tenant: Uuid, person: Uuid) -> Result<(), ProjectionError> {
        client.execute(&format!("delete from {table} where tenant_id = $1 and id = $2"), &[&tenant, &person]).await?;
        Ok(())
    }

    async fn forget_words(
        &self,
        client: &Object,
        table: &str,
        tenant: Uuid,
        stream: Uuid,
    ) -> Result<(), ProjectionError> {
        self.forget(client, table, tenant, stream).await
    }

    fn scanned(&self) -> Option<&'static str> {
        Some(P::Aggregate::TYPE)
    }

    async fn project_streams(
        &self,
        client: &Object,
        table: &str,
        streams: &[(Uuid, Uuid)],
    ) -> Result<(), ProjectionError> {
        let (living, gone) = self.read(client, streams).await?;
        if !living.is_empty() {
            client.execute(&self.upsert.statement(table), &[&Json(Value::Array(living))]).await?;
        }
        if !gone.is_empty() {
            let delete = format!(
                "delete from {table} as present
                  using jsonb_to_recordset($1) as gone (tenant_id uuid, id uuid, version bigint)
                  where present.tenant_id = gone.tenant_id and present.id = gone.id and present.version < gone.version"
            );
            client.execute(&delete, &[&Json(Value::Array(gone))]).await?;
        }
        Ok(())
    }

    fn key(&self) -> &'static str {
        KEY
    }

    async fn rows(
        &self,
        client: &Object,
        streams: &[(Uuid, Uuid)],
        _: &[Entry],
    ) -> Result<Vec<Value>, ProjectionError> {
        Ok(self.read(client, streams).await?.0)
    }
}

/// The present of those streams that belong to the aggregate.
async fn present<A: Aggregate>(
    client: &Object,
    vault: &Vault,
    streams: &[(Uuid, Uuid)],
) -> Result<Vec<Recorded<A>>, ProjectionError> {
    let (tenants, ids): (Vec<_>, Vec<_>) = streams.iter().copied().unzip();
    let sql = format!(
        "select tenant_id, {STREAM_COLUMNS} from engine.streams
           join unnest($1::uuid[], $2::uuid[]) as wanted (tenant_id, stream_id) using (tenant_id, stream_id)
          where aggregate = $3"
    );
    let statement = client.prepare_cached(&sql).await?;
    let mut all = Vec::with_capacity(ids.len());
    for row in client.query(&statement, &[&tenants, &ids, &A::TYPE]).await? {
        let tenant: Uuid = row.try_get(0)?;
        let stream = stored_stream(&row, 1, tenant.into())?;
        let state = decoded::<A>(client, vault, tenant, &stream).await?;
        all.push(Recorded::new(tenant.into(), &stream, state));
    }
    Ok(all)
}

/// A stream's state, folded anew when it was stored in an older shape.
async fn decoded<A: Aggregate>(
    client: &Object,
    vault: &Vault,
    tenant: Uuid,
    stream: &StoredStream,
) -> Result<A, ProjectionError> {
    let (stored, known) = (stream.state_version, A::STATE_VERSION);
    if stored == known {
        return Ok(decode_state(&stream.state)?);
    }
    if stored > known {
        return Err(DecodeError::Newer { what: stream.aggregate.clone(), stored, known }.into());
    }
    let sql = format!(
        "select {EVENT_COLUMNS} from engine.events e where e.tenant_id = $1 and e.stream_id = $2 order by e.version"
    );
    let rows = client.query(&sql, &[&tenant, &stream.id]).await?;
    let mut events: Vec<_> = rows.iter().map(|row| stored_event(row, 0)).collect::<Result<_, _>>()?;
    vault.open_stream(client, tenant, stream.id, &mut events).await.map_err(VaultError::into_log)?;
    Ok(refold(events)?)
}
