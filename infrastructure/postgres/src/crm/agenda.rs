//! What somebody has to do, in one statement.

use async_trait::async_trait;
use fairlead_application::{
    AppError, Context, Recorded,
    access::Extent,
    crm::{Agenda, AgendaPart, AgendaPort, AgendaQuery},
    recorded::decode_state,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::activities::ActivityList;
use crate::{
    Databases, StateProjection, coverage::wait_for, history::ids, list::unavailable, tenant::TenantTransaction,
};

/// The parts of an agenda, each with the number of all its rows and with the first of them: those due before `$3`, from there
/// to `$4`, and later. `$of` says whose they are, of a row `a`.
macro_rules! agenda {
    ($of:literal) => {
        concat!(
            "select part.number, counted.count, a.id, a.version, a.created_at, a.updated_at, a.state::text as state
               from (values (0, '-infinity'::timestamptz, $3::timestamptz),
                            (1, $3::timestamptz, $4::timestamptz),
                            (2, $4::timestamptz, 'infinity'::timestamptz)) as part (number, since, until)
              cross join lateral (
                select count(*) as count from crm.activities a
                 where a.tenant_id = $1 and not a.completed and a.due_at is not null
                   and a.due_at >= part.since and a.due_at < part.until and ",
            $of,
            "      and ($6::uuid is null or a.owner_id = $6) and ($7::uuid[] is null or a.project_id = any ($7))) counted
               left join lateral (
                select a.* from crm.activities a
                 where a.tenant_id = $1 and not a.completed and a.due_at is not null
                   and a.due_at >= part.since and a.due_at < part.until and ",
            $of,
            "      and ($6::uuid is null or a.owner_id = $6) and ($7::uuid[] is null or a.project_id = any ($7))
                 order by a.due_at, a.id limit $5) a on true
              order by part.number, a.due_at, a.id"
        )
    };
}

/// An agenda of one user. Tenant, assignee and due time are the columns of one index, which holds nothing else.
pub const AGENDA: &str = agenda!("a.assignee_id = $2");
/// The agenda of all. Tenant and due time are the columns of another such index.
pub const AGENDA_OF_ALL: &str = agenda!("$2::uuid is null");

/// Agendas from the list of activities.
pub struct ActivityAgenda(Databases);

impl ActivityAgenda {
    /// The read model in the database for requests.
    pub fn new(databases: Databases) -> Self {
        Self(databases)
    }

    async fn rows(&self, cx: &Context, within: Extent<'_>, query: &AgendaQuery) -> Result<Vec<QueryResult>, DbErr> {
        let (owner, projects) = match within {
            Extent::Part { owner, projects } => (owner.map(Uuid::from), projects.map(ids)),
            Extent::Everything | Extent::Nothing => (None, None),
        };
        let values: [Value; 7] = [
            Uuid::from(cx.tenant()).into(),
            query.assignee.map(Uuid::from).into(),
            query.now.into(),
            query.day_ends.into(),
            i64::from(query.limit).into(),
            owner.into(),
            projects.into(),
        ];
        let transaction = TenantTransaction::begin(&self.0.sql, cx).await?;
        let sql = if query.assignee.is_some() { AGENDA } else { AGENDA_OF_ALL };
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
        let rows = transaction.query_all_raw(statement).await?;
        transaction.end().await?;
        Ok(rows)
    }
}

#[async_trait]
impl AgendaPort for ActivityAgenda {
    async fn agenda(&self, cx: &Context, within: Extent<'_>, query: &AgendaQuery) -> Result<Agenda, AppError> {
        wait_for(&self.0, cx, ActivityList::NAME).await?;
        let rows = self.rows(cx, within, query).await.map_err(unavailable)?;
        let mut parts: [AgendaPart; 3] = Default::default();
        for row in &rows {
            take(cx, row, &mut parts)?;
        }
        let [overdue, today, upcoming] = parts;
        Ok(Agenda { overdue, today, upcoming })
    }
}

fn take(cx: &Context, row: &QueryResult, parts: &mut [AgendaPart; 3]) -> Result<(), AppError> {
    let number: i32 = row.try_get("", "number").map_err(unavailable)?;
    let part = usize::try_from(number).ok().and_then(|number| parts.get_mut(number));
    let part = part.ok_or_else(|| AppError::internal("an agenda has three parts"))?;
    part.count = row.try_get("", "count").map_err(unavailable)?;
    // A part without rows has its count alone.
    let Some(id) = row.try_get::<Option<Uuid>>("", "id").map_err(unavailable)? else { return Ok(()) };
    let read = || {
        let state = RawValue::from_string(row.try_get("", "state")?).map_err(|error| DbErr::Json(error.to_string()))?;
        Ok((row.try_get("", "version")?, row.try_get("", "created_at")?, row.try_get("", "updated_at")?, state))
    };
    let (version, created_at, updated_at, state) = read().map_err(unavailable)?;
    let state = decode_state(&state).map_err(AppError::internal)?;
    part.rows.push(Recorded { tenant: cx.tenant(), id, version, state, created_at, updated_at });
    Ok(())
}
