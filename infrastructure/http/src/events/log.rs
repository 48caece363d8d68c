//! `/v1/events`

use actix_web::{get, web::Data};
use fairlead_application::history::{EventsRead, History, LogQuery};
use serde::Deserialize;
use utoipa::IntoParams;

use super::wanted;
use crate::{
    answer::{EventPage, after, limit},
    problem::{Check, Problem},
    request::{Auth, Query},
};

/// Which events, and how many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct LogParams {
    /// Where the page begins: behind this position, the `next_after` of the page before; at the beginning if missing.
    #[param(value_type = Option<i64>, minimum = 0, default = 0)]
    after: Option<String>,
    /// How many events at most.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
    /// Only events of this type.
    #[param(example = "contact.created")]
    r#type: Option<String>,
    /// Only events of this kind of record.
    #[param(example = "contact")]
    aggregate: Option<String>,
}

/// Read what happened in the organization, oldest first.
///
/// Shows the events of those kinds of records that the token may read: those of contacts take `contacts:read` besides.
/// A page may hold fewer events than asked for, or none, although `has_more` is true: go on at `next_after`.
#[utoipa::path(
    tag = "events",
    operation_id = "list",
    security(("bearer" = [Auth::<EventsRead>::SCOPE])),
    params(LogParams),
    responses((status = 200, description = "A page.", body = EventPage))
)]
#[get("/events")]
pub(super) async fn list(
    history: Data<History>,
    cx: Auth<EventsRead>,
    params: Query<LogParams>,
) -> Result<EventPage, Problem> {
    let params = params.into_inner();
    let mut check = Check::default();
    let wanted = wanted(&mut check, &cx, params.aggregate.as_deref(), params.r#type.as_deref());
    let after = check.parameter("after", after(params.after.as_deref()));
    let limit = check.parameter("limit", limit(params.limit.as_deref()));
    let query = wanted.zip(after.zip(limit));
    let query = query.map(|(wanted, (after, limit))| LogQuery { after, until: None, limit, wanted });
    Ok(history.log(&cx, &check.finish(query)?).await?.into())
}
