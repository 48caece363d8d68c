//! A running server and a client for it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use actix_web::dev::ServerHandle;
use fairlead_application::{
    App, administration::Operators, crm::Timelines, health::HealthCheck, history::History, list::Lists, live::Tail,
    memory::MemoryStore,
};
use fairlead_http::{
    Live, LiveLimits, LiveReader, Parts, Rate, Settings, server,
    token::{self, Grant, Signer},
};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::desk::Desk;
use crate::memory::{Contacts, Counting, Part, Store, Ticking};

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
    client: Client,
    token: String,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

pub(crate) fn tokens() -> token::Settings {
    token::Settings { key: vec![7; 32].into(), issuer: "fairlead".into(), audience: "fairlead-api".into() }
}

pub(crate) fn organization(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

pub(crate) fn settings() -> Settings {
    Settings {
        bind: ([127, 0, 0, 1], 0).into(),
        cors_origins: vec![ORIGIN.to_owned()],
        max_body_bytes: MAX_BODY,
        token: tokens(),
        rate_per_organization: Rate { per_second: 20_000, burst: 20_000 },
        rate_per_key: Rate { per_second: 10_000, burst: 10_000 },
        secret: vec![9; 32].into(),
        shutdown_timeout: Duration::from_secs(5),
    }
}

/// Limits of streams: 20, and 10 of one organization.
pub(crate) fn live(store: Arc<MemoryStore>) -> (Live, LiveReader) {
    let tail: Box<dyn Tail> = Box::new(store);
    Live::new(tail, LiveLimits { streams: 20, streams_per_organization: 10 })
}

/// A token of an organization with these permissions.
pub(crate) fn token(organization_number: u128, scope: &str) -> String {
    let organization = organization(organization_number).into();
    let grant = Grant { subject: "ana".into(), organization, scope: scope.into() };
    let signer = Signer::new(&tokens()).unwrap();
    signer.sign(&grant, Duration::from_secs(3600), &Ticking::new(), &Counting::new()).unwrap()
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::with(settings(), vec![Part::Up("store")])
    }

    pub(crate) fn with(settings: Settings, parts: Vec<Part>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (store, clock) = (Arc::new(Store::default()), Arc::new(Ticking::new()));
        let desk = Arc::new(Desk::default());
        let (live, reader) = live(store.inner.clone());
        let stop = CancellationToken::new();
        tokio::spawn(reader.run(stop.clone()));
        let health = parts.into_iter().map(|part| Arc::new(part) as Arc<dyn HealthCheck>).collect();
        let parts = Parts {
            app: App::new(store.clone(), clock.clone(), Arc::new(Counting::new())),
            contacts: Lists::new(Arc::new(Contacts(store.clone()))),
            history: History::new(store.inner.clone()),
            live: live.clone(),
            timelines: Timelines::new(Arc::new(Contacts(store.clone()))),
            operators: Operators::new(desk.clone(), desk.clone()),
            health,
            clock,
        };
        let (server, address) = server(settings, parts).unwrap();
        let handle = server.handle();
        tokio::spawn(server);
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { address, live, stop, store, desk, handle, client, token: token(1, "*:*") }
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
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
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
