//! State projections: read models with one row for each living stream, computed from the stream's present.
//!
//! A projector writes through the very connection that holds its subscription: whoever has lost the one has lost the
//! other.

use std::{collections::HashSet, marker::PhantomData, time::Duration};

use fairlead_application::{
    Recorded,
    list::{Field, Listed},
    log::{Claim, LogError},
    ports::StoredStream,
    recorded::{DecodeError, decode_state, refold},
};
use fairlead_domain::kernel::Aggregate;
use sea_orm::{EntityName, EntityTrait, IdenStatic, Iterable};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_postgres::{Client, types::Json};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};
use uuid::Uuid;

use crate::{
    PostgresLog,
    connect::log_error,
    event_log::PostgresClaim,
    event_store::{EVENT_COLUMNS, STREAM_COLUMNS, stored_event, stored_stream},
};

/// How many positions a batch spans at most.
const BATCH: i64 = 1_000;
/// The pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// How an aggregate's state becomes a row of its read model.
///
/// The table has the columns `tenant_id`, `id`, `version`, `created_at`, `updated_at` and `state`, and those that its
/// fields are filtered and sorted by.
pub trait StateProjection: Send + Sync + 'static {
    /// Whose states.
    type Aggregate: Listed;
    /// The table.
    type Entity: EntityTrait<Model: Serialize>;
    /// The subscription's name: `crm.contacts`.
    const NAME: &'static str;

    /// The row of a living state.
    ///
    /// # Errors
    /// The state can't be written as JSON.
    fn row(recorded: &Recorded<Self::Aggregate>) -> Result<<Self::Entity as EntityTrait>::Model, serde_json::Error>;

    /// The column behind a field of the aggregate's lists.
    fn column(field: &Field) -> <Self::Entity as EntityTrait>::Column;
}

/// Keeps a read model up with the log.
pub struct Projector<P> {
    log: PostgresLog,
    upsert: String,
    delete: String,
    projection: PhantomData<fn() -> P>,
}

/// Why a batch was not projected.
#[derive(Debug, thiserror::Error)]
enum ProjectionError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("stream {stream} of tenant {tenant}: {source}")]
    Stream { tenant: Uuid, stream: Uuid, source: DecodeError },
    #[error("a row can't be written: {0}")]
    Row(#[from] serde_json::Error),
}

impl From<tokio_postgres::Error> for ProjectionError {
    fn from(error: tokio_postgres::Error) -> Self {
        log_error(error).into()
    }
}

impl<P: StateProjection> Projector<P> {
    /// A projector that follows the log.
    pub fn new(log: PostgresLog) -> Self {
        let entity = P::Entity::default();
        let table = format!(r#""{}"."{}""#, entity.schema_name().unwrap_or("public"), entity.table_name());
        let columns = <P::Entity as EntityTrait>::Column::iter().map(|column| format!(r#""{}""#, column.as_str()));
        let columns: Vec<_> = columns.collect();
        let excluded: Vec<_> = columns.iter().map(|column| format!("excluded.{column}")).collect();
        let (columns, excluded) = (columns.join(", "), excluded.join(", "));
        // Made of the entity's own names alone.
        let upsert = format!(
            "insert into {table} as present ({columns})
             select {columns} from jsonb_populate_recordset(null::{table}, $1)
             on conflict (tenant_id, id) do update set ({columns}) = row({excluded})
             where present.version < excluded.version"
        );
        let delete = format!(
            "delete from {table} as present
              using jsonb_to_recordset($1) as gone (tenant_id uuid, id uuid, version bigint)
              where present.tenant_id = gone.tenant_id and present.id = gone.id and present.version < gone.version"
        );
        Self { log, upsert, delete, projection: PhantomData }
    }

    /// Works until told to stop, whenever it holds the subscription.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let Some(held) = stop.run_until_cancelled(self.log.hold(P::NAME)).await else { return };
            let outcome = match held {
                Ok(claim) => {
                    let outcome = self.follow(&claim, &stop).await;
                    Box::new(claim).release().await;
                    outcome
                }
                Err(error) => Err(error.into()),
            };
            match outcome {
                _ if stop.is_cancelled() => return,
                Ok(()) => {}
                Err(ProjectionError::Log(LogError::Lost)) => warn!(projection = P::NAME, "another process took over"),
                Err(failure) => error!(projection = P::NAME, error = %failure, "projecting failed; trying again"),
            }
            stop.run_until_cancelled(sleep(RETRY)).await;
        }
    }

    async fn follow(&self, claim: &PostgresClaim, stop: &CancellationToken) -> Result<(), ProjectionError> {
        let mut position = claim.checkpoint();
        while !stop.is_cancelled() {
            let batch = batch(claim.client(), position).await?;
            if let Some(reached) = batch.reached {
                self.project(claim, batch.streams, reached).await?;
                debug!(projection = P::NAME, from = position, to = reached, "projected");
                position = reached;
            } else if let Some(grown) = stop.run_until_cancelled(claim.grown()).await {
                grown?;
            }
        }
        Ok(())
    }

    /// Writes the rows of some streams and the checkpoint in one transaction.
    async fn project(
        &self,
        claim: &PostgresClaim,
        streams: HashSet<(Uuid, Uuid)>,
        reached: i64,
    ) -> Result<(), ProjectionError> {
        let client = claim.client();
        client.batch_execute("begin").await?;
        let outcome = async {
            let (mut living, mut gone) = (Vec::with_capacity(streams.len()), Vec::new());
            for recorded in present::<P::Aggregate>(client, streams).await? {
                if recorded.state.is_deleted() {
                    let Recorded { tenant, id, version, .. } = recorded;
                    gone.push(json!({ "tenant_id": tenant, "id": id, "version": version }));
                } else {
                    living.push(serde_json::to_value(P::row(&recorded)?)?);
                }
            }
            for (sql, rows) in [(&self.upsert, living), (&self.delete, gone)] {
                if !rows.is_empty() {
                    client.execute(sql, &[&Json(Value::Array(rows))]).await?;
                }
            }
            claim.advance(reached).await.map_err(ProjectionError::from)
        }
        .await;
        client.batch_execute(if outcome.is_ok() { "commit" } else { "rollback" }).await?;
        outcome
    }
}

/// A stretch of the log.
struct Batch {
    /// Its last position; `None` when there is nothing new.
    reached: Option<i64>,
    /// Tenant and stream, each once, however often it is in the stretch.
    streams: HashSet<(Uuid, Uuid)>,
}

async fn batch(client: &Client, after: i64) -> Result<Batch, ProjectionError> {
    let sql = "select position, tenant_id, stream_id from engine.outbox where position > $1 order by position limit $2";
    let rows = client.query(sql, &[&after, &BATCH]).await?;
    let reached = rows.last().map(|row| row.try_get(0)).transpose()?;
    let streams = rows.iter().map(|row| Ok((row.try_get(1)?, row.try_get(2)?)));
    Ok(Batch { reached, streams: streams.collect::<Result<_, tokio_postgres::Error>>()? })
}

/// The present of those streams that belong to the aggregate.
async fn present<A: Aggregate>(
    client: &Client,
    streams: HashSet<(Uuid, Uuid)>,
) -> Result<Vec<Recorded<A>>, ProjectionError> {
    let (tenants, ids): (Vec<_>, Vec<_>) = streams.into_iter().unzip();
    let sql = format!(
        "select tenant_id, {STREAM_COLUMNS} from engine.streams
           join unnest($1::uuid[], $2::uuid[]) as wanted (tenant_id, stream_id) using (tenant_id, stream_id)
          where aggregate = $3"
    );
    let mut all = Vec::with_capacity(ids.len());
    for row in client.query(&sql, &[&tenants, &ids, &A::TYPE]).await? {
        let tenant: Uuid = row.try_get(0)?;
        let stream = stored_stream(&row, 1, tenant.into())?;
        let state = decoded::<A>(client, tenant, &stream).await?;
        let failed = |source| ProjectionError::Stream { tenant, stream: stream.id, source };
        all.push(Recorded::new(tenant.into(), &stream, state.map_err(failed)?));
    }
    Ok(all)
}

/// A stream's state, folded anew when it was stored in an older shape.
async fn decoded<A: Aggregate>(
    client: &Client,
    tenant: Uuid,
    stream: &StoredStream,
) -> Result<Result<A, DecodeError>, ProjectionError> {
    let (stored, known) = (stream.state_version, A::STATE_VERSION);
    if stored == known {
        return Ok(decode_state(&stream.state));
    }
    if stored > known {
        return Ok(Err(DecodeError::Newer { what: stream.aggregate.clone(), stored, known }));
    }
    let sql = format!(
        "select {EVENT_COLUMNS} from engine.events e where e.tenant_id = $1 and e.stream_id = $2 order by e.version"
    );
    let rows = client.query(&sql, &[&tenant, &stream.id]).await?;
    let events: Vec<_> = rows.iter().map(|row| stored_event(row, 0)).collect::<Result<_, _>>()?;
    Ok(refold(events))
}
