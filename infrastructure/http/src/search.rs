//! `/v1/search`: records of all kinds at once.

use std::collections::BTreeSet;

use actix_web::{
    get,
    web::{Data, Json},
};
use fairlead_application::list::{AllLists, Found, Search, SearchQuery, SearchRead};
use fairlead_domain::kernel::Invalid;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::{
    problem::{Check, Problem},
    request::{Auth, Query},
};

/// Records of a type when the client does not say.
const DEFAULT_LIMIT: u16 = 5;
/// Records of a type at most.
const MAX_LIMIT: u16 = 10;

/// The route of searches over all kinds of records.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(everywhere);
}

/// What is looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct SearchParams {
    /// Words that must all be found, as beginnings of words in any of a record's texts.
    #[param(required = true, max_length = 200, example = "ana lim")]
    q: Option<String>,
    /// Types of records, separated by commas; all if missing. Those that the caller may not read are passed over.
    #[param(example = "contact,company")]
    types: Option<String>,
    /// How many records of each type at most.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 10, default = 5)]
    limit: Option<String>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
struct SearchAnswer {
    /// The records, the best first; among equals the newest.
    data: Vec<FoundBody>,
    /// The types that were searched.
    types: Vec<SearchedBody>,
}

/// A record that was found.
#[derive(Serialize, ToSchema)]
#[schema(as = Found)]
struct FoundBody {
    /// What it is: what the names of its events begin with.
    #[serde(rename = "type")]
    #[schema(example = "contact")]
    record_type: &'static str,
    /// The record.
    id: Uuid,
    /// What it is called; null when that was erased.
    #[schema(required)]
    title: Option<String>,
    /// By what people tell it from others that are called so: an e-mail address, a domain, a value.
    #[schema(required)]
    detail: Option<String>,
    /// How well it meets the search: 2 when every word is one of its title, 1 when every word begins one, 0 when some are found elsewhere.
    #[schema(minimum = 0, maximum = 2)]
    relevance: i32,
}

/// A type of records that was searched.
#[derive(Serialize, ToSchema)]
#[schema(as = SearchedType)]
struct SearchedBody {
    /// The type.
    #[serde(rename = "type")]
    #[schema(example = "contact")]
    record_type: &'static str,
    /// Whether there are more records of it: its list finds all of them by the same `q`.
    has_more: bool,
}

impl From<Found> for FoundBody {
    fn from(Found { aggregate, id, brief, relevance }: Found) -> Self {
        Self { record_type: aggregate, id, title: brief.title, detail: brief.detail, relevance }
    }
}

/// Search records of all types at once, the best of each.
///
/// Of types and records alone that the caller may read. What is deleted is left out. There are no further pages: the list of a type finds
/// all of its records.
#[utoipa::path(
    tag = "search",
    security(("bearer" = [Auth::<SearchRead>::SCOPE])),
    params(SearchParams),
    responses((status = 200, description = "What was found.", body = SearchAnswer))
)]
#[get("/search")]
async fn everywhere(
    lists: Data<AllLists>,
    cx: Auth<SearchRead>,
    params: Query<SearchParams>,
) -> Result<Json<SearchAnswer>, Problem> {
    let SearchParams { q, types, limit } = params.into_inner();
    let mut check = Check::default();
    let search =
        q.ok_or_else(|| Invalid::new("request.required", "say what to look for")).and_then(|q| Search::parse(&q));
    let search = check.parameter("q", search);
    let aggregates = check.parameter("types", types.map(|types| self::types(&lists, &types)).transpose());
    let limit = check.parameter("limit", self::limit(limit.as_deref()));
    let query = || Some(SearchQuery { search: search?, aggregates: aggregates?, limit: limit? });
    let query = query();
    let found = lists.search(&cx, &check.finish(query)?).await?;
    let types = found.searched.into_iter().map(|(record_type, has_more)| SearchedBody { record_type, has_more });
    Ok(Json(SearchAnswer { data: found.records.into_iter().map(FoundBody::from).collect(), types: types.collect() }))
}

fn types(lists: &AllLists, text: &str) -> Result<BTreeSet<&'static str>, Invalid> {
    text.split(',').map(|name| lists.searched(name.trim())).collect()
}

fn limit(text: Option<&str>) -> Result<u16, Invalid> {
    let limit = text.map_or(Some(DEFAULT_LIMIT), |text| text.parse().ok());
    let invalid = || Invalid::new("limit.invalid", format!("must be a whole number from 1 to {MAX_LIMIT}"));
    limit.filter(|limit| (1..=MAX_LIMIT).contains(limit)).ok_or_else(invalid)
}
