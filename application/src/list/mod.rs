//! Lists: what can be asked of a read model, and how a page is continued.

mod all;
mod cursor;
mod field;
mod filter;
mod found;
mod search;

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;
use fairlead_domain::{
    kernel::{Aggregate, Invalid},
    values::RecordType,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use all::AllLists;
pub use cursor::Cursors;
pub use field::{Field, FieldKind, Literal, instant};
pub use filter::{Condition, Fields, Filter, FilterError, Operator, Place, Test};
pub use found::{Brief, Found, FoundAll, SearchQuery, SearchRead};
pub use search::{Search, Term, words};

use crate::{
    AppError, Context, Recorded,
    access::{Authorized, Extent, Reveals},
};

/// An aggregate that can be listed.
pub trait Listed: Aggregate {
    /// What its lists can be filtered and sorted by; the first one is the default order, newest first.
    const FIELDS: &'static [Field];
    /// Where its records are found by words: what a search over all kinds shows of one.
    const BRIEF: Option<fn(&Self) -> Brief> = None;
    /// Whether its records are found by words.
    const SEARCHED: bool = Self::BRIEF.is_some();
    /// The records whose custom attributes its lists are filtered and sorted by.
    const ATTRIBUTES: Option<RecordType> = None;
    /// By what its records are found as they belong: the fields `owner` and `project`, in this order. An aggregate that
    /// [belongs](Aggregate::BELONGS) has both; otherwise no list of it compiles.
    const BELONGING: Option<[&'static Field; 2]> = belonging(Self::FIELDS, Self::BELONGS);
}

const fn belonging(fields: &'static [Field], belongs: bool) -> Option<[&'static Field; 2]> {
    match (Field::named(fields, "owner"), Field::named(fields, "project")) {
        (Some(owner), Some(project)) if belongs => Some([owner, project]),
        _ => {
            assert!(!belongs, "what belongs to somebody is listed with the fields owner and project");
            None
        }
    }
}

/// An order; ties are broken by id in the same direction. Rows without a value come last, whichever the direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub field: Cow<'static, Field>,
    /// The greatest first.
    pub descending: bool,
}

/// The order of a search for which none is asked.
static RELEVANCE: Field = Field::sorted("relevance", FieldKind::Relevance);

impl Sort {
    /// What meets a search best comes first: 2 when every word is a word of the record's name, 1 when every word begins
    /// one, 0 when some are found elsewhere; among equals the newest.
    pub const RELEVANCE: Self = Self { field: Cow::Borrowed(&RELEVANCE), descending: true };

    /// Reads `created` or `-created`.
    ///
    /// # Errors
    /// `sort.unknown_field`
    pub fn parse<'f>(text: &str, fields: impl Into<Fields<'f>>) -> Result<Self, Invalid> {
        let fields = fields.into();
        let (descending, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
        let field = fields.named(name).filter(|field| field.sortable);
        field.map(|field| Self { field, descending }).ok_or_else(|| {
            let known: Vec<_> = fields.iter().filter(|field| field.sortable).map(|field| field.name.as_ref()).collect();
            Invalid::new(
                "sort.unknown_field",
                format!("must be one of {}, descending with a leading -", known.join(", ")),
            )
        })
    }

    /// How it is written.
    pub fn to_text(&self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.field.name)
    }
}

/// The row after which the next page begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The row's value in the list's order; `None` when it has none.
    pub value: Option<Literal>,
    /// The row.
    pub id: Uuid,
}

/// What a page is to hold.
#[derive(Debug, Clone, PartialEq)]
pub struct ListQuery {
    /// Which rows.
    pub filter: Filter,
    /// Words that they must hold.
    pub search: Option<Search>,
    /// In which order.
    pub sort: Sort,
    /// How many at most.
    pub limit: u16,
    /// After which row.
    pub after: Option<Position>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` when this is the last one.
    pub next: Option<Position>,
}

/// Port: serves pages from a read model. Reached only through [`Lists`], which demands the permission.
#[async_trait]
pub trait ListPort<A>: Send + Sync {
    /// One page of what is within. Waits until the read model has seen the write that the context names.
    ///
    /// # Errors
    /// [`AppError::NotYetVisible`], [`AppError::Unavailable`], [`AppError::Internal`].
    async fn page(&self, cx: &Context, within: Extent<'_>, query: &ListQuery) -> Result<Page<Recorded<A>>, AppError>;
}

/// The lists of an aggregate, for those who may read it.
pub struct Lists<A>(Arc<dyn ListPort<A>>);

impl<A> Clone for Lists<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Aggregate> Lists<A> {
    /// One page of what the caller reaches.
    ///
    /// # Errors
    /// As [`ListPort::page`].
    pub async fn page(
        &self,
        cx: &Authorized<impl Reveals<A>>,
        query: &ListQuery,
    ) -> Result<Page<Recorded<A>>, AppError> {
        match cx.reach().extent(A::BELONGS) {
            Extent::Nothing => Ok(Page { rows: Vec::new(), next: None }),
            within => self.0.page(cx, within, query).await,
        }
    }
}
