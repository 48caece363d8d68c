//! What everybody at work for a consumer shares, and the call of the handler.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt;
use tokio::{sync::Notify, time::timeout};
use tokio_postgres::Transaction;
use tracing::{Instrument, Span, info_span};

use crate::{
    Event, Retries,
    handler::{AnyHandler, Trouble},
    measure,
    tables::{Tables, TablesError},
};

pub(crate) struct Work {
    pub(crate) tables: Tables,
    pub(crate) handler: Arc<dyn AnyHandler>,
    pub(crate) retries: Retries,
    /// Until a handler has to be ready.
    pub(crate) time_limit: Duration,
    /// How many streams are worked on at once.
    pub(crate) lanes: usize,
    /// A message was set aside.
    pub(crate) held: Notify,
    /// A stream died.
    pub(crate) died: Notify,
}

impl Work {
    pub(crate) fn consumer(&self) -> &str {
        &self.tables.consumer
    }

    /// Around everything that is done about a message. Who sets up tracing takes the parent from `traceparent`.
    pub(crate) fn span(&self, event: &Event, attempt: u32) -> Span {
        info_span!(
            "consume",
            otel.kind = "consumer",
            consumer = self.consumer(),
            event_id = %event.id,
            event_type = event.event_type,
            tenant = %event.tenant,
            stream = %event.stream,
            version = event.version,
            traceparent = event.traceparent,
            attempt,
        )
    }

    /// Calls the handler, within its time, and survives its panic.
    pub(crate) async fn call(&self, transaction: &Transaction<'_>, event: &Event) -> Result<(), Trouble> {
        let begun = Instant::now();
        let handling = AssertUnwindSafe(self.handler.handle(transaction, event)).catch_unwind();
        let outcome = timeout(self.time_limit, handling.in_current_span()).await;
        measure::handler_took(self.consumer(), begun.elapsed());
        match outcome {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => {
                let text = panic.downcast_ref::<&str>().map(ToString::to_string);
                let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                Err(Trouble::failed(format!("the handler panicked: {text}")))
            }
            Err(_) => Err(Trouble::failed(format!("the handler took longer than {:?}", self.time_limit))),
        }
    }

    /// Makes lasting what the handler did, with the record of it; what is in the way of that, where it is not the database.
    pub(crate) async fn make_lasting(
        &self,
        transaction: deadpool_postgres::Transaction<'_>,
        recorded: Result<(), tokio_postgres::Error>,
    ) -> Result<Option<Trouble>, TablesError> {
        match finish(transaction, recorded).await {
            Ok(()) => {
                measure::handled(self.consumer());
                Ok(None)
            }
            Err(error) if is_refusal(&error) => Ok(Some(uncommitted(&error))),
            Err(error) => Err(error.into()),
        }
    }
}

/// Commits, when what had to be recorded was; otherwise the transaction is rolled back.
async fn finish(
    transaction: deadpool_postgres::Transaction<'_>,
    recorded: Result<(), tokio_postgres::Error>,
) -> Result<(), tokio_postgres::Error> {
    recorded?;
    transaction.commit().await
}

/// Whether the database understood and refused, so that another attempt at once would fare no better. Everything else
/// is the connection's or the server's trouble, and none of the message's.
fn is_refusal(error: &tokio_postgres::Error) -> bool {
    // Connection, resources, intervention of an operator, input and output.
    // <https://www.postgresql.org/docs/current/errcodes-appendix.html>
    error.code().is_some_and(|code| !["08", "53", "57", "58"].contains(&&code.code()[..2]))
}

/// What the handler did can't be made lasting.
fn uncommitted(error: &tokio_postgres::Error) -> Trouble {
    let causes = crate::handler::with_causes(error);
    Trouble::failed(format!("what the handler did can't be committed: {causes}"))
}
