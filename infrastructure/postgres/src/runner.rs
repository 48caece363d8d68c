//! Works the partitions of a subscription whose effects are in the database: effects and checkpoint commit together.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use fairlead_application::{
    log::LogError,
    subscription::{
        Checkpoint, Claim, Entry, ParkedStream,
        progress::{Batch, Next, Progress},
    },
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

use crate::{PostgresSubscriptions, connect::pool_error, subscriptions::PostgresClaim};

/// Entries read at once, where each is handled quickly.
const BATCH: u32 = 1_000;
/// A checkpoint is never further behind than this, although there was nothing to handle; or a partition of quiet streams
/// would look as if it were stuck.
const SETTLE: Duration = Duration::from_secs(5);
/// The pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// What a subscription does with entries.
#[async_trait]
pub(crate) trait Handler: Send + Sync + 'static {
    /// The subscription's name.
    fn subscription(&self) -> &str;

    /// Entries that it is given at once: what is begun is finished, also when the process is to end.
    fn batch_size(&self) -> u32 {
        BATCH
    }

    /// Handles entries of one partition, and records up to where in the transactions that hold the effects; in the end what
    /// the batch has reached. Streams that can't be handled are parked.
    async fn handle(&self, claim: &PostgresClaim, progress: &mut Progress, batch: Batch) -> Result<(), WorkError>;

    /// Handles everything of a parked stream and takes it back, in one transaction; or parks it again.
    async fn replay(
        &self,
        claim: &PostgresClaim,
        progress: &mut Progress,
        parked: &ParkedStream,
        entries: &[Entry],
    ) -> Result<(), WorkError>;
}

/// Why a partition does not get on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    #[error(transparent)]
    Log(#[from] LogError),
    /// Stored by a newer program: readers are deployed first.
    #[error("{0}; deploy readers before writers")]
    Newer(String),
    /// Something outside the database fails.
    #[error("{0}")]
    Outside(String),
}

/// Works whatever partitions fall to this process, until told to stop; then finishes what is under way.
pub(crate) async fn run<H: Handler>(subscriptions: PostgresSubscriptions, handler: H, stop: CancellationToken) {
    let handler = Arc::new(handler);
    let mut partitions = JoinSet::new();
    while !stop.is_cancelled() {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            claim = subscriptions.take(handler.subscription()) => match claim {
                Ok(claim) => drop(partitions.spawn(hold(claim, handler.clone(), stop.clone()))),
                Err(error) => {
                    warn!(subscription = handler.subscription(), %error, "no partition can be claimed; trying again");
                    stop.run_until_cancelled(sleep(RETRY)).await;
                }
            },
            Some(ended) = partitions.join_next() => if let Err(error) = ended {
                error!(subscription = handler.subscription(), %error, "a partition's task failed");
            },
        }
    }
    while partitions.join_next().await.is_some() {}
}

/// Works one partition for as long as it is this process's.
async fn hold<H: Handler>(claim: PostgresClaim, handler: Arc<H>, stop: CancellationToken) {
    let span = info_span!("partition", subscription = handler.subscription(), partition = claim.partition());
    let work = async {
        let mut progress = Progress::new(claim.checkpoint(), claim.parked());
        loop {
            let outcome = follow(&claim, &*handler, &mut progress, &stop).await;
            match outcome {
                Ok(()) => break,
                Err(WorkError::Log(LogError::Lost)) => {
                    info!("another process works the partition");
                    break;
                }
                Err(WorkError::Log(LogError::Unavailable(cause))) => {
                    warn!(cause, "the database does not answer; trying again");
                }
                Err(failure) => error!(error = %failure, "the partition does not get on; trying again"),
            }
            // What was demanded may not have been done.
            claim.demand_again();
            tokio::select! {
                () = stop.cancelled() => break,
                () = claim.ended() => break,
                () = sleep(RETRY) => {}
            }
        }
        if let Some(position) = progress.unrecorded() {
            // Whoever comes next passes over the same again otherwise, and no more than that.
            drop(claim.advance(&Checkpoint { position, ahead: Vec::new() }).await);
        }
        claim.let_go().await;
    };
    work.instrument(span).await;
}

async fn follow(
    claim: &PostgresClaim,
    handler: &dyn Handler,
    progress: &mut Progress,
    stop: &CancellationToken,
) -> Result<(), WorkError> {
    let mut ended = std::pin::pin!(claim.ended());
    let mut settle = None;
    loop {
        if claim.demanded() {
            for parked in claim.replays().await? {
                let entries = claim.backlog(&parked, progress.position()).await?;
                handler.replay(claim, progress, &parked, &entries).await?;
            }
        }
        if stop.is_cancelled() || futures::poll!(&mut ended).is_ready() {
            return Ok(());
        }
        let stretch = claim.entries(progress.position(), handler.batch_size()).await?;
        let next = match (progress.offer(stretch), progress.unrecorded()) {
            (Next::Wait, Some(position)) if settle.is_some_and(|settle| settle <= Instant::now()) => {
                Next::Record(position)
            }
            (next, _) => next,
        };
        settle = progress.unrecorded().map(|_| settle.unwrap_or_else(|| Instant::now() + SETTLE));
        match next {
            Next::Handle(batch) => handler.handle(claim, progress, batch).await?,
            Next::Record(position) => {
                claim.advance(&Checkpoint { position, ahead: Vec::new() }).await?;
                progress.recorded(position, false);
            }
            Next::Read => {}
            Next::Wait => tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = &mut ended => return Ok(()),
                () = sleep(SETTLE), if settle.is_some() => {}
                grown = claim.grown() => grown?,
            },
        }
    }
}

impl From<deadpool_postgres::PoolError> for WorkError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        pool_error(error).into()
    }
}
