//! Activities over HTTP: what is their own. What holds for every operation is tried by enumeration.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    house::{record, somebody},
    service::{Answer, Ask, Service, token},
};

/// The id at the end of a path.
fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

fn about(record_type: &str, id: &str) -> Value {
    json!({ "type": record_type, "id": id })
}

async fn firm(service: &Service) -> Value {
    about("company", &record(service, "companies").await.unwrap())
}

async fn made(service: &Service, body: Value) -> String {
    let created = service.post("/v1/activities", body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    created.header("location").to_owned()
}

async fn verb(service: &Service, path: &str, verb: &str, body: Value) -> Answer {
    let answer = service.post(&format!("{path}/{verb}"), body).await;
    assert_eq!(answer.status, 200, "{verb}: {}", answer.body);
    answer
}

#[tokio::test]
async fn an_activity_shows_what_it_was_given() {
    let service = Service::start().await;
    let firm = firm(&service).await;
    let contact = service.contact("Ana").await;
    let user = Uuid::from_u128(3);
    let body = json!({
        "kind": "meeting",
        "subject": " Talk ",
        "body": "First\n\tthen",
        "about": [firm, about("contact", id(&contact)), firm],
        "due_at": "2026-03-02T17:00:00+01:00",
        "reminder_at": "2026-03-02T15:00:00.1234567Z",
        "starts_at": "2026-03-02T16:00:00Z",
        "ends_at": "2026-03-02T17:00:00Z",
        "outcome": "Interested",
        "assignee_id": user,
        "owner_id": user,
        "project_id": user,
        "mentions": [user],
        "attachments": [{ "name": "a.pdf", "url": "https://x.example/a", "media_type": "Application/PDF", "size": 3 }],
    });
    let path = made(&service, body).await;
    let shown = service.get(&path).await.body;
    let attachment = shown["attachments"][0]["id"].as_str().unwrap().to_owned();
    let expected = json!({
        "id": id(&path), "version": 1, "kind": "meeting", "subject": "Talk", "body": "First\n\tthen",
        "about": [firm, about("contact", id(&contact))],
        "due_at": "2026-03-02T16:00:00.000000Z", "reminder_at": "2026-03-02T15:00:00.123456Z",
        "starts_at": "2026-03-02T16:00:00.000000Z", "ends_at": "2026-03-02T17:00:00.000000Z",
        "outcome": "Interested", "priority": null, "assignee_id": user, "owner_id": user, "project_id": user,
        "mentions": [user], "completed_at": null, "pinned": false,
        "attachments": [{ "id": attachment, "name": "a.pdf", "url": "https://x.example/a",
            "media_type": "application/pdf", "size": 3, "sha256": null }],
        "created_at": shown["created_at"], "updated_at": shown["updated_at"],
    });
    assert_eq!(shown, expected);
    assert_eq!(service.get("/v1/activities?filter=kind:meeting").await.body["data"], json!([shown]));
    let found = service.post("/v1/activities/search", json!({ "filter": { "field": "kind", "value": "task" } })).await;
    assert_eq!(found.body["data"], json!([]));
}

#[tokio::test]
async fn everything_that_is_not_accepted_is_told_at_once() {
    let service = Service::start().await;
    let firm = firm(&service).await;
    let body = json!({
        "kind": "task",
        "subject": "",
        "body": "\u{1}",
        "about": [firm],
        "due_at": "tomorrow",
        "outcome": " ",
        "attachments": [{ "name": "a/b", "url": "http://x", "media_type": "pdf", "size": 1, "sha256": "0" }],
    });
    let refused = service.post("/v1/activities", body).await;
    let faults = [
        ("/attachments/0/media_type", "attachment.invalid_media_type"),
        ("/attachments/0/name", "attachment.invalid_name"),
        ("/attachments/0/sha256", "attachment.invalid_sha256"),
        ("/attachments/0/url", "attachment.invalid_url"),
        ("/body", "text.invalid"),
        ("/due_at", "time.invalid"),
        ("/outcome", "name.invalid"),
        ("/subject", "subject.invalid"),
    ];
    assert_eq!(refused.is_problem(422, "request.invalid").faults(), faults);
    let of_kind = |kind: &str, more: Value| {
        let mut body = json!({ "kind": kind, "subject": "a", "about": [firm] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let time = "2026-03-02T17:00:00Z";
    for (kind, more, code) in [
        ("note", json!({ "due_at": time }), "activity.never_due"),
        ("task", json!({ "starts_at": time }), "activity.timeless"),
        ("task", json!({ "outcome": "b" }), "activity.no_outcome"),
        ("note", json!({ "priority": "low" }), "activity.no_priority"),
        ("call", json!({ "ends_at": time }), "activity.ends_too_early"),
        ("note", json!({ "about": [] }), "activity.about_nothing"),
    ] {
        service.post("/v1/activities", of_kind(kind, more)).await.is_problem(422, code);
    }
    for (kind, more) in [("visit", json!({})), ("note", json!({ "about": [about("user", "7")] }))] {
        service.post("/v1/activities", of_kind(kind, more)).await.is_problem(422, "request.invalid");
    }
    let note = made(&service, of_kind("note", json!({}))).await;
    service.post(&format!("{note}/complete"), json!({})).await.is_problem(422, "activity.not_completable");
    let patched = service.patch(&note, json!({ "subject": null, "about": null, "priority": null })).await;
    let faults = ["/about", "/priority", "/subject"].map(|pointer| (pointer, "request.required"));
    assert_eq!(patched.is_problem(422, "request.invalid").faults(), faults);
}

#[tokio::test]
async fn an_activity_is_about_records_that_are_there_and_that_the_caller_may_read() {
    let service = Service::start().await;
    let mut known = vec![firm(&service).await];
    for (kind, collection) in [("contact", "contacts"), ("deal", "deals")] {
        known.push(about(kind, &record(&service, collection).await.unwrap()));
    }
    let note = |about: &Value| json!({ "kind": "note", "subject": "Seen", "about": [about] });
    let ask = async |method: &str, path: &str, scope: &str, body: Value| {
        service.bare(method, path).bearer_auth(token(1, scope)).json(&body).answer().await
    };
    for record in &known {
        let scope = "contacts:read companies:read deals:read activities:write";
        assert_eq!(ask("POST", "/v1/activities", scope, note(record)).await.status, 201);
        let blind = ask("POST", "/v1/activities", "activities:write", note(record)).await;
        blind.is_problem(422, "activity.unknown_record");
    }
    let path = made(&service, note(&known[0])).await;
    for unknown in [about("contact", id(&path)), about("company", known[1]["id"].as_str().unwrap())] {
        service.post("/v1/activities", note(&unknown)).await.is_problem(422, "activity.unknown_record");
        let moved = service.patch(&path, json!({ "about": [unknown] })).await;
        moved.is_problem(422, "activity.unknown_record");
    }
    let deleted = format!("/v1/companies/{}", known[0]["id"].as_str().unwrap());
    assert_eq!(service.request("DELETE", &deleted).answer().await.status, 200);
    service.post("/v1/activities", note(&known[0])).await.is_problem(422, "activity.unknown_record");
    let besides = service.patch(&path, json!({ "about": [known[1], known[0]] })).await;
    assert_eq!(besides.status, 200, "it was about the company already: {}", besides.body);
}

#[tokio::test]
async fn verbs_change_what_they_name() {
    let service = Service::start().await;
    let firm = firm(&service).await;
    let path = made(&service, json!({ "kind": "call", "subject": "Call", "about": [firm] })).await;
    let user = Uuid::from_u128(3);
    verb(&service, &path, "assign", json!({ "assignee_id": user })).await;
    verb(&service, &path, "mention", json!({ "user_ids": [user] })).await;
    let file = json!({ "id": user, "name": "a", "url": "https://x.example", "media_type": "text/plain", "size": 1 });
    verb(&service, &path, "attach", file.clone()).await;
    let again = verb(&service, &path, "attach", file).await;
    assert_eq!(again.body["version"], 4, "it is attached already");
    assert_eq!(service.request("POST", &format!("{path}/pin")).answer().await.status, 200);
    verb(&service, &path, "complete", json!({ "outcome": "Reached" })).await;
    let shown = service.get(&path).await.body;
    assert_eq!(
        (&shown["assignee_id"], &shown["mentions"], &shown["pinned"]),
        (&json!(user), &json!([user]), &json!(true))
    );
    assert_eq!((&shown["outcome"], &shown["version"]), (&json!("Reached"), &json!(7)));
    assert!(shown["completed_at"].is_string());
    verb(&service, &path, "assign", json!({ "assignee_id": null })).await;
    verb(&service, &path, "detach", json!({ "attachment_id": user })).await;
    for what in ["unpin", "reopen"] {
        assert_eq!(service.request("POST", &format!("{path}/{what}")).answer().await.status, 200);
    }
    let patch = json!({ "subject": "Call again", "body": "Now", "outcome": null, "due_at": "2026-03-02T17:00:00Z" });
    assert_eq!(service.patch(&path, patch).await.body["version"], 15);
    let shown = service.get(&path).await.body;
    for field in ["assignee_id", "completed_at", "outcome"] {
        assert_eq!(shown[field], Value::Null, "{field}");
    }
    assert_eq!(
        (&shown["attachments"], &shown["subject"], &shown["body"]),
        (&json!([]), &json!("Call again"), &json!("Now"))
    );
}

#[tokio::test]
async fn words_about_a_contact_go_with_the_contact_and_others_with_the_activity() {
    let service = Service::start().await;
    let firm = firm(&service).await;
    let contact = service.contact("Ana").await;
    let about_ana = json!({ "kind": "note", "subject": "Quixword", "about": [about("contact", id(&contact))] });
    let of_ana = made(&service, about_ana).await;
    let of_firm = made(&service, json!({ "kind": "note", "subject": "Quixfirm", "about": [firm] })).await;
    let erase = |path: &str| service.request("POST", &format!("{path}/erase"));
    erase(&of_ana).answer().await.is_problem(409, "activity.about_a_person");
    let write = token(1, "activities:write");
    let refused = service.bare("POST", &format!("{of_firm}/erase")).bearer_auth(write).answer().await;
    refused.is_problem(403, "access.forbidden");
    assert_eq!(erase(&of_firm).answer().await.status, 200);
    service.get(&of_firm).await.is_problem(404, "activity.not_found");
    let shell = service.get(&format!("{of_firm}?deleted=true")).await.body;
    assert_eq!((&shell["subject"], &shell["erased"]), (&Value::Null, &json!(true)));
    service.patch(&of_firm, json!({ "subject": "New" })).await.is_problem(409, "activity.erased");
    assert_eq!(erase(&contact).answer().await.status, 200);
    let events = service.get(&format!("{of_ana}/events")).await.body.to_string();
    assert!(!events.contains("Quixword") && events.contains(r#""erased":true"#), "{events}");
    service.patch(&of_ana, json!({ "subject": "New" })).await.is_problem(409, "subject.erased");
}

#[tokio::test]
async fn a_contact_shows_and_takes_out_what_is_about_it_to_those_who_may_read_it() {
    let service = Service::start().await;
    let firm = firm(&service).await;
    let contact = service.contact("Ana").await;
    let task = json!({ "kind": "task", "subject": "Call", "about": [firm, about("contact", id(&contact))] });
    let path = made(&service, task).await;
    verb(&service, &path, "complete", json!({})).await;
    let comment = service.post(&format!("{path}/comments"), json!({ "text": "Quixcomment" })).await;
    let timeline = service.get(&format!("{contact}/timeline")).await.body;
    let told = |timeline: &Value| -> Vec<(String, String)> {
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
        let entries = timeline["data"].as_array().unwrap().iter();
        entries.map(|entry| (text(entry, "type"), text(entry, "record_id"))).collect()
    };
    let expected = [("activity.completed", &path), ("activity.created", &path), ("contact.created", &contact)];
    assert_eq!(told(&timeline), expected.map(|(name, path)| (name.to_owned(), id(path).to_owned())));
    let read = |path: String, scope: &str| service.bare("GET", &path).bearer_auth(token(1, scope));
    let own = read(format!("{contact}/timeline"), "contacts:read").answer().await.body;
    assert_eq!(told(&own), [("contact.created".to_owned(), id(&contact).to_owned())]);

    let taken = service.get(&format!("{contact}/export")).await.body;
    assert_eq!(
        (&taken["activities"][0]["id"], &taken["activities"][0]["aggregate"]),
        (&json!(id(&path)), &json!("activity"))
    );
    assert_eq!(taken["comments"][0]["id"], comment.body["id"]);
    let taken = read(format!("{contact}/export"), "contacts:read").answer().await.body;
    assert_eq!((&taken["activities"], &taken["comments"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn an_agenda_is_that_of_whom_one_names() {
    let service = Service::start().await;
    let ana = somebody(&service).await;
    let firm = ana.ask(&service, "POST", "/v1/companies", json!({ "name": "Firm" })).await;
    let firm = about("company", firm.body["id"].as_str().unwrap());
    // It is noon of the first of March 2026.
    for (subject, due) in
        [("late", "2026-03-01T11:00:00Z"), ("today", "2026-03-01T23:30:00Z"), ("later", "2026-03-05T00:00:00Z")]
    {
        let body =
            json!({ "kind": "task", "subject": subject, "about": [firm], "due_at": due, "assignee_id": ana.user });
        assert_eq!(ana.ask(&service, "POST", "/v1/activities", body).await.status, 201);
    }
    let agenda = async |query: &str| {
        let answer = ana.ask(&service, "GET", &format!("/v1/activities/agenda{query}"), Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        ["overdue", "today", "upcoming"].map(|part| {
            let part = &answer.body[part];
            let subjects =
                part["data"].as_array().unwrap().iter().map(|row| row["subject"].as_str().unwrap().to_owned());
            (part["count"].as_i64().unwrap(), subjects.collect::<Vec<_>>().join(" "))
        })
    };
    let part = |count, subjects: &str| (count, subjects.to_owned());
    let all = [part(1, "late"), part(1, "today"), part(1, "later")];
    assert_eq!(agenda("?assignee=me").await, all);
    assert_eq!(agenda("").await, all, "nobody else has to do anything");
    assert_eq!(agenda(&format!("?assignee={}&time_zone=Europe/Lisbon", ana.user)).await, all);
    assert_eq!(
        agenda("?assignee=me&time_zone=Asia/Tokyo&limit=1").await,
        [part(1, "late"), part(0, ""), part(2, "today")]
    );
    assert_eq!(agenda(&format!("?assignee={}", Uuid::from_u128(9))).await, [part(0, ""), part(0, ""), part(0, "")]);
    let wrong = service.get("/v1/activities/agenda?assignee=me&time_zone=Mars/Olympus&limit=0").await;
    let faults = [("assignee", "assignee.nobody"), ("limit", "limit.invalid"), ("time_zone", "time_zone.unknown")];
    assert_eq!(wrong.is_problem(422, "request.invalid").faults(), faults);
    let wrong = service.get("/v1/activities/agenda?assignee=ana").await;
    assert_eq!(wrong.is_problem(422, "request.invalid").faults(), [("assignee", "assignee.invalid")]);
}

#[tokio::test]
async fn companies_and_deals_have_timelines_of_what_is_about_them() {
    let service = Service::start().await;
    for (kind, collection) in [("company", "companies"), ("deal", "deals")] {
        let record = record(&service, collection).await.unwrap();
        let task = json!({ "kind": "note", "subject": "Seen", "about": [about(kind, &record)] });
        let path = made(&service, task).await;
        let timeline = service.get(&format!("/v1/{collection}/{record}/timeline")).await;
        let entries = timeline.body["data"].as_array().unwrap();
        let told: Vec<_> = entries.iter().map(|entry| (&entry["type"], &entry["record_id"])).collect();
        assert_eq!(told[0], (&json!("activity.created"), &json!(id(&path))), "{}", timeline.body);
        assert_eq!(told.last().unwrap().1, &json!(record));
        service.request("DELETE", &format!("/v1/{collection}/{record}")).answer().await;
        let gone = service.get(&format!("/v1/{collection}/{record}/timeline")).await;
        gone.is_problem(404, &format!("{kind}.not_found"));
        let shown = service.get(&format!("/v1/{collection}/{record}/timeline?deleted=true")).await;
        assert_eq!(shown.body["data"].as_array().unwrap().len(), entries.len() + 1);
    }
}
