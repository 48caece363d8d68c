//! What is counted. Each metric has the label `consumer`.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

/// An event took effect.
pub(crate) fn handled(consumer: &str) {
    counter!("fairlead_consumer_handled_total", "consumer" => consumer.to_owned()).increment(1);
}

/// A message was dropped, because its event took effect or was set aside before.
pub(crate) fn duplicate(consumer: &str) {
    counter!("fairlead_consumer_duplicates_total", "consumer" => consumer.to_owned()).increment(1);
}

/// A message that is set aside is tried again.
pub(crate) fn retry(consumer: &str) {
    counter!("fairlead_consumer_retries_total", "consumer" => consumer.to_owned()).increment(1);
}

/// A stream died, or a message that is no event was put away.
pub(crate) fn dead(consumer: &str) {
    counter!("fairlead_consumer_dead_total", "consumer" => consumer.to_owned()).increment(1);
}

/// Messages that are set aside.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
pub(crate) fn held(consumer: &str, count: i64) {
    gauge!("fairlead_consumer_held", "consumer" => consumer.to_owned()).set(count as f64);
}

/// How long a handler worked, whatever came of it.
pub(crate) fn handler_took(consumer: &str, time: Duration) {
    histogram!("fairlead_consumer_handler_seconds", "consumer" => consumer.to_owned()).record(time.as_secs_f64());
}
