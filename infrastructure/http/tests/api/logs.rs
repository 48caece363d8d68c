//! What is logged, and what must not be.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex, OnceLock},
};

use reqwest::RequestBuilder;
use serde_json::json;
use tracing::Level;
use tracing_subscriber::{filter::Targets, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    desk::key,
    house::PASSWORD,
    memory::Mood,
    service::{Ask, SECRET, Service, organization, token},
};

/// What all tests of this process have logged, and what was told there that must not be.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

/// What must not be told, besides [`KNOWN`]: texts of letters, digits, `_` and `-`, as they are drawn by chance.
static SECRETS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
/// The first line that told a secret.
static TOLD: OnceLock<String> = OnceLock::new();
/// What every test uses; `{"` in base 64, as every token begins; and every key.
const KNOWN: [&str; 4] = [PASSWORD, SECRET, "eyJ", "flk_"];

/// To be called with whatever nobody may read in a log.
pub(crate) fn hide(secret: &str) {
    let words: Vec<_> = secret.split(|c| !of_word(c)).filter(|word| word.len() >= 10).collect();
    assert!(!words.is_empty(), "{secret} is too short to be looked for");
    SECRETS.lock().unwrap().extend(words.into_iter().map(str::to_owned));
}

fn of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn tells(line: &str) -> bool {
    let secrets = SECRETS.lock().unwrap();
    let mut words = line.split(|c| !of_word(c)).filter(|word| word.len() >= 10);
    KNOWN.iter().any(|known| line.contains(known)) || words.any(|word| secrets.contains(word))
}

/// No test of this process has had a secret logged.
pub(crate) fn nothing_was_told() {
    assert_eq!(TOLD.get(), None, "a secret was logged");
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        if tells(&line) {
            TOLD.get_or_init(|| line.clone().into_owned());
        }
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Has everything logged from here on.
pub(crate) fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let levels = Targets::new().with_default(Level::DEBUG).with_target("fairlead", Level::TRACE);
        let format = tracing_subscriber::fmt::layer().json().with_writer(log.clone());
        tracing_subscriber::registry().with(format).with(levels).init();
        log
    })
}

/// The lines about one request.
async fn lines(request: RequestBuilder, name: &str) -> Vec<String> {
    let log = log();
    request.header("x-request-id", name).answer().await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    text.lines().filter(|line| line.contains(name)).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_request_is_logged_without_what_is_private() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    let body = json!({ "name": "Hidden Body", "email": "hidden@example.com" });
    let query = service.request("GET", "/v1/contacts?filter=name:hidden-query");
    for (name, request) in [
        ("log-create", service.request("POST", "/v1/contacts").json(&body)),
        ("log-patch", service.request("PATCH", &path).header("idempotency-key", "hidden-key").json(&body)),
        ("log-list", query),
        ("log-refused", service.request("POST", "/v1/contacts").json(&json!({ "name": { "hidden": "hidden" } }))),
        ("log-unknown", service.request("GET", "/v1/hidden/hidden@example.com")),
        ("log-token", service.bare("GET", "/v1/contacts").bearer_auth("hidden-token")),
    ] {
        let lines = lines(request, name).await;
        assert!(lines.iter().any(|line| line.contains("answered") && line.contains("status")), "{name}: {lines:?}");
        let known = !["log-unknown", "log-token"].contains(&name);
        for line in lines.iter().filter(|line| line.contains("answered") || line.contains("\"command\"")) {
            assert!(line.contains(r#""route":"/v1/contacts"#) || name == "log-unknown", "{name}: {line}");
            assert!(line.contains(&organization(1).to_string()) || !known, "{name}: {line}");
        }
        let all = lines.join("\n").to_lowercase();
        assert_eq!(all.contains(&organization(1).to_string()), known, "{all}");
        assert!(!all.contains("hidden") && !all.contains(&token(1, "*:*").to_lowercase()), "{all}");
    }
}

#[tokio::test]
async fn operators_are_named_with_what_they_did() {
    let service = Service::start().await;
    let path = "/v1/operator/consumers/crm.contacts/discard";
    let (key, event) = (key(3), uuid::Uuid::from_u128(5003));
    service.desk.wait_for(key, event);
    let body = json!({ "organization_id": key.tenant, "stream_id": key.stream, "event_id": event });
    for (name, path, body, told) in [
        ("log-pause", "/v1/operator/subscriptions/crm.contacts/pause", json!({}), r#""subscription":"crm.contacts""#),
        ("log-discard", path, body, r#""consumer":"crm.contacts""#),
        ("log-nobody", "/v1/operator/subscriptions/nobody/pause", json!({}), r#""subscription":"nobody""#),
    ] {
        let request = service.bare("POST", path).bearer_auth(token(1, "operator:write")).json(&body);
        let lines = lines(request, name).await;
        let acted: Vec<_> = lines.iter().filter(|line| line.contains("an operator acted")).collect();
        assert_eq!(acted.len(), 1, "{lines:?}");
        let action = path.rsplit('/').next().unwrap();
        let action = format!(r#""action":"{action}""#);
        let ids = [key.tenant, key.stream, event].map(|id| id.to_string());
        let told = [r#""actor":"ana""#, &action, told];
        assert!(told.iter().all(|field| acted[0].contains(field)), "{name}: {}", acted[0]);
        assert!(name != "log-discard" || ids.iter().all(|id| acted[0].contains(id)), "{}", acted[0]);
    }
}

#[tokio::test]
async fn the_cause_of_a_fault_is_logged_with_the_request() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    for (mood, name) in [(Mood::Broken, "log-broken"), (Mood::Unavailable, "log-down"), (Mood::Panicking, "log-panic")]
    {
        service.store.set(mood);
        let lines = lines(service.request("GET", &path), name).await;
        let cause = lines.iter().find(|line| line.contains("secret")).unwrap_or_else(|| panic!("{lines:?}"));
        assert!(cause.contains(r#""route":"/v1/contacts/{id}""#), "{cause}");
        assert!(cause.contains(&organization(1).to_string()), "{cause}");
    }
}

#[tokio::test]
async fn a_secret_in_the_log_is_noticed() {
    let log = log();
    hide("drawn-by-chance");
    for line in [&*format!("a password: {PASSWORD}"), &token(1, "*:*"), r#"{"token":"drawn-by-chance"}"#] {
        assert!(tells(line), "{line}");
    }
    assert!(!tells("drawn-by-somebody-else and nothing besides"));
    // Something was looked at.
    Service::start().await.get("/v1/contacts").await;
    assert!(!log.0.lock().unwrap().is_empty());
    nothing_was_told();
}
