//! A pool of connections that tells how long one had to wait.

use std::time::Instant;

use deadpool_postgres::{Object, Pool, PoolError};
use metrics::{gauge, histogram};

/// A pool with a name.
#[derive(Clone)]
pub(crate) struct CountedPool {
    pool: Pool,
    name: &'static str,
}

impl CountedPool {
    pub(crate) fn new(pool: Pool, name: &'static str) -> Self {
        Self { pool, name }
    }

    /// A connection, as soon as one is free.
    pub(crate) async fn get(&self) -> Result<Object, PoolError> {
        let begun = Instant::now();
        let outcome = self.pool.get().await;
        histogram!("fairlead_database_wait_seconds", "pool" => self.name).record(begun.elapsed());
        outcome
    }

    /// The pool itself. Nobody measures how long is waited there.
    pub(crate) fn uncounted(&self) -> Pool {
        self.pool.clone()
    }

    /// Brings the gauges up to date.
    pub(crate) fn measure(&self) {
        let status = self.pool.status();
        show(
            self.name,
            narrow(status.size - status.available.min(status.size)),
            narrow(status.available),
            narrow(status.max_size),
        );
        gauge!("fairlead_database_waiting", "pool" => self.name).set(narrow(status.waiting));
    }
}

fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Shows how many connections are in use, are free, and may be opened.
pub(crate) fn show(pool: &'static str, used: u32, idle: u32, most: u32) {
    gauge!("fairlead_database_connections", "pool" => pool, "state" => "used").set(used);
    gauge!("fairlead_database_connections", "pool" => pool, "state" => "idle").set(idle);
    gauge!("fairlead_database_connections_max", "pool" => pool).set(most);
}
