//! The long-running parts, and their beginning and end.

use std::{future::Future, sync::Arc, time::Duration};

use fairlead_application::{App, health::HealthCheck, list::Lists, ports::System};
use fairlead_http::{Parts, ServerError, Settings, server};
use fairlead_postgres::{
    ContactList, Databases, Listener, Maintenance, Nudge, Nudger, PostgresHealth, PostgresLog, PostgresStore,
    Projector, ReadModel, Sequencer,
};
use fairlead_rabbitmq::{AmqpUrl, BrokerHealth, Relay};
use futures::future::BoxFuture;
use secrecy::{ExposeSecret, SecretSlice};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{Failure, causes, config::Config, database, token};

/// What a process does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Roles {
    /// Serves HTTP.
    pub(crate) api: bool,
    /// Sequences, relays and projects.
    pub(crate) worker: bool,
}

/// A part that runs until it is told to stop.
struct Part {
    name: &'static str,
    run: Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, ()> + Send>,
}

impl Part {
    fn new<F: Future<Output = ()> + Send + 'static>(
        name: &'static str,
        run: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) -> Self {
        Self { name, run: Box::new(move |stop| Box::pin(run(stop))) }
    }
}

/// Runs until a signal, or until a part fails; then lets everything finish what it is at.
pub(crate) async fn run(config: &Config, roles: Roles) -> Result<(), Failure> {
    // Every setting is read before anything is asked to connect.
    let (mut parts, mut checks) = (Vec::new(), Vec::new());
    if roles.worker {
        let databases = database::engine(config, 4)?;
        checks.push(("engine_database_url", databases.clone()));
        parts.extend(worker(config, databases)?);
    }
    if roles.api {
        let databases = database::app(config)?;
        checks.push(("app_database_url", databases.clone()));
        parts.extend(api(config, databases)?);
    }
    for (key, databases) in checks {
        databases.check().await.map_err(|error| format!("{key}: {error}"))?;
    }
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    for Part { name, run } in parts {
        let part = run(stop.clone());
        running.spawn(async move {
            part.await;
            name
        });
    }
    let failure = tokio::select! {
        () = interrupted() => None,
        ended = running.join_next() => Some(match ended {
            Some(Ok(name)) => format!("the {name} ended by itself"),
            Some(Err(error)) => format!("a part failed: {error}"),
            None => "nothing to do".to_owned(),
        }),
    };
    info!("stopping");
    stop.cancel();
    let grace = Duration::from_secs(config.shutdown_seconds.into()) + Duration::from_secs(5);
    let finished = async {
        while let Some(ended) = running.join_next().await {
            if let Err(error) = ended {
                error!(%error, "a part failed while stopping");
            }
        }
    };
    tokio::select! {
        outcome = timeout(grace, finished) => if outcome.is_err() {
            warn!("some parts did not finish in time");
        },
        () = interrupted() => warn!("not waiting any longer"),
    }
    info!("stopped");
    failure.map_or(Ok(()), |failure| Err(failure.into()))
}

fn worker(config: &Config, databases: Databases) -> Result<Vec<Part>, Failure> {
    let (listener, wakeups) = Listener::new(databases.clone());
    let log = PostgresLog::new(databases.clone(), wakeups.clone());
    let sequencer = Sequencer::new(databases.clone(), wakeups);
    let relay = Relay::new(Arc::new(log.clone()), amqp_url(config)?);
    let contacts = Projector::<ContactList>::new(log);
    let maintenance = Maintenance::new(databases, config.idempotency_days);
    Ok(vec![
        Part::new("listener", |stop| listener.run(stop)),
        Part::new("sequencer", |stop| sequencer.run(stop)),
        Part::new("relay", |stop| relay.run(stop)),
        Part::new("projection of contacts", |stop| contacts.run(stop)),
        Part::new("maintenance", |stop| maintenance.run(stop)),
    ])
}

fn api(config: &Config, databases: Databases) -> Result<Vec<Part>, Failure> {
    let nudge = Arc::new(Nudge::default());
    let store = PostgresStore::new(databases.clone(), nudge.clone());
    let health: Vec<Arc<dyn HealthCheck>> =
        vec![Arc::new(PostgresHealth(databases.clone())), Arc::new(BrokerHealth::new(amqp_url(config)?))];
    let parts = Parts {
        app: App::new(Arc::new(store), Arc::new(System), Arc::new(System)),
        contacts: Lists::new(Arc::new(ReadModel::<ContactList>::new(databases.clone()))),
        health,
        clock: Arc::new(System),
    };
    let settings = Settings {
        bind: config.http_address,
        cors_origins: config.cors_origins.clone(),
        max_body_bytes: config.max_body_bytes,
        token: token::settings(config)?,
        secret: SecretSlice::from(config.secret_key()?.expose_secret().as_bytes().to_vec()),
        shutdown_timeout: Duration::from_secs(config.shutdown_seconds.into()),
    };
    let (server, address) = server(settings, parts).map_err(|error| match error {
        ServerError::Bind { .. } => Failure::from(format!("http_address: {}", causes(&error))),
        ServerError::WeakKey(_) => format!("token_secret: {error}").into(),
        ServerError::BadOrigin(_) => format!("cors_origins: {error}").into(),
    })?;
    let nudger = Nudger::new(databases, nudge);
    // It goes on until the last request is answered.
    let served = CancellationToken::new();
    let until_served = served.clone();
    let nudge = move |_| nudger.run(until_served);
    let serve = move |stop: CancellationToken| async move {
        info!(%address, "serving");
        let handle = server.handle();
        let mut server = tokio::spawn(server);
        tokio::select! {
            ended = &mut server => error!(?ended, "the server ended"),
            () = stop.cancelled() => {
                handle.stop(true).await;
                drop(server.await);
            }
        }
        served.cancel();
    };
    Ok(vec![Part::new("nudger", nudge), Part::new("server", serve)])
}

/// The broker's URL, read.
fn amqp_url(config: &Config) -> Result<AmqpUrl, Failure> {
    config.amqp_url()?.expose_secret().parse().map_err(|error| format!("amqp_url is wrong: {error}").into())
}

/// Waits for Ctrl-C or a polite request to end.
pub(crate) async fn interrupted() {
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}
