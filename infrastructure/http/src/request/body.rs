//! The body, read once for all who look at it: the fingerprint of an idempotent request, and the handler.

use std::time::Duration;

use actix_web::{
    HttpMessage, HttpRequest,
    dev::Payload,
    error::PayloadError,
    http::header::CONTENT_LENGTH,
    web::{Bytes, BytesMut, Data},
};
use fairlead_domain::kernel::ErrorKind;
use futures::{FutureExt, StreamExt, future::LocalBoxFuture, future::Shared};
use tokio::time::timeout;

use crate::problem::Problem;

/// How long a body may take to arrive, so that slow senders don't tie up connections.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body of many commands, or of many ids, may be so many times as large as one of a single command.
const BATCH_FACTOR: usize = 16;
/// How the paths of such bodies end.
const OF_MANY: [&str; 3] = ["/batch", "/members", "/members/remove"];

/// What a request may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The largest body.
    pub(crate) body_bytes: usize,
}

type Reading = Shared<LocalBoxFuture<'static, Result<Bytes, Failure>>>;

/// Why a body can't be had.
#[derive(Debug, Clone, Copy)]
pub(super) enum Failure {
    TooLarge { limit: usize },
    Late,
    Broken,
}

/// The body. Nothing is read until the future is polled, so a request that is refused first costs nothing.
pub(super) fn bytes(request: &HttpRequest, payload: &mut Payload) -> Reading {
    if let Some(Slot(reading)) = request.extensions().get() {
        return reading.clone();
    }
    let limit = request.app_data::<Data<Limits>>().map_or(0, |limits| limits.body_bytes);
    let of_many = request.match_pattern().is_some_and(|pattern| OF_MANY.iter().any(|end| pattern.ends_with(end)));
    let limit = if of_many { limit.saturating_mul(BATCH_FACTOR) } else { limit };
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let announced_too_much = length.is_some_and(|length| length > limit as u64);
    let payload = payload.take();
    let reading = async move {
        if announced_too_much {
            return Err(Failure::TooLarge { limit });
        }
        timeout(PATIENCE, read(payload, limit)).await.unwrap_or(Err(Failure::Late))
    };
    let reading = reading.boxed_local().shared();
    request.extensions_mut().insert(Slot(reading.clone()));
    reading
}

/// Where the reading waits for others in the request.
struct Slot(Reading);

async fn read(mut payload: Payload, limit: usize) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| match error {
            PayloadError::Overflow => Failure::TooLarge { limit },
            _ => Failure::Broken,
        })?;
        if body.len() + chunk.len() > limit {
            return Err(Failure::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::TooLarge { limit } => {
                let detail = format!("a body has {limit} bytes at most");
                Self::new(ErrorKind::TooLarge, "request.too_large", detail)
            }
            Failure::Late => Self::malformed("request.too_slow", "the body took too long to arrive"),
            Failure::Broken => Self::malformed("request.incomplete", "the body did not arrive as a whole"),
        }
    }
}
