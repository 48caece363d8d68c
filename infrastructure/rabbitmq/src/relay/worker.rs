//! One claim, from being handed out to its release.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fairlead_application::{log::LogError, subscription::Claim};
use lapin::{Channel, Connection};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{Chain, FAREWELL_LIMIT, LIMITS, session::Session};
use crate::{
    backoff::Backoff,
    error::{BrokerError, RelayError},
    plan::Plan,
    publisher::Publisher,
    topology,
};

/// Until the broker has opened a channel.
const CHANNEL_LIMIT: Duration = Duration::from_secs(10);

/// What all claims of a process share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) connection: Arc<Connection>,
    /// The process ends.
    pub(super) stop: CancellationToken,
    /// The connection is gone, or not to be used any more.
    pub(super) broken: CancellationToken,
    /// Whether anything was recorded on this connection.
    pub(super) progressed: Arc<AtomicBool>,
}

/// Works a partition for as long as the claim and the connection last, and releases it. Only the broker's failure is
/// returned, since it concerns all.
pub(super) async fn work(shared: Shared, claim: Box<dyn Claim>, backoff: &mut Backoff) -> Result<(), BrokerError> {
    let partition = claim.partition();
    info!(partition, checkpoint = claim.checkpoint().position, "the relay is at work");
    let leave = shared.stop.child_token();
    let relaying = relay(&shared, claim.as_ref(), &leave, backoff);
    let ending = async {
        claim.ended().await;
        leave.cancel();
        std::future::pending().await
    };
    let outcome = tokio::select! {
        outcome = relaying => outcome,
        outcome = ending => outcome,
    };
    let outcome = match outcome {
        Ok(()) => Ok(()),
        Err(RelayError::Broker(error)) => Err(error),
        Err(RelayError::Log(LogError::Lost)) => {
            info!(partition, "another process relays the partition");
            Ok(())
        }
        Err(reason) => {
            match &reason {
                RelayError::Log(_) => {
                    warn!(partition, error = %Chain(&reason), "the relay was interrupted, and tries again");
                }
                _ => error!(partition, error = %Chain(&reason), "the relay can't go on, and tries again"),
            }
            // Before the release, or the partition would come back at once.
            tokio::select! {
                () = backoff.pause(&leave) => {}
                () = shared.broken.cancelled() => {}
            }
            Ok(())
        }
    };
    if timeout(FAREWELL_LIMIT, claim.release()).await.is_err() {
        warn!(partition, "the claim was not released in time");
    }
    outcome
}

/// One channel after the other, until it is to `leave`.
async fn relay(
    shared: &Shared,
    claim: &dyn Claim,
    leave: &CancellationToken,
    backoff: &mut Backoff,
) -> Result<(), RelayError> {
    let mut plan = Plan::new(claim.checkpoint(), claim.parked(), LIMITS);
    let mut progressed = false;
    loop {
        let publisher = tokio::select! {
            biased;
            () = leave.cancelled() => return Ok(()),
            () = shared.broken.cancelled() => return Err(BrokerError::Lost.into()),
            publisher = open(&shared.connection, plan.next_tag()) => publisher?,
        };
        let mut recorded = || {
            progressed = true;
            shared.progressed.store(true, Ordering::Relaxed);
        };
        let session = Session::new(claim, &shared.connection, &mut plan, publisher, &mut recorded);
        let outcome = session.run(leave, &shared.broken).await;
        if std::mem::take(&mut progressed) {
            backoff.reset();
        }
        match outcome {
            Err(RelayError::Broker(error)) if error.is_of_channel() && shared.connection.status().connected() => {
                warn!(partition = claim.partition(), %error, "the broker closed the channel; opening another");
                plan = plan.anew();
                backoff.pause(leave).await;
            }
            outcome => return outcome,
        }
    }
}

async fn open(connection: &Connection, first: u64) -> Result<Publisher, BrokerError> {
    let channel = channel(connection).await?;
    // It may be that the last one was closed because something is missing.
    topology::declare(&channel).await?;
    Publisher::new(channel, first).await
}

/// Opens a channel.
pub(super) async fn channel(connection: &Connection) -> Result<Channel, BrokerError> {
    let opening = timeout(CHANNEL_LIMIT, connection.create_channel()).await;
    Ok(opening.map_err(|_| BrokerError::TimedOut("opening a channel"))??)
}
