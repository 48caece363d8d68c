//! The one way from a filter's syntax tree to SQL: every name is a column of our own, every value a parameter.

use fairlead_application::list::{Condition, FieldKind, Filter, Literal, Operator, Test};
use sea_orm::{
    ExprTrait, IntoSimpleExpr,
    sea_query::{
        Expr, Func, Query,
        extension::postgres::{PgBinOper, PgFunc},
    },
};
use uuid::Uuid;

use crate::{Beside, StateProjection};

/// A filter as an expression; `None` when it lets everything through.
pub(crate) fn compiled<P: StateProjection>(filter: &Filter) -> Option<Expr> {
    match filter {
        Filter::Everything => None,
        Filter::Is(condition) => Some(tested::<P>(condition)),
        Filter::All(members) => members.iter().filter_map(compiled::<P>).reduce(ExprTrait::and),
        Filter::Any(members) => members.iter().filter_map(compiled::<P>).reduce(ExprTrait::or),
        // What is unknown is left out as well as what is not so.
        Filter::Not(member) => {
            compiled::<P>(member).map(|member| Expr::from(Func::coalesce([member, Expr::val(false)])).not())
        }
    }
}

fn tested<P: StateProjection>(Condition { field, test }: &Condition) -> Expr {
    if let Some(beside) = Beside::of::<P>(field) {
        return beside.tested::<P>(test);
    }
    let column = P::column(field).into_simple_expr();
    let is_set = matches!(field.kind, FieldKind::Texts | FieldKind::Labels | FieldKind::Ids);
    let is_empty = |column: Expr| match is_set {
        true => Expr::from(Func::cust("cardinality").arg(column)).eq(0),
        false => column.is_null(),
    };
    match test {
        Test::Compare(Operator::Equal, value) if is_set => literal(value).eq(PgFunc::any(column)),
        Test::Compare(Operator::NotEqual, value) if is_set => literal(value).eq(PgFunc::any(column)).not(),
        Test::Compare(operator, value) if is_set => {
            let mut one = Query::select();
            one.expr(Expr::val(1)).from_function(Func::cust("unnest").arg(column), "one");
            Expr::exists(one.and_where(compared(Expr::col("one"), *operator, value)).to_owned())
        }
        Test::Compare(operator, value) => compared(column, *operator, value),
        Test::OneOf(values) if is_set => column.binary(PgBinOper::Overlap, set(field.kind, values)),
        Test::OneOf(values) => column.is_in(values.iter().map(literal)),
        Test::Between(low, high) => column.between(literal(low), literal(high)),
        Test::Absent => is_empty(column),
        Test::Present => is_empty(column).not(),
    }
}

/// A value, compared with another one.
pub(crate) fn compared(column: Expr, operator: Operator, value: &Literal) -> Expr {
    match (operator, value) {
        (Operator::Equal, _) => column.eq(literal(value)),
        (Operator::NotEqual, _) => column.clone().ne(literal(value)).or(column.is_null()),
        (Operator::Less, _) => column.lt(literal(value)),
        (Operator::LessOrEqual, _) => column.lte(literal(value)),
        (Operator::Greater, _) => column.gt(literal(value)),
        (Operator::GreaterOrEqual, _) => column.gte(literal(value)),
        (Operator::StartsWith, Literal::Text(text)) => begins(column, text),
        (Operator::EndsWith, Literal::Text(text)) => {
            let length = i32::try_from(text.chars().count()).unwrap_or(i32::MAX);
            Expr::from(Func::cust("right").arg(column).arg(length)).eq(text.as_str())
        }
        (Operator::Contains | Operator::StartsWith | Operator::EndsWith, _) => {
            Expr::from(Func::cust("strpos").arg(column).arg(literal(value))).gt(0)
        }
    }
}

/// A stretch of the order, which indexes serve under row-level security, as they don't serve patterns. Texts are ordered by
/// their code points (`collate "C"`).
fn begins(column: Expr, text: &str) -> Expr {
    let from = column.clone().gte(text);
    match successor(text) {
        Some(end) => from.and(column.lt(end)),
        None => from,
    }
}

/// The first text after all that begin with this one.
fn successor(text: &str) -> Option<String> {
    let mut characters: Vec<_> = text.chars().collect();
    while let Some(last) = characters.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

/// A value as a parameter.
pub(crate) fn literal(value: &Literal) -> Expr {
    match value {
        Literal::Text(text) => Expr::val(text.as_str()),
        Literal::Id(id) => Expr::val(*id),
        Literal::Flag(flag) => Expr::val(*flag),
        Literal::Integer(number) => Expr::val(*number),
        Literal::Number(number) => Expr::val(*number),
        Literal::Day(day) => Expr::val(*day),
        Literal::Instant(time) => Expr::val(*time),
        Literal::Relevance(relevance) => Expr::val(*relevance),
    }
}

/// Values as one parameter.
fn set(kind: FieldKind, values: &[Literal]) -> Expr {
    let ids = values.iter().filter_map(|value| match value {
        Literal::Id(id) => Some(*id),
        _ => None,
    });
    let texts = values.iter().filter_map(|value| match value {
        Literal::Text(text) => Some(text.clone()),
        _ => None,
    });
    match kind {
        FieldKind::Ids => Expr::val(ids.collect::<Vec<Uuid>>()),
        _ => Expr::val(texts.collect::<Vec<String>>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_so_ends_before_the_next_text() {
        for (text, end) in
            [("ana", Some("anb")), ("a\u{d7ff}", Some("a\u{e000}")), ("a\u{10ffff}", Some("b")), ("\u{10ffff}", None)]
        {
            assert_eq!(successor(text).as_deref(), end);
        }
    }
}
