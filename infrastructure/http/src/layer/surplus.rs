//! What a handler would pass over in silence is refused before it, so that no handler can forget to.

use actix_web::{
    Error, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{CONTENT_LENGTH, HeaderMap, HeaderValue, IF_MATCH, TRANSFER_ENCODING},
    },
    middleware::Next,
    web::Data,
};
use fairlead_domain::kernel::ErrorKind;

use super::{Routes, routes::Route};
use crate::{
    problem::Problem,
    request::{IDEMPOTENCY_KEY, no_query},
};

/// Refuses query parameters where the operation knows none, and a body, `If-Match` and `Idempotency-Key` on commands that
/// don't heed them. Like 404 and 405 it tells what is in the document, so it need not wait for the token.
pub(crate) async fn surplus(
    routes: Data<Routes>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // The path as the router reads it, decoded: the raw one could be written in ways that are not found here.
    let route = routes.of(request.method().as_str(), request.match_info().as_str());
    match route.map_or(Ok(()), |route| check(route, &request)) {
        Ok(()) => Ok(next.call(request).await?.map_into_boxed_body()),
        // An answer, no error: the layer of CORS passes over errors.
        Err(problem) => Ok(request.into_response(HttpResponse::from_error(problem))),
    }
}

fn check(route: &Route, request: &ServiceRequest) -> Result<(), Problem> {
    if !route.takes_query {
        no_query(request.query_string())?;
    }
    let is_command = *request.method() != Method::GET;
    if is_command && !route.takes_body && announces_body(request.headers()) {
        // Whoever demands a version in it would believe that it was compared.
        let detail = "this command takes no body; send it without one";
        return Err(Problem::new(ErrorKind::Invalid, "request.unexpected_body", detail));
    }
    if is_command && !route.takes_condition && request.headers().contains_key(IF_MATCH) {
        let detail = "this command compares no version; send it without If-Match";
        return Err(Problem::new(ErrorKind::Invalid, "request.unexpected_if_match", detail));
    }
    if is_command && !route.takes_key && request.headers().contains_key(IDEMPOTENCY_KEY) {
        let detail = "this may be sent again as it is; send it without Idempotency-Key";
        return Err(Problem::new(ErrorKind::Invalid, "request.unexpected_idempotency_key", detail));
    }
    Ok(())
}

/// Whether a body comes (RFC 9112, section 6) that is more than the `{}` which some clients send with every command.
fn announces_body(headers: &HeaderMap) -> bool {
    let length = |text: &HeaderValue| text.to_str().ok()?.parse::<u64>().ok();
    let is_empty = |text: &HeaderValue| length(text).is_some_and(|length| length <= "{}".len() as u64);
    headers.contains_key(TRANSFER_ENCODING) || headers.get(CONTENT_LENGTH).is_some_and(|length| !is_empty(length))
}
