//! The relay: publishes the log of events, in order within each stream, at least once.

mod session;

use std::{sync::Arc, time::Duration};

use fairlead_application::log::{Claim, EventLog, LogError};
use futures::StreamExt;
use lapin::{Connection, Event};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::session::Session;
use crate::{
    AmqpUrl,
    backoff::Backoff,
    connection::connect,
    error::{BrokerError, RelayError},
    publisher::Publisher,
    topology,
};

/// The name under which the relay keeps its place in the log.
const SUBSCRIPTION: &str = "relay";
/// Until the broker has opened a channel.
const CHANNEL_LIMIT: Duration = Duration::from_secs(10);
/// Until a claim is released, or a connection closed; both end anyway when this process does.
const FAREWELL_LIMIT: Duration = Duration::from_secs(2);

/// Publishes every event of the log to the exchange `fairlead.events`.
///
/// Any number may run; one at a time holds the subscription and works, the others wait, connected. The checkpoint
/// moves only over what the broker has confirmed. After any failure the relay begins again at the checkpoint, so that
/// an event can be published twice, but never be missed; of one stream, an event is published only after the one before
/// it was confirmed.
pub struct Relay {
    log: Arc<dyn EventLog>,
    url: AmqpUrl,
}

impl Relay {
    /// A relay from a log to a broker.
    pub fn new(log: Arc<dyn EventLog>, url: AmqpUrl) -> Self {
        Self { log, url }
    }

    /// Works until `stop`; then waits a few seconds for what is in flight, records the checkpoint and lets others go on.
    pub async fn run(self, stop: CancellationToken) {
        let mut backoff = Backoff::new();
        while !stop.is_cancelled() {
            match self.attempt(&stop, &mut backoff).await {
                Ok(()) => break,
                Err(RelayError::Log(LogError::Lost)) => info!("another process relays"),
                Err(reason @ (RelayError::UnknownEvent { .. } | RelayError::Gap { .. })) => {
                    error!(error = %Chain(&reason), "the relay can't go on, and tries again");
                }
                Err(reason) => warn!(error = %Chain(&reason), "the relay was interrupted, and tries again"),
            }
            backoff.pause(&stop).await;
        }
        info!("the relay has stopped");
    }

    /// One connection and one claim, for as long as both last; `Ok` when stopped.
    async fn attempt(&self, stop: &CancellationToken, backoff: &mut Backoff) -> Result<(), RelayError> {
        let (connection, publisher) = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            ready = self.connect() => ready?,
        };
        let lost = async {
            tokio::select! {
                error = lost(&connection) => error,
                error = topology::keep(&connection) => error,
            }
        };
        tokio::pin!(lost);
        let claim = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            error = &mut lost => return Err(error.into()),
            claim = self.log.claim(SUBSCRIPTION) => Some(claim?),
        };
        let outcome = match &claim {
            Some(claim) => relay(claim.as_ref(), publisher, lost, stop, backoff).await,
            None => Ok(()),
        };
        let farewell = async {
            if let Some(claim) = claim {
                claim.release().await;
            }
        };
        if timeout(FAREWELL_LIMIT, farewell).await.is_err() {
            warn!("the claim was not released in time");
        }
        if connection.status().connected() {
            // Errors and time-outs don't matter: dropping the connection ends it too.
            let _ = timeout(FAREWELL_LIMIT, connection.close(200, "OK".into())).await;
        }
        outcome
    }

    async fn connect(&self) -> Result<(Connection, Publisher), BrokerError> {
        let connection = connect(self.url.clone(), "fairlead relay").await?;
        let opening = connection.create_channel();
        let channel =
            timeout(CHANNEL_LIMIT, opening).await.map_err(|_| BrokerError::TimedOut("opening a channel"))??;
        topology::declare(&channel).await?;
        let publisher = Publisher::new(channel).await?;
        Ok((connection, publisher))
    }
}

async fn relay(
    claim: &dyn Claim,
    publisher: Publisher,
    lost: impl Future<Output = BrokerError> + Unpin,
    stop: &CancellationToken,
    backoff: &mut Backoff,
) -> Result<(), RelayError> {
    info!(checkpoint = claim.checkpoint(), "the relay is at work");
    let mut session = Session::new(claim, publisher, backoff);
    let outcome = session.run(lost, stop).await;
    match outcome {
        Err(RelayError::Log(error)) => Err(error.into()),
        // The first failure explains the second.
        outcome => outcome.and(session.record().await),
    }
}

/// Waits until the connection has failed.
fn lost(connection: &Connection) -> impl Future<Output = BrokerError> + use<> {
    let mut events = connection.events_listener().boxed();
    // It may have failed before anybody listened.
    let failed = !connection.status().connected();
    async move {
        if failed {
            return BrokerError::Lost;
        }
        while let Some(event) = events.next().await {
            match event {
                Event::Error(error) => return error.into(),
                Event::ConnectionBlocked(reason) => warn!(reason, "the broker takes no messages"),
                Event::ConnectionUnblocked => info!("the broker takes messages again"),
                _ => {}
            }
        }
        BrokerError::Lost
    }
}

/// An error with everything behind it.
struct Chain<'a>(&'a RelayError);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        if let RelayError::Log(LogError::Unavailable(source) | LogError::Internal(source)) = self.0 {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}
