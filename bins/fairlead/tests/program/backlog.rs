//! An organization's own backlog.

use fairlead_testing::engine::eventually;
use reqwest::Response;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::process::{Installation, free_address};

#[tokio::test]
async fn who_has_too_many_unpublished_events_is_answered_with_429_and_nobody_else() {
    let mut installation = Installation::new().await;
    installation.settings.insert("FAIRLEAD_BACKLOG_PER_ORGANIZATION", "4".to_owned());
    let operations = free_address();
    let _worker = installation.start("worker");
    let _api = installation.start_with("api", &[("FAIRLEAD_OPERATIONS_ADDRESS", &operations)]);
    installation.ready().await;
    let importer = installation.token("*:*");
    let stranger = Uuid::from(fairlead_testing::store_contract::caller().tenant()).to_string();
    let other = installation.stdout(&["token", "--organization", &stranger]).trim().to_owned();
    let create = async |token: &str| -> Response {
        let request = installation.http.post(installation.url("/v1/contacts")).bearer_auth(token);
        request.json(&json!({ "name": "Ana" })).send().await.unwrap()
    };
    let held = async || -> bool {
        let metrics = installation.http.get(format!("http://{operations}/metrics")).send().await.unwrap();
        metrics.text().await.unwrap().lines().any(|line| line == "fairlead_organizations_held_back 1")
    };
    for _ in 0..8 {
        assert_eq!(create(&importer).await.status(), 201, "what is published does not count");
        let list = || installation.stdout(&["subscriptions", "list"]);
        let behind = |line: &&str| line.starts_with("relay\t") && line.split('\t').nth(3) != Some("0");
        eventually("it is published", async || list().lines().filter(behind).count() == 0).await;
    }
    installation.stdout(&["subscriptions", "pause", "relay"]);
    let paused = |line: &&str| line.starts_with("relay\t") && line.split('\t').nth(5) == Some("paused");
    eventually("nobody publishes", async || {
        installation.stdout(&["subscriptions", "list"]).lines().filter(paused).count() == 4
    })
    .await;
    for _ in 0..5 {
        assert_eq!(create(&importer).await.status(), 201);
    }
    eventually("the importer is held back", async || create(&importer).await.status() == 429).await;
    let refused = create(&importer).await;
    assert_eq!(refused.headers()["retry-after"], "10");
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["code"], "organization.backlog", "{problem}");
    assert!(held().await);
    assert_eq!(create(&other).await.status(), 201, "others go on");
    let list = installation.http.get(installation.url("/v1/contacts")).bearer_auth(&importer).send().await.unwrap();
    assert_eq!(list.status(), 200, "reading goes on");

    installation.stdout(&["subscriptions", "resume", "relay"]);
    eventually("the importer is let in again", async || create(&importer).await.status() == 201).await;
    assert!(!held().await);
}
