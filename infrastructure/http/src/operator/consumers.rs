//! `/v1/operator/consumers`

use actix_web::{
    HttpRequest, get, post,
    web::{Data, Json},
};
use fairlead_application::{
    administration::{HeldPlace, HeldQuery, OperatorRead, OperatorWrite, Operators, StreamKey},
    list::Cursors,
};
use utoipa_actix_web::service_config::ServiceConfig;

use super::{
    ReplayOrder, Replayed,
    consumers_dto::{ConsumerBody, Discard, HeldBody, HeldParams, LettersOrder, Returned},
    open, seal,
};
use crate::{
    answer::{Page, limit},
    problem::{Check, Problem},
    request::{Auth, Name, Query, Valid},
};

/// The routes of consumers.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(consumers)
        .service(consumer)
        .service(held)
        .service(replay_held)
        .service(discard)
        .service(replay_dead_letters);
}

/// List the consumers that have set anything aside, all of them on one page.
///
/// Those whose tables are in Fairlead's own database. One that has set nothing aside is not listed.
#[utoipa::path(
    tag = "operator",
    security(("bearer" = [Auth::<OperatorRead>::SCOPE])),
    responses((status = 200, description = "By name.", body = Page<ConsumerBody>))
)]
#[get("/operator/consumers")]
async fn consumers(operators: Data<Operators>, cx: Auth<OperatorRead>) -> Result<Page<ConsumerBody>, Problem> {
    Ok(Page::whole(operators.consumers(&cx).await?.into_iter().map(ConsumerBody::from).collect()))
}

/// Show how many streams of a consumer wait.
#[utoipa::path(
    tag = "operator",
    security(("bearer" = [Auth::<OperatorRead>::SCOPE])),
    responses((status = 200, description = "The consumer.", body = ConsumerBody))
)]
#[get("/operator/consumers/{name}")]
async fn consumer(
    operators: Data<Operators>,
    cx: Auth<OperatorRead>,
    name: Name,
) -> Result<Json<ConsumerBody>, Problem> {
    Ok(Json(operators.consumer(&cx, &name).await?.into()))
}

/// List the streams that a consumer has set aside, the oldest first.
#[utoipa::path(
    tag = "operator",
    security(("bearer" = [Auth::<OperatorRead>::SCOPE])),
    params(HeldParams),
    responses((status = 200, description = "A page.", body = Page<HeldBody>))
)]
#[get("/operator/consumers/{name}/streams")]
async fn held(
    operators: Data<Operators>,
    cursors: Data<Cursors>,
    cx: Auth<OperatorRead>,
    name: Name,
    request: HttpRequest,
    params: Query<HeldParams>,
) -> Result<Page<HeldBody>, Problem> {
    let HeldParams { limit: most, cursor, dead } = params.into_inner();
    let mut check = Check::default();
    let limit = check.parameter("limit", limit(most.as_deref()));
    let page = format!("{}?{dead:?}", request.path());
    let after = check.parameter("cursor", cursor.map(|cursor| open(&cursors, &cx, &page, &cursor)).transpose());
    let (limit, after) = check.finish(limit.zip(after))?;
    let after = after.map(|((held_at, tenant, _), stream)| HeldPlace { held_at, key: StreamKey { tenant, stream } });
    let mut rows = operators.held(&cx, &name, &HeldQuery { dead, after, limit: limit + 1 }).await?;
    let has_more = rows.len() > usize::from(limit);
    rows.truncate(limit.into());
    let next = rows.last().filter(|_| has_more).map(|last| {
        let HeldPlace { held_at, key } = last.place();
        seal(&cursors, &cx, &page, &(held_at, key.tenant, String::new()), key.stream)
    });
    Ok(Page::new(rows.into_iter().map(HeldBody::from).collect(), next))
}

/// Have dead streams of a consumer tried again, with all their attempts anew; what waits behind goes on in order.
///
/// All of them, or one. Running instances notice within seconds.
#[utoipa::path(
    tag = "operator",
    security(("bearer" = [Auth::<OperatorWrite>::SCOPE])),
    request_body = ReplayOrder,
    responses((status = 200, description = "They are tried again.", body = Replayed))
)]
#[post("/operator/consumers/{name}/replay")]
async fn replay_held(
    operators: Data<Operators>,
    cx: Auth<OperatorWrite>,
    name: Name,
    body: Valid<ReplayOrder>,
) -> Result<Json<Replayed>, Problem> {
    let streams = operators.replay_held(&cx, &name, body.into_inner().stream()?).await?;
    Ok(Json(Replayed { streams }))
}

/// Give up one event for good, the one that its stream waits for. It counts as handled, and those behind it go on.
///
/// Sent again it is refused, since the stream waits for it no more.
#[utoipa::path(
    tag = "operator",
    security(("bearer" = [Auth::<OperatorWrite>::SCOPE])),
    request_body = Discard,
    responses((status = 200, description = "It is given up.", body = ConsumerBody))
)]
#[post("/operator/consumers/{name}/discard")]
async fn discard(
    operators: Data<Operators>,
    cx: Auth<OperatorWrite>,
    name: Name,
    body: Valid<Discard>,
) -> Result<Json<ConsumerBody>, Problem> {
    let body = body.into_inner();
    Ok(Json(operators.discard(&cx, &name, body.stream(), body.event_id).await?.into()))
}

/// Bring back messages of a consumer's dead-letter queue.
///
/// Of those that are there now, so that what fails again is not met twice. A copy of what is set aside has its stream tried
/// again; what is no event, or was put away by the broker itself, goes back into the queue.
#[utoipa::path(
    tag = "operator",
    security(("bearer" = [Auth::<OperatorWrite>::SCOPE])),
    request_body = LettersOrder,
    responses((status = 200, description = "They are brought back.", body = Returned))
)]
#[post("/operator/consumers/{name}/dead_letters/replay")]
async fn replay_dead_letters(
    operators: Data<Operators>,
    cx: Auth<OperatorWrite>,
    name: Name,
    body: Valid<LettersOrder>,
) -> Result<Json<Returned>, Problem> {
    let limit = body.into_inner().limit()?;
    Ok(Json(operators.replay_dead_letters(&cx, &name, limit).await?.into()))
}
