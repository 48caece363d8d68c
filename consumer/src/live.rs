//! Settling a message that came from the queue.

use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, warn};

use crate::{
    backoff::Backoff,
    decide::{Next, Verdict, is_suspect},
    handler::{Trouble, with_causes},
    measure,
    message::Message,
    tables::TablesError,
    work::Work,
};

impl Work {
    /// Settles the message, however long the database takes to come back: it then took effect, or lies in the tables.
    /// False when `stop` came first; the message is nobody's but the queue's then.
    pub(crate) async fn settle(&self, message: &Message, stop: &CancellationToken) -> bool {
        let mut backoff = Backoff::new();
        let settling = async {
            while let Err(error) = self.attempt(message).await {
                // Handing the message back would only bring it again, and count against it.
                warn!(consumer = self.consumer(), error = with_causes(&error), "a message waits for the database");
                if stop.is_cancelled() {
                    return false;
                }
                backoff.pause(stop).await;
            }
            true
        };
        settling.instrument(self.span(&message.event, 1)).await
    }

    async fn attempt(&self, message: &Message) -> Result<(), TablesError> {
        let mut client = self.tables.client().await?;
        let transaction = client.transaction().await?;
        let event = &message.event;
        let trouble = match self.tables.look(&transaction, event).await?.verdict() {
            Verdict::Duplicate => {
                measure::duplicate(self.consumer());
                transaction.rollback().await?;
                return Ok(());
            }
            Verdict::SetAside => {
                self.tables.hold(&transaction, message, None).await?;
                transaction.commit().await?;
                debug!("set aside: its stream waits");
                return Ok(());
            }
            Verdict::Handle if is_suspect(message.earlier_deliveries) => {
                transaction.rollback().await?;
                let text = format!("delivered {} times without an answer", message.earlier_deliveries);
                let trouble = Trouble::failed(text);
                let next = Next::Retry { delay: self.retries.delay(event.id, 1), attempts: 0 };
                return self.hold(&mut client, message, &trouble, next).await;
            }
            Verdict::Handle => match self.call(&transaction, event).await {
                Ok(()) => {
                    let recorded = self.tables.record(&transaction, event).await;
                    let Some(trouble) = self.make_lasting(transaction, recorded).await? else { return Ok(()) };
                    trouble
                }
                Err(trouble) => {
                    transaction.rollback().await?;
                    trouble
                }
            },
        };
        let next = self.retries.after(trouble.reason, event.id, 1);
        self.hold(&mut client, message, &trouble, next).await
    }

    /// Sets aside what failed. Between the handler's transaction and this one, another instance may have had the message
    /// too: so everything is looked at anew.
    async fn hold(
        &self,
        client: &mut deadpool_postgres::Client,
        message: &Message,
        trouble: &Trouble,
        next: Next,
    ) -> Result<(), TablesError> {
        let transaction = client.transaction().await?;
        let head = match self.tables.look(&transaction, &message.event).await?.verdict() {
            Verdict::Duplicate => {
                measure::duplicate(self.consumer());
                return Ok(());
            }
            Verdict::SetAside => None,
            Verdict::Handle => Some((trouble, next)),
        };
        self.tables.hold(&transaction, message, head).await?;
        transaction.commit().await?;
        if head.is_some() {
            self.tell(trouble, next);
        }
        Ok(())
    }

    /// Says that a head failed, and wakes who is concerned.
    pub(crate) fn tell(&self, trouble: &Trouble, next: Next) {
        let (reason, text) = (trouble.reason.as_str(), trouble.error.as_str());
        match next {
            Next::Retry { delay, attempts } => {
                warn!(reason, error = text, attempts, ?delay, "an event could not be handled; its stream waits");
                self.held.notify_one();
            }
            Next::Dead { attempts } => {
                error!(
                    reason,
                    error = text,
                    attempts,
                    "an event could not be handled; its stream waits for an operator"
                );
                measure::dead(self.consumer());
                self.died.notify_one();
            }
        }
    }
}
