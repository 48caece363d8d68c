//! Who was erased, and which organizations were purged, noted outside the database, so that a restore of an older copy can't
//! bring anybody back.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_application::subscription::{
    Checkpoint, Claim, Entry, ParkedStream,
    progress::{Batch, Progress},
};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tokio_postgres::Row;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    PostgresSubscriptions,
    connect::log_error,
    runner::{self, Handler, WorkError},
    subscriptions::PostgresClaim,
};

/// The subscription's name.
const NAME: &str = "erasure-journal";

const ERASURES: &str = "select tenant_id, stream_id, split_part(e.type, '.', 1), e.occurred_at
                          from unnest($1::uuid[], $2::uuid[], $3::bigint[])
                               with ordinality as w (tenant_id, stream_id, version, n)
                          join engine.events e using (tenant_id, stream_id, version)
                         where split_part(e.type, '.', 2) = 'erased' or e.type = 'organization.purged'
                         order by w.n";

/// A line of the journal. Names nobody: the stream's id is all that is left. Of an organization that was purged, that is the
/// tenant's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// The tenant.
    pub tenant: Uuid,
    /// The aggregate's name.
    pub aggregate: String,
    /// The stream, which is the person's or the organization's id too.
    pub stream: Uuid,
    /// When.
    pub at: DateTime<Utc>,
}

/// Follows the log and appends a line of JSON for each erasure, and each end of an organization, to a file.
pub struct ErasureJournal {
    subscriptions: PostgresSubscriptions,
    path: PathBuf,
}

impl ErasureJournal {
    /// A journal in the file at `path`, which is made when it is missing.
    pub fn new(subscriptions: PostgresSubscriptions, path: impl Into<PathBuf>) -> Self {
        Self { subscriptions, path: path.into() }
    }

    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        runner::run(self.subscriptions, Noting { path: self.path }, stop).await;
    }
}

/// A journal at work.
struct Noting {
    path: PathBuf,
}

impl Noting {
    async fn note(&self, claim: &PostgresClaim, entries: &[Entry]) -> Result<(), WorkError> {
        let client = claim.pool().get().await?;
        let erasures = client.prepare_cached(ERASURES).await.map_err(log_error)?;
        let tenants: Vec<_> = entries.iter().map(|entry| entry.tenant).collect();
        let streams: Vec<_> = entries.iter().map(|entry| entry.stream).collect();
        let versions: Vec<_> = entries.iter().map(|entry| entry.version).collect();
        let rows = client.query(&erasures, &[&tenants, &streams, &versions]).await.map_err(log_error)?;
        drop(client);
        if rows.is_empty() {
            return Ok(());
        }
        let erasure = |row: &Row| {
            let aggregate = row.try_get(2)?;
            Ok(Erasure { tenant: row.try_get(0)?, stream: row.try_get(1)?, aggregate, at: row.try_get(3)? })
        };
        let erasures = rows.iter().map(erasure).collect::<Result<Vec<_>, _>>().map_err(log_error)?;
        let path = self.path.clone();
        let written = spawn_blocking(move || append(&path, &erasures)).await.map_err(io::Error::other);
        let failed = |error| WorkError::Outside(format!("{} can't be written: {error}", self.path.display()));
        written.and_then(|written| written).map_err(failed)
    }
}

#[async_trait]
impl Handler for Noting {
    fn subscription(&self) -> &str {
        NAME
    }

    async fn handle(&self, claim: &PostgresClaim, progress: &mut Progress, batch: Batch) -> Result<(), WorkError> {
        let Batch { entries, reached, .. } = batch;
        self.note(claim, &entries).await?;
        // The lines are on disk by now. Without this step they are written again, which does no harm.
        claim.advance(&Checkpoint { position: reached, ahead: Vec::new() }).await?;
        progress.recorded(reached, true);
        Ok(())
    }

    async fn replay(
        &self,
        claim: &PostgresClaim,
        progress: &mut Progress,
        parked: &ParkedStream,
        entries: &[Entry],
    ) -> Result<(), WorkError> {
        self.note(claim, entries).await?;
        claim.replayed(parked, None).await?;
        progress.unpark(parked);
        Ok(())
    }
}

fn append(path: &Path, erasures: &[Erasure]) -> io::Result<()> {
    let is_new = !path.exists();
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut lines = String::new();
    if !ends_with_newline(&mut file)? {
        // Power failed in the middle of a line; what it said comes again.
        lines.push('\n');
    }
    for erasure in erasures {
        lines.push_str(&serde_json::to_string(erasure)?);
        lines.push('\n');
    }
    file.write_all(lines.as_bytes())?;
    file.sync_all()?;
    if is_new && let Some(folder) = path.parent() {
        // The file's name is on disk when its folder is.
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn ends_with_newline(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// The erasures in a journal, each stream once, and how many lines can't be read.
///
/// # Errors
/// The file can't be read.
pub fn read_erasures(path: &Path) -> io::Result<(Vec<Erasure>, usize)> {
    let text = std::fs::read(path)?;
    let (mut erasures, mut unreadable): (Vec<Erasure>, _) = (Vec::new(), 0);
    let mut seen = std::collections::HashSet::new();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice::<Erasure>(line) {
            Ok(erasure) if seen.insert((erasure.tenant, erasure.stream)) => erasures.push(erasure),
            Ok(_) => {}
            Err(_) => unreadable += 1,
        }
    }
    Ok((erasures, unreadable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_costs_nothing_but_itself() {
        let path = std::env::temp_dir().join(format!("fairlead-journal-{}.jsonl", std::process::id()));
        let erasure = |n| Erasure {
            tenant: Uuid::from_u128(1),
            aggregate: "contact".to_owned(),
            stream: Uuid::from_u128(n),
            at: DateTime::UNIX_EPOCH,
        };
        append(&path, &[erasure(1), erasure(2)]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 20]).unwrap();
        append(&path, &[erasure(1), erasure(2), erasure(3)]).unwrap();
        let read = read_erasures(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read, (vec![erasure(1), erasure(2), erasure(3)], 1));
    }
}
