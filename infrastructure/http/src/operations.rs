//! The port for operators: health and metrics, of processes that serve no other requests too. Not for the public, and
//! not in the document.

use std::{net::SocketAddr, sync::Arc};

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::Server,
    get,
    web::{Data, ServiceConfig},
};
use fairlead_application::health::HealthCheck;

use crate::{
    ServerError,
    health::{Checks, live, ready, serving},
};

/// What operators can ask of a process.
pub struct Operations {
    /// Where it listens; port 0 for any that is free.
    pub bind: SocketAddr,
    /// What readiness asks.
    pub health: Vec<Arc<dyn HealthCheck>>,
    /// Writes the metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

struct Metrics(Arc<dyn Fn() -> String + Send + Sync>);

/// Binds the port and tells its address. As with [`crate::server()`], it works once it is awaited.
///
/// # Errors
/// [`ServerError::Bind`]
pub fn operations(operations: Operations) -> Result<(Server, SocketAddr), ServerError> {
    let Operations { bind, health, metrics } = operations;
    let (checks, metrics) = (Data::new(Checks(health)), Data::new(Metrics(metrics)));
    let provide = move |config: &mut ServiceConfig| {
        config.app_data(checks.clone()).app_data(metrics.clone());
        config.service(live).service(serving).service(ready).service(measured);
    };
    let server = HttpServer::new(move || App::new().configure(provide.clone()))
        .workers(1)
        .shutdown_timeout(1)
        .disable_signals()
        .bind(bind)
        .map_err(|source| ServerError::Bind { address: bind, source })?;
    let address = server.addrs().first().copied().unwrap_or(bind);
    Ok((server.run(), address))
}

/// The metrics.
#[get("/metrics")]
async fn measured(metrics: Data<Metrics>) -> HttpResponse {
    let text = (metrics.0)();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text)
}
