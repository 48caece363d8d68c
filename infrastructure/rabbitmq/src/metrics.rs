//! What the relay counts, through the facade `metrics`: whoever runs it decides where the numbers go.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// Handles, since looking them up by name costs more than counting.
pub(crate) struct Metrics {
    published: Counter,
    confirmed: Counter,
    returned: Counter,
    refused: Counter,
    confirm_seconds: Histogram,
    in_flight: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            published: counter!("fairlead_relay_published_total"),
            confirmed: counter!("fairlead_relay_confirmed_total"),
            returned: counter!("fairlead_relay_returned_total"),
            refused: counter!("fairlead_relay_refused_total"),
            confirm_seconds: histogram!("fairlead_relay_confirm_seconds"),
            in_flight: gauge!("fairlead_relay_in_flight"),
        }
    }

    pub(crate) fn published(&self) {
        self.published.increment(1);
        self.in_flight.increment(1.0);
    }

    /// The broker has answered.
    pub(crate) fn settled(&self, after: Duration) {
        self.confirm_seconds.record(after.as_secs_f64());
        self.in_flight.decrement(1.0);
    }

    pub(crate) fn confirmed(&self) {
        self.confirmed.increment(1);
    }

    pub(crate) fn returned(&self) {
        self.returned.increment(1);
    }

    pub(crate) fn refused(&self) {
        self.refused.increment(1);
    }

    /// So many won't be answered any more.
    pub(crate) fn abandoned(&self, count: usize) {
        self.in_flight.decrement(count as f64);
    }
}
