//! `/v1/operator/subscriptions`, `/v1/operator/parked` and `/v1/operator/rebuilds`

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header::LOCATION,
    post,
    web::{Data, Json},
};
use fairlead_application::{
    administration::{OperatorRead, OperatorWrite, Operators, ParkedPlace, ParkedQuery},
    list::Cursors,
};
use utoipa_actix_web::service_config::ServiceConfig;

use super::{
    ReplayOrder, Replayed, open, seal,
    subscriptions_dto::{ParkedBody, ParkedParams, RebuildBody, SubscriptionBody},
};
use crate::{
    answer::{Page, limit},
    problem::{Check, Problem},
    request::{Auth, Name, Query, Valid, name},
};

/// The routes of subscriptions.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(subscriptions).service(subscription).service(pause).service(resume).service(replay).service(rebuild);
    config.service(parked).service(rebuilds).service(rebuild_status);
}

/// List the subscriptions, all of them on one page.
#[utoipa::path(
    tag = "operator",
    security(("bearer" = [Auth::<OperatorRead>::SCOPE])),
    responses((status = 200, description = "Every subscription, by name.", body = Page<SubscriptionBody>))
)]
#[get("/operator/subscriptions")]
async fn subscriptions(operators: Data<Operators>, cx: Auth<OperatorRead>) -> Result<Page<SubscriptionBody>, Problem> {
    let all = operators.subscriptions(&cx).await?;
    Ok(Page::whole(all.into_iter().map(SubscriptionBody::from).collect()))
}

/// Show how far a subscription has come.
#[utoipa::path(
    tag = "operator",
    security(("bearer" = [Auth::<OperatorRead>::SCOPE])),
    responses((status = 200, description = "The subscription.", body = SubscriptionBody))
)]
#[get("/operator/subscriptions/{name}")]
async fn subscription(
    operators: Data<Operators>,
    cx: Auth<OperatorRead>,
    name: Name,
) -> Result<Json<SubscriptionBody>, Problem> {
    Ok(Json(operators.subscription(&cx, &name).await?.into()))
}

/// Make every worker let go of a subscription. They finish what they are at; `held` tells when they have.
#[utoipa::path(
    tag = "operator",
    security(("bearer" = [Auth::<OperatorWrite>::SCOPE])),
    responses((status = 200, description = "It is paused.", body = SubscriptionBody))
)]
#[post("/operator/subscriptions/{name}/pause")]
async fn pause(
    operators: Data<Operators>,
    cx: Auth<OperatorWrite>,
    name: Name,
) -> Result<Json<SubscriptionBody>, Problem> {
    Ok(Json(operators.set_paused(&cx, &name, true).await?.into()))
}

/// Let workers take a paused subscription up again.
#[utoipa::path(
    tag = "operator",
    security(("bearer" = [Auth::<OperatorWrite>::SCOPE])),
    responses((status = 200, description = "It is not paused.", body = SubscriptionBody))
)]
#[post("/operator/subscriptions/{name}/resume")]
async fn resume(
    operators: Data<Operators>,
    cx: Auth<OperatorWrite>,
    name: Name,
) -> Result<Json<SubscriptionBody>, Problem> {
    Ok(Json(operators.set_paused(&cx, &name, false).await?.into()))
}

/// Have parked streams of a subscription tried again, from the first event that was not handled.
///
/// All of them, or one. The answer comes at once: a stream that is handled vanishes from the parked ones, one that fails
/// again stays there with another attempt.
#[utoipa::path(
    tag = "operator",
    security(("bearer" = [Auth::<OperatorWrite>::SCOPE])),
    request_body = ReplayOrder,
    responses((status = 200, description = "Workers try them again.", body = Replayed))
)]
#[post("/operator/subscriptions/{name}/replay")]
async fn replay(
    operators: Data<Operators>,
    cx: Auth<OperatorWrite>,
    name: Name,
    body: Valid<ReplayOrder>,
) -> Result<Json<Replayed>, Problem> {
    let streams = operators.replay(&cx, &name, body.into_inner().stream()?).await?;
    Ok(Json(Replayed { streams }))
}

/// Build a read model anew beside the live one, which serves meanwhile, and put it in its place.
///
/// One that is under way goes on, and is what the answer shows.
#[utoipa::path(
    tag = "operator",
    security(("bearer" = [Auth::<OperatorWrite>::SCOPE])),
    responses((
        status = 202, description = "Workers are at it.", body = RebuildBody,
        headers(("Location" = String, description = "Where its progress is."))
    ))
)]
#[post("/operator/subscriptions/{name}/rebuild")]
async fn rebuild(operators: Data<Operators>, cx: Auth<OperatorWrite>, name: Name) -> Result<HttpResponse, Problem> {
    let status = RebuildBody::from(operators.rebuild(&cx, &name).await?);
    let location = format!("/v1/operator/rebuilds/{}", &*name);
    Ok(HttpResponse::Accepted().insert_header((LOCATION, location)).json(status))
}

/// List the streams that subscriptions have set aside, the oldest first, and why.
#[utoipa::path(
    tag = "operator",
    security(("bearer" = [Auth::<OperatorRead>::SCOPE])),
    params(ParkedParams),
    responses((status = 200, description = "A page.", body = Page<ParkedBody>))
)]
#[get("/operator/parked")]
async fn parked(
    operators: Data<Operators>,
    cursors: Data<Cursors>,
    cx: Auth<OperatorRead>,
    request: HttpRequest,
    params: Query<ParkedParams>,
) -> Result<Page<ParkedBody>, Problem> {
    let params = params.into_inner();
    let mut check = Check::default();
    let limit = check.parameter("limit", limit(params.limit.as_deref()));
    let of = check.parameter("subscription", params.subscription.as_deref().map(name).transpose());
    let page = format!("{}?{}", request.path(), params.subscription.unwrap_or_default());
    let after = params.cursor.map(|cursor| open(&cursors, &cx, &page, &cursor)).transpose();
    let after = check.parameter("cursor", after);
    let (limit, (of, after)) = check.finish(limit.zip(of.zip(after)))?;
    let place = |((parked_at, tenant, name), stream)| ParkedPlace { parked_at, tenant, stream, subscription: name };
    let after = after.map(place);
    let query = ParkedQuery { subscription: of, after, limit: limit + 1 };
    let mut rows = operators.parked(&cx, &query).await?;
    let has_more = rows.len() > usize::from(limit);
    rows.truncate(limit.into());
    let next = rows.last().filter(|_| has_more).map(|last| {
        let last = last.place();
        seal(&cursors, &cx, &page, &(last.parked_at, last.tenant, last.subscription), last.stream)
    });
    Ok(Page::new(rows.into_iter().map(ParkedBody::from).collect(), next))
}

/// List the last rebuild of each read model, all of them on one page.
#[utoipa::path(
    tag = "operator",
    security(("bearer" = [Auth::<OperatorRead>::SCOPE])),
    responses((status = 200, description = "By read model.", body = Page<RebuildBody>))
)]
#[get("/operator/rebuilds")]
async fn rebuilds(operators: Data<Operators>, cx: Auth<OperatorRead>) -> Result<Page<RebuildBody>, Problem> {
    Ok(Page::whole(operators.rebuilds(&cx).await?.into_iter().map(RebuildBody::from).collect()))
}

/// Show how far a read model's last rebuild has come.
#[utoipa::path(
    tag = "operator",
    security(("bearer" = [Auth::<OperatorRead>::SCOPE])),
    responses((status = 200, description = "The rebuild.", body = RebuildBody))
)]
#[get("/operator/rebuilds/{name}")]
async fn rebuild_status(
    operators: Data<Operators>,
    cx: Auth<OperatorRead>,
    name: Name,
) -> Result<Json<RebuildBody>, Problem> {
    Ok(Json(operators.last_rebuild_of(&cx, &name).await?.into()))
}
