//! What is read from requests: who asks, for what, under which conditions.

mod asker;
mod auth;
mod body;
mod decode;
mod id;
mod idempotency;
mod if_match;
mod member;
mod name;
mod noting;
mod origin;
mod query;
mod rate;
mod request_id;
mod shape;
mod valid;

pub(crate) use asker::{Asker, Tries, Try};
pub(crate) use auth::{Auth, Gate, TRACEPARENT};
pub(crate) use body::Limits;
pub(crate) use id::Id;
pub(crate) use idempotency::IDEMPOTENCY_KEY;
pub(crate) use if_match::{IfMatch, matches};
pub(crate) use member::Member;
pub(crate) use name::{Name, name};
pub use origin::{InvalidProxies, TrustedProxies};
pub(crate) use query::{Query, no_query};
pub use rate::{InvalidRate, Rate};
pub(crate) use rate::{RATE_LIMIT, RATE_LIMIT_POLICY, Rates, Standings};
pub(crate) use request_id::{RequestId, X_REQUEST_ID};
pub(crate) use shape::{List, Map, Object};
pub(crate) use valid::{Valid, decode};

use actix_web::{HttpRequest, http::header::HeaderName};

use crate::problem::Problem;

/// The request and answer header of consistency tokens.
pub(crate) const CONSISTENCY: HeaderName = HeaderName::from_static("fairlead-consistency");

/// Marks a request that was `HEAD`: the answer has no body, so one that goes on must not begin.
pub(crate) struct HeadOnly;

/// A header's value, if it is there; one that is not visible ASCII, or there twice, is refused.
pub(crate) fn header<'r>(request: &'r HttpRequest, name: &HeaderName) -> Result<Option<&'r str>, Problem> {
    let mut values = request.headers().get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::malformed("request.repeated_header", format!("send {name} once")));
    }
    let malformed = |_| Problem::malformed("request.malformed_header", format!("{name} must be visible ASCII"));
    value.to_str().map(Some).map_err(malformed)
}
