//! The sequencer: ticks when a committer nudged it, and now and then by itself.

use std::time::{Duration, Instant};

use metrics::{counter, histogram};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::{Databases, Wakeups};

/// Ticks keep this distance under load, so that each stamps many events.
const PACE: Duration = Duration::from_millis(2);
/// Without a nudge it looks this often; a nudge can be lost with a connection.
const IDLE: Duration = Duration::from_secs(1);
/// The pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Gives committed events their positions. Any number may run; they take turns.
pub struct Sequencer {
    databases: Databases,
    wakeups: Wakeups,
}

/// What an adoption did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adoption {
    /// Events that had no position.
    pub stamped: i64,
    /// The database's new life.
    pub incarnation: i32,
}

impl Sequencer {
    /// A sequencer over the engine's database.
    pub fn new(databases: Databases, wakeups: Wakeups) -> Self {
        Self { databases, wakeups }
    }

    /// Works until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.tick_on_one_connection(&stop).await {
                warn!(error = error.as_str(), "the sequencer failed; trying again");
                stop.run_until_cancelled(sleep(RETRY)).await;
            }
        }
    }

    /// Ticks until told to stop or until the connection fails; a restore or a failover can't go unnoticed within one.
    async fn tick_on_one_connection(&mut self, stop: &CancellationToken) -> Result<(), String> {
        let (client, _connection) = self.databases.dedicated().await.map_err(|error| error.to_string())?;
        let at_home = client.query_one("select engine.at_home()", &[]).await.map_err(|error| error.to_string())?;
        if !at_home.get::<_, bool>(0) {
            error!("this database was restored or copied from another server: run `fairlead sequencer adopt`");
            return Err("transaction ids in this database are another server's".to_owned());
        }
        // A tick stamps everything that came in the meantime, and that may have been long.
        client.batch_execute("set statement_timeout = 0").await.map_err(|error| error.to_string())?;
        let tick = client.prepare("select engine.tick()").await.map_err(|error| error.to_string())?;
        info!("sequencing");
        while !stop.is_cancelled() {
            self.wakeups.appended.borrow_and_update();
            let begun = Instant::now();
            let row = client.query_one(&tick, &[]).await.map_err(|error| error.to_string())?;
            let stamped: i64 = row.get(0);
            histogram!("fairlead_sequencer_tick_duration_seconds").record(begun.elapsed());
            counter!("fairlead_sequencer_ticks_total").increment(1);
            counter!("fairlead_sequencer_stamped_events_total").increment(stamped.unsigned_abs());
            if stamped > 0 {
                debug!(stamped, "ticked");
                sleep(PACE).await;
            } else {
                let nudge = timeout(IDLE, self.wakeups.appended.changed());
                stop.run_until_cancelled(nudge).await;
            }
        }
        Ok(())
    }
}

/// Begins a new life after a restore from a dump or a logical copy. Appends wait meanwhile.
///
/// # Errors
/// What the database answered.
pub async fn adopt(databases: &Databases) -> Result<Adoption, tokio_postgres::Error> {
    let (client, _connection) = databases.dedicated().await?;
    let sql = "set statement_timeout = 0; set enable_seqscan = on; set enable_hashjoin = on";
    client.batch_execute(sql).await?;
    let row = client.query_one("select stamped, incarnation from engine.adopt()", &[]).await?;
    Ok(Adoption { stamped: row.get(0), incarnation: row.get(1) })
}

/// Where the global order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequencerStatus {
    /// The last position given.
    pub position: i64,
    /// The database's present life.
    pub incarnation: i32,
    /// Whether transaction ids in the database are this cluster's; if not, it has to be adopted.
    pub at_home: bool,
}

/// Tells where the global order stands.
///
/// # Errors
/// What the database answered.
pub async fn sequencer_status(databases: &Databases) -> Result<SequencerStatus, tokio_postgres::Error> {
    let (client, _connection) = databases.dedicated().await?;
    let sql = "select (select position from engine.ticks order by number desc limit 1), incarnation, engine.at_home()
                 from engine.sequencer";
    let row = client.query_one(sql, &[]).await?;
    Ok(SequencerStatus { position: row.get(0), incarnation: row.get(1), at_home: row.get(2) })
}
