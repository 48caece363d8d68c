//! Tells the sequencer, in whichever process it runs, that something was committed.
//!
//! `NOTIFY` takes a lock of the whole cluster at commit, so it never stands in a writer's transaction: one task in each
//! process sends it afterwards, for all commits that came in the meantime.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{Databases, listener::APPENDED};

/// Commits that arrive within this time share a notification.
const COALESCE: Duration = Duration::from_millis(2);

/// Where commits are reported.
#[derive(Debug, Default)]
pub struct Nudge(Notify);

impl Nudge {
    /// Reports a commit. Never waits.
    pub fn sequencer(&self) {
        self.0.notify_one();
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
                self.nudge.0.notified().await;
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
