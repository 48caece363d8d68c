//! The audit log, from the request to the answer.

use fairlead_testing::engine::eventually;
use serde_json::{Value, json};

use crate::process::{Installation, answered};

#[tokio::test]
async fn who_did_what_from_where_is_told_and_what_was_refused() {
    let installation = Installation::new().await;
    let _processes = [installation.start("worker"), installation.start("api")];
    installation.ready().await;
    let owner = installation.token("*:*");
    let create = installation.http.post(installation.url("/v1/contacts")).bearer_auth(&owner);
    let (status, created) = answered(create.header("user-agent", "Zebra").json(&json!({ "name": "Quixmoor" }))).await;
    assert_eq!(status, 201, "{created}");
    let reader = installation.token("contacts:read");
    let path = format!("/v1/contacts/{}", created["id"].as_str().unwrap());
    let refused = installation.http.delete(installation.url(&path)).bearer_auth(reader).header("user-agent", "Zebra");
    assert_eq!(answered(refused).await.0, 403);

    let export = async || {
        let export = installation.http.get(installation.url("/v1/audit/export")).bearer_auth(&owner);
        export.send().await.unwrap().text().await.unwrap()
    };
    eventually("both are told, and from where", async || export().await.matches("Zebra").count() == 2).await;
    let (status, page) = answered(installation.http.get(installation.url("/v1/audit")).bearer_auth(&owner)).await;
    assert_eq!(status, 200, "{page}");
    let rows = page["data"].as_array().unwrap();
    let lines = export().await;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rows.len(), &lines), (2, rows));
    let told = |row: &Value| ["action", "outcome", "resource_type", "resource_id"].map(|name| row[name].clone());
    let record = &created["id"];
    assert_eq!(told(&rows[0]), [json!("access.refused"), json!("refused"), json!("contact"), record.clone()]);
    assert_eq!(told(&rows[1]), [json!("contact.created"), json!("done"), json!("contact"), record.clone()]);
    assert!(rows.iter().all(|row| row["address"] == json!("127.0.0.1") && row["user_agent"] == json!("Zebra")));
    assert_eq!(rows[0]["permission"], json!("contacts:write"));
    assert!(!page.to_string().contains("Quixmoor"), "{page}");
    let only = installation.http.get(installation.url("/v1/audit?outcome=refused&limit=1")).bearer_auth(&owner);
    assert_eq!(answered(only).await.1["data"].as_array().map(Vec::len), Some(1));
}
