//! Metrics for Prometheus.

use std::{fmt, time::Duration};

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
#[cfg(target_os = "linux")]
use metrics_process::Collector;
use tokio::time::sleep;

use crate::{CATALOG, Kind, PROCESS, TelemetryError};

/// The upper bounds of durations, in seconds: from what memory takes to what nobody waits for any longer.
const SECONDS: [f64; 15] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
/// How often observations are put into their buckets; until then each takes memory.
const UPKEEP: Duration = Duration::from_secs(5);

/// The metrics of this process.
#[derive(Clone)]
pub struct Meters(PrometheusHandle);

impl Meters {
    pub(crate) fn install() -> Result<Self, TelemetryError> {
        let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS);
        // No bounds at all is the only thing it refuses.
        let handle = builder.and_then(PrometheusBuilder::install_recorder).map_err(|_| TelemetryError::Twice)?;
        for metric in CATALOG.iter().chain(PROCESS) {
            let unit = if metric.name.ends_with("_seconds") { Unit::Seconds } else { Unit::Count };
            match metric.kind {
                Kind::Counter => describe_counter!(metric.name, unit, metric.help),
                Kind::Gauge => describe_gauge!(metric.name, unit, metric.help),
                Kind::Histogram => describe_histogram!(metric.name, unit, metric.help),
            }
        }
        Ok(Self(handle))
    }

    /// Everything measured so far, in Prometheus' text format.
    pub fn render(&self) -> String {
        #[cfg(target_os = "linux")]
        Collector::default().collect();
        self.0.render()
    }

    /// Keeps memory bounded while nobody asks. Never ends.
    pub async fn keep(&self) {
        loop {
            sleep(UPKEEP).await;
            self.0.run_upkeep();
        }
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meters").finish_non_exhaustive()
    }
}
