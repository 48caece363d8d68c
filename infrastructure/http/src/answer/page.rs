//! Lists, page by page.

use std::borrow::Cow;

use actix_web::{HttpRequest, HttpResponse, Responder, body::BoxBody};
use fairlead_application::{
    App, AppError, Recorded,
    access::{Authorized, Reveals},
    crm::attribute_fields,
    list::{AllLists, Cursors, Field, Fields, Filter, FilterError, ListQuery, Listed, Place, Search as Words, Sort},
};
use fairlead_domain::kernel::Invalid;
use serde::{Deserialize, Serialize};
use serde_json::Value;
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
    /// Which records: `tag:vip (owner:null or created:>=2026-01-01) not name:~test`. Conditions are a field, a colon, an
    /// operator and a value; all of them must hold.
    #[param(max_length = 4096, example = "tag:vip created:>=2026-01-01")]
    filter: Option<String>,
}

/// Which rows, in which order, how many.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "filter": { "any": [
        { "field": "created", "op": ">=", "value": "2026-01-01" },
        { "not": { "field": "updated", "op": "between", "value": ["2025-01-01", "2025-12-31"] } },
    ] },
    "limit": 50,
}))]
pub(crate) struct Search {
    /// Which records; all of them if missing.
    #[schema(value_type = Option<FilterBody>)]
    filter: Option<Value>,
    /// Words that must all be found, as beginnings of words in any of a record's texts; where the list can be searched.
    #[schema(max_length = 200)]
    q: Option<String>,
    /// The order: a field, descending with a leading `-`, as in the list.
    sort: Option<String>,
    /// How many rows at most; 50 if missing.
    #[schema(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// Where the page begins: the `next_cursor` of the page before, with the same `q`, `filter` and `sort`.
    cursor: Option<String>,
}

/// Which records: a condition, or a group of filters.
#[derive(ToSchema)]
#[schema(as = Filter, no_recursion)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the document; what is read is a tree of the application")]
pub(crate) enum FilterBody {
    /// What a field holds.
    #[serde(deny_unknown_fields)]
    #[schema(title = "FilterCondition")]
    Condition {
        /// One of those by which the list can be filtered.
        field: String,
        /// How it is compared; `=` if missing.
        #[schema(required = false)]
        op: FilterOperator,
        /// With what: a value of the field's type, a list for `in` and `between`, true or false for `is_null`.
        value: Value,
    },
    /// All of these.
    #[serde(deny_unknown_fields)]
    #[schema(title = "FilterAll")]
    All {
        #[schema(min_items = 1)]
        all: Vec<FilterBody>,
    },
    /// One of these.
    #[serde(deny_unknown_fields)]
    #[schema(title = "FilterAny")]
    Any {
        #[schema(min_items = 1)]
        any: Vec<FilterBody>,
    },
    /// None but these.
    #[serde(deny_unknown_fields)]
    #[schema(title = "FilterNot")]
    Not { not: Box<FilterBody> },
}

/// How a value is compared.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document")]
pub(crate) enum FilterOperator {
    #[serde(rename = "=")]
    Equal,
    #[serde(rename = "!=")]
    NotEqual,
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    LessOrEqual,
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = ">=")]
    GreaterOrEqual,
    #[serde(rename = "contains")]
    Contains,
    #[serde(rename = "starts_with")]
    StartsWith,
    #[serde(rename = "ends_with")]
    EndsWith,
    #[serde(rename = "in")]
    In,
    #[serde(rename = "between")]
    Between,
    #[serde(rename = "is_null")]
    IsNull,
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
    let attributes = match A::ATTRIBUTES {
        Some(_) => " Filtered and sorted by custom fields as well: `attributes.<key>`.",
        None => "",
    };
    format!(
        "{searched}; filtered by {}; sorted by {}.{attributes} What is deleted is left out.",
        names(false),
        names(true)
    )
}

/// Where a request says what it asks for.
#[derive(Clone, Copy)]
enum Said {
    InQuery,
    InBody,
}

impl Said {
    fn checked<T>(self, check: &mut Check, name: &'static str, value: Result<T, Invalid>) -> Option<T> {
        match self {
            Self::InQuery => check.parameter(name, value),
            Self::InBody => check.at(format!("/{name}"), value),
        }
    }
}

/// What a request asks for, but for the filter.
struct Asked<'f> {
    said: Said,
    fields: Fields<'f>,
    q: Option<String>,
    sort: Option<String>,
    limit: Result<u16, Invalid>,
    cursor: Option<String>,
}

/// Answers one page of an aggregate's list.
///
/// # Errors
/// Everything that is wrong with the parameters at once, or the list's failure.
pub(crate) async fn page<A: Listed, T: From<Recorded<A>>>(
    app: &App,
    lists: &AllLists,
    cursors: &Cursors,
    cx: &Authorized<impl Reveals<A>>,
    path: &str,
    params: ListParams,
) -> Result<Page<T>, Problem> {
    let custom = attributes::<A>(app, cx, [params.filter.as_deref(), params.sort.as_deref()]).await?;
    let fields = Fields::new(A::FIELDS, &custom);
    let mut check = Check::default();
    let filter = check.parameter("filter", filter(params.filter.as_deref().unwrap_or_default(), fields));
    let ListParams { q, sort, cursor, .. } = params;
    let asked = Asked { said: Said::InQuery, fields, q, sort, limit: limit(params.limit.as_deref()), cursor };
    answered(lists, cursors, cx, path, check, filter, asked).await
}

/// Answers one page of a search in an aggregate's list, which is the list's path with `/search` behind it.
///
/// # Errors
/// As [`page`].
pub(crate) async fn search<A: Listed, T: From<Recorded<A>>>(
    app: &App,
    lists: &AllLists,
    cursors: &Cursors,
    cx: &Authorized<impl Reveals<A>>,
    path: &str,
    body: Search,
) -> Result<Page<T>, Problem> {
    let filter = body.filter.as_ref().map(Value::to_string);
    let custom = attributes::<A>(app, cx, [filter.as_deref(), body.sort.as_deref()]).await?;
    let fields = Fields::new(A::FIELDS, &custom);
    let mut check = Check::default();
    let filter = body.filter.map_or(Ok(Filter::Everything), |json| Filter::from_json(&json, fields));
    let filter = filter.map_err(|FilterError { place, code, detail }| match place {
        Place::Pointer(pointer) => (format!("/filter{pointer}"), Invalid::new(code, detail)),
        Place::Character(_) => ("/filter".to_owned(), Invalid::new(code, detail)),
    });
    let filter = match filter {
        Ok(filter) => Some(filter),
        Err((pointer, invalid)) => check.at(pointer, Err(invalid)),
    };
    let Search { q, sort, cursor, .. } = body;
    let asked =
        Asked { said: Said::InBody, fields, q, sort, limit: within(body.limit.or(Some(DEFAULT_LIMIT))), cursor };
    answered(lists, cursors, cx, path.strip_suffix("/search").unwrap_or(path), check, filter, asked).await
}

async fn answered<A: Listed, T: From<Recorded<A>>>(
    lists: &AllLists,
    cursors: &Cursors,
    cx: &Authorized<impl Reveals<A>>,
    path: &str,
    mut check: Check,
    filter: Option<Filter>,
    Asked { said, fields, q, sort, limit, cursor }: Asked<'_>,
) -> Result<Page<T>, Problem> {
    let words = said.checked(&mut check, "q", q.as_deref().map(words::<A>).transpose());
    let sort = said.checked(&mut check, "sort", order(sort.as_deref(), q.is_some(), fields));
    let limit = said.checked(&mut check, "limit", limit);
    // A cursor is bound to filter, words and sort, however they are said; blaming it for their mistakes would mislead.
    let (list, after) = match (&filter, &words, &sort) {
        (Some(filter), Some(_), Some(sort)) => {
            // The length keeps the two texts apart.
            let words = q.map(|text| format!("{}:{text}", text.len())).unwrap_or_default();
            let list = format!("{path}?{}&{words}&{filter}", sort.to_text());
            let after = cursor.map(|cursor| cursors.open(cx, &list, &cursor)).transpose();
            (list, said.checked(&mut check, "cursor", after))
        }
        _ => (String::new(), None),
    };
    let query = || Some(ListQuery { filter: filter?, search: words?, sort: sort?, limit: limit?, after: after? });
    let query = query();
    let page = lists.of::<A>()?.page(cx, &check.finish(query)?).await?;
    let next_cursor = page.next.map(|position| cursors.seal(cx, &list, &position));
    Ok(Page::new(page.rows.into_iter().map(T::from).collect(), next_cursor))
}

/// The custom attributes by which a list is filtered and sorted, where a request names one.
async fn attributes<A: Listed>(
    app: &App,
    cx: &Authorized<impl Reveals<A>>,
    asked: [Option<&str>; 2],
) -> Result<Vec<Field>, AppError> {
    match A::ATTRIBUTES {
        Some(records) if asked.into_iter().flatten().any(|text| text.contains(Field::ATTRIBUTES)) => {
            attribute_fields(app, cx, records).await
        }
        _ => Ok(Vec::new()),
    }
}

fn filter(text: &str, fields: Fields<'_>) -> Result<Filter, Invalid> {
    if text.chars().count() > MAX_FILTER {
        return Err(Invalid::new("filter.too_long", format!("must not be longer than {MAX_FILTER} characters")));
    }
    Filter::parse(text, fields).map_err(|error| Invalid::new(error.code, error.to_string()))
}

fn words<A: Listed>(text: &str) -> Result<Words, Invalid> {
    let refused = || Invalid::new("query.not_searched", format!("{} can't be searched; use filter", A::PLURAL));
    if A::SEARCHED { Words::parse(text) } else { Err(refused()) }
}

fn order(text: Option<&str>, searching: bool, fields: Fields<'_>) -> Result<Sort, Invalid> {
    let newest = fields.first().map(|field| Sort { field: Cow::Borrowed(field), descending: true });
    match (text, newest) {
        (None, _) if searching => Ok(Sort::RELEVANCE),
        (None, Some(newest)) => Ok(newest),
        (text, _) => Sort::parse(text.unwrap_or_default(), fields),
    }
}

/// How many rows a page is to have.
///
/// # Errors
/// `limit.invalid`
pub(crate) fn limit(text: Option<&str>) -> Result<u16, Invalid> {
    within(text.map_or(Some(DEFAULT_LIMIT), |text| text.parse().ok()))
}

fn within(limit: Option<u16>) -> Result<u16, Invalid> {
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
