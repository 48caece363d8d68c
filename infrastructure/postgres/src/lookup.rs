//! Which rows meet what row-level security keeps from its index: words, labels, parts of texts.

use fairlead_application::list::{Condition, FieldKind, Filter, Listed, Literal, Operator, Test};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value, sea_query::ArrayType};
use uuid::Uuid;

use crate::{Beside, StateProjection, tenant::TenantTransaction};

/// How many rows are named at most. Where more meet the search, walking the order soon fills a page.
const MOST: i32 = 2_000;
/// How many letters and digits side by side a part must have, for the index to know it.
const TRIGRAM: usize = 3;

/// What a lookup found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found {
    /// No other row can be meant.
    These(Vec<Uuid>),
    /// Too many to be named, or nothing was asked that the index knows.
    Many,
}

/// The part of a filter that the index knows.
pub(crate) struct Lookup {
    /// None where the rows have no such index.
    sql: Option<String>,
    arguments: Vec<Value>,
    useful: bool,
}

impl Lookup {
    pub(crate) fn new<P: StateProjection>(filter: &Filter) -> Self {
        let Some(function) = P::LOOKUP else { return Self { sql: None, arguments: Vec::new(), useful: false } };
        let mut sql = format!("select {function}(p_words => $1::tsquery, p_most => $2");
        let (mut arguments, mut useful) = (Vec::new(), false);
        for field in P::Aggregate::FIELDS.iter().filter(|field| Beside::of::<P>(field).is_none()) {
            let conditions = || filter.demanded().filter(|condition| *condition.field == *field);
            let of_field = match field.kind {
                FieldKind::Text => vec![("", Value::from(longest_part(conditions())))],
                FieldKind::Texts => {
                    vec![("", labels(conditions())), ("_part", Value::from(longest_part(conditions())))]
                }
                FieldKind::Labels => vec![("", labels(conditions()))],
                FieldKind::Ids => vec![("", members(conditions()))],
                _ => Vec::new(),
            };
            for (part, argument) in of_field {
                useful |= argument != argument.as_null();
                arguments.push(argument);
                // The names are our own.
                sql.push_str(&format!(", p_{}{part} => ${}", field.name, arguments.len() + 2));
            }
        }
        sql.push_str(") as ids");
        Self { sql: Some(sql), arguments, useful }
    }

    /// Looks for the rows that meet the filter's part and the words.
    pub(crate) async fn found(&self, transaction: &TenantTransaction, words: Option<String>) -> Result<Found, DbErr> {
        let Some(sql) = self.sql.as_ref().filter(|_| words.is_some() || self.useful) else { return Ok(Found::Many) };
        let values = [words.into(), MOST.into()].into_iter().chain(self.arguments.iter().cloned());
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
        let row = transaction.query_one_raw(statement).await?;
        let ids = row.map(|row| row.try_get::<Option<Vec<Uuid>>>("", "ids")).transpose()?.flatten();
        Ok(ids.map_or(Found::Many, Found::These))
    }
}

/// The part of a text that is known best by its trigrams.
fn longest_part<'a>(conditions: impl Iterator<Item = &'a Condition>) -> Option<String> {
    use Operator::{Contains, EndsWith, StartsWith};
    let parts = conditions.filter_map(|condition| match &condition.test {
        Test::Compare(Contains | StartsWith | EndsWith, Literal::Text(text)) if has_trigram(text) => Some(text),
        _ => None,
    });
    parts.max_by_key(|text| text.len()).cloned()
}

fn has_trigram(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|run| run.chars().count() >= TRIGRAM)
}

/// The labels that must all be there.
fn labels<'a>(conditions: impl Iterator<Item = &'a Condition>) -> Value {
    let labels = equal(conditions).filter_map(|value| match value {
        Literal::Text(label) => Some(label.clone()),
        _ => None,
    });
    some_array(ArrayType::String, labels)
}

/// The ids that must all be there.
fn members<'a>(conditions: impl Iterator<Item = &'a Condition>) -> Value {
    let ids = equal(conditions).filter_map(|value| match value {
        Literal::Id(id) => Some(*id),
        _ => None,
    });
    some_array(ArrayType::Uuid, ids)
}

fn equal<'a>(conditions: impl Iterator<Item = &'a Condition>) -> impl Iterator<Item = &'a Literal> {
    conditions.filter_map(|condition| match &condition.test {
        Test::Compare(Operator::Equal, value) => Some(value),
        _ => None,
    })
}

/// An array, or null instead of an empty one.
fn some_array<T: Into<Value>>(of: ArrayType, values: impl Iterator<Item = T>) -> Value {
    let values: Vec<_> = values.map(Into::into).collect();
    Value::Array(of, (!values.is_empty()).then(|| Box::new(values)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_needs_three_letters_side_by_side() {
        for (text, known) in
            [("ana", true), ("a/b", false), ("an a", false), ("@émi", true), ("", false), ("%_%", false)]
        {
            assert_eq!(has_trigram(text), known, "{text}");
        }
    }
}
