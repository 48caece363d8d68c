//! Operators over HTTP, against everything that is really there.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use fairlead_consumer::{Consumer, Event, Failure, Handler, Json, Transaction};
use fairlead_testing::engine::eventually;
use lapin::{Connection, ConnectionProperties, options::QueueDeclareOptions, types::FieldTable};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::process::{Installation, answered};

/// An operator, and an owner of the organization, at an installation.
struct Desk<'i> {
    installation: &'i Installation,
    operator: String,
    owner: String,
}

impl<'i> Desk<'i> {
    fn of(installation: &'i Installation) -> Self {
        Self { installation, operator: installation.token("operator:*"), owner: installation.token("*:*") }
    }

    async fn get(&self, path: &str) -> Value {
        let url = self.installation.url(&format!("/v1/operator/{path}"));
        let (status, answer) = answered(self.installation.http.get(url).bearer_auth(&self.operator)).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let url = self.installation.url(&format!("/v1/operator/{path}"));
        answered(self.installation.http.post(url).bearer_auth(&self.operator).json(&body)).await
    }

    /// The id of a new contact.
    async fn contact(&self, name: &str) -> String {
        let url = self.installation.url("/v1/contacts");
        let create = self.installation.http.post(url).bearer_auth(&self.owner).json(&json!({ "name": name }));
        let (status, created) = answered(create).await;
        assert_eq!(status, 201, "{created}");
        created["id"].as_str().unwrap().to_owned()
    }

    /// Whether each partition of a subscription is held.
    async fn held(&self, subscription: &str) -> Vec<bool> {
        let status = self.get(&format!("subscriptions/{subscription}")).await;
        status["partitions"].as_array().unwrap().iter().map(|partition| partition["held"] == json!(true)).collect()
    }
}

#[tokio::test]
async fn a_parked_stream_is_seen_replayed_and_gone() {
    let installation = Installation::new().await;
    let file = std::env::temp_dir().join(format!("{}.log", installation.broker.url().rsplit('/').next().unwrap()));
    let mut process = installation.start_logging("dev", &file);
    installation.ready().await;
    let (desk, admin) = (Desk::of(&installation), installation.database.admin().await);
    admin.batch_execute("alter table crm.contacts add constraint refused check (name <> 'broken')").await.unwrap();
    let (sound, broken) = (desk.contact("Ana").await, desk.contact("broken").await);
    eventually("it is parked", async || desk.get("parked").await["data"].as_array().unwrap().len() == 1).await;
    let parked = desk.get("parked?subscription=crm.contacts").await["data"][0].clone();
    assert_eq!(
        (&parked["organization_id"], &parked["stream_id"], &parked["attempts"]),
        (&json!(installation.organization), &json!(broken), &json!(1))
    );
    let error = parked["error"].as_str().unwrap();
    assert!(error.contains("refused") && !error.contains("broken"), "{error}");
    assert_eq!(desk.get("subscriptions/crm.contacts").await["parked_streams"], 1);
    assert_eq!(desk.get("parked?subscription=relay").await["data"], json!([]));

    let replay = "subscriptions/crm.contacts/replay";
    assert_eq!(desk.post(replay, json!({})).await, (200, json!({ "streams": 1 })));
    eventually("it fails again", async || desk.get("parked").await["data"][0]["attempts"] == 2).await;
    admin.batch_execute("alter table crm.contacts drop constraint refused").await.unwrap();
    let key = |stream: &str| json!({ "organization_id": installation.organization, "stream_id": stream });
    assert_eq!(desk.post(replay, key(&sound)).await, (200, json!({ "streams": 0 })));
    assert_eq!(desk.post(replay, key(&broken)).await, (200, json!({ "streams": 1 })));
    eventually("it is gone", async || desk.get("parked").await["data"] == json!([])).await;
    let list = installation.http.get(installation.url("/v1/contacts")).bearer_auth(&desk.owner);
    assert_eq!(answered(list).await.1["data"].as_array().unwrap().len(), 2);

    let (status, unknown) = desk.post("subscriptions/nobody/replay", json!({})).await;
    assert_eq!((status, &unknown["code"]), (404, &json!("subscription.not_found")));
    process.signal("TERM");
    assert!(process.ended().await.success());
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let acted: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let acted: Vec<_> = acted.iter().filter(|line| line["message"] == "an operator acted").collect();
    assert_eq!(acted.len(), 4, "{text}");
    assert_eq!((&acted[3]["subscription"], acted[3]["error"].is_string()), (&json!("nobody"), true));
    let fields = |line: &Value| ["actor", "action", "subscription", "count"].map(|name| line[name].clone());
    let told = [json!("owner"), json!("replay"), json!("crm.contacts"), json!(1)];
    assert_eq!((fields(acted[0]), fields(acted[2]), &acted[2]["stream"]), (told.clone(), told, &json!(broken)));
}

#[tokio::test]
async fn a_subscription_is_paused_resumed_and_rebuilt() {
    let installation = Installation::new().await;
    let _process = installation.start("dev");
    installation.ready().await;
    let desk = Desk::of(&installation);
    desk.contact("Ana").await;
    let all = async |held: bool| desk.held("crm.timeline").await.iter().all(|partition| *partition == held);
    eventually("all of it is held", async || all(true).await).await;
    for _ in 0..2 {
        let (status, paused) = desk.post("subscriptions/crm.timeline/pause", json!({})).await;
        assert_eq!((status, &paused["paused"]), (200, &json!(true)));
    }
    eventually("nobody holds it", async || all(false).await).await;
    desk.contact("Bo").await;
    let status = async || desk.get("subscriptions/crm.timeline").await;
    eventually("it falls behind", async || status().await["behind"].as_i64() > Some(0)).await;
    assert!(status().await["oldest_unhandled_at"].is_string());
    assert!(desk.held("crm.contacts").await.contains(&true), "others go on");
    assert_eq!(desk.post("subscriptions/crm.timeline/resume", json!({})).await.1["paused"], json!(false));
    eventually("it catches up", async || all(true).await && status().await["behind"] == 0).await;

    let rebuild = installation.url("/v1/operator/subscriptions/crm.contacts/rebuild");
    let begun = installation.http.post(rebuild).bearer_auth(&desk.operator).send().await.unwrap();
    assert_eq!(begun.status(), 202);
    let location = begun.headers()["location"].to_str().unwrap().trim_start_matches("/v1/operator/").to_owned();
    eventually("it is rebuilt", async || desk.get(&location).await["state"] == "done").await;
    let rebuilt = desk.get("rebuilds").await["data"][0].clone();
    assert_eq!((&rebuilt["subscription"], &rebuilt["error"]), (&json!("crm.contacts"), &Value::Null));
    assert!(rebuilt["done"].as_i64() >= Some(2) && rebuilt["finished_at"].is_string(), "{rebuilt}");
    let (status, relay) = desk.post("subscriptions/relay/rebuild", json!({})).await;
    assert_eq!((status, &relay["code"]), (409, &json!("subscription.no_read_model")));
}

/// Rejects every event for as long as it is told to.
struct Stubborn(Arc<AtomicBool>);

#[async_trait]
impl Handler for Stubborn {
    type Reads = Json;

    async fn handle(&self, _transaction: &Transaction<'_>, _event: &Event<Value>) -> Result<(), Failure> {
        if self.0.load(Ordering::SeqCst) { Err(Failure::reject("not for Ana Lima")) } else { Ok(()) }
    }
}

#[tokio::test]
async fn what_a_consumer_gave_up_is_seen_brought_back_and_discarded() {
    let installation = Installation::new().await;
    let _process = installation.start("dev");
    installation.ready().await;
    let desk = Desk::of(&installation);
    let (stubborn, stop) = (Arc::new(AtomicBool::new(true)), CancellationToken::new());
    let databases = installation.database.engine();
    let consumer = Consumer::builder("stubborn").broker(installation.broker.url());
    let consumer = consumer.database(databases.connections(), "engine").bind("crm.contact.#");
    let consumer = tokio::spawn(consumer.handler(Stubborn(stubborn.clone())).unwrap().run(stop.clone()));
    let connection = Connection::connect(&installation.broker.url(), ConnectionProperties::default()).await.unwrap();
    eventually("it consumes", async || {
        let channel = connection.create_channel().await.unwrap();
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let queue = channel.queue_declare("stubborn".into(), passive, FieldTable::default()).await;
        queue.is_ok_and(|queue| queue.consumer_count() > 0)
    })
    .await;
    assert_eq!(desk.get("consumers").await["data"], json!([]));
    let (status, nobody) = desk.post("consumers/stubborn/dead_letters/replay", json!({})).await;
    assert_eq!((status, &nobody["code"]), (404, &json!("consumer.not_found")), "it has handled nothing yet");

    let id = desk.contact("Ana Lima").await;
    let dead = json!([{ "name": "stubborn", "held_streams": 1, "dead_streams": 1 }]);
    eventually("it is dead", async || desk.get("consumers").await["data"] == dead).await;
    let streams = async || desk.get("consumers/stubborn/streams?dead=true").await["data"].clone();
    let stream = streams().await[0].clone();
    let told = ["organization_id", "stream_id", "reason", "routing_key"].map(|name| stream[name].clone());
    let expected = [json!(installation.organization), json!(id), json!("rejected"), json!("crm.contact.created")];
    assert_eq!(told, expected);
    assert!(!stream.to_string().contains("Ana"), "{stream}");
    // The letter comes back to the table, and its stream is tried again; in vain until the handler gives in.
    let letters = async || desk.post("consumers/stubborn/dead_letters/replay", json!({ "limit": 10 })).await;
    eventually("a letter is brought back", async || letters().await == (200, returned(1))).await;
    eventually("it dies again", async || {
        streams().await[0]["dead_at"] != stream["dead_at"] && streams().await != json!([])
    })
    .await;
    stubborn.store(false, Ordering::SeqCst);
    assert_eq!(desk.post("consumers/stubborn/replay", json!({})).await, (200, json!({ "streams": 1 })));
    eventually("nothing waits", async || desk.get("consumers/stubborn").await["held_streams"] == 0).await;
    assert_eq!(desk.get("consumers").await["data"], json!([]));

    stubborn.store(true, Ordering::SeqCst);
    desk.contact("Bo").await;
    eventually("another is dead", async || streams().await != json!([])).await;
    let stream = streams().await[0].clone();
    let event = ["organization_id", "stream_id", "event_id"].map(|name| (name.to_owned(), stream[name].clone()));
    let event = Value::Object(event.into_iter().collect());
    let (status, consumer_status) = desk.post("consumers/stubborn/discard", event.clone()).await;
    assert_eq!((status, &consumer_status["held_streams"]), (200, &json!(0)));
    let (status, again) = desk.post("consumers/stubborn/discard", event).await;
    assert_eq!((status, &again["code"]), (409, &json!("consumer.event_not_waited_for")));
    stop.cancel();
    consumer.await.unwrap();
}

/// The answer that so many dead streams are tried again.
fn returned(replayed: u64) -> Value {
    json!({ "requeued": 0, "replayed": replayed, "settled": 0 })
}
