//! Contact lists over HTTP: what is their own. What holds for every operation is tried by enumeration.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::service::{Ask, MAX_BODY, Service, token};

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

/// A list, and two contacts.
async fn invited(service: &Service) -> (String, [String; 2]) {
    let list = service.post("/v1/contact_lists", json!({ "name": "Invited" })).await.header("location").to_owned();
    let mut contacts = ["Ana", "Bo"].map(str::to_owned);
    for name in &mut contacts {
        let created = service.post("/v1/contacts", json!({ "name": name })).await;
        *name = created.body["id"].as_str().unwrap().to_owned();
    }
    (list, contacts)
}

fn strangers(count: u128) -> Vec<String> {
    (0..count).map(|n| Uuid::from_u128(0x019c_a000_0000_7000_8000_ffff_0000_0000 + n).to_string()).collect()
}

#[tokio::test]
async fn members_are_put_on_and_taken_off() {
    let service = Service::start().await;
    let (list, [ana, bo]) = invited(&service).await;
    let verb = async |path: &str, body: Value| service.post(&format!("{list}/members{path}"), body).await;
    let added = verb("", json!({ "contact_ids": [ana, bo, ana] })).await;
    assert_eq!((added.status.as_u16(), &added.body["version"]), (200, &json!(2)));
    let removed = verb("/remove", json!({ "contact_ids": [bo, strangers(1)[0]] })).await;
    assert_eq!((removed.status.as_u16(), &removed.body["version"]), (200, &json!(3)));
    for path in ["", "/remove"] {
        let nobody = verb(path, json!({ "contact_ids": [] })).await;
        assert_eq!((nobody.status.as_u16(), &nobody.body["version"]), (200, &json!(3)), "nothing is to be done");
        let missing = verb(path, json!({})).await;
        assert_eq!(missing.is_problem(422, "request.invalid").faults(), [("/contact_ids", "request.missing_field")]);
    }
    let events = service.get(&format!("{list}/events")).await.body;
    let told = |n: usize| (&events["data"][n]["type"], &events["data"][n]["data"]);
    let mut both = [&ana, &bo];
    both.sort();
    assert_eq!(told(1), (&json!("contact_list.members_added"), &json!({ "contact_ids": both })));

    let mut two = strangers(2);
    two.push(ana.clone());
    let refused = verb("", json!({ "contact_ids": two })).await;
    let detail = refused.is_problem(422, "contact_list.unknown_contacts").body["detail"].as_str().unwrap();
    assert!(detail.starts_with("2 of the contacts") && detail.ends_with(&two[0]), "{detail}");
    assert_eq!(service.get(&list).await.body["version"], 3, "all of them or none");
    assert_eq!(service.request("DELETE", &list).answer().await.status, 200);
    for path in ["", "/remove"] {
        verb(path, json!({ "contact_ids": [ana] })).await.is_problem(409, "contact_list.deleted");
    }
}

#[tokio::test]
async fn whoever_adds_has_to_be_able_to_read_whom() {
    let service = Service::start().await;
    let (list, [ana, _]) = invited(&service).await;
    let path = format!("{list}/members");
    let add = async |scope: &str| {
        let request = service.bare("POST", &path).bearer_auth(token(1, scope));
        request.json(&json!({ "contact_ids": [ana] })).answer().await
    };
    add("contact_lists:write").await.is_problem(422, "contact_list.unknown_contacts");
    add("contact_lists:read contacts:read").await.is_problem(403, "access.forbidden");
    assert_eq!(add("contact_lists:write contacts:read").await.status, 200);
    let stale = service.request("POST", &path).header("if-match", "\"1\"").json(&json!({ "contact_ids": [ana] }));
    stale.answer().await.is_problem(412, "version.stale");
    let keyed = async |id: &str| {
        let request = service.request("POST", &path).header("idempotency-key", "once");
        request.json(&json!({ "contact_ids": [id] })).answer().await
    };
    assert_eq!(keyed(&ana).await.body["version"], 3);
    // Though whoever was added is gone.
    assert_eq!(service.request("DELETE", &format!("/v1/contacts/{ana}")).answer().await.status, 200);
    assert_eq!(keyed(&ana).await.body["version"], 3);
    keyed(&strangers(1)[0]).await.is_problem(422, "idempotency.key_reused");
}

#[tokio::test]
async fn ten_thousand_are_let_through_and_not_one_more() {
    let service = Service::start().await;
    let (list, _) = invited(&service).await;
    for path in ["", "/remove"] {
        let send =
            async |ids: Value| service.post(&format!("{list}/members{path}"), json!({ "contact_ids": ids })).await;
        let most = send(json!(strangers(10_000))).await;
        if path.is_empty() {
            let detail = most.is_problem(422, "contact_list.unknown_contacts").body["detail"].as_str().unwrap();
            assert!(detail.starts_with("10000 of the contacts"), "{detail}");
        } else {
            assert_eq!((most.status.as_u16(), &most.body["version"]), (200, &json!(11)));
        }
        let more = send(json!(strangers(10_001))).await;
        assert_eq!(more.is_problem(422, "request.invalid").faults(), [("/contact_ids", "request.too_many")]);
        send(json!([" ".repeat(16 * MAX_BODY)])).await.is_problem(413, "request.too_large");
    }
}
