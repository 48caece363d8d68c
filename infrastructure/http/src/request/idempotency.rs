//! `Idempotency-Key`: a command may be sent again without taking effect twice.

use actix_web::{
    HttpRequest,
    http::header::{HeaderName, IF_MATCH},
};
use fairlead_application::{IdempotencyKey, signing::Signer};

use super::header;
use crate::problem::Problem;

/// The header that carries the key.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest key.
const MAX_LENGTH: usize = 200;

/// Tells requests apart by a keyed hash, so that what is stored reveals nothing about them.
#[derive(Clone)]
pub(super) struct Fingerprints(Signer);

impl Fingerprints {
    pub(super) fn new(signer: Signer) -> Self {
        Self(signer)
    }

    /// The key together with everything that decides what the request does.
    pub(super) fn bind(&self, request: &HttpRequest, key: String, body: &[u8]) -> IdempotencyKey {
        let target = request.uri().path_and_query().map_or("", |target| target.as_str());
        let condition = request.headers().get(IF_MATCH).map_or(&b""[..], |value| value.as_bytes());
        let parts = [request.method().as_str().as_bytes(), target.as_bytes(), condition, body];
        IdempotencyKey { key, fingerprint: self.0.sign(&parts) }
    }
}

/// The client's key, if it sent one.
pub(super) fn key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let well_formed =
        |key: &str| (1..=MAX_LENGTH).contains(&key.len()) && key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    match header(request, &IDEMPOTENCY_KEY)? {
        Some(key) if well_formed(key) => Ok(Some(key.to_owned())),
        Some(_) => Err(Problem::malformed(
            "idempotency.invalid_key",
            "Idempotency-Key must have 1 to 200 printable ASCII characters",
        )),
        None => Ok(None),
    }
}
