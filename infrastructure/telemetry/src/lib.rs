//! What operators see of a process: lines of log, metrics for Prometheus, traces for OpenTelemetry.
//!
//! Everybody speaks through the facades `tracing` and `metrics` and through the application's `trace`; here it is
//! decided where that goes. What is not asked for costs nothing.

mod catalog;
mod logs;
mod meters;
mod traces;

pub use catalog::{CATALOG, Kind, Metric, PROCESS};
pub use logs::LogFormat;
pub use meters::Meters;
use opentelemetry_sdk::trace::SdkTracerProvider;
pub use traces::TraceSettings;
use tracing_subscriber::EnvFilter;

/// What is to be seen.
#[derive(Debug)]
pub struct Settings<'a> {
    /// Which lines are logged: levels by module.
    pub log_filter: &'a str,
    /// How they are written.
    pub log_format: LogFormat,
    /// Whether metrics are kept for somebody who asks for them.
    pub metrics: bool,
    /// Where traces go, if anywhere.
    pub traces: Option<TraceSettings>,
}

/// What can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter can't be read.
    #[error("log_filter is wrong: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Traces can't be sent there. It is not repeated, since it may hold a password.
    #[error("otlp_endpoint is wrong: expected http://host:port, which is spoken to without TLS")]
    Endpoint,
    /// The process has a recorder of metrics already.
    #[error("metrics are recorded already")]
    Twice,
}

/// What was started. To be stopped at the end, so that nothing recorded is lost.
#[derive(Debug)]
pub struct Telemetry {
    /// The metrics, when they are kept.
    pub meters: Option<Meters>,
    traces: Option<SdkTracerProvider>,
}

/// Starts logging, and what else is asked for. Once a process, inside a Tokio runtime.
///
/// # Errors
/// [`TelemetryError`]
pub fn start(settings: Settings<'_>) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::try_new(settings.log_filter)?;
    let traces = settings.traces.map(traces::provider).transpose()?;
    logs::start(filter, settings.log_format, traces.as_ref())?;
    let meters = settings.metrics.then(Meters::install).transpose()?;
    Ok(Telemetry { meters, traces })
}

impl Telemetry {
    /// Sends what is still to be sent; gives up after five seconds.
    pub async fn stop(self) {
        if let Some(provider) = self.traces {
            traces::stop(provider).await;
        }
    }
}
