//! The open deals of a pipeline, counted by stage and currency in one statement over the list of deals.

use async_trait::async_trait;
use fairlead_application::{
    AppError, Context,
    access::Extent,
    crm::{BoardCell, BoardPort, BoardQuery},
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};
use uuid::Uuid;

use super::deals::DealList;
use crate::{
    Databases, StateProjection, coverage::wait_for, history::ids, list::unavailable, tenant::TenantTransaction,
};

/// Boards of pipelines.
pub struct DealBoards(Databases);

impl DealBoards {
    /// The statement: of a pipeline, its stages with the stage in which each counts, its probability and its patience, a moment,
    /// a tenant, and as far as the caller reaches no more, an owner and projects. Policies filter by tenant anyway; said here,
    /// the planner can begin the index with it. Sums end where `bigint` does.
    pub const STATEMENT: &str = "
    select s.counted_in, upper(d.currency) as currency, count(*) as deals,
           least(coalesce(sum(d.value), 0), 9223372036854775807)::bigint as amount,
           least(round(coalesce(sum(d.value::numeric * s.probability), 0) / 100), 9223372036854775807)::bigint as weighted,
           count(*) filter (where d.stage_entered_at < $6::timestamptz - s.rotting_days * interval '1 day') as rotting
      from crm.deals d
      join (select stage_id, counted_in, probability, nullif(rotting_days, -1) as rotting_days
              from unnest($2::uuid[], $3::uuid[], $4::integer[], $5::integer[])
                     as given (stage_id, counted_in, probability, rotting_days)) s on s.stage_id = d.stage_id
     where d.tenant_id = $7 and d.pipeline_id = $1 and d.status = 'open'
       and ($8::uuid is null or d.owner_id = $8)
       and ($9::uuid[] is null or d.project_id = any ($9))
     group by s.counted_in, d.currency";

    /// The read model in the database for requests.
    pub fn new(databases: Databases) -> Self {
        Self(databases)
    }
}

#[async_trait]
impl BoardPort for DealBoards {
    async fn cells(&self, cx: &Context, within: Extent<'_>, query: &BoardQuery) -> Result<Vec<BoardCell>, AppError> {
        wait_for(&self.0, cx, DealList::NAME).await?;
        let (owner, projects) = match within {
            Extent::Nothing => return Ok(Vec::new()),
            Extent::Everything => (None, None),
            Extent::Part { owner, projects } => (owner.map(Uuid::from), projects.map(ids)),
        };
        let stages = || query.stages.iter();
        let stage_ids: Vec<Uuid> = stages().map(|stage| stage.stage_id.into()).collect();
        let counted_in: Vec<Uuid> = stages().map(|stage| stage.counted_in.into()).collect();
        let probabilities: Vec<i32> = stages().map(|stage| stage.probability.get().into()).collect();
        // What never rots is told by a number that no patience has.
        let patience: Vec<i32> = stages().map(|stage| stage.rotting_days.map_or(-1, i32::from)).collect();
        let values: [Value; 9] = [
            Uuid::from(query.pipeline_id).into(),
            stage_ids.into(),
            counted_in.into(),
            probabilities.into(),
            patience.into(),
            query.now.into(),
            Uuid::from(cx.tenant()).into(),
            owner.into(),
            projects.into(),
        ];
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, Self::STATEMENT, values);
        let cells = async {
            let transaction = TenantTransaction::begin(&self.0.sql, cx).await?;
            let rows = transaction.query_all_raw(statement).await?;
            transaction.end().await?;
            rows.iter().map(cell).collect::<Result<_, DbErr>>()
        };
        cells.await.map_err(unavailable)
    }
}

fn cell(row: &QueryResult) -> Result<BoardCell, DbErr> {
    Ok(BoardCell {
        stage_id: row.try_get::<Uuid>("", "counted_in")?.into(),
        currency: row.try_get("", "currency")?,
        deals: row.try_get("", "deals")?,
        amount: row.try_get("", "amount")?,
        weighted: row.try_get("", "weighted")?,
        rotting: row.try_get("", "rotting")?,
    })
}
