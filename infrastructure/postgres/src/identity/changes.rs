//! Tells a process which streams changed, so that nobody may do for long what they may no longer.

use std::time::Duration;

use fairlead_application::{identity::Principals, log::LogError};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use crate::{Databases, Wakeups, connect::log_error};

/// Without a notification the order is looked at this often; one can be lost with a connection.
const IDLE: Duration = Duration::from_secs(1);
/// Positions read at once.
const BATCH: i64 = 10_000;

const END: &str = "select t.position, t.incarnation from engine.ticks t order by t.number desc limit 1";
const READ: &str = "select o.position, o.incarnation, o.tenant_id, o.stream_id
                      from engine.outbox o where o.position > $1 order by o.position limit $2";

/// Follows the global order for what is kept about principals.
pub struct Changes {
    databases: Databases,
    wakeups: Wakeups,
    principals: Principals,
}

/// How far the order was followed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Reached {
    position: i64,
    incarnation: i32,
}

impl Changes {
    /// Follows the order of the engine's database.
    pub fn new(databases: Databases, wakeups: Wakeups, principals: Principals) -> Self {
        Self { databases, wakeups, principals }
    }

    /// Works until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let work = async {
            loop {
                if let Err(error) = self.follow().await {
                    warn!(%error, "can't follow the changes on which access depends; trying again");
                }
                self.principals.followed(false);
                sleep(IDLE).await;
            }
        };
        stop.run_until_cancelled(work).await;
    }

    /// Ends when the order is another one: a database was restored.
    async fn follow(&mut self) -> Result<(), LogError> {
        // From here on everything is told of; what is looked up later is of now at least.
        let mut reached = self.end().await?;
        self.principals.followed(true);
        loop {
            // The sender lives as long as the listener; without one, looking now and then is what remains.
            if let Ok(Err(_)) = timeout(IDLE, self.wakeups.ticked.changed()).await {
                sleep(IDLE).await;
            }
            while let Some((place, streams)) = self.read(reached.position).await? {
                if place.incarnation != reached.incarnation {
                    return Ok(());
                }
                self.principals.changed(&streams);
                reached = place;
            }
            let end = self.end().await?;
            if end.incarnation != reached.incarnation || end.position < reached.position {
                return Ok(());
            }
        }
    }

    async fn end(&self) -> Result<Reached, LogError> {
        let client = self.databases.pool.get().await.map_err(|error| LogError::Unavailable(error.into()))?;
        let end = client.prepare_cached(END).await.map_err(log_error)?;
        let row = client.query_one(&end, &[]).await.map_err(log_error)?;
        let reached = || Ok(Reached { position: row.try_get(0)?, incarnation: row.try_get(1)? });
        reached().map_err(log_error)
    }

    async fn read(&self, after: i64) -> Result<Option<(Reached, Vec<(Uuid, Uuid)>)>, LogError> {
        let client = self.databases.pool.get().await.map_err(|error| LogError::Unavailable(error.into()))?;
        let read = client.prepare_cached(READ).await.map_err(log_error)?;
        let rows = client.query(&read, &[&after, &BATCH]).await.map_err(log_error)?;
        let Some(last) = rows.last() else { return Ok(None) };
        let read = || {
            let streams = rows.iter().map(|row| Ok((row.try_get(2)?, row.try_get(3)?))).collect::<Result<_, _>>()?;
            Ok((Reached { position: last.try_get(0)?, incarnation: last.try_get(1)? }, streams))
        };
        read().map(Some).map_err(log_error)
    }
}
