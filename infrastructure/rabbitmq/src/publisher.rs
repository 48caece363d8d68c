//! Messages on their way to the broker.

use std::{
    collections::{HashSet, VecDeque},
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use lapin::{
    Channel, Confirmation,
    message::BasicReturnMessage,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use tokio::time::{Instant, timeout};
use tracing::Span;
use uuid::Uuid;

use crate::{
    error::BrokerError, message::Message, metrics::Metrics, plan::Outcome, signals::Signals, topology::EXCHANGE,
};

/// Until a message must be confirmed.
pub(crate) const CONFIRM_LIMIT: Duration = Duration::from_secs(10);

/// Publishes on a channel with confirms, and tells what became of each message.
///
/// The broker sends a returned message, then its acknowledgement; the client library hands a returned message to
/// *whichever* message it resolves next. It resolves in the order in which acknowledgements arrive, and here they are
/// taken in that order too, all there are at once. So a message that was acknowledged alone was not returned, or its
/// return has come already with another one; and one that brought a foreign return may have been returned itself, which
/// shows up with what was in flight then.
///
/// One error ends its use: what is unsettled then counts as not published.
pub(crate) struct Publisher {
    channel: Channel,
    /// Under consecutive tags; those settled are gone from the front.
    in_flight: VecDeque<Option<Publication>>,
    /// The tag of the first of them.
    first: u64,
    signals: Signals,
    /// The events that came back, each until it is settled.
    returned: HashSet<Uuid>,
    /// Messages that brought foreign returns, each with the tag before which everything is to be settled.
    doubtful: Vec<(u64, Uuid, u64)>,
    reason: String,
    metrics: Metrics,
}

struct Publication {
    event: Uuid,
    since: Instant,
    outcome: BoxFuture<'static, lapin::Result<Confirmation>>,
    waker: Waker,
    /// Ends when it is settled.
    _span: Span,
}

impl Publisher {
    /// Switches the channel to confirms. The next message has the tag `first`.
    pub(crate) async fn new(channel: Channel, first: u64) -> Result<Self, BrokerError> {
        let selecting = channel.confirm_select(ConfirmSelectOptions::default());
        timeout(CONFIRM_LIMIT, selecting).await.map_err(|_| BrokerError::TimedOut("switching to confirms"))??;
        Ok(Self {
            channel,
            in_flight: VecDeque::new(),
            first,
            signals: Signals::default(),
            returned: HashSet::new(),
            doubtful: Vec::new(),
            reason: String::new(),
            metrics: Metrics::new(),
        })
    }

    /// Hands a message to the connection, without waiting for anything.
    pub(crate) fn publish(&mut self, mut message: Message) {
        let span = message.traced();
        let Message { event, routing_key, properties, body } = message;
        let channel = self.channel.clone();
        let mut outcome = async move {
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            channel.basic_publish(EXCHANGE.into(), routing_key, options, &body, properties).await?.await
        }
        .boxed();
        let waker = self.signals.waker(self.first + self.in_flight.len() as u64);
        // The first poll puts the message into the connection's queue: the order of these polls is that of the messages.
        if let Poll::Ready(early) = outcome.poll_unpin(&mut Context::from_waker(&waker)) {
            outcome = std::future::ready(early).boxed();
            waker.wake_by_ref();
        }
        let since = Instant::now();
        self.in_flight.push_back(Some(Publication { event, since, outcome, waker, _span: span }));
        self.metrics.published();
    }

    /// Until the oldest message must be confirmed.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.in_flight.front()?.as_ref().map(|oldest| oldest.since + CONFIRM_LIMIT)
    }

    /// Tells when something may be settled.
    pub(crate) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// What was settled by now, each with its tag.
    pub(crate) fn settled(&mut self) -> Result<Vec<(u64, Outcome)>, BrokerError> {
        let mut acknowledged = Vec::new();
        while let Some(tag) = self.signals.next() {
            let Some(slot) = tag.checked_sub(self.first).and_then(|index| self.in_flight.get_mut(index as usize))
            else {
                continue;
            };
            let Some(publication) = slot else { continue };
            let polled = publication.outcome.poll_unpin(&mut Context::from_waker(&publication.waker));
            let Poll::Ready(outcome) = polled else { continue };
            self.metrics.settled(publication.since.elapsed());
            let event = publication.event;
            *slot = None;
            acknowledged.push((tag, event, outcome?));
        }
        while let Some(None) = self.in_flight.front() {
            self.in_flight.pop_front();
            self.first += 1;
        }
        let next = self.first + self.in_flight.len() as u64;
        let mut settled = Vec::with_capacity(acknowledged.len());
        // Returns first: they belong to whatever was acknowledged with them or after them.
        for (tag, event, confirmation) in acknowledged {
            match confirmation {
                Confirmation::Ack(None) => settled.push((tag, event)),
                Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned)) => {
                    if self.note(&returned)? == event {
                        settled.push((tag, event));
                    } else {
                        self.doubtful.push((tag, event, next));
                    }
                }
                Confirmation::Nack(None) | Confirmation::NotRequested => {
                    self.metrics.refused();
                    settled.push((tag, Uuid::nil()));
                }
            }
        }
        let first = self.first;
        settled
            .extend(self.doubtful.extract_if(.., |(_, _, needs)| *needs <= first).map(|(tag, event, _)| (tag, event)));
        Ok(settled.into_iter().map(|(tag, event)| (tag, self.outcome(event))).collect())
    }

    fn outcome(&mut self, event: Uuid) -> Outcome {
        if event.is_nil() {
            Outcome::Refused
        } else if !self.returned.is_empty() && self.returned.remove(&event) {
            Outcome::Returned(self.reason.clone())
        } else {
            self.metrics.confirmed();
            Outcome::Confirmed
        }
    }

    /// Remembers which event came back.
    fn note(&mut self, returned: &BasicReturnMessage) -> Result<Uuid, BrokerError> {
        self.metrics.returned();
        self.reason = format!("{} (routing key {})", returned.reply_text, returned.routing_key);
        let id = returned.properties.message_id().as_ref().and_then(|id| Uuid::parse_str(id.as_str()).ok());
        let id = id.ok_or(BrokerError::Stranger)?;
        self.returned.insert(id);
        Ok(id)
    }

    /// Ends the channel in good order.
    pub(crate) async fn close(self) {
        if self.channel.status().connected() {
            // Errors and time-outs don't matter: the channel ends with its connection too.
            let _ = timeout(Duration::from_secs(1), self.channel.close(200, "OK".into())).await;
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.metrics.abandoned(self.in_flight.iter().flatten().count());
    }
}
