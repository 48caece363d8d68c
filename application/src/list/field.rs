//! What lists can be filtered and sorted by.

use std::{borrow::Cow, fmt};

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, SecondsFormat, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Operator;
use crate::access::begins;

/// What the names of fields begin with that are custom attributes.
const ATTRIBUTES: &str = "attributes.";

/// Something a list can be filtered or sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// As it is written in `filter` and `sort`.
    pub name: Cow<'static, str>,
    /// What its values are.
    pub kind: FieldKind,
    /// Whether an index serves this order.
    pub sortable: bool,
}

impl Field {
    /// A field by which lists are filtered.
    pub const fn filtered(name: &'static str, kind: FieldKind) -> Self {
        Self { name: Cow::Borrowed(name), kind, sortable: false }
    }

    /// A field by which lists are filtered and sorted.
    pub const fn sorted(name: &'static str, kind: FieldKind) -> Self {
        Self { name: Cow::Borrowed(name), kind, sortable: true }
    }

    /// A custom attribute by which lists are filtered, and where `sortable` sorted: `attributes.<key>`.
    pub fn of_attribute(key: &str, kind: FieldKind, sortable: bool) -> Self {
        Self { name: Cow::Owned(format!("{ATTRIBUTES}{key}")), kind, sortable }
    }

    /// The custom attribute of which it holds the value, if it does.
    pub fn attribute(&self) -> Option<&str> {
        self.name.strip_prefix(ATTRIBUTES)
    }

    /// The field of this name.
    pub(super) const fn named(fields: &'static [Self], name: &str) -> Option<&'static Self> {
        let mut n = 0;
        while n < fields.len() {
            if let Cow::Borrowed(own) = fields[n].name
                && own.len() == name.len()
                && begins(own, name)
            {
                return Some(&fields[n]);
            }
            n += 1;
        }
        None
    }
}

/// What a field's values are, and with them the operators it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Text, compared without regard to case, of which parts can be looked for.
    Text,
    /// Text, compared without regard to case, of which the whole or the beginning can be looked for.
    Term,
    /// One of these names.
    Choice(&'static [&'static str]),
    /// Several texts, of which one is meant; compared without regard to case, and parts of them can be looked for.
    Texts,
    /// A set of labels, of which one is meant.
    Labels,
    /// A UUID.
    Id,
    /// A set of UUIDs, of which one is meant.
    Ids,
    /// True or false.
    Flag,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A day of the calendar.
    Day,
    /// A point in time.
    Instant,
    /// How well a row meets a search. Only an order, and not one of an aggregate's own fields.
    Relevance,
}

impl FieldKind {
    /// The operators that compare its values with one.
    pub fn operators(self) -> &'static [Operator] {
        use Operator::{Contains, EndsWith, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual, StartsWith};
        match self {
            Self::Text | Self::Texts => &[Equal, NotEqual, Contains, StartsWith, EndsWith],
            Self::Term => &[Equal, NotEqual, StartsWith],
            Self::Choice(_) | Self::Labels | Self::Id | Self::Ids | Self::Flag => &[Equal, NotEqual],
            Self::Integer | Self::Number | Self::Day => &[Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual],
            Self::Instant => &[Less, LessOrEqual, Greater, GreaterOrEqual],
            Self::Relevance => &[],
        }
    }

    /// Whether its values can lie between two others.
    pub fn is_ordered(self) -> bool {
        matches!(self, Self::Integer | Self::Number | Self::Day | Self::Instant)
    }

    /// Whether it can be asked for one of several values.
    pub fn is_listed(self) -> bool {
        self.operators().contains(&Operator::Equal) && self != Self::Flag
    }

    /// The value that a text means.
    ///
    /// # Errors
    /// What is expected instead.
    pub(super) fn read(self, text: &str) -> Result<Literal, String> {
        let expected = |what: &str| format!("expected {what}");
        match self {
            Self::Text | Self::Term | Self::Texts | Self::Labels => Ok(Literal::Text(text.to_lowercase())),
            Self::Choice(names) => match names.iter().find(|name| **name == text) {
                Some(name) => Ok(Literal::Text((*name).to_owned())),
                None => Err(expected(&format!("one of {}", names.join(", ")))),
            },
            Self::Id | Self::Ids => text.parse().map(Literal::Id).map_err(|_| expected("a UUID")),
            Self::Flag => text.parse().map(Literal::Flag).map_err(|_| expected("true or false")),
            Self::Integer => text.parse().map(Literal::Integer).map_err(|_| expected("a whole number")),
            Self::Number => match text.parse() {
                Ok(number) if f64::is_finite(number) => Ok(Literal::Number(number)),
                _ => Err(expected("a number")),
            },
            Self::Day => day(text).map(Literal::Day).ok_or_else(|| expected("a date as in 2026-01-31")),
            Self::Instant => {
                instant(text).map(Literal::Instant).ok_or_else(|| expected("a date, or a time as in RFC 3339"))
            }
            Self::Relevance => Err("can't be compared with anything".to_owned()),
        }
    }
}

/// A value to compare with, or at which a page ended. `Debug` hides text, which may be a name or an address.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Literal {
    /// Text in lower case.
    Text(String),
    /// An identifier.
    Id(Uuid),
    /// True or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A day of the calendar.
    Day(NaiveDate),
    /// A point in time.
    Instant(DateTime<Utc>),
    /// How well a row meets a search.
    Relevance(i32),
}

impl fmt::Debug for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(…)"),
            Self::Id(id) => f.debug_tuple("Id").field(id).finish(),
            Self::Flag(flag) => f.debug_tuple("Flag").field(flag).finish(),
            Self::Integer(number) => f.debug_tuple("Integer").field(number).finish(),
            Self::Number(number) => f.debug_tuple("Number").field(number).finish(),
            Self::Day(day) => f.debug_tuple("Day").field(day).finish(),
            Self::Instant(time) => f.debug_tuple("Instant").field(time).finish(),
            Self::Relevance(relevance) => f.debug_tuple("Relevance").field(relevance).finish(),
        }
    }
}

impl Literal {
    /// The value as a filter reads it.
    pub(super) fn plain(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Id(id) => id.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Integer(number) => number.to_string(),
            // Without an exponent some have hundreds of digits.
            Self::Number(number) => format!("{number:e}"),
            Self::Day(day) => day.to_string(),
            Self::Instant(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            Self::Relevance(relevance) => relevance.to_string(),
        }
    }
}

/// A day that RFC 3339 can write.
fn day(text: &str) -> Option<NaiveDate> {
    text.parse().ok().filter(|day: &NaiveDate| (1..=9999).contains(&day.year()))
}

/// A time, or a date for its first moment in UTC: one that PostgreSQL can hold and RFC 3339 can write, by the microsecond.
pub fn instant(text: &str) -> Option<DateTime<Utc>> {
    let midnight = || day(text).map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let time = DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()).or_else(midnight)?;
    (1..=9999).contains(&time.year()).then(|| time.trunc_subsecs(6))
}
