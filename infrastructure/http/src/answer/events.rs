//! What happened, page by page.

use actix_web::{HttpRequest, HttpResponse, Responder, body::BoxBody};
use fairlead_application::{
    access::{Authorized, Reveals},
    envelope::envelope,
    history::{History, LogPage},
};
use fairlead_domain::kernel::{Aggregate, Invalid};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{missing, page::limit};
use crate::problem::{Check, Problem};

/// Which of a record's events, and how many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordEventParams {
    /// Where the page begins: behind this version, the `next_after` of the page before; at the beginning if missing.
    #[param(value_type = Option<i64>, minimum = 0, default = 0)]
    after: Option<String>,
    /// How many events at most.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

/// Part of a log, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPage {
    /// The events.
    #[schema(value_type = Vec<Event>)]
    data: Vec<Value>,
    /// Whether there may be more.
    has_more: bool,
    /// Send it as `after` for the next page, or later for what happened since: it is there on the last page too.
    #[schema(minimum = 0)]
    next_after: i64,
}

/// Something that happened, as a `CloudEvent` 1.0. It is public contract.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document; the application writes envelopes")]
pub(crate) struct Event {
    /// Of `CloudEvents`.
    #[schema(example = "1.0")]
    specversion: String,
    /// The event, wherever it is met.
    id: Uuid,
    #[schema(example = "/fairlead")]
    source: String,
    /// What happened.
    #[schema(example = "contact.created")]
    r#type: String,
    /// The record.
    subject: Uuid,
    #[schema(format = DateTime)]
    time: String,
    #[schema(example = "application/json")]
    datacontenttype: String,
    /// The name of the schema of `data`.
    #[schema(example = "urn:fairlead:schema:contact.created:v1")]
    dataschema: String,
    /// The organization.
    tenantid: Uuid,
    /// The record's version after it.
    #[schema(minimum = 1)]
    streamversion: i64,
    /// The position in the log; not in a record's own events.
    #[schema(required = false, example = "748")]
    sequence: String,
    /// The life of the log in which the position has a meaning; not in a record's own events.
    #[schema(required = false)]
    incarnation: i32,
    /// The shape of `data`.
    schemaversion: i16,
    /// Who did it.
    actor: String,
    /// The request, if its id was a UUID.
    #[schema(required = false)]
    correlationid: Uuid,
    /// The event that brought it about.
    #[schema(required = false)]
    causationid: Uuid,
    /// W3C trace context.
    #[schema(required = false)]
    traceparent: String,
    /// What happened, in full.
    data: serde_json::Map<String, Value>,
}

impl From<LogPage> for EventPage {
    fn from(page: LogPage) -> Self {
        let data = page.events.iter().map(|event| event.envelope()).collect();
        Self { data, has_more: page.more, next_after: page.reached }
    }
}

/// Answers one page of a record's events, deleted or not.
///
/// # Errors
/// `<aggregate>.not_found`, everything that is wrong with the parameters at once, or the history's failure.
pub(crate) async fn record_events<A: Aggregate>(
    history: &History,
    cx: &Authorized<impl Reveals<A>>,
    id: A::Id,
    params: RecordEventParams,
) -> Result<EventPage, Problem> {
    let mut check = Check::default();
    let start = check.parameter("after", after(params.after.as_deref()));
    let limit = check.parameter("limit", limit(params.limit.as_deref()));
    let (start, limit) = check.finish(start.zip(limit))?;
    let page = history.record::<A>(cx, id, start, limit).await?.ok_or_else(missing::<A>)?;
    let next_after = page.events.last().map_or(start, |event| event.version);
    let (tenant, stream) = (cx.tenant().into(), id.into());
    let data = page.events.iter().map(|event| envelope(tenant, stream, event, None)).collect();
    Ok(EventPage { data, has_more: page.more, next_after })
}

/// Where a page of events begins.
///
/// # Errors
/// `after.invalid`
pub(crate) fn after(text: Option<&str>) -> Result<i64, Invalid> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let after = text.map_or(Some(0), digits);
    after.ok_or_else(|| Invalid::new("after.invalid", "must be a whole number, 0 or more: a next_after"))
}

impl Responder for EventPage {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().json(self)
    }
}
