//! Many activities in one request: what is their own. What holds for every batch is tried with contacts.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    house::record,
    service::{Answer, Ask, Service, token},
};

const NOBODY: &str = "019ca000-0000-7000-8000-00000000aaaa";

async fn send(service: &Service, operations: Value) -> Answer {
    let answer = service.post("/v1/activities/batch", json!({ "operations": operations })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer
}

/// For each operation its status, or the code of its refusal.
fn told(answer: &Answer) -> Vec<String> {
    let data = answer.body["data"].as_array().unwrap().iter();
    data.map(|one| one["code"].as_str().map_or_else(|| one["status"].to_string(), str::to_owned)).collect()
}

async fn made(service: &Service, body: Value) -> String {
    let created = service.post("/v1/activities", body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    created.body["id"].as_str().unwrap().to_owned()
}

async fn shown(service: &Service, id: &str) -> Value {
    service.get(&format!("/v1/activities/{id}")).await.body
}

fn about(record_type: &str, id: &str) -> Value {
    json!({ "type": record_type, "id": id })
}

#[tokio::test]
async fn every_operation_does_what_its_route_does() {
    let service = Service::start().await;
    let firm = about("company", &record(&service, "companies").await.unwrap());
    let deal = about("deal", &record(&service, "deals").await.unwrap());
    let call = made(&service, json!({ "kind": "call", "subject": "Prices", "about": [firm] })).await;
    let note = made(&service, json!({ "kind": "note", "subject": "Seen", "about": [firm] })).await;
    let user = Uuid::from_u128(3);
    let on = |op: &str, data: Value| json!({ "op": op, "id": call, "data": data });
    let bare = |op: &str| json!({ "op": op, "id": call });
    let (calls, before) = (service.store.calls(), service.store.appends());
    let file = json!({ "name": "a.pdf", "url": "https://x.example/a", "media_type": "application/pdf", "size": 3 });
    let answer = send(
        &service,
        json!([
            { "op": "create", "data": { "kind": "task", "subject": "Offer", "about": [firm, deal] } },
            { "op": "create", "data": { "kind": "task", "subject": "Offer", "about": [about("deal", NOBODY)] } },
            { "op": "create", "data": { "kind": "note", "subject": "", "about": [firm], "due_at": "soon" } },
            on("change", json!({ "subject": "New prices", "about": [deal] })),
            on("change", json!({ "about": [about("contact", NOBODY)] })),
            on("assign", json!({ "assignee_id": user })),
            on("complete", json!({ "outcome": "Agreed" })),
            { "op": "complete", "id": note, "data": {} },
            bare("reopen"),
            bare("pin"),
            bare("unpin"),
            bare("pin"),
            on("mention", json!({ "user_ids": [user] })),
            on("attach", file),
            on("detach", json!({ "attachment_id": NOBODY })),
            { "op": "delete", "id": note },
            { "op": "pin", "id": note },
            { "op": "restore", "id": note },
            { "op": "restore", "id": note, "if_match": 1 },
            { "op": "delete", "id": NOBODY },
            { "op": "pin", "id": call, "data": {} },
        ]),
    )
    .await;
    let codes = [
        "201",
        "activity.unknown_record",
        "request.invalid",
        "200",
        "activity.unknown_record",
        "200",
        "200",
        "activity.not_completable",
        "200",
        "200",
        "200",
        "200",
        "200",
        "200",
        "200",
        "200",
        "activity.deleted",
        "200",
        "version.stale",
        "activity.not_found",
        "request.invalid",
    ];
    assert_eq!(told(&answer), codes);
    assert_eq!(service.store.appends(), before + 1, "one transaction");
    assert!(service.store.calls() - calls <= 5, "what they are about is looked up together");
    let body = shown(&service, &call).await;
    assert_eq!((&body["subject"], &body["about"]), (&json!("New prices"), &json!([deal])));
    assert_eq!((&body["assignee_id"], &body["mentions"]), (&json!(user), &json!([user])));
    assert_eq!((&body["completed_at"], &body["outcome"]), (&Value::Null, &json!("Agreed")));
    assert_eq!((&body["pinned"], &body["attachments"][0]["name"]), (&json!(true), &json!("a.pdf")));
    let body = shown(&service, answer.body["data"][0]["id"].as_str().unwrap()).await;
    assert_eq!((&body["subject"], &body["about"]), (&json!("Offer"), &json!([firm, deal])));
}

#[tokio::test]
async fn erasing_is_no_part_of_writing() {
    let service = Service::start().await;
    let activity = record(&service, "activities").await.unwrap();
    let body = json!({ "operations": [{ "op": "erase", "id": activity }] });
    let refused = service.post("/v1/activities/batch", body).await;
    assert_eq!(refused.is_problem(422, "request.invalid").faults(), [("/operations/0/op", "request.invalid_type")]);
}

#[tokio::test]
async fn an_atomic_batch_that_is_refused_leaves_nothing() {
    let service = Service::start().await;
    let activity = record(&service, "activities").await.unwrap();
    let before = service.store.appends();
    let operations = json!([
        { "op": "pin", "id": activity },
        { "op": "create", "data": { "kind": "note", "subject": "Seen", "about": [about("deal", NOBODY)] } },
    ]);
    let refused = service.post("/v1/activities/batch", json!({ "atomic": true, "operations": operations })).await;
    let place = [("/operations/1", "activity.unknown_record")];
    assert_eq!(refused.is_problem(422, "activity.unknown_record").faults(), place);
    assert_eq!((service.store.appends(), &shown(&service, &activity).await["version"]), (before, &json!(1)));
}

#[tokio::test]
async fn what_is_beyond_reach_is_not_there() {
    let service = Service::start().await;
    let [own, others] = [1, 2].map(|owner| json!(Uuid::from_u128(owner)));
    let firm = |owner: &Value| json!({ "name": "Firm", "owner_id": owner });
    let within = service.post("/v1/companies", firm(&own)).await.body["id"].clone();
    let beyond = service.post("/v1/companies", firm(&others)).await.body["id"].clone();
    let (within, beyond) = (about("company", within.as_str().unwrap()), about("company", beyond.as_str().unwrap()));
    let note = |about: &Value, owner: &Value| json!({ "kind": "note", "subject": "Seen", "about": [about], "owner_id": owner });
    let hidden = made(&service, note(&within, &others)).await;
    let operations = json!([
        { "op": "create", "data": note(&within, &own) },
        { "op": "create", "data": note(&beyond, &own) },
        { "op": "create", "data": note(&within, &others) },
        { "op": "pin", "id": hidden },
        { "op": "delete", "id": hidden, "if_match": 7 },
    ]);
    let request = service.bare("POST", "/v1/activities/batch").bearer_auth("own");
    let answer = request.json(&json!({ "operations": operations })).answer().await;
    let codes = ["201", "activity.unknown_record", "access.out_of_reach", "activity.not_found", "activity.not_found"];
    assert_eq!(told(&answer), codes);
    assert_eq!(shown(&service, &hidden).await["version"], 1);
    // Who may write activities and read nothing notes nothing about anything.
    let blind = service.bare("POST", "/v1/activities/batch").bearer_auth(token(1, "activities:write"));
    let blind = blind.json(&json!({ "operations": [{ "op": "create", "data": note(&within, &own) }] })).answer().await;
    assert_eq!(told(&blind), ["activity.unknown_record"]);
}
