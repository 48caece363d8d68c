//! The recent end of the log, read once for every partition that this process works.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use deadpool_postgres::Object;
use fairlead_application::{
    consistency::slot_bit,
    log::LogError,
    subscription::{Entry, Stretch},
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_postgres::Row;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    Databases, Wakeups,
    connect::{log_error, pool_error},
};

/// Entries kept in memory, 56 bytes each.
const KEPT: usize = 65_536;
/// Entries read at once; also how many positions a read of the older log goes over.
const BATCH: i64 = 5_000;
/// Without a notification the log is looked at this often; one can be lost with a connection.
const IDLE: Duration = Duration::from_secs(1);

const END: &str = "select coalesce((select position from engine.outbox order by position desc limit 1), 0)";
const READ: &str = "select position, incarnation, tenant_id, stream_id, version from engine.outbox
                     where position > $1 order by position limit $2";
const READ_BETWEEN: &str = "select position, incarnation, tenant_id, stream_id, version from engine.outbox
                             where position > $1 and position <= $2 and version > 0 order by position";
const READ_SLOTS: &str = "select position, incarnation, tenant_id, stream_id, version from engine.outbox
                           where position > $1 and position <= $2 and ($3::bigint >> slot) & 1 = 1 and version > 0
                           order by position";

/// Follows the log.
#[derive(Clone)]
pub(crate) struct Recent {
    databases: Databases,
    recent: Arc<RwLock<VecDeque<Entry>>>,
    /// The last position known.
    end: Arc<watch::Sender<i64>>,
}

impl Recent {
    pub(crate) fn new(databases: Databases) -> Self {
        Self { databases, recent: Arc::default(), end: Arc::new(watch::Sender::new(0)) }
    }

    /// Changes when the log has grown.
    pub(crate) fn grown(&self) -> watch::Receiver<i64> {
        self.end.subscribe()
    }

    /// Works until told to stop.
    pub(crate) async fn run(self, mut wakeups: Wakeups, stop: CancellationToken) {
        let work = async {
            let mut started = false;
            loop {
                wakeups.ticked.borrow_and_update();
                match self.read_on(started).await {
                    Ok(true) => started = true,
                    Ok(false) => {
                        started = true;
                        let _ = timeout(IDLE, wakeups.ticked.changed()).await;
                    }
                    Err(error) => {
                        warn!(%error, "the log can't be read; trying again");
                        sleep(IDLE).await;
                    }
                }
            }
        };
        stop.run_until_cancelled(work).await;
    }

    /// Reads a batch; whether there was anything.
    async fn read_on(&self, started: bool) -> Result<bool, LogError> {
        let client = self.databases.pool.get().await.map_err(pool_error)?;
        if !started {
            let end = client.query_one(END, &[]).await.map_err(log_error)?.get(0);
            self.end.send_replace(end);
            return Ok(true);
        }
        let end = *self.end.borrow();
        let read = client.prepare_cached(READ).await.map_err(log_error)?;
        let rows = client.query(&read, &[&end, &BATCH]).await.map_err(log_error)?;
        let entries = rows.iter().map(entry).collect::<Result<Vec<_>, _>>().map_err(log_error)?;
        let Some(last) = entries.last() else { return Ok(false) };
        let end = last.position;
        {
            let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
            recent.extend(entries);
            let surplus = recent.len().saturating_sub(KEPT);
            recent.drain(..surplus);
        }
        self.end.send_replace(end);
        Ok(true)
    }

    /// The entries of some slots after a position.
    pub(crate) async fn stretch(&self, slots: u64, after: i64, limit: u32) -> Result<Stretch, LogError> {
        let end = *self.end.borrow();
        if after >= end {
            return Ok(Stretch { entries: Vec::new(), reached: after });
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if let Some(stretch) = self.recent_stretch(slots, after, limit) {
            return Ok(stretch);
        }
        let until = end.min(after + BATCH);
        let client = self.databases.pool.get().await.map_err(pool_error)?;
        let read = client.prepare_cached(READ_SLOTS).await.map_err(log_error)?;
        let rows = client.query(&read, &[&after, &until, &slots.cast_signed()]).await.map_err(log_error)?;
        let entries: Vec<_> = rows.iter().take(limit).map(entry).collect::<Result<_, _>>().map_err(log_error)?;
        let reached = if rows.len() > limit { entries.last().map_or(after, |entry| entry.position) } else { until };
        Ok(Stretch { entries, reached })
    }

    fn recent_stretch(&self, slots: u64, after: i64, limit: usize) -> Option<Stretch> {
        let recent = self.recent.read().unwrap_or_else(PoisonError::into_inner);
        let first = recent.front()?.position;
        // Positions are dense, so that a place follows from a position.
        let skipped = usize::try_from(after + 1 - first).ok()?;
        let mut stretch = Stretch { entries: Vec::new(), reached: after };
        for entry in recent.iter().skip(skipped) {
            if !is_empty(entry) && slot_bit(entry.tenant.into(), entry.stream) & slots != 0 {
                if stretch.entries.len() == limit {
                    break;
                }
                stretch.entries.push(*entry);
            }
            stretch.reached = entry.position;
        }
        Some(stretch)
    }
}

/// Whether a place stands for nothing any more, since its organization was purged.
fn is_empty(entry: &Entry) -> bool {
    entry.version < 0
}

/// Every entry after one position and up to another.
pub(crate) async fn entries_between(client: &Object, after: i64, until: i64) -> Result<Vec<Entry>, LogError> {
    let read = client.prepare_cached(READ_BETWEEN).await.map_err(log_error)?;
    let rows = client.query(&read, &[&after, &until]).await.map_err(log_error)?;
    rows.iter().map(entry).collect::<Result<_, _>>().map_err(log_error)
}

/// Reads an entry of the outbox.
pub(crate) fn entry(row: &Row) -> Result<Entry, tokio_postgres::Error> {
    Ok(Entry {
        position: row.try_get(0)?,
        incarnation: row.try_get(1)?,
        tenant: row.try_get(2)?,
        stream: row.try_get(3)?,
        version: row.try_get(4)?,
    })
}
