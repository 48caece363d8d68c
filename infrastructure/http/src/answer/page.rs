//! Lists, page by page.

use actix_web::{HttpRequest, HttpResponse, Responder, body::BoxBody};
use fairlead_application::{
    Recorded,
    access::{Authorized, Reveals},
    list::{AllLists, Cursors, Filter, ListQuery, Listed, Search, Sort},
};
use fairlead_domain::kernel::Invalid;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::{Check, Problem};

/// Rows on a page when the client does not say.
const DEFAULT_LIMIT: u16 = 50;
/// Rows on a page at most.
const MAX_LIMIT: u16 = 200;

/// Characters in a filter at most.
const MAX_FILTER: usize = 4096;

/// Which rows, in which order, how many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    /// How many rows at most.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
    /// Where the page begins: the `next_cursor` of the page before, with the same `q`, `filter` and `sort`.
    cursor: Option<String>,
    /// The order, which the document names by [`Order`](crate::document::parameters::Order).
    #[param(ignore)]
    sort: Option<String>,
    /// Words that must all be found, as beginnings of words in any of a record's texts; where the list can be searched.
    #[param(max_length = 200, example = "ana lim")]
    q: Option<String>,
    /// Terms that all must hold, separated by blanks: a field, a colon, an operator and a value, as in
    /// `tag:vip name:~ana created:>=2026-01-01`.
    #[param(max_length = 4096, example = "tag:vip name:~ana created:>=2026-01-01")]
    filter: Option<String>,
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The rows.
    pub(super) data: Vec<T>,
    /// Whether there are more.
    pub(super) has_more: bool,
    /// Send it as `cursor` for the next page. Opaque; null on the last page.
    #[schema(required)]
    pub(super) next_cursor: Option<String>,
}

/// What an aggregate's list can be filtered and sorted by, for the document.
pub(crate) fn fields<A: Listed>() -> String {
    let names = |sortable: bool| {
        let fields = A::FIELDS.iter().filter(|field| field.sortable || !sortable);
        fields.map(|field| format!("`{}`", field.name)).collect::<Vec<_>>().join(", ")
    };
    let searched = if A::SEARCHED { "Can be searched by `q`" } else { "Can't be searched by `q`" };
    format!("{searched}; filtered by {}; sorted by {}. What is deleted is left out.", names(false), names(true))
}

/// Answers one page of an aggregate's list.
///
/// # Errors
/// Everything that is wrong with the parameters at once, or the list's failure.
pub(crate) async fn page<A: Listed, T: From<Recorded<A>>>(
    lists: &AllLists,
    cursors: &Cursors,
    cx: &Authorized<impl Reveals<A>>,
    path: &str,
    params: ListParams,
) -> Result<Page<T>, Problem> {
    let mut check = Check::default();
    let filter_text = params.filter.unwrap_or_default();
    let filter = check.parameter("filter", filter::<A>(&filter_text));
    let search = check.parameter("q", params.q.as_deref().map(search::<A>).transpose());
    let sort = check.parameter("sort", sort::<A>(params.sort.as_deref(), params.q.is_some()));
    let limit = check.parameter("limit", limit(params.limit.as_deref()));
    // The length keeps the two texts apart.
    let words = params.q.map(|text| format!("{}:{text}", text.len())).unwrap_or_default();
    let list = format!("{path}?{}&{words}&{filter_text}", sort.map(Sort::to_text).unwrap_or_default());
    let cursor = params.cursor.map(|cursor| cursors.open(cx, &list, &cursor));
    // A cursor is bound to filter, words and sort; blaming it for their mistakes would mislead.
    let after = match (&filter, &search, &sort, cursor.transpose()) {
        (Some(_), Some(_), Some(_), cursor) => check.parameter("cursor", cursor),
        _ => None,
    };
    let query = || Some(ListQuery { filter: filter?, search: search?, sort: sort?, limit: limit?, after: after? });
    let query = query();
    let page = lists.of::<A>()?.page(cx, &check.finish(query)?).await?;
    let next_cursor = page.next.map(|position| cursors.seal(cx, &list, &position));
    Ok(Page::new(page.rows.into_iter().map(T::from).collect(), next_cursor))
}

fn filter<A: Listed>(text: &str) -> Result<Filter, Invalid> {
    if text.chars().count() > MAX_FILTER {
        return Err(Invalid::new("filter.too_long", format!("must not be longer than {MAX_FILTER} characters")));
    }
    Filter::parse(text, A::FIELDS).map_err(|error| Invalid::new(error.code, error.to_string()))
}

fn search<A: Listed>(text: &str) -> Result<Search, Invalid> {
    let refused = || Invalid::new("query.not_searched", format!("{} can't be searched; use filter", A::PLURAL));
    if A::SEARCHED { Search::parse(text) } else { Err(refused()) }
}

fn sort<A: Listed>(text: Option<&str>, searching: bool) -> Result<Sort, Invalid> {
    let newest = A::FIELDS.first().map(|field| Sort { field, descending: true });
    match (text, newest) {
        (None, _) if searching => Ok(Sort::RELEVANCE),
        (None, Some(newest)) => Ok(newest),
        (text, _) => Sort::parse(text.unwrap_or_default(), A::FIELDS),
    }
}

/// How many rows a page is to have.
///
/// # Errors
/// `limit.invalid`
pub(crate) fn limit(text: Option<&str>) -> Result<u16, Invalid> {
    let limit = text.map_or(Some(DEFAULT_LIMIT), |text| text.parse().ok());
    let invalid = || Invalid::new("limit.invalid", format!("must be a whole number from 1 to {MAX_LIMIT}"));
    limit.filter(|limit| (1..=MAX_LIMIT).contains(limit)).ok_or_else(invalid)
}

impl<T> Page<T> {
    /// Rows, and where the next page begins.
    pub(crate) fn new(data: Vec<T>, next_cursor: Option<String>) -> Self {
        Self { data, has_more: next_cursor.is_some(), next_cursor }
    }

    /// All rows that there are.
    pub(crate) fn whole(data: Vec<T>) -> Self {
        Self::new(data, None)
    }
}

impl<T: Serialize> Responder for Page<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().json(self)
    }
}
