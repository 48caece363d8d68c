//! Traces across processes: where the work at hand stands in a trace, if traces are recorded.
//!
//! What records them is installed once a process, as with `tracing` itself. Without it, nothing here costs more than a
//! look at a variable.

use std::sync::OnceLock;

use tracing::Span;

use crate::TraceParent;

/// Records spans as parts of traces.
pub trait Traces: Send + Sync + 'static {
    /// Puts a span that was not entered yet below a place in a trace from outside.
    fn put_below(&self, span: &Span, parent: &TraceParent);

    /// Where a span stands; `None` when it is not recorded.
    fn place_of(&self, span: &Span) -> Option<TraceParent>;
}

static TRACES: OnceLock<Box<dyn Traces>> = OnceLock::new();

/// Installs what records traces in this process. The first one stays.
pub fn record_with(traces: impl Traces) {
    drop(TRACES.set(Box::new(traces)));
}

/// Whether traces are recorded, so that what they alone need can be left out otherwise.
pub fn are_recorded() -> bool {
    TRACES.get().is_some()
}

/// Continues a trace from outside by a span that was not entered yet.
pub fn put_below(span: &Span, parent: &TraceParent) {
    if let Some(traces) = TRACES.get() {
        traces.put_below(span, parent);
    }
}

/// Where a span stands; `None` when traces are not recorded, or this span is not.
pub fn place_of(span: &Span) -> Option<TraceParent> {
    TRACES.get()?.place_of(span)
}

/// Where the present span stands.
pub fn here() -> Option<TraceParent> {
    TRACES.get()?.place_of(&Span::current())
}
