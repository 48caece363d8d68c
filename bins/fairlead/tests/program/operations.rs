//! What operators see of running processes, and what they are told when something breaks.

use std::collections::{BTreeMap, BTreeSet};

use fairlead_telemetry::{CATALOG, PROCESS};
use fairlead_testing::{database::connect, engine::eventually, required};
use serde_json::{Value, json};

use crate::process::{Installation, Process, answered, free_address};

/// An API and a worker, each with a port for operators, and with little patience.
struct Watched {
    installation: Installation,
    api: String,
    worker: String,
    processes: BTreeMap<&'static str, Process>,
}

impl Watched {
    async fn start() -> Self {
        let mut installation = Installation::new().await;
        installation.settings.insert("FAIRLEAD_SEQUENCING_LIMIT_SECONDS", "1".to_owned());
        installation.settings.insert("FAIRLEAD_HANDLING_LIMIT_SECONDS", "6".to_owned());
        let [api, worker] = [free_address(), free_address()];
        let start = |role, address: &str| installation.start_with(role, &[("FAIRLEAD_OPERATIONS_ADDRESS", address)]);
        let processes = BTreeMap::from([("api", start("api", &api)), ("worker", start("worker", &worker))]);
        installation.ready().await;
        let watched = Self { installation, api, worker, processes };
        watched.is_green(&watched.worker).await;
        watched
    }

    async fn health(&self, address: &str, path: &str) -> (u16, Value) {
        answered(self.installation.http.get(format!("http://{address}/health/{path}"))).await
    }

    async fn is_green(&self, address: &str) {
        eventually("it is ready", async || {
            let ready = self.installation.http.get(format!("http://{address}/health/ready")).send().await;
            ready.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }

    /// Waits until readiness names a part that is down; returns what it says of it.
    async fn blames(&self, address: &str, part: &str) -> String {
        eventually(&format!("{part} is blamed"), async || {
            let (status, answer) = self.health(address, "ready").await;
            status == 503 && answer["parts"][part]["status"] == "down"
        })
        .await;
        let (_, answer) = self.health(address, "ready").await;
        answer["parts"][part]["detail"].as_str().unwrap_or_default().to_owned()
    }

    async fn metrics(&self, address: &str) -> String {
        let answer = self.installation.http.get(format!("http://{address}/metrics")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    }

    async fn create(&self) {
        let token = self.installation.token("*:*");
        let request = self.installation.http.post(self.installation.url("/v1/contacts")).bearer_auth(token);
        assert_eq!(answered(request.json(&json!({ "name": "Ana" }))).await.0, 201);
    }
}

/// The value of a metric, over all of its labels that hold `label`.
fn value(text: &str, name: &str, label: &str) -> f64 {
    let lines = text.lines().filter_map(|line| line.strip_prefix(name));
    let lines = lines.filter(|line| line.starts_with(['{', ' ']) && line.contains(label));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[tokio::test]
async fn every_process_tells_what_it_does() {
    let watched = Watched::start().await;
    for _ in 0..3 {
        watched.create().await;
    }
    let token = watched.installation.token("*:*");
    let http = &watched.installation.http;
    let unknown = http.request("BREW".parse().unwrap(), watched.installation.url("/v1/hidden")).send().await.unwrap();
    assert!(unknown.status().is_client_error());
    let list = http.get(watched.installation.url("/v1/contacts?filter=name:hidden")).bearer_auth(&token);
    assert_eq!(answered(list).await.0, 200);

    eventually("the worker tells that it has caught up", async || {
        let text = watched.metrics(&watched.worker).await;
        value(&text, "fairlead_sequencer_position", "") >= 3.0
            && value(&text, "fairlead_subscription_lag_events", "") == 0.0
            && text.contains("fairlead_subscription_lag_seconds{subscription=\"relay\"")
    })
    .await;
    let (api, worker) = (watched.metrics(&watched.api).await, watched.metrics(&watched.worker).await);
    assert_eq!(value(&api, "fairlead_http_requests_total", r#"route="/v1/contacts",method="POST",status="201""#), 3.0);
    assert_eq!(
        value(&api, "fairlead_http_request_duration_seconds_count", r#"route="/v1/contacts",method="GET""#),
        1.0
    );
    assert_eq!(value(&api, "fairlead_http_requests_total", r#"route="none",method="other""#), 1.0);
    assert_eq!(value(&api, "fairlead_commands_total", r#"outcome="done""#), 3.0);
    assert_eq!(value(&api, "fairlead_append_duration_seconds_count", ""), 3.0);
    assert!(value(&api, "fairlead_database_connections", r#"pool="commands""#) >= 1.0, "{api}");
    assert!(value(&api, "fairlead_database_connections", r#"pool="queries""#) >= 1.0, "{api}");
    assert_eq!(value(&worker, "fairlead_sequencer_stamped_events_total", ""), 3.0);
    assert!(value(&worker, "fairlead_observed_timestamp_seconds", "") > 1e9, "{worker}");

    let admin = watched.installation.database.admin().await;
    let sets_aside = "insert into engine.parked (tenant_id, stream_id, subscription, partition, first_version, error)
                      select gen_random_uuid(), gen_random_uuid(), 'relay', 0, 1, 'hidden' from generate_series(1, 3)";
    admin.execute(sets_aside, &[]).await.unwrap();
    let pauses = "insert into engine.controls (subscription, paused) values ('crm.contacts', true)
                  on conflict (subscription) do update set paused = true";
    admin.execute(pauses, &[]).await.unwrap();
    eventually("the worker tells what is set aside, and what is paused", async || {
        let text = watched.metrics(&watched.worker).await;
        value(&text, "fairlead_subscription_parked_streams", r#"subscription="relay""#) == 3.0
            && value(&text, "fairlead_subscription_parked_streams", r#"subscription="crm.contacts""#) == 0.0
            && value(&text, "fairlead_subscription_paused", "") == 1.0
    })
    .await;

    // Nothing that is not in the catalog, and no label that grows with the data.
    let known: BTreeSet<_> = CATALOG.iter().chain(PROCESS).map(|metric| metric.name).collect();
    for line in api.lines().chain(worker.lines()) {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            assert!(known.contains(described.split(' ').next().unwrap()), "{line}");
        }
        assert!(!line.contains("hidden") && !line.contains(&watched.installation.organization.to_string()), "{line}");
    }
}

#[tokio::test]
async fn every_partition_is_told_by_the_worker_that_holds_it() {
    let watched = Watched::start().await;
    let other = free_address();
    let settings = [("FAIRLEAD_OPERATIONS_ADDRESS", other.as_str())];
    let second = watched.installation.start_with("worker", &settings);
    watched.is_green(&other).await;
    let held = async |address: &str| {
        value(&watched.metrics(address).await, "fairlead_subscription_partitions_held", r#"subscription="relay""#)
    };
    eventually("both hold half of the relay's partitions", async || {
        held(&watched.worker).await == 2.0 && held(&other).await == 2.0
    })
    .await;
    assert_eq!(held(&watched.api).await, 0.0, "an API holds none");
    drop(second);
    eventually("the one that is left holds all", async || held(&watched.worker).await == 4.0).await;
}

/// Of each metric in `text`, the labels with which it comes.
fn labels(text: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut all: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let name = ["_bucket", "_count", "_sum"].iter().fold(name, |name, suffix| name.trim_end_matches(suffix));
        let labels = rest.split('"').step_by(2).filter_map(|before| before.strip_suffix('='));
        let labels = labels.map(|label| label.trim_start_matches(['{', ',', ' '])).filter(|label| *label != "le");
        all.entry(name).or_default().extend(labels);
    }
    all
}

/// `scripts/check-monitoring` holds the dashboard and the alerts against the guide's table; here it is held against the program.
#[tokio::test]
async fn the_guide_names_the_labels_with_which_metrics_come() {
    let watched = Watched::start().await;
    watched.create().await;
    let token = watched.installation.token("*:*");
    let url = watched.installation.url("/v1/contacts");
    let created = watched.installation.http.post(&url).bearer_auth(&token).json(&json!({ "name": "Bo" }));
    let seen = created.send().await.unwrap().headers()["fairlead-consistency"].clone();
    let list = watched.installation.http.get(&url).bearer_auth(&token).header("fairlead-consistency", seen);
    assert_eq!(answered(list).await.0, 200);
    eventually("the relay has published", async || {
        value(&watched.metrics(&watched.worker).await, "fairlead_relay_confirmed_total", "") >= 2.0
    })
    .await;
    let (api, worker) = (watched.metrics(&watched.api).await, watched.metrics(&watched.worker).await);
    let (api, worker) = (labels(&api), labels(&worker));
    let guide = include_str!("../../../../guides/operations.md");
    let mut found = 0;
    for row in guide.lines().filter_map(|line| line.strip_prefix("| `")) {
        let cells: Vec<_> = row.split(" | ").collect();
        let [name, "counter" | "gauge" | "histogram", named, ..] = cells[..] else { continue };
        let named: BTreeSet<_> = named.split('`').skip(1).step_by(2).collect();
        let name = name.trim_end_matches('`');
        for come in [&api, &worker].into_iter().filter_map(|scraped| scraped.get(name)) {
            assert_eq!(*come, named, "{name} comes with other labels than guides/operations.md says");
            found += 1;
        }
    }
    assert!(found > 40, "this test compares {found} metrics only");
    let processes: BTreeSet<_> = PROCESS.iter().map(|metric| metric.name).collect();
    if cfg!(target_os = "linux") {
        assert!(processes.iter().all(|name| api.contains_key(name) && worker.contains_key(name)));
    }
}

#[tokio::test]
async fn an_api_tells_of_a_worker_that_is_stuck() {
    let watched = Watched::start().await;
    watched.create().await;
    watched.processes["worker"].signal("STOP");
    watched.create().await;
    // On its own port, and on the one for the public.
    let public = watched.installation.settings["FAIRLEAD_HTTP_ADDRESS"].clone();
    for address in [&watched.api, &public] {
        assert!(watched.blames(address, "sequencer").await.contains("no position"));
        assert_eq!(watched.health(address, "serving").await.0, 200);
    }
    watched.create().await;
    watched.processes["worker"].signal("CONT");
    watched.is_green(&public).await;
    watched.is_green(&watched.worker).await;
}

#[tokio::test]
async fn a_broker_that_is_gone_is_told_and_so_is_the_relay_behind_it() {
    let watched = Watched::start().await;
    watched.create().await;
    eventually("the relay has published", async || {
        value(&watched.metrics(&watched.worker).await, "fairlead_relay_confirmed_total", "") >= 1.0
    })
    .await;
    watched.installation.broker.vanish().await;
    watched.create().await;
    for address in [&watched.api, &watched.worker] {
        watched.blames(address, "rabbitmq").await;
        assert!(watched.blames(address, "relay").await.contains("behind"));
        assert_eq!(watched.health(address, "serving").await.0, 200);
        assert_eq!(watched.health(address, "ready").await.1["parts"]["crm.contacts"]["status"], "up");
    }
}

#[tokio::test]
async fn a_database_that_is_gone_is_told_until_it_is_back() {
    let watched = Watched::start().await;
    let server = connect(&required("FAIRLEAD_TEST_DATABASE_URL")).await;
    let admin = watched.installation.database.admin().await;
    let name: String = admin.query_one("select current_database()::text", &[]).await.unwrap().get(0);
    server.batch_execute(&format!("alter database {name} allow_connections false")).await.unwrap();
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
    server.execute(end, &[&name]).await.unwrap();
    for address in [&watched.api, &watched.worker] {
        watched.blames(address, "postgres").await;
        assert_eq!(watched.health(address, "serving").await.0, 503);
        assert_eq!(watched.health(address, "live").await.0, 200);
    }
    server.batch_execute(&format!("alter database {name} allow_connections true")).await.unwrap();
    watched.is_green(&watched.api).await;
    watched.is_green(&watched.worker).await;
}
