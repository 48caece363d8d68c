//! Lines of log, on standard error.

use std::io::{self, IsTerminal};

use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::Deserialize;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::Directive, fmt, layer::SubscriberExt, registry, util::SubscriberInitExt,
};

use crate::{TelemetryError, traces};

/// How lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// A line of JSON an event, with the spans around it, for collectors.
    Json,
}

/// Starts logging, and tracing where there is a provider for it.
pub(crate) fn start(
    filter: EnvFilter,
    format: LogFormat,
    provider: Option<&SdkTracerProvider>,
) -> Result<(), TelemetryError> {
    // lapin logs returned messages whole, and they hold personal data.
    let filter = filter.add_directive("lapin::returned_messages=off".parse::<Directive>()?);
    let lines = fmt::layer().with_writer(io::stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Human => lines.compact().with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    match provider {
        // One filter for all: what it refuses is never made.
        None => registry().with(lines).with(filter).init(),
        Some(provider) => {
            registry().with(lines.with_filter(filter)).with(traces::layer(provider)).init();
            traces::install();
        }
    }
    Ok(())
}
