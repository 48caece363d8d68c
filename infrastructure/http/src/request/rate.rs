//! How many requests an organization and a key may send.
//!
//! Buckets of the generic cell rate algorithm, in this process alone: with several servers each grants the whole.

use std::{
    hash::Hash,
    num::NonZeroU32,
    str::FromStr,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use fairlead_application::Context;
use fairlead_domain::kernel::ErrorKind;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};
use uuid::Uuid;

use crate::problem::Problem;

/// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).
pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// After so many requests those who sent none lately are forgotten.
const SWEEP: u32 = 4096;

/// A number of requests a second, and how many may come at once. Written `100`, or `100/500` with a burst of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second, in the long run; 0 for no limit.
    pub per_second: u32,
    /// Requests at once.
    pub burst: u32,
}

/// The text is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of requests a second, such as 100, or with a burst 100/500")]
pub struct InvalidRate;

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let number = |text: &str| text.trim().parse().map_err(|_| InvalidRate);
        let (per_second, burst) = text.split_once('/').unwrap_or((text, text));
        let rate = Self { per_second: number(per_second)?, burst: number(burst)? };
        if rate.burst < rate.per_second { Err(InvalidRate) } else { Ok(rate) }
    }
}

/// The limits of all callers.
pub(crate) struct Rates {
    organization: Option<Limit<Uuid>>,
    key: Option<Limit<(Uuid, String)>>,
}

struct Limit<K: Hash + Eq + Clone> {
    name: &'static str,
    rate: Rate,
    limiter: RateLimiter<K, DashMapStateStore<K>, DefaultClock, StateInformationMiddleware>,
    asked: AtomicU32,
}

/// How a caller stands to a limit.
#[derive(Debug, Clone, Copy)]
struct Standing {
    name: &'static str,
    rate: Rate,
    remaining: u32,
    /// How long to wait, where nothing remains.
    wait: Option<Duration>,
}

/// How a caller stands to all limits, for the answer's headers.
#[derive(Debug, Clone)]
pub(crate) struct Standings(Vec<Standing>);

impl Rates {
    /// Limits for each organization, and for each token subject in it.
    pub(crate) fn new(organization: Rate, key: Rate) -> Self {
        Self { organization: Limit::new("organization", organization), key: Limit::new("key", key) }
    }

    /// Counts a request. The key's limit comes first, so that a key beyond its own takes nothing from the others.
    pub(crate) fn count(&self, cx: &Context) -> Standings {
        let tenant = Uuid::from(cx.tenant());
        let key = self.key.as_ref().map(|limit| limit.count(&(tenant, cx.actor().as_str().to_owned())));
        let refused = key.is_some_and(|standing| standing.wait.is_some());
        let organization = self.organization.as_ref().filter(|_| !refused).map(|limit| limit.count(&tenant));
        Standings(organization.into_iter().chain(key).collect())
    }
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(name: &'static str, rate: Rate) -> Option<Self> {
        let quota = Quota::per_second(NonZeroU32::new(rate.per_second)?).allow_burst(NonZeroU32::new(rate.burst)?);
        let limiter = RateLimiter::dashmap_with_clock(quota, DefaultClock::default()).with_middleware();
        Some(Self { name, rate, limiter, asked: AtomicU32::new(0) })
    }

    fn count(&self, key: &K) -> Standing {
        if self.asked.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        let (remaining, wait) = match self.limiter.check_key(key) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(refusal) => (0, Some(refusal.wait_time_from(self.limiter.clock().now()))),
        };
        Standing { name: self.name, rate: self.rate, remaining, wait }
    }
}

impl Standings {
    /// The refusal, where a limit is used up.
    ///
    /// # Errors
    /// `rate_limited`
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let Some((standing, wait)) = self.0.iter().find_map(|standing| Some((standing, standing.wait?))) else {
            return Ok(());
        };
        let detail = format!("the {} sends more than {} requests a second", standing.name, standing.rate.per_second);
        let wait = seconds(wait).max(1).to_string();
        Err(Problem::new(ErrorKind::TooMany, "rate_limited", detail).header(RETRY_AFTER, &wait))
    }

    /// Tells the caller how it stands.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let list = |item: fn(&Standing) -> String| self.0.iter().map(item).collect::<Vec<_>>().join(", ");
        for (name, text) in [(RATE_LIMIT, list(Standing::state)), (RATE_LIMIT_POLICY, list(Standing::policy))] {
            if let Some(value) = HeaderValue::from_str(&text).ok().filter(|value| !value.is_empty()) {
                headers.insert(name, value);
            }
        }
    }
}

impl Standing {
    /// What remains, and in how many seconds the whole burst is there again.
    fn state(&self) -> String {
        let used = f64::from(self.rate.burst.saturating_sub(self.remaining));
        let full = seconds(Duration::from_secs_f64(used / f64::from(self.rate.per_second)));
        format!("\"{}\";r={};t={full}", self.name, self.remaining)
    }

    /// How many requests in how many seconds.
    fn policy(&self) -> String {
        let window = self.rate.burst.div_ceil(self.rate.per_second);
        format!("\"{}\";q={};w={window}", self.name, self.rate.burst)
    }
}

/// Whole seconds, rounded up.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use fairlead_application::{Actor, access::Access};

    use super::*;

    fn caller(tenant: u128, actor: &str) -> Context {
        Context::new(Uuid::from_u128(tenant).into(), Actor::new(actor), Access::default())
    }

    #[test]
    fn a_rate_is_a_number_perhaps_with_a_burst() {
        assert_eq!("100".parse(), Ok(Rate { per_second: 100, burst: 100 }));
        assert_eq!("100/500".parse(), Ok(Rate { per_second: 100, burst: 500 }));
        assert_eq!("0".parse(), Ok(Rate { per_second: 0, burst: 0 }));
        for text in ["", "-1", "1.5", "100/", "100/50", "a/b", "1/2/3", "99999999999"] {
            assert_eq!(text.parse::<Rate>(), Err(InvalidRate), "{text}");
        }
    }

    #[test]
    fn a_key_beyond_its_limit_takes_nothing_from_the_others() {
        let rates = Rates::new(Rate { per_second: 1, burst: 1000 }, Rate { per_second: 1, burst: 3 });
        let refused = (0..500).filter(|_| rates.count(&caller(1, "greedy")).check().is_err()).count();
        assert!(refused > 400);
        let other = rates.count(&caller(1, "modest"));
        assert!(other.check().is_ok() && other.0[0].remaining > 500, "{other:?}");
        assert!(rates.count(&caller(2, "greedy")).check().is_ok(), "another organization's key is another key");
    }

    #[test]
    fn an_organization_has_one_limit_for_all_its_keys() {
        let rates = Rates::new(Rate { per_second: 1, burst: 5 }, Rate { per_second: 0, burst: 0 });
        let refused = (0..100).filter(|n| rates.count(&caller(1, &n.to_string())).check().is_err()).count();
        assert!(refused > 80);
        assert!(rates.count(&caller(2, "a")).check().is_ok());
    }

    #[test]
    fn without_limits_nothing_is_said() {
        let off = Rate { per_second: 0, burst: 0 };
        let mut headers = HeaderMap::new();
        let standings = Rates::new(off, off).count(&caller(1, "a"));
        standings.tell(&mut headers);
        assert!(standings.check().is_ok() && headers.is_empty());
    }

    #[test]
    fn headers_are_structured_fields() {
        let rates = Rates::new(Rate { per_second: 100, burst: 500 }, Rate { per_second: 10, burst: 10 });
        let mut headers = HeaderMap::new();
        rates.count(&caller(1, "a")).tell(&mut headers);
        assert_eq!(headers.get("ratelimit").unwrap(), "\"organization\";r=499;t=1, \"key\";r=9;t=1");
        assert_eq!(headers.get("ratelimit-policy").unwrap(), "\"organization\";q=500;w=5, \"key\";q=10;w=1");
    }

    #[test]
    fn who_is_idle_is_forgotten() {
        let limit = Limit::new("key", Rate { per_second: 1_000_000, burst: 1_000_000 }).unwrap();
        for n in 0..SWEEP * 8 {
            limit.count(&n);
        }
        assert!(limit.limiter.len() <= SWEEP as usize + 1, "{}", limit.limiter.len());
    }
}
