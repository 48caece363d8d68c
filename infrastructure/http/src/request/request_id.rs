//! A name for each request, by which its answer, its log lines and its events are found.

use actix_web::http::header::{HeaderMap, HeaderName};
use uuid::Uuid;

/// The header that carries it.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest name that is taken over.
const MAX_LENGTH: usize = 128;

/// The name of a request.
#[derive(Debug, Clone)]
pub(crate) struct RequestId {
    /// As the client chose it, if it did so acceptably.
    pub(crate) text: String,
    /// The same as a UUID, or a fresh one when the client chose something else.
    pub(crate) correlation: Uuid,
}

impl RequestId {
    /// Takes the client's, or makes one.
    pub(crate) fn of(headers: &HeaderMap, fresh: impl FnOnce() -> Uuid) -> Self {
        let chosen = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|text| acceptable(text));
        let correlation = chosen.and_then(|text| text.parse().ok()).unwrap_or_else(fresh);
        Self { text: chosen.map_or_else(|| correlation.to_string(), str::to_owned), correlation }
    }
}

fn acceptable(text: &str) -> bool {
    (1..=MAX_LENGTH).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
