//! A search over all kinds of records at once.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use fairlead_domain::kernel::Invalid;
use futures::future::try_join_all;
use uuid::Uuid;

use super::{AllLists, Filter, ListPort, ListQuery, Listed, Search, Sort};
use crate::{
    AppError, Context,
    access::{Authorized, Extent, Permission, Reach},
};

/// Search all kinds of records at once: those that the caller may read besides.
#[derive(Debug, Clone, Copy)]
pub struct SearchRead;

impl Permission for SearchRead {
    const NAME: &'static str = "search:read";
}

/// A record in a line. `Debug` is left out on purpose: it holds personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Brief {
    /// What it is called: the name by whose words it is found best. `None` when that was erased.
    pub title: Option<String>,
    /// By what people tell it from others that are called so.
    pub detail: Option<String>,
}

/// A record that a search found.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// The aggregate's name.
    pub aggregate: &'static str,
    /// The record.
    pub id: Uuid,
    /// What is shown of it.
    pub brief: Brief,
    /// How well it meets the search, as [`Sort::RELEVANCE`] says.
    pub relevance: i32,
}

/// What a search over all kinds found.
#[derive(Clone)]
pub struct FoundAll {
    /// The records, the best first, among equals the newest.
    pub records: Vec<Found>,
    /// The aggregates that were searched, in the order of their names, and whether there are more records of them.
    pub searched: Vec<(&'static str, bool)>,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchQuery {
    /// The words.
    pub search: Search,
    /// Among records of which aggregates; of all when `None`.
    pub aggregates: Option<BTreeSet<&'static str>>,
    /// How many records of each at most.
    pub limit: u16,
}

/// A list that can be searched, whatever is in it.
#[async_trait]
pub(super) trait AnyList: Send + Sync {
    /// Over which of its records the caller holds the permission to read them; `None` when over none.
    fn reach(&self, cx: &Authorized<SearchRead>) -> Option<Reach>;

    /// The best of its records that are within, and whether there are more.
    async fn best(
        &self,
        cx: &Context,
        within: &Reach,
        search: &Search,
        limit: u16,
    ) -> Result<(Vec<Found>, bool), AppError>;
}

/// The list of an aggregate.
pub(super) struct ListOf<A> {
    pub(super) port: Arc<dyn ListPort<A>>,
    pub(super) brief: fn(&A) -> Brief,
}

#[async_trait]
impl<A: Listed> AnyList for ListOf<A> {
    fn reach(&self, cx: &Authorized<SearchRead>) -> Option<Reach> {
        let reach = cx.access.reach(&format!("{}:read", A::PLURAL))?.and(cx.reach());
        (reach.extent(A::BELONGS) != Extent::Nothing).then_some(reach)
    }

    async fn best(
        &self,
        cx: &Context,
        within: &Reach,
        search: &Search,
        limit: u16,
    ) -> Result<(Vec<Found>, bool), AppError> {
        let query = ListQuery {
            filter: Filter::Everything,
            search: Some(search.clone()),
            sort: Sort::RELEVANCE,
            limit,
            after: None,
        };
        let page = self.port.page(cx, within.extent(A::BELONGS), &query).await?;
        let found = page.rows.into_iter().map(|row| {
            let brief = (self.brief)(&row.state);
            let relevance = search.relevance(brief.title.as_deref().unwrap_or_default());
            Found { aggregate: A::TYPE, id: row.id, brief, relevance }
        });
        Ok((found.collect(), page.next.is_some()))
    }
}

impl AllLists {
    /// The name of an aggregate that can be searched.
    ///
    /// # Errors
    /// `types.unknown`
    pub fn searched(&self, name: &str) -> Result<&'static str, Invalid> {
        let known = self.searched.keys().find(|known| **known == name).copied();
        known.ok_or_else(|| {
            let known: Vec<_> = self.searched.keys().copied().collect();
            Invalid::new("types.unknown", format!("must be among {}, separated by commas", known.join(", ")))
        })
    }

    /// Searches all kinds of records at once, as far as the caller may read them: a kind of which the caller may read nothing is
    /// not searched. Each is read on a connection of its own, so that it takes as long as the slowest.
    ///
    /// # Errors
    /// As [`ListPort::page`].
    pub async fn search(&self, cx: &Authorized<SearchRead>, query: &SearchQuery) -> Result<FoundAll, AppError> {
        let asked =
            self.searched.iter().filter(|(name, _)| query.aggregates.as_ref().is_none_or(|all| all.contains(*name)));
        let reached: Vec<_> = asked.filter_map(|(name, list)| Some((*name, list, list.reach(cx)?))).collect();
        let searching = reached.iter().map(|(_, list, reach)| list.best(cx, reach, &query.search, query.limit));
        let found = try_join_all(searching).await?;
        let searched = reached.iter().zip(&found).map(|((name, ..), (_, more))| (*name, *more)).collect();
        let mut records: Vec<_> = found.into_iter().flat_map(|(records, _)| records).collect();
        // The newest has the greatest id.
        records.sort_by_key(|found| std::cmp::Reverse((found.relevance, found.id)));
        Ok(FoundAll { records, searched })
    }
}
