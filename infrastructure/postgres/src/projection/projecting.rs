//! A projection at work: a batch at a time, and stream by stream where a batch fails.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use deadpool_postgres::Object;
use fairlead_application::{
    recorded::DecodeError,
    subscription::{
        Checkpoint, Entry, ParkedStream,
        progress::{Batch, Progress},
    },
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

const ERASED_BY: &str = "select tenant_id, stream_id, split_part(type, '.', 2) = 'forgotten' from engine.events
                           join unnest($1::uuid[], $2::uuid[], $3::bigint[]) as passed (tenant_id, stream_id, version)
                                using (tenant_id, stream_id, version)
                          where split_part(type, '.', 2) in ('erased', 'forgotten')";

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

    /// Brings the table up to a batch within the client's transaction: what is to be handled, and the erasures among what is
    /// passed over, which wait for nothing.
    pub(super) async fn project(&self, client: &Object, batch: &Batch) -> Result<(), ProjectionError> {
        self.projection.project(client, &self.table, &batch.entries).await?;
        self.forget(client, &batch.passed).await
    }

    /// Deletes the rows of those who were erased by some entries that are not handled, and of records that told about them. A
    /// replay makes them anew.
    async fn forget(&self, client: &Object, passed: &[Entry]) -> Result<(), ProjectionError> {
        for Erased { tenant, stream, as_other } in erased_by(client, passed).await? {
            if as_other {
                self.projection.forget_words(client, &self.table, tenant, stream).await?;
            } else {
                self.projection.forget(client, &self.table, tenant, stream).await?;
            }
        }
        Ok(())
    }

    /// Projects stream by stream, and parks those that fail.
    async fn isolate(&self, claim: &PostgresClaim, progress: &mut Progress, batch: Batch) -> Result<(), WorkError> {
        let Batch { entries, mut passed, reached } = batch;
        let work = Work::begin(claim.pool()).await?;
        let client = work.client()?;
        let mut parked = Vec::new();
        for entries in by_stream(&entries) {
            Savepoint("stream").set(client).await.map_err(log_error)?;
            match self.projection.project(client, &self.table, &entries).await {
                Ok(()) => Savepoint("stream").release(client).await.map_err(log_error)?,
                Err(failure) => {
                    let reason = reason(failure)?;
                    Savepoint("stream").roll_back(client).await.map_err(log_error)?;
                    parked.extend(entries.first().map(|first| (*first, reason)));
                    passed.extend(entries);
                }
            }
        }
        for (entry, reason) in &parked {
            error!(tenant = %entry.tenant, stream = %entry.stream, version = entry.version, reason, "parked a stream");
            claim.park_in(client, entry, reason).await?;
        }
        if let Err(failure) = self.forget(client, &passed).await {
            return Err(reason(failure).map_or_else(|error| error, WorkError::Outside));
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

    async fn handle(&self, claim: &PostgresClaim, progress: &mut Progress, batch: Batch) -> Result<(), WorkError> {
        let work = Work::begin(claim.pool()).await?;
        match self.project(work.client()?, &batch).await {
            Ok(()) => {
                let Batch { entries, reached, .. } = batch;
                claim.advance_in(work.client()?, &Checkpoint { position: reached, ahead: Vec::new() }).await?;
                work.commit().await?;
                debug!(from = progress.position(), to = reached, entries = entries.len(), "projected");
                progress.recorded(reached, true);
                Ok(())
            }
            Err(failure) => {
                reason(failure)?;
                work.rollback().await?;
                self.isolate(claim, progress, batch).await
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

/// What an entry erases.
struct Erased {
    tenant: Uuid,
    /// The person's, or that of a record.
    stream: Uuid,
    /// Whether what a record tells about another is gone, and not the person of the stream.
    as_other: bool,
}

/// What is erased by some entries.
async fn erased_by(client: &Object, entries: &[Entry]) -> Result<Vec<Erased>, ProjectionError> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let events = entries.iter().map(|entry| (entry.tenant, entry.stream, entry.version));
    let (tenants, streams, versions): (Vec<_>, Vec<_>, Vec<_>) = events.collect();
    let rows = client.query(ERASED_BY, &[&tenants, &streams, &versions]).await?;
    Ok(rows.iter().map(|row| Erased { tenant: row.get(0), stream: row.get(1), as_other: row.get(2) }).collect())
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
