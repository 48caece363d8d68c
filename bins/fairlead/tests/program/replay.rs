//! Events are published again to a queue of one's own.

use std::time::Duration;

use futures::StreamExt;
use lapin::{
    Connection, ConnectionProperties,
    options::{BasicConsumeOptions, QueueDeclareOptions},
    types::FieldTable,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::process::{Installation, answered};

#[tokio::test]
async fn a_range_is_published_again_in_order_and_marked() {
    let installation = Installation::new().await;
    let mut process = installation.start("dev");
    installation.ready().await;
    let other = ["token", "--organization", &Uuid::from_u128(7).to_string()];
    let tokens = [installation.token("*:*"), installation.stdout(&other).trim().to_owned()];
    for n in 0..20 {
        let create = installation.http.post(installation.url("/v1/contacts")).bearer_auth(&tokens[n % 2]);
        let (status, created) = answered(create.json(&json!({ "name": format!("{n}") }))).await;
        assert_eq!(status, 201);
        let tag = format!("/v1/contacts/{}/tag", created["id"].as_str().unwrap());
        let tag = installation.http.post(installation.url(&tag)).bearer_auth(&tokens[n % 2]);
        assert_eq!(answered(tag.json(&json!({ "tags": ["a"] }))).await.0, 200);
    }
    let log = || {
        let printed = installation.stdout(&["events", "tail", "--after", "0", "--no-follow"]);
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    fairlead_testing::engine::eventually("everything has a position", async || log().len() == 40).await;
    let log = log();
    process.signal("TERM");
    assert!(process.ended().await.success());

    let organization = installation.organization.to_string();
    let replay = |from: &str, to: &str, more: &[&str]| {
        let arguments = ["events", "replay", "--from", from, "--to", to, "--queue", "again"];
        installation.stdout(&[&arguments, more].concat())
    };
    assert_eq!(replay("1", "25", &[]), "25 events published again to again, up to position 25\n");
    assert_eq!(replay("26", "9999", &[]), "15 events published again to again, up to position 40\n");
    let some = ["--organization", &organization, "--type", "contact.tagged"];
    assert_eq!(replay("1", "40", &some), "10 events published again to again, up to position 40\n");

    let connection = Connection::connect(&installation.broker.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
    let mut consumer = channel.basic_consume("again".into(), "".into(), options, FieldTable::default()).await.unwrap();
    let wanted =
        log.iter().filter(|event| event["tenantid"] == json!(organization) && event["type"] == "contact.tagged");
    for expected in log.iter().chain(wanted) {
        let delivery = tokio::time::timeout(Duration::from_secs(20), consumer.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&delivery.data).unwrap(), *expected);
        assert_eq!(delivery.properties.message_id().as_ref().unwrap().as_str(), expected["id"]);
        let headers = delivery.properties.headers().as_ref().unwrap();
        assert_eq!(headers.inner().get("replayed"), Some(&lapin::types::AMQPValue::Boolean(true)));
    }
    // A queue that would lose events is not taken.
    let transient = QueueDeclareOptions::default();
    channel.queue_declare("transient".into(), transient, FieldTable::default()).await.unwrap();
    for (queue, said) in [("transient", "durable quorum queue"), ("", "1 to 255 bytes")] {
        let output = installation.output(&["events", "replay", "--from", "1", "--to", "2", "--queue", queue]);
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && complaint.contains(said), "{complaint}");
    }
}
