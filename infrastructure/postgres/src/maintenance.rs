//! What has to be done now and then.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::Databases;

const INTERVAL: Duration = Duration::from_secs(3600);
/// Entries of the audit log that are deleted in one transaction.
const BATCH: i32 = 10_000;

/// Makes partitions ahead of time, and drops them and what else has had its time.
pub struct Maintenance {
    databases: Databases,
    keep_answers_days: u16,
    keep_audit_days: u16,
}

impl Maintenance {
    /// Keeps the answers to idempotency keys for that many days at least, and for 14 at most beyond; and the audit log for that many
    /// days.
    pub fn new(databases: Databases, keep_answers_days: u16, keep_audit_days: u16) -> Self {
        Self { databases, keep_answers_days, keep_audit_days }
    }

    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.rotate().await {
                Ok(()) => debug!("partitions are in order"),
                Err(error) => {
                    warn!(error = error.as_str(), "partitions can't be put in order; trying again in an hour")
                }
            }
            if let Err(error) = self.shorten_audit(&stop).await {
                warn!(error = error.as_str(), "the audit log can't be shortened; trying again in an hour");
            }
            stop.run_until_cancelled(sleep(INTERVAL)).await;
        }
    }

    async fn rotate(&self) -> Result<(), String> {
        let client = self.databases.pool.get().await.map_err(|error| error.to_string())?;
        let days = i32::from(self.keep_answers_days);
        for sql in [
            "select engine.rotate_command_results(make_interval(days => $1))",
            "delete from engine.command_results_other where created_at < now() - make_interval(days => $1)",
        ] {
            client.execute(sql, &[&days]).await.map_err(|error| error.to_string())?;
        }
        let refusals = "delete from engine.refusals where refused_at < now() - interval '90 days'";
        client.execute(refusals, &[]).await.map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Deletes what the audit log was to keep until now, batch by batch.
    async fn shorten_audit(&self, stop: &CancellationToken) -> Result<(), String> {
        let client = self.databases.pool.get().await.map_err(|error| error.to_string())?;
        let sql = "select identity.drop_old_audit(make_interval(days => $1), $2)";
        let days = i32::from(self.keep_audit_days);
        while !stop.is_cancelled() {
            let row = client.query_one(sql, &[&days, &BATCH]).await.map_err(|error| error.to_string())?;
            if !row.get::<_, bool>(0) {
                break;
            }
        }
        Ok(())
    }
}
