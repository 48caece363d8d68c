//! The outermost layer: names the request, follows it in the log, and gives every answer its last form.

use std::{any::Any, panic::AssertUnwindSafe, time::Instant};

use actix_web::{
    Error, HttpMessage, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        Method,
        header::{CONTENT_ENCODING, HeaderValue},
    },
    middleware::Next,
    web::Data,
};
use fairlead_application::{App, AppError, TraceParent, trace};
use futures::FutureExt;
use tracing::{Instrument, Span, field, info, info_span};
use uuid::Uuid;

use super::{measure::Measured, security};
use crate::{
    problem::{Problem, render},
    request::{HeadOnly, RequestId, Standings, TRACEPARENT, X_REQUEST_ID},
};

/// What stands for a path that no route takes.
const NO_ROUTE: &str = "none";

/// Wraps a request. Neither path nor query is logged, only the route's pattern: they may hold personal data.
pub(crate) async fn frame(
    app: Data<App>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let id = RequestId::of(request.headers(), || app.fresh::<Uuid>());
    let route = request.match_pattern().unwrap_or_else(|| NO_ROUTE.to_owned());
    let measured = Measured::begin(request.method());
    let span = info_span!(
        "request",
        request_id = id.text,
        method = request.method().as_str(),
        route,
        tenant = field::Empty,
        status = field::Empty,
        trace_id = field::Empty,
        span_id = field::Empty,
        otel.name = field::Empty,
        otel.kind = field::Empty,
        otel.status_code = field::Empty,
    );
    if trace::are_recorded() {
        place_in_trace(&span, &request, &route);
    }
    let path = request.path().to_owned();
    // What answers GET answers HEAD; the connection leaves the body out.
    if *request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
        request.extensions_mut().insert(HeadOnly);
    }
    request.extensions_mut().insert(id.clone());
    let answer = AssertUnwindSafe(async move { next.call(request).await }).catch_unwind();
    async move {
        let finish = |response| finish(response, &id, &path);
        let answer = match answer.await {
            Ok(Ok(response)) => {
                let (request, response) = response.into_parts();
                let mut response = finish(response.map_into_boxed_body());
                if let Some(standings) = request.extensions().get::<Standings>() {
                    standings.tell(response.headers_mut());
                }
                Ok(ServiceResponse::new(request, response))
            }
            Ok(Err(error)) => Err(finish(error.error_response())),
            Err(panic) => Err(finish(HttpResponse::from_error(Problem::from(AppError::internal(said(&*panic)))))),
        };
        let status = answer.as_ref().map_or_else(HttpResponse::status, ServiceResponse::status);
        Span::current().record("status", status.as_u16());
        if status.is_server_error() {
            Span::current().record("otel.status_code", "ERROR");
        }
        measured.end(route, status, begun.elapsed());
        info!(microseconds = begun.elapsed().as_micros(), "answered");
        answer.map_err(|response| InternalError::from_response("the request was not answered", response).into())
    }
    .instrument(span)
    .await
}

/// Continues the caller's trace, and lets every line about the request name its place there.
fn place_in_trace(span: &Span, request: &ServiceRequest, route: &str) {
    span.record("otel.name", format!("{} {route}", request.method()));
    span.record("otel.kind", "server");
    let caller = request.headers().get(TRACEPARENT).and_then(|value| TraceParent::parse(value.to_str().ok()?).ok());
    if let Some(caller) = caller {
        trace::put_below(span, &caller);
    }
    if let Some(place) = trace::place_of(span) {
        span.record("trace_id", place.trace_id());
        span.record("span_id", place.span_id());
    }
}

fn finish(response: HttpResponse, id: &RequestId, path: &str) -> HttpResponse {
    let mut response = render(response, &id.text);
    let headers = response.headers_mut();
    security::harden(headers, path);
    // Says to the compressing layer to leave an answer alone; not to be said to clients (RFC 9110, section 8.4.1).
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding == "identity") {
        headers.remove(CONTENT_ENCODING);
    }
    if let Ok(id) = HeaderValue::from_str(&id.text) {
        headers.insert(X_REQUEST_ID, id);
    }
    response
}

fn said(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
    said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}
