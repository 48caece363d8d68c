//! Refusals and failures as clients see them: problem details (RFC 9457).

mod fault;
mod render;
mod status;

use std::{borrow::Cow, error::Error, fmt, sync::Arc};

use actix_web::{
    HttpResponse, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use fairlead_application::AppError;
use fairlead_domain::kernel::{ErrorKind, Invalid};

pub(crate) use fault::{Check, Fault, member};
pub(crate) use render::{ProblemBody, ProblemDocument, render, wrong_method};

/// How long a client should wait before it tries again, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";
/// The same where a backlog has to be worked off first.
const BACKLOG_SECONDS: &str = "10";

/// Why a request is not answered as hoped. The body is written at the very end, when the request id is known.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Content>);

#[derive(Debug, Clone)]
struct Content {
    status: StatusCode,
    title: &'static str,
    code: Cow<'static, str>,
    detail: Cow<'static, str>,
    errors: Vec<Fault>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Problem {
    /// A problem of a class, with its stable code and a sentence for people.
    pub(crate) fn new(
        kind: ErrorKind,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (status, title) = status::of(kind);
        let mut problem = Self::with_status(status, code, detail);
        problem.0.title = title;
        match kind {
            ErrorKind::Unavailable | ErrorKind::TooMany => problem.retry_later(),
            _ => problem,
        }
    }

    /// A problem that only HTTP knows, such as a wrong method.
    pub(crate) fn with_status(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let (code, detail) = (code.into(), detail.into());
        let (errors, headers) = (Vec::new(), Vec::new());
        Self(Box::new(Content { status, title, code, detail, errors, headers, cause: None }))
    }

    /// The request can't be read.
    pub(crate) fn malformed(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Malformed, code, detail)
    }

    /// Values that are not accepted, all at once.
    pub(crate) fn invalid(errors: Vec<Fault>) -> Self {
        let mut problem = Self::new(ErrorKind::Invalid, "request.invalid", "some values are not accepted; see errors");
        problem.0.errors = errors;
        problem
    }

    /// Adds a header to the answer, or replaces it; one that can't be written is left out.
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.0.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    /// The same about a part of the body: every place in it is below `parent`.
    pub(crate) fn within(mut self, parent: &str) -> Self {
        for fault in &mut self.0.errors {
            fault.pointer = fault.pointer.take().map(|pointer| format!("{parent}{pointer}"));
        }
        if self.0.errors.is_empty() {
            let (code, detail) = (self.0.code.clone(), self.0.detail.to_string());
            self.0.errors.push(Fault { pointer: Some(parent.to_owned()), parameter: None, code, detail });
        }
        self
    }

    /// What is not accepted, alone.
    pub(crate) fn into_faults(self) -> Vec<Fault> {
        self.0.errors
    }

    /// The problem as a part of an answer that is none.
    pub(crate) fn into_body(self) -> ProblemBody {
        let Content { status, title, code, detail, errors, .. } = *self.0;
        ProblemBody {
            kind: format!("/problems/{code}"),
            title,
            status: status.as_u16(),
            detail: detail.into_owned(),
            code: code.into_owned(),
            errors,
        }
    }

    fn retry_later(self) -> Self {
        self.header(RETRY_AFTER, RETRY_AFTER_SECONDS)
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        let mut problem = Self::new(error.kind(), error.code(), error.to_string());
        match error {
            AppError::Forbidden { permission } => problem.header(
                WWW_AUTHENTICATE,
                &format!(r#"Bearer realm="fairlead", error="insufficient_scope", scope="{permission}""#),
            ),
            AppError::Contended | AppError::KeyInProgress => problem.retry_later(),
            AppError::TooManyAttempts { retry_after } => problem.header(RETRY_AFTER, &retry_after.to_string()),
            AppError::HeldBack => problem.header(RETRY_AFTER, BACKLOG_SECONDS),
            AppError::Unavailable(cause) | AppError::Internal(cause) => {
                problem.0.cause = Some(Arc::from(cause));
                problem
            }
            _ => problem,
        }
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::new(ErrorKind::Invalid, invalid.code, invalid.detail)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.code)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    /// An answer without a body, which carries the problem to [`render()`].
    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::new(self.0.status);
        response.extensions_mut().insert(self.clone());
        response
    }
}
