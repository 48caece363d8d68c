//! Contact lists over HTTP: what is their own. What holds for every operation is tried by enumeration.

use serde_json::{Value, json};

use crate::service::{Ask, Service};

#[tokio::test]
async fn attributes_change_by_a_merge_patch() {
    let service = Service::start().await;
    let created = service.post("/v1/contact_lists", json!({ "name": "First", "description": "Why" })).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let path = created.header("location").to_owned();
    let changed = service.patch(&path, json!({ "name": "Second", "description": null })).await;
    assert_eq!((changed.status.as_u16(), &changed.body["version"]), (200, &json!(3)), "an event for each thing");
    let shown = service.get(&path).await;
    assert_eq!((&shown.body["name"], &shown.body["description"]), (&json!("Second"), &Value::Null));
    let listed = service.get("/v1/contact_lists?sort=name").await;
    assert_eq!(listed.body["data"][0], shown.body);
    let searched = service.get("/v1/contact_lists?q=second").await;
    assert_eq!(searched.is_problem(422, "request.invalid").faults(), [("q", "query.not_searched")]);
}

#[tokio::test]
async fn a_name_is_taken_until_its_bearer_is_deleted() {
    let service = Service::start().await;
    let first = service.post("/v1/contact_lists", json!({ "name": "First" })).await.header("location").to_owned();
    service.post("/v1/contact_lists", json!({ "name": "FIRST" })).await.is_problem(409, "contact_list.name_taken");
    assert_eq!(service.request("DELETE", &first).answer().await.status, 200);
    assert_eq!(service.post("/v1/contact_lists", json!({ "name": "first" })).await.status, 201);
    let restored = service.request("POST", &format!("{first}/restore")).answer().await;
    restored.is_problem(409, "contact_list.name_taken");
    let unacceptable = service.post("/v1/contact_lists", json!({ "name": " ", "description": "" })).await;
    let faults = [("/description", "description.invalid"), ("/name", "name.invalid")];
    assert_eq!(unacceptable.is_problem(422, "request.invalid").faults(), faults);
}
