//! A projection at work: a batch at a time, and stream by stream where a batch fails.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use fairlead_application::{
    recorded::DecodeError,
    subscription::{Checkpoint, Entry, ParkedStream, progress::Progress},
};
use tracing::{debug, error};
use uuid::Uuid;

use super::{Projection, ProjectionError};
use crate::{
    connect::log_error,
    runner::{Handler, WorkError},
    subscriptions::PostgresClaim,
    work::{Savepoint, Work},
};

/// A projection and the table that it writes.
pub(super) struct Projecting {
    projection: Arc<dyn Projection>,
    subscription: String,
    table: String,
}

impl Projecting {
    /// Writes the read model.
    pub(super) fn live(projection: Arc<dyn Projection>) -> Self {
        let (subscription, table) = (projection.name().to_owned(), projection.table().to_owned());
        Self { projection, subscription, table }
    }

    /// Writes a table beside the read model, on a subscription of its own.
    pub(super) fn beside(projection: Arc<dyn Projection>, subscription: String, table: String) -> Self {
        Self { projection, subscription, table }
    }

    pub(super) fn projection(&self) -> &dyn Projection {
        &*self.projection
    }

    /// Projects stream by stream, and parks those that fail.
    async fn isolate(
        &self,
        claim: &PostgresClaim,
        progress: &mut Progress,
        entries: &[Entry],
        reached: i64,
    ) -> Result<(), WorkError> {
        let work = Work::begin(claim.pool()).await?;
        let client = work.client()?;
        let mut parked = Vec::new();
        for entries in by_stream(entries) {
            Savepoint("stream").set(client).await.map_err(log_error)?;
            match self.projection.project(client, &self.table, &entries).await {
                Ok(()) => Savepoint("stream").release(client).await.map_err(log_error)?,
                Err(failure) => {
                    let reason = reason(failure)?;
                    Savepoint("stream").roll_back(client).await.map_err(log_error)?;
                    parked.extend(entries.first().map(|first| (*first, reason)));
                }
            }
        }
        for (entry, reason) in &parked {
            error!(tenant = %entry.tenant, stream = %entry.stream, version = entry.version, reason, "parked a stream");
            claim.park_in(client, entry, reason).await?;
        }
        claim.advance_in(client, &Checkpoint { position: reached, ahead: Vec::new() }).await?;
        work.commit().await?;
        for (entry, _) in parked {
            progress.park(&entry);
        }
        progress.recorded(reached, true);
        Ok(())
    }
}

#[async_trait]
impl Handler for Projecting {
    fn subscription(&self) -> &str {
        &self.subscription
    }

    async fn handle(
        &self,
        claim: &PostgresClaim,
        progress: &mut Progress,
        entries: &[Entry],
        reached: i64,
    ) -> Result<(), WorkError> {
        let work = Work::begin(claim.pool()).await?;
        match self.projection.project(work.client()?, &self.table, entries).await {
            Ok(()) => {
                claim.advance_in(work.client()?, &Checkpoint { position: reached, ahead: Vec::new() }).await?;
                work.commit().await?;
                debug!(from = progress.position(), to = reached, entries = entries.len(), "projected");
                progress.recorded(reached, true);
                Ok(())
            }
            Err(failure) => {
                reason(failure)?;
                work.rollback().await?;
                self.isolate(claim, progress, entries, reached).await
            }
        }
    }

    async fn replay(
        &self,
        claim: &PostgresClaim,
        progress: &mut Progress,
        parked: &ParkedStream,
        entries: &[Entry],
    ) -> Result<(), WorkError> {
        let work = Work::begin(claim.pool()).await?;
        let client = work.client()?;
        match self.projection.project(client, &self.table, entries).await {
            Ok(()) => {
                claim.unpark_in(client, parked).await?;
                work.commit().await?;
                progress.unpark(parked);
                Ok(())
            }
            Err(failure) => {
                let reason = reason(failure)?;
                work.rollback().await?;
                let work = Work::begin(claim.pool()).await?;
                let ParkedStream { tenant, stream, first_version } = *parked;
                let first = Entry { position: 0, incarnation: 0, tenant, stream, version: first_version };
                claim.park_in(work.client()?, &first, &reason).await?;
                Ok(work.commit().await?)
            }
        }
    }
}

/// What to say of a stream that can't be projected; an error when the stream is not to blame.
pub(super) fn reason(failure: ProjectionError) -> Result<String, WorkError> {
    match failure {
        ProjectionError::Log(error) => Err(error.into()),
        ProjectionError::Decode(newer @ DecodeError::Newer { .. }) => Err(WorkError::Newer(newer.to_string())),
        failure => Ok(failure.to_string()),
    }
}

/// The entries of each stream, in order; streams in the order of their first entries.
fn by_stream(entries: &[Entry]) -> Vec<Vec<Entry>> {
    let mut places: HashMap<(Uuid, Uuid), usize> = HashMap::new();
    let mut streams: Vec<Vec<Entry>> = Vec::new();
    for entry in entries {
        let place = *places.entry((entry.tenant, entry.stream)).or_insert(streams.len());
        if place == streams.len() {
            streams.push(Vec::new());
        }
        streams[place].push(*entry);
    }
    streams
}
