//! Counting requests and the time they take.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use metrics::{counter, gauge, histogram};

/// A request that is being answered. Ends with this value, even if it is never answered.
pub(super) struct Measured(&'static str);

impl Measured {
    pub(super) fn begin(method: &Method) -> Self {
        gauge!("fairlead_http_requests_in_flight").increment(1);
        Self(known(method))
    }

    /// It was answered, after so long.
    pub(super) fn end(self, route: String, status: StatusCode, took: Duration) {
        let Self(method) = self;
        let status = status.as_str().to_owned();
        counter!("fairlead_http_requests_total", "route" => route.clone(), "method" => method, "status" => status)
            .increment(1);
        histogram!("fairlead_http_request_duration_seconds", "route" => route, "method" => method).record(took);
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        gauge!("fairlead_http_requests_in_flight").decrement(1);
    }
}

/// A method as it is counted: strangers can send any word.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}
