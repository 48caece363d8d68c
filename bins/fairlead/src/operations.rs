//! The port for operators, which outlives the parts that it tells about.

use std::{net::SocketAddr, sync::Arc};

use fairlead_application::health::HealthCheck;
use fairlead_http::{Operations, operations};
use fairlead_postgres::Databases;
use fairlead_telemetry::Meters;
use tokio::{spawn, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{Failure, causes};

/// The open port.
pub(crate) struct Port {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Port {
    /// Opens the port.
    pub(crate) fn open(
        bind: SocketAddr,
        health: Vec<Arc<dyn HealthCheck>>,
        meters: Meters,
        databases: Vec<Databases>,
    ) -> Result<Self, Failure> {
        let upkeep = meters.clone();
        let metrics = Arc::new(move || {
            databases.iter().for_each(Databases::measure);
            meters.render()
        });
        let opened = operations(Operations { bind, health, metrics });
        let (server, address) = opened.map_err(|error| format!("operations_address: {}", causes(&error)))?;
        info!(%address, "telling operators how it is");
        let stop = CancellationToken::new();
        let until = stop.clone();
        let running = spawn(async move {
            let handle = server.handle();
            let server = spawn(server);
            until.run_until_cancelled(upkeep.keep()).await;
            handle.stop(false).await;
            drop(server.await);
        });
        Ok(Self { stop, running })
    }

    /// Closes it at once.
    pub(crate) async fn close(self) {
        self.stop.cancel();
        drop(self.running.await);
    }
}
