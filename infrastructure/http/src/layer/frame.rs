//! The outermost layer: names the request, follows it in the log, and gives every answer its last form.

use std::{any::Any, panic::AssertUnwindSafe, time::Instant};

use actix_web::{
    Error, HttpMessage, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{Method, header::HeaderValue},
    middleware::Next,
    web::Data,
};
use fairlead_application::{App, AppError};
use futures::FutureExt;
use tracing::{Instrument, Span, field, info, info_span};
use uuid::Uuid;

use super::security;
use crate::{
    problem::{Problem, render},
    request::{RequestId, X_REQUEST_ID},
};

/// Wraps a request. Neither path nor query is logged, only the route's pattern: they may hold personal data.
pub(crate) async fn frame(
    app: Data<App>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let id = RequestId::of(request.headers(), || app.fresh::<Uuid>());
    let span = info_span!(
        "request",
        request_id = id.text,
        method = request.method().as_str(),
        route = field::Empty,
        tenant = field::Empty,
        status = field::Empty,
    );
    let path = request.path().to_owned();
    // What answers GET answers HEAD; the connection leaves the body out.
    if *request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    request.extensions_mut().insert(id.clone());
    let answer = AssertUnwindSafe(async move { next.call(request).await }).catch_unwind();
    async move {
        let finish = |response| finish(response, &id, &path);
        let answer = match answer.await {
            Ok(Ok(response)) => {
                Span::current().record("route", response.request().match_pattern().as_deref().unwrap_or("none"));
                let (request, response) = response.into_parts();
                Ok(ServiceResponse::new(request, finish(response.map_into_boxed_body())))
            }
            Ok(Err(error)) => Err(finish(error.error_response())),
            Err(panic) => Err(finish(HttpResponse::from_error(Problem::from(AppError::internal(said(&*panic)))))),
        };
        let status = answer.as_ref().map_or_else(HttpResponse::status, ServiceResponse::status).as_u16();
        Span::current().record("status", status);
        info!(microseconds = begun.elapsed().as_micros(), "answered");
        answer.map_err(|response| InternalError::from_response("the request was not answered", response).into())
    }
    .instrument(span)
    .await
}

fn finish(response: HttpResponse, id: &RequestId, path: &str) -> HttpResponse {
    let mut response = render(response, &id.text);
    let headers = response.headers_mut();
    security::harden(headers, path);
    if let Ok(id) = HeaderValue::from_str(&id.text) {
        headers.insert(X_REQUEST_ID, id);
    }
    response
}

fn said(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
    said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}
