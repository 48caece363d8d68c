//! `kill -9` in mid-load: what was acknowledged is there, once; what is there was published, in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::StreamExt;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    journey::{subscribe, subscribe_declaring},
    process::{Installation, answered},
};

/// What the clients have in common.
#[derive(Default)]
struct Load {
    answered: AtomicUsize,
    done: AtomicBool,
}

impl Load {
    /// Waits until twenty more commands were answered.
    async fn goes_on(&self) {
        let target = self.answered.load(Ordering::Relaxed) + 20;
        fairlead_testing::engine::eventually("commands are answered", async || {
            self.answered.load(Ordering::Relaxed) >= target
        })
        .await;
    }
}

/// A client that creates contacts and changes them, repeating each request with its key until it is answered. Returns
/// what was acknowledged: versions by record.
async fn client(http: reqwest::Client, url: String, token: String, name: usize, load: Arc<Load>) -> Vec<(String, i64)> {
    let mut acknowledged = Vec::new();
    for n in 0.. {
        if load.done.load(Ordering::Relaxed) {
            break;
        }
        let id = insist(&token, &format!("{name}-{n}-a"), || {
            http.post(&url).json(&json!({ "name": "Ana", "email": format!("c{name}-{n}@example.com") }))
        })
        .await;
        let record = format!("{url}/{}", id.0);
        acknowledged.push(id);
        acknowledged.push(
            insist(&token, &format!("{name}-{n}-b"), || {
                http.post(format!("{record}/tag")).json(&json!({ "tags": [format!("t{n}"), "x"] }))
            })
            .await,
        );
        load.answered.fetch_add(2, Ordering::Relaxed);
    }
    acknowledged
}

async fn insist(token: &str, key: &str, request: impl Fn() -> reqwest::RequestBuilder) -> (String, i64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < deadline, "{key} is not answered for a minute");
        let request = request().bearer_auth(token).header("idempotency-key", key).timeout(Duration::from_secs(10));
        match request.send().await {
            Ok(answer) if answer.status().is_success() => {
                if let Ok(receipt) = answer.json::<Value>().await {
                    return (receipt["id"].as_str().unwrap().to_owned(), receipt["version"].as_i64().unwrap());
                }
            }
            Ok(answer) if answer.status().is_client_error() && answer.status() != 409 => {
                panic!("{key}: {} {:?}", answer.status(), answer.text().await)
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_lose_nothing_and_do_nothing_twice() {
    let installation = Installation::new().await;
    let (mut api, mut worker) = (installation.start("api"), installation.start("worker"));
    installation.ready().await;
    let (_connection, mut consumer) = subscribe(&installation).await;
    let (token, load) = (installation.token("*:*"), Arc::new(Load::default()));
    let mut clients = JoinSet::new();
    for name in 0..4 {
        let (http, url) = (installation.http.clone(), installation.url("/v1/contacts"));
        clients.spawn(client(http, url, token.clone(), name, load.clone()));
    }
    for _ in 0..3 {
        load.goes_on().await;
        api.signal("KILL");
        api.ended().await;
        api = installation.start("api");
        load.goes_on().await;
        worker.signal("KILL");
        worker.ended().await;
        worker = installation.start("worker");
    }
    load.goes_on().await;
    load.done.store(true, Ordering::Relaxed);
    let acknowledged: Vec<_> = clients.join_all().await.into_iter().flatten().collect();

    let admin = installation.database.admin().await;
    let rows = admin.query("select stream_id::text, version from engine.events order by 1, 2", &[]).await.unwrap();
    let stored: BTreeSet<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    for (id, version) in &acknowledged {
        assert!(stored.contains(&(id.clone(), *version)), "{id} at {version} was acknowledged, and is not stored");
    }
    let streams: BTreeSet<_> = stored.iter().map(|(id, _)| id).collect();
    let known: BTreeSet<_> = acknowledged.iter().map(|(id, _)| id).collect();
    assert_eq!(streams, known, "a repeated request created nothing twice");

    let mut published: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    while published.values().map(Vec::len).sum::<usize>() < stored.len() {
        let delivery = tokio::time::timeout(Duration::from_secs(20), consumer.next()).await;
        let delivery = delivery.unwrap_or_else(|_| panic!("{} of {} events arrived", seen.len(), stored.len()));
        let envelope: Value = serde_json::from_slice(&delivery.unwrap().unwrap().data).unwrap();
        if seen.insert(envelope["id"].as_str().unwrap().to_owned()) {
            let stream = envelope["subject"].as_str().unwrap().to_owned();
            published.entry(stream).or_default().push(envelope["streamversion"].as_i64().unwrap());
        }
    }
    for (stream, versions) in published {
        assert!(versions.iter().zip(1..).all(|(version, n)| *version == n), "{stream}: published as {versions:?}");
    }

    // And the list shows every one of them.
    let list = || installation.http.get(installation.url("/v1/contacts?limit=1")).bearer_auth(&token);
    assert_eq!(answered(list()).await.0, 200);
    fairlead_testing::engine::eventually("the list has caught up", async || {
        let sql = "select count(*) from engine.streams s join crm.contacts c
                      on (c.tenant_id, c.id, c.version) = (s.tenant_id, s.stream_id, s.version)";
        admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) as usize == known.len()
    })
    .await;
}

/// A backlog of thousands, as after an outage of the broker: published without interruption, so each event once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_is_published_without_stumbling() {
    const EVENTS: usize = 20_000;
    let installation = Installation::new().await;
    let admin = installation.database.admin().await;
    let fill =
        "insert into engine.events (tenant_id, stream_id, version, event_id, type, schema_version, data, metadata,
                                           occurred_at)
                select $1, gen_random_uuid(), 1, gen_random_uuid(), 'contact.renamed', 1,
                       jsonb_build_object('name', repeat('x', 500)), '{\"actor\": \"tester\"}', now()
                  from generate_series(1, $2::bigint)";
    admin.execute(fill, &[&installation.organization, &(EVENTS as i64)]).await.unwrap();
    // Its exchange is declared before the worker begins, so that nothing is missed.
    let (_connection, mut consumer) = subscribe_declaring(&installation).await;
    let _worker = installation.start("worker");
    let mut sequences = BTreeSet::new();
    for n in 0..EVENTS {
        let delivery = tokio::time::timeout(Duration::from_secs(20), consumer.next()).await;
        let delivery = delivery.unwrap_or_else(|_| panic!("{n} of {EVENTS} events arrived"));
        let envelope: Value = serde_json::from_slice(&delivery.unwrap().unwrap().data).unwrap();
        assert!(sequences.insert(envelope["sequence"].as_str().unwrap().to_owned()), "published twice");
    }
}
