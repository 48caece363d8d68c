//! The server: everything put together and bound to an address.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{
    App as Web, HttpServer,
    body::BoxBody,
    dev::{Server, ServiceFactory, ServiceRequest, ServiceResponse},
    error::Error,
    middleware::{Compress, from_fn},
    web::{Bytes, Data, ServiceConfig, redirect, to},
};
use fairlead_application::{
    App,
    administration::Operators,
    crm::{Agendas, Boards, Comments, Duplicates, Timelines},
    export::Exports,
    health::HealthCheck,
    history::History,
    identity::{
        AccessLog, Audit, Identity, Principals, ProviderSignIn,
        tokens::{Credentials, PublishedKeys},
    },
    list::{AllLists, Cursors},
    ports::Clock,
};
use secrecy::SecretSlice;
use utoipa_actix_web::AppExt;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{
    document::{self, Written},
    health::Checks,
    layer::{BadOrigin, Origins, Routes, frame, note, surplus, unmatched},
    live::Live,
    request::{Gate, Limits, Rate, Rates, Tries, TrustedProxies},
    well_known::KeySet,
};

/// How long a client may take to send a request's head.
const HEAD_PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection stays open without a request: longer than load balancers keep theirs (60 s is common), or
/// they would send requests into connections that are just being closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How the server is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens; port 0 for any that is free.
    pub bind: SocketAddr,
    /// The sites whose scripts may read answers: `https://app.example.com`.
    pub cors_origins: Vec<String>,
    /// The proxies that are believed where a request comes from.
    pub trusted_proxies: TrustedProxies,
    /// The largest body, in bytes.
    pub max_body_bytes: usize,
    /// How many requests an organization may send, and each of its token subjects.
    pub rate_per_organization: Rate,
    /// See above.
    pub rate_per_key: Rate,
    /// How often an address may try to get in, a minute; 0 for no limit.
    pub tries_per_address: u32,
    /// Seals cursors and signs fingerprints of idempotent requests. The same for all servers of an installation.
    pub secret: SecretSlice<u8>,
    /// How long requests in flight may take to finish once the server stops, in whole seconds.
    pub shutdown_timeout: Duration,
}

/// What the server serves.
pub struct Parts {
    /// Commands and states.
    pub app: App,
    /// Lists of records.
    pub lists: AllLists,
    /// What happened.
    pub history: History,
    /// What happens, for those who listen.
    pub live: Live,
    /// What happened to records.
    pub timelines: Timelines,
    /// Who may be the same person.
    pub duplicates: Duplicates,
    /// What people have to do.
    pub agendas: Agendas,
    /// How deals stand.
    pub boards: Boards,
    /// Takes data out.
    pub exports: Exports,
    /// Organizations, people and sessions.
    pub identity: Identity,
    /// Signing in by providers.
    pub providers: ProviderSignIn,
    /// Who did what.
    pub audit: Audit,
    /// Takes notes of who asks.
    pub access_log: AccessLog,
    /// What people and keys may do.
    pub principals: Principals,
    /// Subscriptions and consumers, for operators.
    pub operators: Operators,
    /// Recognizes tokens.
    pub credentials: Arc<dyn Credentials>,
    /// The keys by which others recognize ours.
    pub keys: Arc<dyn PublishedKeys>,
    /// What readiness asks.
    pub health: Vec<Arc<dyn HealthCheck>>,
    /// Tells when tokens expire.
    pub clock: Arc<dyn Clock>,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address can't be bound.
    #[error("can't listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A site that may read answers is none.
    #[error(transparent)]
    BadOrigin(#[from] BadOrigin),
}

/// Binds the server and tells its address. To be called inside a Tokio runtime. It works once it is awaited;
/// `Server::handle().stop(true)` lets requests in flight finish. Signals are the caller's business.
///
/// # Errors
/// [`ServerError`]
pub fn server(settings: Settings, parts: Parts) -> Result<(Server, SocketAddr), ServerError> {
    let shared = Shared::new(&settings, parts);
    let origins = Origins::new(settings.cors_origins)?;
    let bound = |source| ServerError::Bind { address: settings.bind, source };
    let server = HttpServer::new(move || application(&shared, &origins))
        .client_request_timeout(HEAD_PATIENCE)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(settings.shutdown_timeout.as_secs())
        .disable_signals()
        .bind(settings.bind)
        .map_err(bound)?;
    let address = server.addrs().first().copied().unwrap_or(settings.bind);
    Ok((server.run(), address))
}

/// What all workers share.
#[derive(Clone)]
struct Shared {
    app: Data<App>,
    lists: Data<AllLists>,
    history: Data<History>,
    live: Data<Live>,
    timelines: Data<Timelines>,
    duplicates: Data<Duplicates>,
    agendas: Data<Agendas>,
    comments: Data<Comments>,
    boards: Data<Boards>,
    exports: Data<Exports>,
    identity: Data<Identity>,
    providers: Data<ProviderSignIn>,
    audit: Data<Audit>,
    operators: Data<Operators>,
    tries: Data<Tries>,
    cursors: Data<Cursors>,
    gate: Data<Gate>,
    keys: Data<KeySet>,
    limits: Data<Limits>,
    proxies: Data<TrustedProxies>,
    checks: Data<Checks>,
    routes: Data<Routes>,
    document: Data<Written>,
}

impl Shared {
    fn new(settings: &Settings, parts: Parts) -> Self {
        let document = document::openapi();
        let rates = Rates::new(settings.rate_per_organization, settings.rate_per_key);
        let gate = Gate::new(parts.credentials, parts.principals, &settings.secret, parts.clock, rates);
        Self {
            comments: Data::new(Comments::new(parts.app.clone())),
            app: Data::new(parts.app),
            lists: Data::new(parts.lists),
            history: Data::new(parts.history),
            live: Data::new(parts.live),
            timelines: Data::new(parts.timelines),
            duplicates: Data::new(parts.duplicates),
            agendas: Data::new(parts.agendas),
            boards: Data::new(parts.boards),
            exports: Data::new(parts.exports),
            identity: Data::new(parts.identity),
            providers: Data::new(parts.providers),
            audit: Data::new(parts.audit),
            operators: Data::new(parts.operators),
            tries: Data::new(Tries::new(settings.tries_per_address)),
            cursors: Data::new(Cursors::new(&settings.secret)),
            gate: Data::new(gate.noting(parts.access_log)),
            keys: Data::new(KeySet(parts.keys)),
            limits: Data::new(Limits { body_bytes: settings.max_body_bytes }),
            proxies: Data::new(settings.trusted_proxies.clone()),
            checks: Data::new(Checks(parts.health)),
            routes: Data::new(Routes::new(&document)),
            document: Data::new(Written(Bytes::from(document.to_json().unwrap_or_default()))),
        }
    }

    fn provide(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.app.clone())
            .app_data(self.lists.clone())
            .app_data(self.history.clone())
            .app_data(self.live.clone())
            .app_data(self.timelines.clone())
            .app_data(self.duplicates.clone())
            .app_data(self.agendas.clone())
            .app_data(self.comments.clone())
            .app_data(self.boards.clone())
            .app_data(self.exports.clone())
            .app_data(self.identity.clone())
            .app_data(self.providers.clone())
            .app_data(self.audit.clone())
            .app_data(self.operators.clone())
            .app_data(self.tries.clone())
            .app_data(self.cursors.clone())
            .app_data(self.gate.clone())
            .app_data(self.keys.clone())
            .app_data(self.limits.clone())
            .app_data(self.proxies.clone())
            .app_data(self.checks.clone())
            .app_data(self.routes.clone())
            .app_data(self.document.clone());
    }
}

/// One worker's application. What is wrapped last is asked first.
fn application(
    shared: &Shared,
    origins: &Origins,
) -> Web<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
    + use<>,
> {
    let (app, _) = Web::new().into_utoipa_app().configure(document::routes).split_for_parts();
    app.configure(|config| shared.provide(config))
        .service(redirect("/docs", "/docs/"))
        .service(SwaggerUi::new("/docs/{_:.*}").config(Config::from("/openapi.json")))
        .default_service(to(unmatched))
        .wrap(from_fn(surplus))
        .wrap(from_fn(note))
        .wrap(origins.layer())
        .wrap(Compress::default())
        .wrap(from_fn(frame))
}
