//! The long-running parts, and their beginning and end.

use std::{future::Future, sync::Arc, time::Duration};

use fairlead_application::{
    administration::Operators,
    backlog::Backlogs,
    crm::{
        Agendas, Boards, Duplicates, FollowActivities, FollowCompanies, FollowContacts, FollowDeals, FollowMembers,
        FollowStages, ForgetActivities, ForgetContacts, TagNewContacts, TaskForRottingDeals, Timelines, WinCustomers,
    },
    export::{ExportParts, Exports},
    health::HealthCheck,
    history::History,
    identity::Audit,
    policy::AnyPolicy,
    ports::System,
    subscription::RELAY,
};
use fairlead_http::{Live, LiveLimits, Parts, ServerError, Settings, server};
use fairlead_postgres::{
    AccessKeeper, ActivityAgenda, AuditLog, BacklogKeeper, ContactTwins, Databases, DealBoards, ErasureJournal, Limits,
    Listener, Maintenance, Nudge, Nudger, Observer, Policies, PostgresAdministration, PostgresHealth,
    PostgresSubscriptions, PostgresTail, Projections, PurgeKeeper, RecordTimeline, RottingDeals, Sequencer, Wakeups,
    lists,
};
use fairlead_rabbitmq::{AmqpUrl, BrokerHealth, Relay};
use fairlead_telemetry::Meters;
use fairlead_tokens::KeyRing;
use futures::future::BoxFuture;
use secrecy::ExposeSecret;
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

use crate::{
    Failure, causes, config::Config, consumers::OwnConsumers, database, mail::mail, operations::Port, people::People,
    token,
};

/// What a process does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Roles {
    /// Serves HTTP.
    pub(crate) api: bool,
    /// Sequences, relays and projects.
    pub(crate) worker: bool,
}

/// A part that runs until it is told to stop.
pub(crate) struct Part {
    name: &'static str,
    run: Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, ()> + Send>,
}

impl Part {
    pub(crate) fn new<F: Future<Output = ()> + Send + 'static>(
        name: &'static str,
        run: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) -> Self {
        Self { name, run: Box::new(move |stop| Box::pin(run(stop))) }
    }
}

/// Runs until a signal, or until a part fails; then lets everything finish what it is at.
pub(crate) async fn run(config: &Config, roles: Roles, meters: Option<Meters>) -> Result<(), Failure> {
    // Every setting is read before anything is asked to connect.
    let (mut parts, mut health) = (Vec::new(), Health::default());
    // The API too follows the log above the policies, for those who listen to events.
    let engine = database::engine(config, 5)?;
    let mut databases = vec![("engine_database_url", engine.clone())];
    let ring = token::ring(config, engine.clone());
    let (listener, wakeups) = Listener::new(engine.clone());
    parts.push(Part::new("listener", |stop| listener.run(stop)));
    // Of the databases that are used beside, nothing is measured.
    let mut beside = Vec::new();
    if roles.worker {
        health.of_worker(config, &engine)?;
        let mail = mail(config)?;
        beside.push(("app_database_url", mail.databases));
        parts.push(mail.part);
        parts.extend(worker(config, engine.clone(), wakeups.clone(), mail.declared)?);
        let rotation = token::rotation(config, ring.clone());
        parts.push(Part::new("rotation of signing keys", |stop| rotation.run(stop)));
    }
    if roles.api {
        let app = database::app(config, config.database_connections)?;
        let nudge = Arc::new(Nudge::default());
        health.of_api(config, &app, &nudge)?;
        let backlogs = Arc::new(Backlogs::new(config.backlog_per_organization));
        let keeper = BacklogKeeper::new(engine.clone(), RELAY, backlogs.clone());
        parts.push(Part::new("keeper of backlogs", |stop| keeper.run(stop)));
        let people = People::new(config, &app, &nudge, backlogs, ring.clone())?;
        parts.extend(people.parts(engine.clone(), wakeups.clone()));
        let tail = PostgresTail::new(engine, wakeups);
        parts.extend(api(config, app.clone(), nudge, people, tail, ring.clone(), health.checks.clone())?);
        let ring = ring.clone();
        parts.push(Part::new("signing keys", |stop| ring.run(stop)));
        databases.insert(0, ("app_database_url", app));
    }
    for (key, databases) in databases.iter().chain(&beside) {
        databases.check().await.map_err(|error| format!("{key}: {error}"))?;
    }
    if roles.api {
        ring.prepare().await?;
    }
    let port = match (config.operations_address, meters) {
        (Some(address), Some(meters)) => {
            // In a process that is both, the engine sees more.
            parts.extend(
                health.observers.into_iter().take(1).map(|observer| Part::new("observer", |stop| observer.run(stop))),
            );
            let databases = databases.into_iter().map(|(_, databases)| databases).collect();
            Some(Port::open(address, health.checks, meters, databases)?)
        }
        _ => None,
    };
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    for Part { name, run } in parts {
        let part = run(stop.clone()).instrument(info_span!("part", part = name));
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
    // Until the end it tells how the process is.
    if let Some(port) = port {
        port.close().await;
    }
    info!("stopped");
    failure.map_or(Ok(()), |failure| Err(failure.into()))
}

/// How the process's parts are asked whether they work.
#[derive(Default)]
struct Health {
    checks: Vec<Arc<dyn HealthCheck>>,
    observers: Vec<Arc<Observer>>,
}

impl Health {
    fn of_worker(&mut self, config: &Config, engine: &Databases) -> Result<(), Failure> {
        self.add(config, engine, Observer::of_all(engine.clone(), limits(config)))
    }

    fn of_api(&mut self, config: &Config, app: &Databases, nudge: &Arc<Nudge>) -> Result<(), Failure> {
        self.add(config, app, Observer::of_own(app.clone(), limits(config), nudge.clone()))
    }

    fn add(&mut self, config: &Config, databases: &Databases, observer: Observer) -> Result<(), Failure> {
        let observer = Arc::new(observer);
        if self.checks.is_empty() {
            self.checks.push(Arc::new(BrokerHealth::new(amqp_url(config)?)));
        }
        self.checks.push(Arc::new(PostgresHealth(databases.clone())));
        self.checks.push(observer.clone());
        self.observers.push(observer);
        Ok(())
    }
}

/// When something counts as stuck.
fn limits(config: &Config) -> Limits {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    Limits { sequencing: seconds(config.sequencing_limit_seconds), handling: seconds(config.handling_limit_seconds) }
}

fn worker(
    config: &Config,
    databases: Databases,
    wakeups: Wakeups,
    queues: BoxFuture<'static, ()>,
) -> Result<Vec<Part>, Failure> {
    let (subscriptions, keeper) =
        PostgresSubscriptions::new(databases.clone(), wakeups.clone(), config.partitions.into());
    let sequencer = Sequencer::new(databases.clone(), wakeups);
    let relay = Relay::new(Arc::new(subscriptions.clone()), amqp_url(config)?);
    // What it published before our own consumers have their queues would never come to them.
    let relay = |stop: CancellationToken| async move {
        if stop.run_until_cancelled(queues).await.is_some() {
            relay.run(stop).await;
        }
    };
    let journal = ErasureJournal::new(subscriptions.clone(), &config.erasure_journal);
    let projections = Projections::new(subscriptions.clone());
    let nudge = Arc::new(Nudge::default());
    let policies = Policies::new(subscriptions, nudge.clone(), policies(config));
    let every = Duration::from_secs(config.rotting_seconds.into());
    let rotting = RottingDeals::new(databases.clone(), nudge.clone(), every);
    let nudger = Nudger::new(databases.clone(), nudge);
    let purges = PurgeKeeper::new(databases.clone(), config.closed_organization_days);
    let maintenance = Maintenance::new(databases, config.idempotency_days, config.audit_days);
    Ok(vec![
        Part::new("keeper of subscriptions", |stop| keeper.run(stop)),
        Part::new("sequencer", |stop| sequencer.run(stop)),
        Part::new("relay", relay),
        Part::new("projections", |stop| projections.run(stop)),
        Part::new("policies", |stop| policies.run(stop)),
        Part::new("rotting deals", |stop| rotting.run(stop)),
        Part::new("nudger of policies", |stop| nudger.run(stop)),
        Part::new("erasure journal", |stop| journal.run(stop)),
        Part::new("maintenance", |stop| maintenance.run(stop)),
        Part::new("end of organizations", |stop| purges.run(stop)),
    ])
}

/// Everything that acts by itself.
fn policies(config: &Config) -> Vec<Arc<dyn AnyPolicy>> {
    let tag = TagNewContacts::new(config.new_contact_tag.clone());
    vec![
        Arc::new(tag),
        Arc::new(ForgetContacts::new()),
        Arc::new(ForgetActivities::new()),
        Arc::new(WinCustomers::new()),
        Arc::new(FollowContacts::new()),
        Arc::new(FollowCompanies::new()),
        Arc::new(FollowDeals::new()),
        Arc::new(FollowActivities::new()),
        Arc::new(FollowMembers::new()),
        Arc::new(FollowStages::new()),
        Arc::new(TaskForRottingDeals::new()),
    ]
}

fn api(
    config: &Config,
    databases: Databases,
    nudge: Arc<Nudge>,
    people: People,
    tail: PostgresTail,
    ring: Arc<KeyRing>,
    health: Vec<Arc<dyn HealthCheck>>,
) -> Result<Vec<Part>, Failure> {
    let limits =
        LiveLimits { streams: config.event_streams, streams_per_organization: config.event_streams_per_organization };
    let (live, reader) = Live::new(Box::new(tail), limits);
    let timelines = Timelines::new(Arc::new(RecordTimeline::new(databases.clone())));
    let exports = Exports::new(ExportParts {
        app: people.app.clone(),
        records: people.store.clone(),
        history: people.store.clone(),
        directory: people.store.clone(),
        timelines: timelines.clone(),
        lists: lists(&databases),
    });
    let parts = Parts {
        app: people.app,
        lists: lists(&databases),
        history: History::new(people.store),
        live,
        timelines,
        duplicates: Duplicates::new(Arc::new(ContactTwins::new(databases.clone()))),
        agendas: Agendas::new(Arc::new(ActivityAgenda::new(databases.clone())), Arc::new(System)),
        boards: Boards::new(Arc::new(DealBoards::new(databases.clone()))),
        exports,
        identity: people.identity,
        providers: people.providers,
        audit: Audit::new(Arc::new(AuditLog::new(databases.clone())), Arc::new(System), config.audit_days),
        access_log: people.access_log,
        principals: people.principals,
        operators: operators(config)?,
        credentials: Arc::new(token::verifier(config, ring.clone())?),
        keys: ring,
        health,
        clock: Arc::new(System),
    };
    let settings = Settings {
        bind: config.http_address,
        cors_origins: config.cors_origins.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        max_body_bytes: config.max_body_bytes,
        rate_per_organization: config.rate_limit_per_organization,
        rate_per_key: config.rate_limit_per_key,
        tries_per_address: config.sign_in_tries,
        secret: config.secret()?,
        shutdown_timeout: Duration::from_secs(config.shutdown_seconds.into()),
    };
    let (server, address) = server(settings, parts).map_err(|error| match error {
        ServerError::Bind { .. } => Failure::from(format!("http_address: {}", causes(&error))),
        ServerError::BadOrigin(_) => format!("cors_origins: {error}").into(),
    })?;
    let keeper = AccessKeeper::new(databases.clone(), people.notes);
    let nudger = Nudger::new(databases, nudge);
    // They go on until the last request is answered.
    let served = CancellationToken::new();
    let (until_served, until_noted) = (served.clone(), served.clone());
    let nudge = move |_| nudger.run(until_served);
    let keep = move |_| keeper.run(until_noted);
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
    // Its end ends the streams, for which the server would wait.
    let follow = |stop| reader.run(stop);
    Ok(vec![
        Part::new("nudger", nudge),
        Part::new("keeper of the access log", keep),
        Part::new("live events", follow),
        Part::new("server", serve),
    ])
}

/// What operators reach over HTTP, by connections of its own: one that waits until a consumer lets go of a stream must not
/// hold up those who listen to events.
fn operators(config: &Config) -> Result<Operators, Failure> {
    let databases = database::engine(config, 4)?;
    let consumers = OwnConsumers::new(&databases, config.amqp_url()?.clone())?;
    Ok(Operators::new(Arc::new(PostgresAdministration::new(databases)), Arc::new(consumers)))
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
