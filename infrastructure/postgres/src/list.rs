//! Pages from read models: the filter's syntax tree becomes conditions, never text.

use std::marker::PhantomData;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use fairlead_application::{
    AppError, Context, Recorded,
    access::Extent,
    list::{AllLists, Field, FieldKind, ListPort, ListQuery, Listed, Literal, Page, Position, Test},
    recorded::decode_state,
};
use sea_orm::{
    ColumnTrait, Condition as Conditions, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IdenStatic, IntoSimpleExpr,
    Order, QueryFilter, QueryOrder, QueryResult, QuerySelect, QueryTrait,
    sea_query::{
        CaseStatement, Expr,
        extension::postgres::{PgBinOper, PgFunc},
    },
};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    Beside, Databases, StateProjection,
    beside::{self, SORTED_ID, SORTED_VALUE},
    coverage::wait_for,
    crm,
    filter::{compiled, literal},
    history::ids,
    identity,
    lookup::{Found, Lookup},
    search::{Queries, RELEVANCES},
    tenant::TenantTransaction,
};

/// What a field of a list is in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedColumn {
    /// The table, with its schema.
    pub table: &'static str,
    /// The field.
    pub field: &'static Field,
    /// The column.
    pub column: String,
}

/// The columns behind the fields of all lists.
pub fn listed_columns() -> Vec<ListedColumn> {
    [crm::listed_columns(), identity::listed_columns()].concat()
}

/// The columns behind the fields of a list.
pub(crate) fn columns_of<P: StateProjection>() -> Vec<ListedColumn> {
    let column = |field: &'static Field| P::column(field).as_str().to_owned();
    let own = P::Aggregate::FIELDS.iter().filter(|field| Beside::of::<P>(field).is_none());
    own.map(|field| ListedColumn { table: P::NAME, field, column: column(field) }).collect()
}

/// The lists of all read models in the database for requests.
pub fn lists(databases: &Databases) -> AllLists {
    crm::lists(databases).and(identity::lists(databases))
}

/// Serves pages of a state projection's rows, reached as a member of `fairlead_app`.
pub(crate) struct ReadModel<P> {
    databases: Databases,
    projection: PhantomData<fn() -> P>,
}

impl<P: StateProjection> ReadModel<P> {
    /// The read model in the database for requests.
    pub(crate) fn new(databases: Databases) -> Self {
        Self { databases, projection: PhantomData }
    }
}

#[async_trait]
impl<P: StateProjection> ListPort<P::Aggregate> for ReadModel<P> {
    async fn page(
        &self,
        cx: &Context,
        within: Extent<'_>,
        query: &ListQuery,
    ) -> Result<Page<Recorded<P::Aggregate>>, AppError> {
        const { assert!(P::LOOKUP.is_some() == P::Aggregate::SEARCHED, "what is searched has a LOOKUP") };
        wait_for(&self.databases, cx, P::NAME).await?;
        for read_model in beside::read_models::<P>(&query.filter) {
            wait_for(&self.databases, cx, read_model).await?;
        }
        let rows = self.rows(cx, within, query).await.map_err(unavailable)?;
        let field = &query.sort.field;
        let kind = Beside::of::<P>(field).map_or(field.kind, |beside| beside.kind(field.kind));
        let has_more = rows.len() > usize::from(query.limit);
        let mut page = Page { rows: Vec::with_capacity(rows.len()), next: None };
        for row in rows.into_iter().take(query.limit.into()) {
            let (recorded, value) = read_row(cx, kind, &row).map_err(unavailable)?;
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
    /// The rows of a page, and one more when there are more.
    ///
    /// Few rows that meet the search are named by the lookup, and then sorted. When there are many, the order's index is
    /// walked until the page is full, which is soon, since many meet it. For relevance, which no index holds, there is a
    /// walk for each degree.
    async fn rows(&self, cx: &Context, within: Extent<'_>, query: &ListQuery) -> Result<Vec<QueryResult>, DbErr> {
        let transaction = TenantTransaction::begin(&self.databases.sql, cx).await?;
        let queries = query.search.as_ref().map(|search| Queries::new(cx.tenant(), search));
        let lookup = Lookup::new::<P>(&query.filter);
        let mut found = lookup.found(&transaction, queries.as_ref().map(Queries::all)).await?;
        if found == Found::Many
            && let Some(few) = beside::found::<P>(&transaction, cx.tenant().into(), &query.filter).await?
        {
            found = Found::These(few);
        }
        let by_relevance = query.sort.field.kind == FieldKind::Relevance;
        let rows = match (queries, found) {
            (Some(queries), Found::Many) if by_relevance => {
                by_degrees::<P>(&transaction, cx, within, query, &queries, &lookup).await?
            }
            (queries, found) => {
                let (words, relevance) = match &queries {
                    Some(queries) => (Some(queries.all()), Some(relevance(queries))),
                    None => (None, None),
                };
                let page = PageOf { within, words, relevance, found, after: query.after.as_ref(), limit: limit(query) };
                page.rows::<P>(&transaction, cx, query).await?
            }
        };
        transaction.end().await?;
        Ok(rows)
    }
}

/// One row more than the page holds, to see whether there are more.
fn limit(query: &ListQuery) -> usize {
    usize::from(query.limit) + 1
}

/// The best rows first, each degree by its own queries.
async fn by_degrees<P: StateProjection>(
    transaction: &TenantTransaction,
    cx: &Context,
    within: Extent<'_>,
    query: &ListQuery,
    queries: &Queries<'_>,
    lookup: &Lookup,
) -> Result<Vec<QueryResult>, DbErr> {
    let mut rows = Vec::new();
    let reached = query.after.as_ref().map(|position| &position.value);
    for degree in RELEVANCES {
        let after = match reached {
            Some(Some(Literal::Relevance(reached))) if degree > *reached => continue,
            Some(Some(Literal::Relevance(reached))) if degree == *reached => query.after.as_ref(),
            _ => None,
        };
        let words = queries.of_relevance(degree);
        let found = lookup.found(transaction, Some(words.clone())).await?;
        let (words, relevance) = (Some(words), Some(Expr::val(degree)));
        let page = PageOf { within, words, relevance, found, after, limit: limit(query) - rows.len() };
        rows.extend(page.rows::<P>(transaction, cx, query).await?);
        if rows.len() >= limit(query) {
            break;
        }
    }
    Ok(rows)
}

/// The degree to which a row meets a search.
fn relevance(queries: &Queries<'_>) -> Expr {
    let case = CaseStatement::new().case(matched(queries.named()), Expr::val(2));
    case.case(matched(queries.named_like()), Expr::val(1)).finally(Expr::val(0)).into()
}

fn matched(words: String) -> Expr {
    Expr::col("words").binary(PgBinOper::Matches, Expr::val(words).cast_as("tsquery"))
}

/// What one statement brings.
#[derive(Clone)]
struct PageOf<'a> {
    /// Which rows the caller reaches.
    within: Extent<'a>,
    /// What the rows' words must match.
    words: Option<String>,
    /// How well they do.
    relevance: Option<Expr>,
    /// Which rows alone can be meant.
    found: Found,
    after: Option<&'a Position>,
    limit: usize,
}

/// In which order rows come: by a value, or all alike and so by their ids alone.
struct By {
    /// The value by which the order goes on behind a row.
    shown: Expr,
    is_ordered: bool,
    /// Which rows alone have a place in it.
    only: Option<Expr>,
    /// Where the value stands, if not in the rows.
    beside: Option<Beside>,
}

impl By {
    /// By a value that every row has.
    fn value(value: Expr) -> Self {
        Self { shown: value, is_ordered: true, only: None, beside: None }
    }

    /// By their ids, since all have the same value.
    fn id(shown: Expr, only: Option<Expr>) -> Self {
        Self { shown, is_ordered: false, only, beside: None }
    }

    /// The order of rows that have a value, and that of rows that have none.
    fn split<P: StateProjection>(field: &Field) -> (Self, Option<Self>) {
        if let Some(beside) = Beside::of::<P>(field) {
            let absent = Self::id(beside.nothing(), Some(beside.tested::<P>(&Test::Absent)));
            let present = Self { beside: Some(beside), ..Self::value(Expr::col(SORTED_VALUE)) };
            return (present, Some(absent));
        }
        let (column, value) = (P::column(field), P::column(field).into_simple_expr());
        if !column.def().is_null() {
            return (Self::value(value), None);
        }
        let absent = Self::id(value.clone(), Some(value.clone().is_null()));
        (Self { only: Some(value.clone().is_not_null()), ..Self::value(value) }, Some(absent))
    }
}

impl PageOf<'_> {
    /// Rows without a value come last. They are read on their own, since no index holds both kinds in this order.
    async fn rows<P: StateProjection>(
        self,
        transaction: &TenantTransaction,
        cx: &Context,
        query: &ListQuery,
    ) -> Result<Vec<QueryResult>, DbErr> {
        let field = &query.sort.field;
        let by_relevance = field.kind == FieldKind::Relevance;
        if let Some(relevance) = self.relevance.clone().filter(|_| by_relevance) {
            let by = if matches!(relevance, Expr::Value(_)) { By::id(relevance, None) } else { By::value(relevance) };
            return self.selected::<P>(transaction, cx, query, by).await;
        }
        let (present, absent) = By::split::<P>(field);
        let Some(absent) = absent else { return self.selected::<P>(transaction, cx, query, present).await };
        let mut rows = Vec::new();
        if self.after.is_none_or(|position| position.value.is_some()) {
            rows = self.clone().selected::<P>(transaction, cx, query, present).await?;
        }
        if rows.len() < self.limit {
            let after = self.after.filter(|position| position.value.is_none());
            let rest = PageOf { after, limit: self.limit - rows.len(), ..self };
            rows.extend(rest.selected::<P>(transaction, cx, query, absent).await?);
        }
        Ok(rows)
    }

    async fn selected<P: StateProjection>(
        self,
        transaction: &TenantTransaction,
        cx: &Context,
        query: &ListQuery,
        by: By,
    ) -> Result<Vec<QueryResult>, DbErr> {
        let order = if query.sort.descending { Order::Desc } else { Order::Asc };
        let mut select = P::Entity::find().select_only();
        for name in ["id", "version", "created_at", "updated_at"] {
            select = select.column_as(Expr::col(name), name);
        }
        select = select
            .column_as(Expr::col("state").cast_as("text"), "state")
            .column_as(by.shown.clone(), "sort_value")
            // Policies filter by tenant anyway; said here, the planner can begin every index with it.
            .filter(Expr::col("tenant_id").eq(Uuid::from(cx.tenant())));
        match self.found {
            Found::These(ids) if ids.is_empty() => return Ok(Vec::new()),
            Found::These(ids) => select = select.filter(Expr::col("id").eq(PgFunc::any(Expr::val(ids)))),
            Found::Many => {}
        }
        if let Some(filter) = compiled::<P>(&query.filter) {
            select = select.filter(filter);
        }
        select = select.filter(reached::<P>(self.within));
        if let Some(words) = self.words {
            select = select.filter(matched(words));
        }
        if let Some(only) = by.only {
            select = select.filter(only);
        }
        let (ordered, id) = (by.is_ordered.then_some(by.shown), by.beside.as_ref().map_or("id", |_| SORTED_ID));
        if let Some(Position { value, id: last }) = self.after {
            let (row, after) = match (&ordered, value) {
                (Some(ordered), Some(value)) => {
                    let row = [ordered.clone(), Expr::col(id)];
                    (Expr::tuple(row), Expr::tuple([literal(value), Expr::val(*last)]))
                }
                _ => (Expr::col(id), Expr::val(*last)),
            };
            select = select.filter(if query.sort.descending { row.lt(after) } else { row.gt(after) });
        }
        if let Some(ordered) = ordered {
            select = select.order_by(ordered, order.clone());
        }
        let limit = u64::try_from(self.limit).unwrap_or(u64::MAX);
        let mut statement = select.order_by(Expr::col(id), order).limit(limit).into_query();
        if let Some(beside) = by.beside {
            beside.join(&mut statement, cx.tenant().into());
        }
        transaction.query_all(&statement).await
    }
}

/// Whether a row belongs as the caller's reach demands; no condition when all do.
fn reached<P: StateProjection>(within: Extent<'_>) -> Conditions {
    let all = Conditions::all();
    let (owner, projects) = match within {
        Extent::Everything => return all,
        Extent::Nothing => return all.add(Expr::val(false)),
        Extent::Part { owner, projects } => (owner, projects),
    };
    let Some([of_owner, of_project]) = P::Aggregate::BELONGING.map(|fields| fields.map(P::column)) else {
        return all.add(Expr::val(false));
    };
    let among = |projects| of_project.into_simple_expr().eq(PgFunc::any(Expr::val(ids(projects))));
    all.add_option(owner.map(|owner| of_owner.into_simple_expr().eq(Uuid::from(owner)))).add_option(projects.map(among))
}

/// Reads a row and its value in the list's order.
fn read_row(
    cx: &Context,
    kind: FieldKind,
    row: &QueryResult,
) -> Result<(Recorded<Box<RawValue>>, Option<Literal>), DbErr> {
    let state = RawValue::from_string(row.try_get("", "state")?).map_err(|error| DbErr::Json(error.to_string()))?;
    let recorded = Recorded {
        tenant: cx.tenant(),
        id: row.try_get("", "id")?,
        version: row.try_get("", "version")?,
        state,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
    };
    let at = "sort_value";
    let value = match kind {
        FieldKind::Instant => row.try_get::<Option<DateTime<Utc>>>("", at)?.map(Literal::Instant),
        FieldKind::Day => row.try_get::<Option<NaiveDate>>("", at)?.map(Literal::Day),
        FieldKind::Id => row.try_get::<Option<Uuid>>("", at)?.map(Literal::Id),
        FieldKind::Flag => row.try_get::<Option<bool>>("", at)?.map(Literal::Flag),
        FieldKind::Integer => row.try_get::<Option<i64>>("", at)?.map(Literal::Integer),
        FieldKind::Number => row.try_get::<Option<f64>>("", at)?.map(Literal::Number),
        FieldKind::Relevance => row.try_get::<Option<i32>>("", at)?.map(Literal::Relevance),
        FieldKind::Text
        | FieldKind::Term
        | FieldKind::Choice(_)
        | FieldKind::Texts
        | FieldKind::Labels
        | FieldKind::Ids => row.try_get::<Option<String>>("", at)?.map(Literal::Text),
    };
    Ok((recorded, value))
}

/// A query that the database does not answer: lost or overloaded, since its text is ours.
pub(crate) fn unavailable(error: DbErr) -> AppError {
    match error {
        DbErr::Json(_) | DbErr::Type(_) => AppError::internal(error),
        error => AppError::Unavailable(error.into()),
    }
}
