//! Pages from read models: the filter's syntax tree becomes conditions, never text.

use std::marker::PhantomData;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_application::{
    AppError, Context, Recorded,
    list::{Condition, FieldKind, ListPort, ListQuery, Literal, Operator, Page, Position},
    recorded::decode_state,
};
use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoSimpleExpr, Order, QueryFilter, QueryOrder, QueryResult,
    QuerySelect, QueryTrait,
    sea_query::{Expr, Func, extension::postgres::PgFunc},
};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{Databases, StateProjection, coverage::wait_for, tenant::TenantTransaction};

/// Serves pages of a state projection's rows, reached as a member of `fairlead_app`.
pub struct ReadModel<P> {
    databases: Databases,
    projection: PhantomData<fn() -> P>,
}

impl<P: StateProjection> ReadModel<P> {
    /// The read model in the database for requests.
    pub fn new(databases: Databases) -> Self {
        Self { databases, projection: PhantomData }
    }
}

#[async_trait]
impl<P: StateProjection> ListPort<P::Aggregate> for ReadModel<P> {
    async fn page(&self, cx: &Context, query: &ListQuery) -> Result<Page<Recorded<P::Aggregate>>, AppError> {
        if let Some(token) = cx.read_after {
            wait_for(&self.databases, P::NAME, token).await?;
        }
        let rows = self.rows(cx, query).await.map_err(unavailable)?;
        let has_more = rows.len() > usize::from(query.limit);
        let mut page = Page { rows: Vec::with_capacity(rows.len()), next: None };
        for row in rows.into_iter().take(query.limit.into()) {
            let (recorded, value) = read_row(cx, query.sort.field.kind, &row).map_err(unavailable)?;
            if has_more {
                page.next = Some(Position { value, id: recorded.id });
            }
            let state = decode_state(&recorded.state).map_err(AppError::internal)?;
            let Recorded { tenant, id, version, created_at, updated_at, .. } = recorded;
            page.rows.push(Recorded { tenant, id, version, state, created_at, updated_at });
        }
        Ok(page)
    }
}

impl<P: StateProjection> ReadModel<P> {
    async fn rows(&self, cx: &Context, query: &ListQuery) -> Result<Vec<QueryResult>, DbErr> {
        let sort = P::column(query.sort.field);
        let order = if query.sort.descending { Order::Desc } else { Order::Asc };
        let mut select = P::Entity::find().select_only();
        for name in ["id", "version", "created_at", "updated_at"] {
            select = select.column_as(Expr::col(name), name);
        }
        select = select
            .column_as(Expr::col("state").cast_as("text"), "state")
            .column_as(sort.into_simple_expr(), "sort_value")
            // Policies filter by tenant anyway; said here, the planner can begin every index with it.
            .filter(Expr::col("tenant_id").eq(Uuid::from(cx.tenant())));
        for condition in &query.filter.0 {
            select = select.filter(compiled::<P>(condition));
        }
        if let Some(Position { value, id }) = &query.after {
            let row = Expr::tuple([sort.into_simple_expr(), Expr::col("id")]);
            let after = Expr::tuple([literal(value), Expr::val(*id)]);
            select = select.filter(if query.sort.descending { row.lt(after) } else { row.gt(after) });
        }
        select = select.order_by(sort, order.clone()).order_by(Expr::col("id"), order);
        let statement = select.limit(u64::from(query.limit) + 1).into_query();
        let transaction = TenantTransaction::begin(&self.databases.sql, cx).await?;
        let rows = transaction.query_all(&statement).await?;
        transaction.end().await?;
        Ok(rows)
    }
}

/// A term as an expression. Its operator is one that the field's kind knows.
fn compiled<P: StateProjection>(Condition { field, operator, value }: &Condition) -> Expr {
    let column = P::column(field).into_simple_expr();
    let value = literal(value);
    match (field.kind, operator) {
        (FieldKind::Labels, Operator::NotEqual) => value.eq(PgFunc::any(column)).not(),
        (FieldKind::Labels, _) => value.eq(PgFunc::any(column)),
        (_, Operator::Equal) => column.eq(value),
        (_, Operator::NotEqual) => column.clone().ne(value).or(column.is_null()),
        (_, Operator::Less) => column.lt(value),
        (_, Operator::LessOrEqual) => column.lte(value),
        (_, Operator::Greater) => column.gt(value),
        (_, Operator::GreaterOrEqual) => column.gte(value),
        (_, Operator::Contains) => Expr::from(Func::cust("strpos").arg(column).arg(value)).gt(0),
    }
}

fn literal(value: &Literal) -> Expr {
    match value {
        Literal::Text(text) => Expr::val(text.as_str()),
        Literal::Id(id) => Expr::val(*id),
        Literal::Instant(time) => Expr::val(*time),
    }
}

/// Reads a row and its value in the list's order.
fn read_row(cx: &Context, kind: FieldKind, row: &QueryResult) -> Result<(Recorded<Box<RawValue>>, Literal), DbErr> {
    let state = RawValue::from_string(row.try_get("", "state")?).map_err(|error| DbErr::Json(error.to_string()))?;
    let recorded = Recorded {
        tenant: cx.tenant(),
        id: row.try_get("", "id")?,
        version: row.try_get("", "version")?,
        state,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
    };
    let value = match kind {
        FieldKind::Instant => Literal::Instant(row.try_get::<DateTime<Utc>>("", "sort_value")?),
        FieldKind::Id => Literal::Id(row.try_get("", "sort_value")?),
        FieldKind::Text | FieldKind::Labels => Literal::Text(row.try_get("", "sort_value")?),
    };
    Ok((recorded, value))
}

/// A query that the database does not answer: lost or overloaded, since its text is ours.
fn unavailable(error: DbErr) -> AppError {
    match error {
        DbErr::Json(_) | DbErr::Type(_) => AppError::internal(error),
        error => AppError::Unavailable(error.into()),
    }
}
