//! `/v1/events/stream`

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse, get,
    http::header::{CONTENT_ENCODING, HeaderName},
    web::Data,
};
use fairlead_application::history::{EventsRead, History};
use serde::Deserialize;
use utoipa::IntoParams;

use super::wanted;
use crate::{
    document::parameters::LastEventId,
    live::{Follow, Live, resumed},
    problem::{Check, Problem},
    request::{Auth, Gate, HeadOnly, Query},
};

/// Tells proxies that know it (nginx) to pass on what they get at once.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamParams {
    /// As `Last-Event-ID`, for those who can't set a header; the header wins.
    #[param(example = "1.748")]
    last_event_id: Option<String>,
    /// Only events of this type.
    #[param(example = "contact.created")]
    r#type: Option<String>,
    /// Only events of this kind of record.
    #[param(example = "contact")]
    aggregate: Option<String>,
}

/// Follow what happens in the organization, as server-sent events.
///
/// Each event's `data` is the event as `/v1/events` shows it, its `id` where to go on after a pause of up to 10,000
/// events. A comment comes every 15 seconds. The last event before the end has a name: `expired` with the token, `slow`
/// when too much was not taken in time, `stopping` when the server stops, `interrupted` when the log does not answer.
#[utoipa::path(
    tag = "events",
    operation_id = "stream",
    security(("bearer" = [Auth::<EventsRead>::SCOPE])),
    params(StreamParams, LastEventId),
    responses(
        (status = 200, description = "Events until the end.", body = String, content_type = "text/event-stream"),
    )
)]
#[get("/events/stream")]
pub(super) async fn stream(
    live: Data<Live>,
    history: Data<History>,
    gate: Data<Gate>,
    cx: Auth<EventsRead>,
    request: HttpRequest,
    params: Query<StreamParams>,
) -> Result<HttpResponse, Problem> {
    let params = params.into_inner();
    let mut check = Check::default();
    let wanted = wanted(&mut check, &cx, params.aggregate.as_deref(), params.r#type.as_deref());
    let wanted = check.finish(wanted)?;
    let resume = resumed(&request, params.last_event_id.as_deref())?;
    if let Some(place) = resume {
        history.resumable(&cx, place).await?;
    }
    let mut response = HttpResponse::Ok();
    response.content_type("text/event-stream").insert_header((X_ACCEL_BUFFERING, "no"));
    // Compressing would hold events back until there is enough to compress.
    response.insert_header((CONTENT_ENCODING, "identity"));
    if request.extensions().contains::<HeadOnly>() {
        return Ok(response.finish());
    }
    let listening = live.listen(cx.tenant(), &wanted).await?;
    let lifetime = gate.remaining(&cx);
    let follow = Follow::new(History::clone(&history), (*cx).clone(), wanted, listening, resume, lifetime);
    Ok(response.streaming(follow.stream()))
}
