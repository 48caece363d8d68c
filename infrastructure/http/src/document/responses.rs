//! Answers that operations share.

use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, Object, Ref, RefOr, Response, ResponseBuilder, Type, header::Header,
};

/// The problems that an operation can have: status, name in the document, description.
pub(super) const PROBLEMS: &[(&str, &str, &str)] = &[
    ("400", "Malformed", "The request can't be read."),
    ("401", "Unauthenticated", "There is no token, or it is not valid."),
    ("403", "Forbidden", "The token does not grant the permission."),
    ("404", "NotFound", "There is no such record in the organization, or nothing of this name."),
    ("409", "Conflict", "The record's state forbids it, a unique value is taken, or the same key is being worked on."),
    ("412", "Stale", "The record is not at the version in `If-Match`."),
    ("413", "TooLarge", "The body has too many bytes."),
    ("415", "Unsupported", "The body is not JSON."),
    ("422", "Invalid", "A value is not accepted; `errors` names all of them."),
    ("429", "TooMany", "More than is allowed in this time; try again after `Retry-After`."),
    ("500", "Internal", "A fault of the server."),
    ("503", "Unavailable", "A part that is needed does not answer; try again after `Retry-After`."),
];

/// A problem with a description.
pub(super) fn problem(status: &str, description: &str) -> Response {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new().description(description).content("application/problem+json", body);
    let response = response.header("X-Request-Id", header("The request's name."));
    match status {
        "401" | "403" => response.header("WWW-Authenticate", header("What is missing (RFC 6750).")),
        "429" | "503" => response.header("Retry-After", header("Seconds to wait.")),
        _ => response,
    }
    .build()
}

/// A reference to a problem among the components.
pub(super) fn reference(name: &str) -> RefOr<Response> {
    RefOr::Ref(Ref::new(format!("#/components/responses/{name}")))
}

/// A header with a text.
pub(super) fn header(description: &str) -> Header {
    HeaderBuilder::new().schema(Some(Object::with_type(Type::String))).description(Some(description)).build()
}
