//! Many commands in one request.

use serde_json::{Value, json};

use crate::service::{Answer, Ask, MAX_BODY, Service, token};

async fn send(service: &Service, atomic: bool, operations: Value) -> Answer {
    service.post("/v1/contacts/batch", json!({ "atomic": atomic, "operations": operations })).await
}

fn statuses(answer: &Answer) -> Vec<i64> {
    answer.body["data"].as_array().unwrap().iter().map(|item| item["status"].as_i64().unwrap()).collect()
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

#[tokio::test]
async fn every_operation_is_answered_in_its_place() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    let ana = id(&path);
    let operations = json!([
        { "op": "create", "data": { "name": "Bo", "email": "bo@example.com" } },
        { "op": "create", "data": { "name": "Cy", "email": "BO@example.com" } },
        { "op": "change", "id": ana, "if_match": 1, "data": { "name": "Ana Lima", "phone": null } },
        { "op": "tag", "id": ana, "if_match": 1, "data": { "tags": ["a"] } },
        { "op": "tag", "id": ana, "if_match": 2, "data": { "tags": ["a", "b"] } },
        { "op": "untag", "id": ana, "data": { "tags": ["b"] } },
        { "op": "delete", "id": ana },
        { "op": "change", "id": ana, "data": { "name": "Di" } },
        { "op": "restore", "id": ana },
        { "op": "delete", "id": "019ca000-0000-7000-8000-00000000ffff" },
        { "op": "create", "data": { "name": "", "email": "x", "colour": 1 } },
        { "op": "create", "data": { "name": "", "email": "x" } },
        { "op": "create", "id": ana, "if_match": 1 },
        { "op": "delete", "data": {} },
    ]);
    let before = service.store.appends();
    let answer = send(&service, false, operations.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(statuses(&answer), [201, 409, 200, 412, 200, 200, 200, 409, 200, 404, 422, 422, 422, 422]);
    assert_eq!(service.store.appends(), before + 1, "one transaction");
    assert_eq!(answer.header("fairlead-consistency"), answer.body["consistency"]);
    let data = answer.body["data"].as_array().unwrap();
    let versions: Vec<_> = [2, 4, 5, 6, 8].iter().map(|n| data[*n]["version"].as_i64().unwrap()).collect();
    assert_eq!(versions, [2, 3, 4, 5, 6]);
    assert_eq!(data[2], json!({ "status": 200, "id": ana, "version": 2 }));
    let codes: Vec<_> = [1, 3, 7, 9].iter().map(|n| data[*n]["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["contact.email_taken", "version.stale", "contact.deleted", "contact.not_found"]);
    assert_eq!(
        (&data[1]["errors"][0]["pointer"], &data[1]["type"]),
        (&json!("/operations/1"), &json!("/problems/contact.email_taken"))
    );
    let pointers = |n: usize| {
        let faults = data[n]["errors"].as_array().unwrap();
        faults.iter().map(|fault| fault["pointer"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(pointers(10), ["/operations/10/data/colour"]);
    assert_eq!(pointers(11), ["/operations/11/data/name", "/operations/11/data/email"]);
    assert_eq!(pointers(12), ["/operations/12/id", "/operations/12/if_match", "/operations/12/data"]);
    assert_eq!(pointers(13), ["/operations/13/id", "/operations/13/data"]);
    let shown = service.get(&path).await;
    assert_eq!((&shown.body["version"], &shown.body["tags"]), (&json!(6), &json!(["a"])));
    let made = service.get(&format!("/v1/contacts/{}", data[0]["id"].as_str().unwrap())).await;
    assert_eq!(made.body["name"], "Bo");
}

#[tokio::test]
async fn an_atomic_batch_takes_effect_as_a_whole_or_names_what_is_in_its_way() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    let ana = id(&path);
    let before = service.store.appends();
    let refused = send(
        &service,
        true,
        json!([
            { "op": "create", "data": { "name": "Bo" } },
            { "op": "change", "id": ana, "if_match": 7, "data": { "name": "Di" } },
        ]),
    );
    let refused = refused.await;
    assert_eq!(refused.is_problem(412, "version.stale").faults(), [("/operations/1", "version.stale")]);
    let wrong = send(
        &service,
        true,
        json!([
            { "op": "create", "data": { "name": "" } },
            { "op": "tag", "id": ana, "data": { "tags": ["ok", "not ok"] } },
            { "op": "delete" },
        ]),
    );
    let wrong = wrong.await;
    let faults = [
        ("/operations/0/data/name", "name.invalid"),
        ("/operations/1/data/tags/1", "tag.invalid"),
        ("/operations/2/id", "request.missing_field"),
    ];
    assert_eq!(wrong.is_problem(422, "request.invalid").faults(), faults);
    assert_eq!(service.store.appends(), before);
    let done = send(
        &service,
        true,
        json!([
            { "op": "create", "data": { "name": "Bo" } },
            { "op": "change", "id": ana, "data": { "name": "Di" } },
            { "op": "change", "id": ana, "data": { "name": "Di" } },
        ]),
    );
    let done = done.await;
    assert_eq!((statuses(&done), service.store.appends()), (vec![201, 200, 200], before + 1));
    assert_eq!(done.body["data"][2]["version"], 2, "it is so already");
}

#[tokio::test]
async fn a_thousand_contacts_are_made_at_once_and_not_one_more() {
    let service = Service::start().await;
    let one =
        |n: usize| json!({ "op": "create", "data": { "name": format!("c{n}"), "email": format!("c{n}@example.com") } });
    let many = |count: usize| json!((0..count).map(one).collect::<Vec<_>>());
    assert!(many(1000).to_string().len() > MAX_BODY);
    let made = send(&service, false, many(1000)).await;
    assert!(made.status == 200 && statuses(&made).iter().all(|status| *status == 201));
    let ids: std::collections::BTreeSet<_> =
        made.body["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 1000);
    let again = send(&service, false, many(1000)).await;
    assert!(statuses(&again).iter().all(|status| *status == 409), "every address is taken");
    let more = send(&service, false, many(1001)).await;
    assert_eq!(more.is_problem(422, "request.invalid").faults(), [("/operations", "request.too_many")]);
    let large = json!([{ "op": "create", "data": { "name": "x".repeat(16 * MAX_BODY) } }]);
    send(&service, false, large).await.is_problem(413, "request.too_large");
}

#[tokio::test]
async fn a_repeated_batch_is_answered_as_the_first_time() {
    let service = Service::start().await;
    let body = json!({ "operations": [
        { "op": "create", "data": { "name": "Ana", "email": "ana@example.com" } },
        { "op": "create", "data": { "name": "" } },
        { "op": "create", "data": { "name": "Bo", "email": "ana@example.com" } },
        { "op": "create", "data": { "name": "Cy" } },
    ] });
    let ask =
        |body: &Value| service.request("POST", "/v1/contacts/batch").header("idempotency-key", "k").json(body).answer();
    let first = ask(&body).await;
    assert_eq!(statuses(&first), [201, 422, 409, 201]);
    let again = ask(&body).await;
    assert_eq!((&again.body, again.header("idempotency-replayed")), (&first.body, "true"));
    assert_eq!(service.store.appends(), 1);
    ask(&json!({ "operations": [{ "op": "create", "data": { "name": "Di" } }] }))
        .await
        .is_problem(422, "idempotency.key_reused");
}

#[tokio::test]
async fn a_batch_of_rubbish_is_refused_with_its_place() {
    let service = Service::start().await;
    for (body, pointer, code) in [
        (r#"{}"#, "/operations", "request.missing_field"),
        (r#"{"operations":[]}"#, "/operations", "batch.empty"),
        (r#"{"operations":{}}"#, "/operations", "request.invalid_type"),
        (r#"{"operations":[7]}"#, "/operations/0", "request.invalid_type"),
        (r#"{"operations":[["create"]]}"#, "/operations/0", "request.invalid_type"),
        (r#"{"operations":[{}]}"#, "/operations/0/op", "request.missing_field"),
        (r#"{"operations":[{"op":"explode"}]}"#, "/operations/0/op", "request.invalid_type"),
        (r#"{"operations":[{"op":"create","x":1}]}"#, "/operations/0/x", "request.unknown_field"),
        (r#"{"operations":[{"op":"delete","op":"delete"}]}"#, "/operations/0/op", "request.duplicate_field"),
        (r#"{"operations":[{"op":"delete","id":"x"}]}"#, "/operations/0/id", "request.invalid_type"),
        (r#"{"operations":[{"op":"delete","if_match":"1"}]}"#, "/operations/0/if_match", "request.invalid_type"),
        (r#"{"operations":[],"operations":[]}"#, "/operations", "request.duplicate_field"),
        (r#"{"atomic":1,"operations":[]}"#, "/atomic", "request.invalid_type"),
    ] {
        let request = service.request("POST", "/v1/contacts/batch").header("content-type", "application/json");
        let answer = request.body(body).answer().await;
        assert_eq!(answer.is_problem(422, "request.invalid").faults(), [(pointer, code)], "{body}");
    }
    // What is wrong inside of data concerns its operation alone.
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for (data, code) in [
        (r#"{"name":"a\u0000b"}"#.to_owned(), "name.invalid"),
        (r#"{"name":"a","name":"b"}"#.to_owned(), "request.duplicate_field"),
        (r#"["a"]"#.to_owned(), "request.invalid_type"),
        ("7".to_owned(), "request.invalid_type"),
        (format!(r#"{{"name":"a","attributes":{{"a":{deep}}}}}"#), "request.malformed"),
    ] {
        let body =
            format!(r#"{{"operations":[{{"op":"create","data":{data}}},{{"op":"create","data":{{"name":"Bo"}}}}]}}"#);
        let request = service.request("POST", "/v1/contacts/batch").header("content-type", "application/json");
        let answer = request.body(body).answer().await;
        let shown = &data[..data.len().min(60)];
        if answer.status == 400 {
            // Too deep to be read at all.
            assert_eq!(code, "request.malformed", "{shown}");
            continue;
        }
        assert_eq!(statuses(&answer), [422, 201], "{shown}: {}", answer.body);
        assert_eq!(answer.body["data"][0]["errors"][0]["code"], code, "{shown}");
    }
    let before = service.store.appends();
    let stranger = service.bare("POST", "/v1/contacts/batch").bearer_auth(token(1, "contacts:read"));
    let stranger =
        stranger.json(&json!({ "operations": [{ "op": "create", "data": { "name": "Bo" } }] })).answer().await;
    stranger.is_problem(403, "access.forbidden");
    assert_eq!(service.store.appends(), before);
}
