//! The relay: publishes the log of events, in order within each stream, at least once.

mod session;
mod worker;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fairlead_application::{
    log::LogError,
    subscription::{Claim, RELAY, Subscriptions},
};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use lapin::{Connection, Event};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::worker::{Shared, work};
use crate::{
    AmqpUrl,
    backoff::Backoff,
    connection::connect,
    error::{BrokerError, RelayError},
    plan::Limits,
    topology,
};

/// Until a claim is released, or a connection closed; both end anyway when this process does.
const FAREWELL_LIMIT: Duration = Duration::from_secs(2);
/// Of each partition.
const LIMITS: Limits = Limits { in_flight: 512, batch: 256, read: 2_048, read_ahead: 65_536 };

/// Publishes every event of the log to the exchange `fairlead.events`.
///
/// Any number may run: each takes the partitions that fall to it, over one connection with a channel for each. A checkpoint
/// moves only over what the broker has confirmed. After any failure the relay goes on from the checkpoint, so that an
/// event can be published twice, but never be missed; of one stream, an event is published only after the one before it
/// was confirmed. Tenants take turns, so that one's backlog doesn't hold up another's events.
///
/// An event that the broker refuses again and again, while it takes others, sets its stream aside, until an operator has it
/// replayed. A broker that fails sets nothing aside. Claims are held only over a connection, and released when it breaks:
/// a process that reaches the broker still can go on at once.
pub struct Relay {
    subscriptions: Arc<dyn Subscriptions>,
    url: AmqpUrl,
}

impl Relay {
    /// A relay from a log to a broker.
    pub fn new(subscriptions: Arc<dyn Subscriptions>, url: AmqpUrl) -> Self {
        Self { subscriptions, url }
    }

    /// Works until `stop`; then waits a few seconds for what is in flight, records the checkpoints and lets others go on.
    pub async fn run(self, stop: CancellationToken) {
        let mut backoff = Backoff::new();
        let mut partitions = HashMap::new();
        while !stop.is_cancelled() {
            let progressed = Arc::new(AtomicBool::new(false));
            match self.attempt(&stop, &progressed, &mut partitions).await {
                Ok(()) => break,
                Err(reason) => warn!(error = %reason, "the relay was interrupted, and tries again"),
            }
            if progressed.load(Ordering::Relaxed) {
                backoff.reset();
            }
            backoff.pause(&stop).await;
        }
        info!("the relay has stopped");
    }

    /// One connection, for as long as it lasts; `Ok` when stopped.
    async fn attempt(
        &self,
        stop: &CancellationToken,
        progressed: &Arc<AtomicBool>,
        partitions: &mut HashMap<i16, Backoff>,
    ) -> Result<(), BrokerError> {
        let connection = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            connection = self.connect() => Arc::new(connection?),
        };
        let shared = Shared {
            connection: connection.clone(),
            stop: stop.clone(),
            broken: CancellationToken::new(),
            progressed: progressed.clone(),
        };
        let mut workers = JoinSet::new();
        let outcome = tokio::select! {
            biased;
            () = stop.cancelled() => Ok(()),
            error = lost(&connection) => Err(error),
            error = topology::keep(&connection) => Err(error),
            error = self.take(&shared, &mut workers, partitions) => Err(error),
        };
        if outcome.is_err() {
            shared.broken.cancel();
        }
        while let Some(ended) = workers.join_next().await {
            note(ended, partitions);
        }
        if connection.status().connected() {
            // Errors and time-outs don't matter: dropping the connection ends it too.
            let _ = timeout(FAREWELL_LIMIT, connection.close(200, "OK".into())).await;
        }
        outcome
    }

    async fn connect(&self) -> Result<Connection, BrokerError> {
        let connection = connect(self.url.clone(), "fairlead relay").await?;
        // Before anything is claimed: where they can't be made, this process can't relay.
        let channel = worker::channel(&connection).await?;
        topology::declare(&channel).await?;
        channel.close(200, "OK".into()).await?;
        Ok(connection)
    }

    /// Takes every partition that falls to this process, until the broker fails one.
    async fn take(
        &self,
        shared: &Shared,
        workers: &mut JoinSet<Ended>,
        partitions: &mut HashMap<i16, Backoff>,
    ) -> BrokerError {
        let mut backoff = Backoff::new();
        let mut claiming = self.claim(None);
        loop {
            tokio::select! {
                Some(ended) = workers.join_next() => {
                    if let Some(error) = note(ended, partitions) {
                        return error;
                    }
                }
                claim = &mut claiming => match claim {
                    Ok(claim) => {
                        backoff.reset();
                        let (shared, partition) = (shared.clone(), claim.partition());
                        let mut backoff = partitions.remove(&partition).unwrap_or_else(Backoff::new);
                        workers.spawn(async move {
                            let outcome = work(shared, claim, &mut backoff).await;
                            Ended { partition, backoff, outcome }
                        });
                        claiming = self.claim(None);
                    }
                    Err(reason) => {
                        warn!(error = %Chain(&reason.into()), "no partition can be claimed; trying again");
                        claiming = self.claim(Some(backoff.next()));
                    }
                },
            }
        }
    }

    fn claim(&self, pause: Option<Duration>) -> BoxFuture<'_, Result<Box<dyn Claim>, LogError>> {
        let claiming = async move {
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            self.subscriptions.claim(RELAY).await
        };
        claiming.boxed()
    }
}

/// A claim's end.
struct Ended {
    partition: i16,
    backoff: Backoff,
    outcome: Result<(), BrokerError>,
}

/// Keeps what has to be known for the partition's next claim; returns the broker's failure.
fn note(ended: Result<Ended, tokio::task::JoinError>, partitions: &mut HashMap<i16, Backoff>) -> Option<BrokerError> {
    match ended {
        Ok(Ended { partition, backoff, outcome }) => {
            partitions.insert(partition, backoff);
            outcome.err()
        }
        Err(error) => {
            error!(%error, "the relay of a partition failed");
            None
        }
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
