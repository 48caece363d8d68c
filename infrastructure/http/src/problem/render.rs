//! Writing problem documents, for our own refusals and for those of the framework.

use std::{error::Error, iter};

use actix_web::{
    HttpResponse,
    body::{BoxBody, MessageBody},
    http::{
        StatusCode,
        header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue},
    },
};
use fairlead_domain::kernel::ErrorKind;
use serde::Serialize;
use tracing::{error, warn};
use utoipa::ToSchema;

use super::{Fault, Problem};

/// The media type of a problem.
const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request failed (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument<'a> {
    /// Identifies the kind of problem; stable.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference", example = "/problems/contact.email_taken")]
    kind: String,
    /// The class of the problem, in a few words.
    #[schema(example = "The present state forbids it")]
    title: &'a str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599, example = 409)]
    status: u16,
    /// This problem, in a sentence for people.
    #[schema(example = "contact's email is already in use")]
    detail: &'a str,
    /// The kind of problem, for programs; stable.
    #[schema(example = "contact.email_taken")]
    code: &'a str,
    /// Name it when you report the problem.
    request_id: &'a str,
    /// The values that are not accepted.
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [Fault],
}

/// Why a part of a request failed, where the others did not.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperationProblem)]
pub(crate) struct ProblemBody {
    /// Identifies the kind of problem; stable.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference", example = "/problems/contact.email_taken")]
    pub(super) kind: String,
    /// The class of the problem, in a few words.
    pub(super) title: &'static str,
    /// The HTTP status that it would have had alone.
    #[schema(minimum = 400, maximum = 599, example = 409)]
    pub(super) status: u16,
    /// This problem, in a sentence for people.
    pub(super) detail: String,
    /// The kind of problem, for programs; stable.
    #[schema(example = "contact.email_taken")]
    pub(super) code: String,
    /// What is concerned, by place in the body of the whole request.
    pub(super) errors: Vec<Fault>,
}

/// The document as bytes.
fn document(Problem(problem): &Problem, request_id: &str) -> Vec<u8> {
    let document = ProblemDocument {
        kind: format!("/problems/{}", problem.code),
        title: problem.title,
        status: problem.status.as_u16(),
        detail: &problem.detail,
        code: &problem.code,
        request_id,
        errors: &problem.errors,
    };
    serde_json::to_vec(&document).unwrap_or_default()
}

/// Gives every answer that is an error a problem document, and logs what the client is not told.
pub(crate) fn render<B: MessageBody + 'static>(response: HttpResponse<B>, request_id: &str) -> HttpResponse<BoxBody> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response.map_into_boxed_body();
    }
    let ours = response.extensions().get::<Problem>().cloned();
    // Health answers an unready server with a document of its own.
    if ours.is_none() && response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        return response.map_into_boxed_body();
    }
    let problem = ours.unwrap_or_else(|| foreign(status));
    log(&problem);
    let mut rendered = response.set_body(BoxBody::new(document(&problem, request_id)));
    let headers = rendered.headers_mut();
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    for (name, value) in problem.0.headers {
        headers.insert(name, value);
    }
    rendered
}

/// What the framework refused.
fn foreign(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::new(ErrorKind::NotFound, "route.not_found", "there is nothing at this path"),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(ErrorKind::TooLarge, "request.too_large", "send less"),
        status if status.is_client_error() => {
            let detail = status.canonical_reason().unwrap_or("the request is refused");
            Problem::with_status(status, "request.refused", detail)
        }
        _ => Problem::new(ErrorKind::Internal, "service.internal", "an internal fault"),
    }
}

fn log(Problem(problem): &Problem) {
    let code = &*problem.code;
    let cause = problem.cause.as_deref().map(|cause| chain(cause)).unwrap_or_default();
    match problem.status {
        StatusCode::SERVICE_UNAVAILABLE => warn!(code, cause, "unavailable"),
        status if status.is_server_error() => error!(code, cause, "failed"),
        _ => {}
    }
}

/// An error with everything that led to it.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |error| Error::source(*error));
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A method that the path does not know.
pub(crate) fn wrong_method(allowed: &str) -> Problem {
    let detail = format!("this path knows {allowed}");
    Problem::with_status(StatusCode::METHOD_NOT_ALLOWED, "route.wrong_method", detail).header(ALLOW, allowed)
}
