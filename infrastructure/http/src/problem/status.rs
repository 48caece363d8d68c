//! The one table from classes of refusals to HTTP.

use actix_web::http::StatusCode;
use fairlead_domain::kernel::ErrorKind;

/// Status and title of a class.
pub(super) fn of(kind: ErrorKind) -> (StatusCode, &'static str) {
    match kind {
        ErrorKind::Malformed => (StatusCode::BAD_REQUEST, "The request can't be read"),
        ErrorKind::Unauthenticated => (StatusCode::UNAUTHORIZED, "Nobody vouches for the caller"),
        ErrorKind::Forbidden => (StatusCode::FORBIDDEN, "The caller may not do this"),
        ErrorKind::NotFound => (StatusCode::NOT_FOUND, "There is no such thing"),
        ErrorKind::Conflict => (StatusCode::CONFLICT, "The present state forbids it"),
        ErrorKind::Stale => (StatusCode::PRECONDITION_FAILED, "The record has changed"),
        ErrorKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
        ErrorKind::TooMany => (StatusCode::TOO_MANY_REQUESTS, "Too much for now"),
        ErrorKind::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "A value is not accepted"),
        ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Try again later"),
        ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "A fault of the server"),
    }
}
