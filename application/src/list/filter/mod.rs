//! The filter language: one syntax tree, written in short, `tag:vip (owner:null or created:>2026-01-01)`, or as JSON.

mod json;
mod short;

use std::{borrow::Cow, fmt};

use serde_json::Value;

use super::{Field, Literal};

/// How many conditions a filter may have.
const MAX_CONDITIONS: usize = 50;
/// How deep groups may be nested.
const MAX_DEPTH: usize = 8;
/// How deep what is written may be nested, groups that mean nothing included.
const MAX_NESTING: usize = 32;
/// How many values a list of values may have.
const MAX_VALUES: usize = 100;
/// How many characters a value may have.
const MAX_VALUE: usize = 200;

/// Which rows are meant. Made by its functions alone, so that what means the same is the same: a group is never in one of its
/// kind, and has two members at least.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Every row.
    Everything,
    /// What the field holds.
    Is(Condition),
    /// Rows that none of these leaves out.
    All(Vec<Filter>),
    /// Rows that one of these lets through.
    Any(Vec<Filter>),
    /// Rows that this leaves out.
    Not(Box<Filter>),
}

/// What one field holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The field.
    pub field: Cow<'static, Field>,
    /// What must hold for its value.
    pub test: Test,
}

/// What must hold for a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// It compares so with this one.
    Compare(Operator, Literal),
    /// It is one of these; of a set, one of them is there.
    OneOf(Vec<Literal>),
    /// It is not before the first and not after the second.
    Between(Literal, Literal),
    /// There is none; of a set, nothing is in it.
    Absent,
    /// There is one.
    Present,
}

/// How a value is compared with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// The same; of a set, one of it.
    Equal,
    /// Not the same, or nothing there; of a set, none of it.
    NotEqual,
    /// Less.
    Less,
    /// Less, or the same.
    LessOrEqual,
    /// Greater.
    Greater,
    /// Greater, or the same.
    GreaterOrEqual,
    /// Holds the text somewhere.
    Contains,
    /// Begins with the text.
    StartsWith,
    /// Ends with the text.
    EndsWith,
}

impl Operator {
    /// All of them; those first of which others are the beginning.
    const ALL: [Self; 9] = [
        Self::LessOrEqual,
        Self::GreaterOrEqual,
        Self::Less,
        Self::Greater,
        Self::NotEqual,
        Self::Contains,
        Self::StartsWith,
        Self::EndsWith,
        Self::Equal,
    ];

    /// As it is written in short, before the value.
    fn sign(self) -> &'static str {
        match self {
            Self::Equal => "",
            Self::NotEqual => "!",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Contains => "~",
            Self::StartsWith => "^",
            Self::EndsWith => "$",
        }
    }

    /// As JSON names it.
    fn name(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Contains => "contains",
            Self::StartsWith => "starts_with",
            Self::EndsWith => "ends_with",
        }
    }
}

/// By which fields a filter or an order may ask: an aggregate's own, and those that an organization has defined.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'f> {
    own: &'static [Field],
    custom: &'f [Field],
}

impl<'f> Fields<'f> {
    /// An aggregate's own and others.
    pub fn new(own: &'static [Field], custom: &'f [Field]) -> Self {
        Self { own, custom }
    }

    /// The first one.
    pub fn first(&self) -> Option<&'static Field> {
        self.own.first()
    }

    /// The field of this name.
    pub(super) fn named(&self, name: &str) -> Option<Cow<'static, Field>> {
        let own = self.own.iter().find(|field| field.name == name).map(Cow::Borrowed);
        own.or_else(|| self.custom.iter().find(|field| field.name == name).cloned().map(Cow::Owned))
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'f Field> {
        self.own.iter().chain(self.custom)
    }
}

impl From<&'static [Field]> for Fields<'_> {
    fn from(own: &'static [Field]) -> Self {
        Self::new(own, &[])
    }
}

/// Where in a filter something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the short form, in characters from 1.
    Character(usize),
    /// In the JSON form, as in RFC 6901, from the filter on.
    Pointer(String),
}

/// Why a filter can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{detail}", .place.prefix())]
pub struct FilterError {
    /// Where.
    pub place: Place,
    /// A stable name.
    pub code: &'static str,
    /// What is expected there.
    pub detail: String,
}

impl Place {
    /// What a sentence begins with, where nothing else says the place.
    fn prefix(&self) -> String {
        match self {
            Self::Character(position) => format!("at character {position}: "),
            Self::Pointer(_) => String::new(),
        }
    }
}

impl Filter {
    /// Reads the short form.
    ///
    /// # Errors
    /// [`FilterError`] with the position of the first mistake.
    pub fn parse<'f>(text: &str, fields: impl Into<Fields<'f>>) -> Result<Self, FilterError> {
        short::parse(text, fields.into())?.checked(Place::Character(1))
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// [`FilterError`] with the place of the first mistake.
    pub fn from_json<'f>(json: &Value, fields: impl Into<Fields<'f>>) -> Result<Self, FilterError> {
        json::parse(json, fields.into())?.checked(Place::Pointer(String::new()))
    }

    /// The filter in the JSON form.
    pub fn to_json(&self) -> Value {
        json::written(self)
    }

    /// Rows that all of these let through.
    pub fn all(filters: impl IntoIterator<Item = Self>) -> Self {
        let flat = filters.into_iter().flat_map(|filter| match filter {
            Self::Everything => Vec::new(),
            Self::All(members) => members,
            other => vec![other],
        });
        Self::one_or(flat.collect(), Self::All)
    }

    /// Rows that one of these lets through.
    pub fn any(filters: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for filter in filters {
            match filter {
                Self::Everything => return Self::Everything,
                Self::Any(members) => flat.extend(members),
                other => flat.push(other),
            }
        }
        Self::one_or(flat, Self::Any)
    }

    fn one_or(mut members: Vec<Self>, group: impl FnOnce(Vec<Self>) -> Self) -> Self {
        match members.len() {
            0 => Self::Everything,
            1 => members.remove(0),
            _ => group(members),
        }
    }

    fn checked(self, place: Place) -> Result<Self, FilterError> {
        if self.depth() > MAX_DEPTH { Err(too_deep(place)) } else { Ok(self) }
    }

    /// How deep groups are nested in it.
    fn depth(&self) -> usize {
        match self {
            Self::Everything | Self::Is(_) => 0,
            Self::All(members) | Self::Any(members) => 1 + members.iter().map(Self::depth).max().unwrap_or(0),
            Self::Not(member) => 1 + member.depth(),
        }
    }

    /// Every condition that it has.
    pub fn conditions(&self) -> Vec<&Condition> {
        match self {
            Self::Everything => Vec::new(),
            Self::Is(condition) => vec![condition],
            Self::All(members) | Self::Any(members) => members.iter().flat_map(Self::conditions).collect(),
            Self::Not(member) => member.conditions(),
        }
    }

    /// The conditions without which no row is meant: those that indexes can be asked for.
    pub fn demanded(&self) -> impl Iterator<Item = &Condition> {
        let members = match self {
            Self::All(members) => members.as_slice(),
            other => std::slice::from_ref(other),
        };
        members.iter().filter_map(|member| match member {
            Self::Is(condition) => Some(condition),
            _ => None,
        })
    }
}

fn too_deep(place: Place) -> FilterError {
    FilterError { place, code: "filter.too_deep", detail: format!("groups may be nested {MAX_DEPTH} deep") }
}

/// What a field knows, for whoever asked it for something else.
fn known_to(field: &Field) -> String {
    let mut names: Vec<_> = field.kind.operators().iter().map(|operator| operator.name()).collect();
    names.extend(field.kind.is_listed().then_some("in"));
    names.extend(field.kind.is_ordered().then_some("between"));
    names.push("is_null");
    names.join(", ")
}

/// What is wrong with a value as such.
fn fault_of(text: &str) -> Option<String> {
    // Lower case may be longer.
    if text.chars().flat_map(char::to_lowercase).count() > MAX_VALUE {
        Some(format!("the value is longer than {MAX_VALUE} characters"))
    } else if text.chars().any(char::is_control) {
        Some("the value holds control characters".to_owned())
    } else {
        text.is_empty().then(|| "expected a value".to_owned())
    }
}

impl fmt::Display for Filter {
    /// The short form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        short::write(self, f)
    }
}
