//! The main job: a command comes in by HTTP, its event goes out by the broker, and a query shows it.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use futures::StreamExt;
use lapin::{
    Connection, ConnectionProperties, Consumer, ExchangeKind,
    options::{BasicConsumeOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use serde_json::{Value, json};

use crate::process::{Installation, answered};

/// A subscriber of everything, on a queue of its own.
pub(crate) async fn subscribe(installation: &Installation) -> (Connection, Consumer) {
    let connection = Connection::connect(&installation.broker.url(), ConnectionProperties::default()).await.unwrap();
    // The worker declares the exchange, and may be at it still; a channel that met an error is closed.
    let channel = loop {
        let channel = connection.create_channel().await.unwrap();
        let exclusive = QueueDeclareOptions { exclusive: true, ..Default::default() };
        channel.queue_declare("tester".into(), exclusive, FieldTable::default()).await.unwrap();
        let (exchange, options) = ("fairlead.events".into(), QueueBindOptions::default());
        let bound = channel.queue_bind("tester".into(), exchange, "crm.#".into(), options, FieldTable::default()).await;
        if bound.is_ok() {
            break channel;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
    let consumer = channel.basic_consume("tester".into(), "".into(), options, FieldTable::default()).await.unwrap();
    (connection, consumer)
}

/// The same, where no worker has declared the exchange yet.
pub(crate) async fn subscribe_declaring(installation: &Installation) -> (Connection, Consumer) {
    let connection = Connection::connect(&installation.broker.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let (durable, topic) = (ExchangeDeclareOptions { durable: true, ..Default::default() }, ExchangeKind::Topic);
    channel.exchange_declare("fairlead.events".into(), topic, durable, FieldTable::default()).await.unwrap();
    drop(connection);
    subscribe(installation).await
}

/// The next event, as its routing key and its envelope.
pub(crate) async fn next(consumer: &mut Consumer) -> (String, Value) {
    let delivery = tokio::time::timeout(Duration::from_secs(20), consumer.next()).await;
    let delivery = delivery.unwrap().unwrap().unwrap();
    (delivery.routing_key.to_string(), serde_json::from_slice(&delivery.data).unwrap())
}

async fn walk(installation: &Installation) {
    installation.ready().await;
    let (_connection, mut consumer) = subscribe(installation).await;
    let mut tail = installation.command(&["events", "tail", "--after", "0"]).stdout(Stdio::piped()).spawn().unwrap();
    let token = installation.token("contacts:read contacts:write");
    let (http, url) = (&installation.http, installation.url("/v1/contacts"));

    let body = json!({ "name": "Ana Lima", "email": "ana@example.com", "tags": ["vip"] });
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let created = http.post(&url).bearer_auth(&token).json(&body).header("traceparent", trace).send().await.unwrap();
    assert_eq!(created.status(), 201);
    let record = installation.url(created.headers()["location"].to_str().unwrap());
    let seen = created.headers()["fairlead-consistency"].clone();
    let (status, list) =
        answered(http.get(format!("{url}?filter=tag:vip")).bearer_auth(&token).header("fairlead-consistency", seen))
            .await;
    assert_eq!((status, &list["data"][0]["name"]), (200, &json!("Ana Lima")), "a list shows one's own write");
    let id = list["data"][0]["id"].clone();

    let patch = http.patch(&record).bearer_auth(&token).header("if-match", "\"1\"").json(&json!({ "name": "Ana" }));
    assert_eq!(answered(patch).await.0, 200);
    let stale = http.patch(&record).bearer_auth(&token).header("if-match", "\"1\"").json(&json!({ "name": "Bo" }));
    assert_eq!(answered(stale).await.0, 412);
    let (_, read) = answered(http.get(&record).bearer_auth(&token)).await;
    assert_eq!((&read["name"], &read["version"]), (&json!("Ana"), &json!(2)));

    let mut told = body.clone();
    let email = told.as_object_mut().unwrap().remove("email").unwrap();
    told["emails"] = json!([{ "value": email, "primary": true }]);
    let expected = [("crm.contact.created", 1, &told), ("crm.contact.renamed", 2, &json!({ "name": "Ana" }))];
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    for (n, (key, version, data)) in expected.into_iter().enumerate() {
        let (routing_key, envelope) = next(&mut consumer).await;
        assert_eq!((routing_key.as_str(), &envelope["data"]), (key, data));
        assert_eq!((&envelope["subject"], &envelope["streamversion"]), (&id, &json!(version)));
        assert_eq!(envelope["tenantid"], json!(installation.organization));
        assert_eq!(envelope["traceparent"], if n == 0 { json!(trace) } else { Value::Null });
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(line, envelope, "`events tail` prints what is published");
    }
    tail.kill().unwrap();
    tail.wait().unwrap();
}

#[tokio::test]
async fn in_one_process() {
    let installation = Installation::new().await;
    let mut process = installation.start("dev");
    walk(&installation).await;
    process.signal("TERM");
    assert!(process.ended().await.success());
}

#[tokio::test]
async fn in_two_processes() {
    let installation = Installation::new().await;
    let (mut api, mut worker) = (installation.start("api"), installation.start("worker"));
    walk(&installation).await;
    for process in [&mut api, &mut worker] {
        process.signal("INT");
        assert!(process.ended().await.success());
    }
}

/// A change waits for a lock that somebody else holds; the server is told to stop meanwhile, and answers nevertheless.
#[tokio::test]
async fn a_graceful_stop_finishes_requests_in_flight() {
    let installation = Installation::new().await;
    let mut process = installation.start("dev");
    installation.ready().await;
    let token = installation.token("*:*");
    let (http, url) = (&installation.http, installation.url("/v1/contacts"));
    let (_, created) = answered(http.post(&url).bearer_auth(&token).json(&json!({ "name": "Ana" }))).await;
    let id = created["id"].as_str().unwrap();
    let admin = installation.database.admin().await;
    admin
        .batch_execute(&format!("begin; select from engine.streams where stream_id = '{id}' for update"))
        .await
        .unwrap();
    let change = http.patch(format!("{url}/{id}")).bearer_auth(&token).json(&json!({ "name": "Bo" }));
    let change = tokio::spawn(answered(change));
    let observer = installation.database.admin().await;
    fairlead_testing::engine::eventually("the change waits for the lock", async || {
        let sql = "select exists (select from pg_stat_activity where datname = current_database()
                                     and query like '%engine.append%' and wait_event_type = 'Lock')";
        observer.query_one(sql, &[]).await.unwrap().get(0)
    })
    .await;
    process.signal("TERM");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(http.get(installation.url("/health/live")).send().await.is_err(), "nobody new is let in");
    admin.batch_execute("commit").await.unwrap();
    let (status, answer) = change.await.unwrap();
    assert_eq!((status, &answer["version"]), (200, &json!(2)));
    assert!(process.ended().await.success());
}
