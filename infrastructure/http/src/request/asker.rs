//! Who asks before it is known who it is: from where, and how often they have tried.

use std::{net::IpAddr, num::NonZeroU32, ops::Deref, time::Duration};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{HeaderMap, RETRY_AFTER},
    web::Data,
};
use fairlead_application::{
    AppError, TraceParent,
    identity::{Asking, network},
};
use fairlead_domain::kernel::ErrorKind;
use futures::future::{Ready, ready};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

use super::{RequestId, TRACEPARENT, origin::origin};
use crate::problem::Problem;

/// From where a request comes, and in the course of what.
pub(crate) struct Asker(Asking);

impl Deref for Asker {
    type Target = Asking;
    fn deref(&self) -> &Asking {
        &self.0
    }
}

impl FromRequest for Asker {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(Asking {
            origin: origin(request),
            correlation_id: request.extensions().get::<RequestId>().map(|id| id.correlation),
            trace_parent: trace_parent(request.headers()),
        })))
    }
}

/// The caller's trace. The recommendation says to go on without one that can't be read.
pub(super) fn trace_parent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut all = headers.get_all(TRACEPARENT);
    let text = all.next().filter(|_| all.next().is_none())?.to_str().ok()?;
    TraceParent::parse(text).ok()
}

/// How often an address may try to get in: an attempt is counted before it is looked at, whatever comes of it.
pub(crate) struct Tries(Option<DefaultKeyedRateLimiter<Option<IpAddr>>>);

impl Tries {
    /// So many a minute from each address; none for no limit.
    pub(crate) fn new(a_minute: u32) -> Self {
        Self(NonZeroU32::new(a_minute).map(|a_minute| RateLimiter::keyed(Quota::per_minute(a_minute))))
    }

    /// Counts a try.
    fn count(&self, address: Option<IpAddr>) -> Result<(), Duration> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        if limiter.len() > MOST {
            limiter.retain_recent();
        }
        let now = DefaultClock::default().now();
        limiter.check_key(&network(address)).map_err(|refusal| refusal.wait_time_from(now))
    }
}

/// Beyond so many addresses those are forgotten that have tried nothing lately.
const MOST: usize = 10_000;

/// An attempt to get in. Stands first in the arguments of a handler that everybody may call.
pub(crate) struct Try;

impl FromRequest for Try {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(tries) = request.app_data::<Data<Tries>>() else {
            return ready(Err(AppError::internal("nobody counts the tries").into()));
        };
        ready(tries.count(origin(request).address).map(|()| Self).map_err(|wait| {
            let detail = "too many attempts come from your address; come back later";
            let seconds = wait.as_secs().saturating_add(1).to_string();
            Problem::new(ErrorKind::TooMany, "access.too_many_attempts", detail).header(RETRY_AFTER, &seconds)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_tries_of_its_own() {
        let tries = Tries::new(11);
        let [one, other] = [1, 2].map(|n| Some(IpAddr::from([192, 0, 2, n])));
        assert!((0..11).all(|_| tries.count(one).is_ok()));
        assert!(tries.count(one).is_err_and(|wait| wait <= Duration::from_secs(6)));
        assert!(tries.count(other).is_ok());
        assert!((0..99).all(|_| Tries::new(0).count(one).is_ok()));
    }
}
