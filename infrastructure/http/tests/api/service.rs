//! A running server and a client for it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use actix_web::dev::ServerHandle;
use chrono::{DateTime, Utc};
use fairlead_application::{
    App,
    administration::Operators,
    crm::{Agendas, Boards, Duplicates, Timelines},
    export::{ExportParts, Exports},
    health::HealthCheck,
    history::History,
    identity::{
        AccessLog, AccessNotes, Audit, Identity, IdentityParts, IdentitySettings, Principals,
        memory::{MemoryKeyUses, MemoryKeys},
        tokens::Algorithm,
    },
    live::Tail,
    memory::MemoryStore,
    ports::{Clock, System},
};
pub(crate) use fairlead_http::Settings;
use fairlead_http::{Live, LiveLimits, LiveReader, Parts, Rate, TrustedProxies, server};
use fairlead_tokens::{KeyRing, Names, TrustedIssuer, Verifier};
use jsonwebtoken::{EncodingKey, Header};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::abroad::abroad;
use crate::audit::Entries;
use crate::desk::Desk;
use crate::logs::{hide, log, nothing_was_told};
use crate::reach::Holders;
use crate::{
    memory::{Counting, Part, Store, Ticking, lists},
    open_deals::OpenDeals,
    plans::{Contacts, Plans, Twins},
};

/// The largest body of these tests, in bytes.
pub(crate) const MAX_BODY: usize = 64 * 1024;
pub(crate) const ORIGIN: &str = "https://app.example.com";

pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) live: Live,
    /// Ends the reader of live events.
    pub(crate) stop: CancellationToken,
    pub(crate) store: Arc<Store>,
    /// What operators see.
    pub(crate) desk: Arc<Desk>,
    pub(crate) handle: ServerHandle,
    clock: Arc<Ticking>,
    /// Commands, past every check of access.
    pub(crate) app: App,
    /// Who may do what.
    pub(crate) principals: Principals,
    pub(crate) uses: Arc<MemoryKeyUses>,
    /// The installation's own keys; none before they are prepared.
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) audit: Arc<Entries>,
    /// What was noted about requests.
    pub(crate) notes: Mutex<AccessNotes>,
    client: Client,
    token: String,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// The secret shared with the issuer of these tests' tokens.
pub(crate) const SECRET: &str = "a secret of thirty-two characters";
/// The time at which the clock of these tests begins.
pub(crate) const START: &str = "2026-03-01T12:00:00Z";

/// The installation's own keys, none yet; and an issuer whom it trusts.
pub(crate) fn verifier() -> (Arc<KeyRing>, Arc<Verifier>) {
    let names = Names { issuer: "https://fairlead.example".into(), audience: "fairlead-api".into() };
    let keys = Arc::new(MemoryKeys::default());
    let (clock, ids) = (Arc::new(Ticking::new()), Arc::new(Counting::new()));
    let ring = Arc::new(KeyRing::new(names, Algorithm::EdDsa, keys, clock, ids, Arc::new(System)));
    let issuer = json!({
        "issuer": "fairlead", "audience": "fairlead-api", "algorithms": ["HS256"], "secret": SECRET, "may_operate": true,
    });
    let issuers = vec![serde_json::from_value::<TrustedIssuer>(issuer).unwrap()];
    (ring.clone(), Arc::new(Verifier::new(ring, issuers).unwrap()))
}

/// The claims of a token that is accepted for an hour.
pub(crate) fn claims() -> Value {
    let now = START.parse::<DateTime<Utc>>().unwrap().timestamp();
    json!({
        "iss": "fairlead", "aud": "fairlead-api", "sub": "ana", "org": organization(1), "scope": "*:*",
        "iat": now, "exp": now + 3600, "jti": "1",
    })
}

/// A token with these claims.
pub(crate) fn signed(claims: &Value) -> String {
    jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// A token of an organization with these permissions.
pub(crate) fn token(organization_number: u128, scope: &str) -> String {
    let mut claims = claims();
    claims["org"] = json!(organization(organization_number));
    claims["scope"] = json!(scope);
    signed(&claims)
}

pub(crate) fn organization(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

pub(crate) fn settings() -> Settings {
    Settings {
        bind: ([127, 0, 0, 1], 0).into(),
        cors_origins: vec![ORIGIN.to_owned()],
        trusted_proxies: TrustedProxies::default(),
        max_body_bytes: MAX_BODY,
        rate_per_organization: Rate { per_second: 20_000, burst: 20_000 },
        rate_per_key: Rate { per_second: 10_000, burst: 10_000 },
        tries_per_address: 0,
        secret: vec![9; 32].into(),
        shutdown_timeout: Duration::from_secs(5),
    }
}

/// Limits of streams: 20, and 10 of one organization.
pub(crate) fn live(store: Arc<MemoryStore>) -> (Live, LiveReader) {
    let tail: Box<dyn Tail> = Box::new(store);
    Live::new(tail, LiveLimits { streams: 20, streams_per_organization: 10 })
}

/// What takes data out.
pub(crate) fn exports(app: &App, store: &Arc<Store>) -> Exports {
    Exports::new(ExportParts {
        app: app.clone(),
        records: store.inner.clone(),
        history: store.inner.clone(),
        directory: store.inner.clone(),
        timelines: Timelines::new(Arc::new(Contacts(store.clone()))),
        lists: lists(store),
    })
}

/// Who may do what, by the secret of [`settings`].
pub(crate) fn people(
    app: &App,
    store: &Store,
    ring: &Arc<KeyRing>,
    uses: Arc<MemoryKeyUses>,
    settings: IdentitySettings,
) -> (Identity, Principals) {
    let principals = Principals::new(app.clone(), Arc::new(Ticking::new()));
    principals.followed(true);
    assert!(store.principals.set(principals.clone()).is_ok());
    let parts = IdentityParts {
        app: app.clone(),
        directory: store.inner.clone(),
        tokens: ring.clone(),
        uses,
        entropy: Arc::new(System),
        secret: self::settings().secret,
        settings,
    };
    (Identity::new(parts).unwrap(), principals)
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::with(settings(), vec![Part::Up("store")])
    }

    pub(crate) fn with(settings: Settings, parts: Vec<Part>) -> Self {
        Self::of(settings, parts, IdentitySettings { open_registration: true, ..IdentitySettings::default() })
    }

    pub(crate) fn of(settings: Settings, parts: Vec<Part>, of_people: IdentitySettings) -> Self {
        log();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (store, clock) = (Arc::new(Store::default()), Arc::new(Ticking::new()));
        let desk = Arc::new(Desk::default());
        let (ring, credentials) = verifier();
        let (live, reader) = live(store.inner.clone());
        let stop = CancellationToken::new();
        tokio::spawn(reader.run(stop.clone()));
        let app = App::new(store.clone(), clock.clone(), Arc::new(Counting::new()));
        let uses = Arc::new(MemoryKeyUses::default());
        let (identity, principals) = people(&app, &store, &ring, uses.clone(), of_people);
        let health = parts.into_iter().map(|part| Arc::new(part) as Arc<dyn HealthCheck>).collect();
        let (audit, (access_log, notes)) = (Arc::new(Entries::default()), AccessLog::new());
        let identity = identity.noting(access_log.clone());
        let parts = Parts {
            app: app.clone(),
            lists: lists(&store),
            history: History::new(store.inner.clone()),
            live: live.clone(),
            timelines: Timelines::new(Arc::new(Contacts(store.clone()))),
            duplicates: Duplicates::new(Arc::new(Twins(store.clone()))),
            agendas: Agendas::new(Arc::new(Plans(store.clone())), clock.clone()),
            boards: Boards::new(Arc::new(OpenDeals(store.clone()))),
            providers: abroad(&identity, &clock),
            exports: exports(&app, &store),
            identity,
            audit: Audit::new(audit.clone(), clock.clone(), 365),
            access_log,
            principals: principals.clone(),
            operators: Operators::new(desk.clone(), desk.clone()),
            credentials: Arc::new(Holders(credentials.clone())),
            keys: ring.clone(),
            health,
            clock: clock.clone(),
        };
        let (server, address) = server(settings, parts).unwrap();
        let handle = server.handle();
        tokio::spawn(server);
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let token = token(1, "*:*");
        Self {
            address,
            live,
            stop,
            store,
            desk,
            handle,
            clock,
            app,
            principals,
            uses,
            ring,
            audit,
            notes: Mutex::new(notes),
            client,
            token,
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A request without a token.
    pub(crate) fn bare(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// A request of somebody who may do everything in organization 1.
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).answer().await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.request("POST", path).json(&body).answer().await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.request("PATCH", path).json(&body).answer().await
    }

    /// The path of a new contact.
    pub(crate) async fn contact(&self, name: &str) -> String {
        let answer = self.post("/v1/contacts", json!({ "name": name })).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.header("location").to_owned()
    }
}

pub(crate) trait Ask {
    async fn answer(self) -> Answer;
}

impl Ask for RequestBuilder {
    async fn answer(self) -> Answer {
        Answer::of(self.send().await.expect("an answer")).await
    }
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("a body");
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        for name in ["access_token", "refresh_token", "secret"] {
            body[name].as_str().into_iter().for_each(hide);
        }
        // What else is called so is no secret.
        body["key"].as_str().into_iter().filter(|key| key.starts_with("flk_")).for_each(hide);
        for code in body["recovery_codes"].as_array().into_iter().flatten() {
            code.as_str().into_iter().for_each(hide);
        }
        nothing_was_told();
        Self { status, headers, body }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A problem document of this status and code.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status.as_u16(), self.body["code"].as_str()), (status, Some(code)), "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["type"], format!("/problems/{code}"));
        assert_eq!(self.body["request_id"], self.header("x-request-id"));
        assert!(self.body["title"].is_string() && self.body["detail"].is_string());
        self
    }

    /// The codes of the faults with the places where they are.
    pub(crate) fn faults(&self) -> Vec<(&str, &str)> {
        let faults = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let place = |fault: &'_ Value| fault["pointer"].as_str().or(fault["parameter"].as_str()).map(str::len);
        assert!(faults.iter().all(|fault| place(fault).is_some() && fault["detail"].is_string()));
        let mut faults: Vec<_> = faults
            .iter()
            .map(|fault| {
                let place = fault["pointer"].as_str().or(fault["parameter"].as_str()).unwrap_or_default();
                (place, fault["code"].as_str().unwrap_or_default())
            })
            .collect();
        faults.sort_unstable();
        faults
    }
}
