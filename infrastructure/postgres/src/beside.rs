//! Fields of a list whose values stand beside its rows, in rows of another table: what each organization defines, and what
//! belongs to many records at once.

use std::collections::BTreeSet;

use chrono::SecondsFormat;
use fairlead_application::list::{Condition, Field, FieldKind, Filter, Literal, Operator, Test};
use sea_orm::{
    ConnectionTrait, DbErr, EntityName, ExprTrait, QueryResult,
    sea_query::{Alias, Expr, JoinType, Query, SelectStatement},
};
use uuid::Uuid;

use crate::{
    StateProjection,
    filter::{compared, literal},
    tenant::TenantTransaction,
};

/// How many rows are named at most. Where more meet the condition, walking the order soon fills a page.
const MOST: u64 = 2_000;
/// How many conditions are tried for those few rows.
const TRIED: usize = 3;
/// What joined rows bring for the order.
pub(crate) const SORTED_ID: &str = "sorted_id";
pub(crate) const SORTED_VALUE: &str = "sorted_value";

/// Where the values of a field stand. The table has a column `tenant_id`.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// The table, with its schema.
    pub table: (&'static str, &'static str),
    /// The column that names the list's row.
    pub id: &'static str,
    /// The column of the values.
    pub value: &'static str,
    /// What its rows must be besides.
    pub only: Vec<(&'static str, sea_orm::Value)>,
    /// Whether it holds custom attributes, each value as a text or as a number.
    pub kept: bool,
    /// The read model that it is, if not a part of the list's own.
    pub read_model: Option<&'static str>,
}

impl Beside {
    /// Where a field of a list stands, if not in the list's rows.
    pub(crate) fn of<P: StateProjection>(field: &Field) -> Option<Self> {
        let (Some((schema, table)), Some(key)) = (P::VALUES.and_then(|table| table.split_once('.')), field.attribute())
        else {
            return P::beside(field);
        };
        let value = if is_number(field.kind) { "number" } else { "text" };
        let only = vec![("key", key.into())];
        Some(Self { table: (schema, table), id: "id", value, only, kept: true, read_model: None })
    }

    /// Its rows in the organization.
    fn rows(&self, tenant: Expr) -> SelectStatement {
        let (schema, table) = self.table;
        let mut rows = Query::select();
        rows.from((Alias::new(schema), Alias::new(table))).and_where(self.column("tenant_id").eq(tenant));
        for (column, value) in &self.only {
            rows.and_where(self.column(column).eq(value.clone()));
        }
        rows
    }

    fn column(&self, name: &'static str) -> Expr {
        Expr::col((Alias::new(self.table.1), Alias::new(name)))
    }

    /// Whether a row of the list meets a test.
    pub(crate) fn tested<P: StateProjection>(&self, test: &Test) -> Expr {
        let row = |column: &'static str| {
            Expr::col((Alias::new(P::Entity::default().table_name().to_owned()), Alias::new(column)))
        };
        let mut rows = self.rows(row("tenant_id"));
        rows.expr(Expr::val(1)).and_where(self.column(self.id).eq(row("id")));
        if let Some(meant) = self.meant(test) {
            rows.and_where(meant);
        }
        let exists = Expr::exists(rows);
        if matches!(test, Test::Absent | Test::Compare(Operator::NotEqual, _)) { exists.not() } else { exists }
    }

    /// What is asked of one value; of an unequal one, what it must not be.
    fn meant(&self, test: &Test) -> Option<Expr> {
        let column = || self.column(self.value);
        let value = |value: &Literal| self.value(value);
        match test {
            Test::Compare(Operator::NotEqual, one) => Some(compared(column(), Operator::Equal, &value(one))),
            Test::Compare(operator, one) => Some(compared(column(), *operator, &value(one))),
            Test::OneOf(values) => Some(column().is_in(values.iter().map(|one| literal(&value(one))))),
            Test::Between(low, high) => Some(column().between(literal(&value(low)), literal(&value(high)))),
            Test::Absent | Test::Present => None,
        }
    }

    /// A value as it is kept.
    fn value(&self, value: &Literal) -> Literal {
        if self.kept { kept(value) } else { value.clone() }
    }

    /// Joins the rows that have a value to those of a list, with the value for the order.
    pub(crate) fn join(&self, list: &mut SelectStatement, tenant: Uuid) {
        let mut rows = self.rows(Expr::val(tenant));
        rows.expr_as(self.column(self.id), SORTED_ID).expr_as(self.column(self.value), SORTED_VALUE);
        list.join_subquery(JoinType::InnerJoin, rows, "sorted", Expr::col("id").eq(Expr::col(SORTED_ID)));
    }

    /// A null in the place of a value.
    pub(crate) fn nothing(&self) -> Expr {
        let of = if self.value == "number" { "double precision" } else { "text" };
        Expr::null().cast_as(of)
    }

    /// As what a value is read.
    pub(crate) fn kind(&self, kind: FieldKind) -> FieldKind {
        match (self.kept, self.value) {
            (true, "number") => FieldKind::Number,
            (true, _) => FieldKind::Text,
            (false, _) => kind,
        }
    }
}

fn is_number(kind: FieldKind) -> bool {
    matches!(kind, FieldKind::Integer | FieldKind::Number)
}

/// A value as the tables of custom attributes keep it: a number, or a text in lower case whose order is that of the values.
fn kept(value: &Literal) -> Literal {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "attributes are below 10^15")]
        Literal::Integer(number) => Literal::Number(*number as f64),
        Literal::Number(_) | Literal::Text(_) | Literal::Relevance(_) => value.clone(),
        Literal::Id(id) => Literal::Text(id.to_string()),
        Literal::Flag(flag) => Literal::Text(flag.to_string()),
        Literal::Day(day) => Literal::Text(day.to_string()),
        Literal::Instant(time) => Literal::Text(time.to_rfc3339_opts(SecondsFormat::Micros, true).to_lowercase()),
    }
}

/// The few rows that alone can meet a filter's conditions on what stands beside; `None` when there are many, or nothing is asked
/// that an index knows.
pub(crate) async fn found<P: StateProjection>(
    transaction: &TenantTransaction,
    tenant: Uuid,
    filter: &Filter,
) -> Result<Option<Vec<Uuid>>, DbErr> {
    let mut few: Option<Vec<Uuid>> = None;
    for (beside, test) in known::<P>(filter).take(TRIED) {
        let mut rows = beside.rows(Expr::val(tenant));
        rows.expr_as(beside.column(beside.id), "id").and_where_option(beside.meant(test)).limit(MOST + 1);
        let rows: Vec<QueryResult> = transaction.query_all(&rows).await?;
        if rows.len() as u64 > MOST || few.as_ref().is_some_and(|few| few.len() <= rows.len()) {
            continue;
        }
        let mut ids: Vec<Uuid> = rows.iter().map(|row| row.try_get("", "id")).collect::<Result<_, _>>()?;
        ids.sort_unstable();
        ids.dedup();
        few = Some(ids);
    }
    Ok(few)
}

/// The read models besides the list's own of which a filter asks.
pub(crate) fn read_models<P: StateProjection>(filter: &Filter) -> BTreeSet<&'static str> {
    filter.conditions().into_iter().filter_map(|condition| Beside::of::<P>(&condition.field)?.read_model).collect()
}

/// The demanded conditions on what stands beside, as far as they are stretches of an index.
fn known<P: StateProjection>(filter: &Filter) -> impl Iterator<Item = (Beside, &Test)> {
    filter.demanded().filter_map(|Condition { field, test }| {
        let narrow = match test {
            Test::Compare(operator, _) => {
                !matches!(operator, Operator::NotEqual | Operator::Contains | Operator::EndsWith)
            }
            Test::OneOf(_) | Test::Between(..) => true,
            Test::Absent | Test::Present => false,
        };
        Beside::of::<P>(field).filter(|_| narrow).map(|beside| (beside, test))
    })
}
