//! Traces for OpenTelemetry, sent by OTLP over gRPC.

use std::time::Duration;

use fairlead_application::{
    TraceParent,
    trace::{self, Traces},
};
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use tokio::{task::spawn_blocking, time::timeout};
use tracing::{Metadata, Span, level_filters::LevelFilter, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use crate::TelemetryError;

/// How long the collector may take to accept spans.
const PATIENCE: Duration = Duration::from_secs(5);
/// Whose spans these are.
const SCOPE: &str = "fairlead";
/// Spans that last as long as the process, and are for its log alone.
const ENDLESS: [&str; 2] = ["part", "partition"];

/// Where traces go.
#[derive(Debug, Clone)]
pub struct TraceSettings {
    /// The collector: `http://localhost:4317`.
    pub endpoint: String,
    /// The name of this service in the traces.
    pub service: String,
    /// Which part of the traces that begin here is recorded, from 0 to 1. A trace from outside is recorded if it was
    /// there.
    pub ratio: f64,
}

pub(crate) fn provider(settings: TraceSettings) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(settings.endpoint).with_timeout(PATIENCE);
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.ratio)));
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter.build().map_err(|_| TelemetryError::Endpoint)?)
        .with_sampler(sampler)
        .with_resource(Resource::builder().with_service_name(settings.service).build())
        .build())
}

/// The layer that makes spans of ours parts of traces. Nothing of what libraries say goes there, and no line of log.
pub(crate) fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + Send + Sync + 'static + use<S>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let ours = |metadata: &Metadata<'_>| {
        metadata.is_span() && metadata.target().starts_with(SCOPE) && !ENDLESS.contains(&metadata.name())
    };
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(SCOPE))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(ours).with_max_level_hint(LevelFilter::DEBUG))
}

/// Lets the application know of traces.
pub(crate) fn install() {
    trace::record_with(OpenTelemetry);
}

struct OpenTelemetry;

impl Traces for OpenTelemetry {
    fn put_below(&self, span: &Span, parent: &TraceParent) {
        let Some(parent) = span_context(parent) else { return };
        // A span that is not recorded has no place in a trace.
        drop(span.set_parent(Context::new().with_remote_span_context(parent)));
    }

    fn place_of(&self, span: &Span) -> Option<TraceParent> {
        let context = span.context();
        let span = context.span();
        let place = span.span_context();
        let flags = place.trace_flags().to_u8();
        TraceParent::parse(&format!("00-{}-{}-{flags:02x}", place.trace_id(), place.span_id())).ok()
    }
}

fn span_context(place: &TraceParent) -> Option<SpanContext> {
    let flags = u8::from_str_radix(place.as_str().rsplit('-').next()?, 16).ok()?;
    let trace = TraceId::from_hex(place.trace_id()).ok()?;
    let span = SpanId::from_hex(place.span_id()).ok()?;
    Some(SpanContext::new(trace, span, TraceFlags::new(flags), true, TraceState::default()))
}

/// Sends what is recorded.
pub(crate) async fn stop(provider: SdkTracerProvider) {
    let stopping = spawn_blocking(move || provider.shutdown_with_timeout(PATIENCE));
    match timeout(PATIENCE * 2, stopping).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => warn!(%error, "the last spans were not sent"),
        Ok(Err(_)) | Err(_) => warn!("the last spans were not sent"),
    }
}
