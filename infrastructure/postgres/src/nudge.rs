//! Tells the sequencer, in whichever process it runs, that something was committed.
//!
//! `NOTIFY` takes a lock of the whole cluster at commit, so it never stands in a writer's transaction: one task in each
//! process sends it afterwards, for all commits that came in the meantime.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fairlead_application::consistency::ConsistencyToken;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{Databases, listener::APPENDED};

/// Commits that arrive within this time share a notification.
const COALESCE: Duration = Duration::from_millis(2);

/// Where commits are reported.
#[derive(Debug, Default)]
pub struct Nudge {
    reported: Notify,
    unordered: Mutex<Unordered>,
}

/// Commits of this process that nobody has seen in the global order yet: the first, and the last of those since.
#[derive(Debug, Default)]
struct Unordered {
    first: Option<Commit>,
    last: Option<Commit>,
}

/// A commit, and when it was reported.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Commit {
    pub(crate) token: ConsistencyToken,
    pub(crate) at: Instant,
}

impl Nudge {
    /// Reports a commit. Never waits.
    pub(crate) fn sequencer(&self, token: ConsistencyToken) {
        let commit = Commit { token, at: Instant::now() };
        let mut unordered = self.unordered.lock().unwrap_or_else(PoisonError::into_inner);
        match unordered.first {
            None => unordered.first = Some(commit),
            Some(_) => unordered.last = Some(commit),
        }
        drop(unordered);
        self.wake();
    }

    /// Says that there was a commit.
    pub(crate) fn wake(&self) {
        self.reported.notify_one();
    }

    /// The first commit that nobody has seen in the global order yet.
    pub(crate) fn unordered(&self) -> Option<Commit> {
        self.unordered.lock().unwrap_or_else(PoisonError::into_inner).first
    }

    /// Takes notice that the first commit is in the global order. Of those since only the last was kept, so that one
    /// counts from its own time.
    pub(crate) fn ordered(&self, seen: Commit) {
        let mut unordered = self.unordered.lock().unwrap_or_else(PoisonError::into_inner);
        if unordered.first.is_some_and(|first| first.token == seen.token) {
            unordered.first = unordered.last.take();
        }
    }
}

/// Passes nudges on.
pub struct Nudger {
    databases: Databases,
    nudge: Arc<Nudge>,
}

impl Nudger {
    /// Passes on what is reported to `nudge`.
    pub fn new(databases: Databases, nudge: Arc<Nudge>) -> Self {
        Self { databases, nudge }
    }

    /// Works until told to stop. A nudge that can't be sent is dropped: the sequencer also looks by itself, if less often.
    pub async fn run(self, stop: CancellationToken) {
        let work = async {
            loop {
                self.nudge.reported.notified().await;
                if let Err(error) = self.send().await {
                    debug!(error = error.as_str(), "a nudge was lost");
                }
                sleep(COALESCE).await;
            }
        };
        stop.run_until_cancelled(work).await;
    }

    async fn send(&self) -> Result<(), String> {
        let client = self.databases.pool.get().await.map_err(|error| error.to_string())?;
        // Nothing is lost when a notification does not survive a crash, so its commit need not reach the disk.
        let sql = format!("begin; set local synchronous_commit = off; notify {APPENDED}; commit");
        client.batch_execute(&sql).await.map_err(|error| error.to_string())
    }
}
