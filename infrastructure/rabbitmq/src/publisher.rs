//! Messages on their way to the broker.

use std::{collections::VecDeque, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use lapin::{
    Channel, Confirmation,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{error::BrokerError, message::Message, progress::Counts, topology::EXCHANGE};

/// Until a message must be confirmed.
const CONFIRM_LIMIT: Duration = Duration::from_secs(10);

/// Publishes on a channel with confirms, and takes the confirms in the order of publishing.
///
/// One error ends its use: what is unconfirmed then counts as not published.
pub(crate) struct Publisher {
    channel: Channel,
    in_flight: VecDeque<Publication>,
    counts: Counts,
}

struct Publication {
    position: i64,
    deadline: Instant,
    outcome: BoxFuture<'static, lapin::Result<Confirmation>>,
}

impl Publisher {
    /// Switches the channel to confirms.
    pub(crate) async fn new(channel: Channel) -> Result<Self, BrokerError> {
        let selecting = channel.confirm_select(ConfirmSelectOptions::default());
        timeout(CONFIRM_LIMIT, selecting).await.map_err(|_| BrokerError::TimedOut("switching to confirms"))??;
        Ok(Self { channel, in_flight: VecDeque::new(), counts: Counts::default() })
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Hands a message to the connection, without waiting for anything.
    pub(crate) fn publish(&mut self, position: i64, message: Message) {
        let channel = self.channel.clone();
        let mut outcome = async move {
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            let Message { routing_key, properties, body } = message;
            channel.basic_publish(EXCHANGE.into(), routing_key, options, &body, properties).await?.await
        }
        .boxed();
        // The first poll puts the message into the connection's queue: the order of these polls is that of the messages.
        let outcome = match (&mut outcome).now_or_never() {
            Some(early) => std::future::ready(early).boxed(),
            None => outcome,
        };
        self.in_flight.push_back(Publication { position, deadline: Instant::now() + CONFIRM_LIMIT, outcome });
        self.counts.published += 1;
    }

    /// The position of the oldest unconfirmed message, once it is confirmed; waits forever when there is none. Safe to
    /// cancel.
    pub(crate) async fn confirmed(&mut self) -> Result<i64, BrokerError> {
        let Some(oldest) = self.in_flight.front_mut() else { return std::future::pending().await };
        let outcome = timeout_at(oldest.deadline, &mut oldest.outcome).await;
        let outcome = outcome.map_err(|_| BrokerError::TimedOut("confirming a message"))?;
        self.settle(outcome)
    }

    /// The same, when it is confirmed already.
    pub(crate) fn confirmed_now(&mut self) -> Option<Result<i64, BrokerError>> {
        let outcome = (&mut self.in_flight.front_mut()?.outcome).now_or_never()?;
        Some(self.settle(outcome))
    }

    fn settle(&mut self, outcome: lapin::Result<Confirmation>) -> Result<i64, BrokerError> {
        let Some(Publication { position, .. }) = self.in_flight.pop_front() else { return Err(BrokerError::Refused) };
        match outcome? {
            // A message that no queue wants is acknowledged *and* returned.
            Confirmation::Ack(None) => {
                self.counts.confirmed += 1;
                Ok(position)
            }
            Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned)) => Err(BrokerError::Returned {
                routing_key: returned.routing_key.to_string(),
                reason: returned.reply_text.to_string(),
            }),
            Confirmation::Nack(None) | Confirmation::NotRequested => Err(BrokerError::Refused),
        }
    }
}
