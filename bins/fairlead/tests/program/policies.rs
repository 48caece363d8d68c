//! What follows by itself.

use fairlead_testing::engine::eventually;
use serde_json::{Value, json};

use crate::process::{Installation, answered};

#[tokio::test]
async fn a_new_contact_is_tagged_when_that_is_wanted() {
    let installation = Installation::new().await;
    let worker = installation.start_with("worker", &[("FAIRLEAD_NEW_CONTACT_TAG", "new")]);
    let api = installation.start("api");
    installation.ready().await;
    let list = || installation.stdout(&["subscriptions", "list"]);
    let held = |line: &&str| line.starts_with("crm.tag_new_contacts\t") && line.split('\t').nth(5) == Some("yes");
    eventually("the policy is at work", async || list().lines().filter(held).count() == 4).await;
    let token = installation.token("*:*");
    let create = installation.http.post(installation.url("/v1/contacts")).bearer_auth(&token);
    let (status, created) = answered(create.json(&json!({ "name": "Ana" }))).await;
    assert_eq!(status, 201);
    let path = format!("/v1/contacts/{}", created["id"].as_str().unwrap());
    let get = async |path: &str| -> Value {
        answered(installation.http.get(installation.url(path)).bearer_auth(&token)).await.1
    };
    eventually("it is tagged", async || get(&path).await["tags"] == json!(["new"])).await;
    let events = get(&format!("{path}/events")).await;
    let (created, tagged) = (&events["data"][0], &events["data"][1]);
    assert_eq!(tagged["actor"], "policy:crm.tag_new_contacts", "{events}");
    assert_eq!(tagged["causationid"], created["id"]);
    assert!(created["correlationid"].is_string());
    assert_eq!(tagged["correlationid"], created["correlationid"]);
    assert_eq!(installation.stdout(&["subscriptions", "refused"]).lines().count(), 1, "the heading alone");
    drop((worker, api));
}
