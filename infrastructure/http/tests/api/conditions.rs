//! Conditional and repeated requests.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    memory::Mood,
    service::{Ask, Service, token},
};

#[tokio::test]
async fn if_match_is_the_version_the_caller_saw() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    let change = |tag: &'static str, name: &'static str| {
        service.request("PATCH", &path).header("if-match", tag).json(&json!({ "name": name })).answer()
    };
    assert_eq!(change("\"1\"", "Bo").await.status, 200);
    change("\"1\"", "Cy").await.is_problem(412, "version.stale");
    assert_eq!(change("*", "Cy").await.status, 200);
    for never in ["W/\"3\"", "\"03\"", "\"three\"", "\"\"", "\"-1\"", "\"0\"", "\"99999999999999999999\""] {
        change(never, "Di").await.is_problem(412, "version.stale");
    }
    for malformed in ["3", "\"3", "3\"", "\"3\", \"4\"", "", "\"", "W/"] {
        change(malformed, "Di").await.is_problem(400, "request.malformed_etag");
    }
    let twice = service.request("DELETE", &path).header("if-match", "\"3\"").header("if-match", "\"3\"");
    twice.answer().await.is_problem(400, "request.repeated_header");
    let deleted = service.request("DELETE", &path).header("if-match", "\"3\"").answer().await;
    assert_eq!(deleted.header("etag"), "\"4\"");
    let restore = service.request("POST", &format!("{path}/restore")).header("if-match", "\"3\"");
    restore.answer().await.is_problem(412, "version.stale");
}

#[tokio::test]
async fn what_is_known_is_not_sent_again() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    for known in ["\"1\"", "W/\"1\"", "\"0\", \"1\"", "*"] {
        let answer = service.request("GET", &path).header("if-none-match", known).answer().await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("etag"), &answer.body),
            (304, "\"1\"", &json!("")),
            "{known}"
        );
    }
    for other in ["\"2\"", "1", ""] {
        let answer = service.request("GET", &path).header("if-none-match", other).answer().await;
        assert_eq!(answer.status, 200, "{other}");
    }
}

#[tokio::test]
async fn a_repeated_command_is_answered_as_the_first() {
    let service = Service::start().await;
    let create = |key: &'static str, body: &'static str| {
        let request = service.request("POST", "/v1/contacts").header("idempotency-key", key);
        request.header("content-type", "application/json").body(body).answer()
    };
    let first = create("key 1", r#"{"name":"Ana"}"#).await;
    let again = create("key 1", r#"{"name":"Ana"}"#).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (again.status, ""));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!((&first.body, first.header("location")), (&again.body, again.header("location")));
    assert_eq!(service.store.appends(), 1);
    create("key 1", r#"{"name":"Bo"}"#).await.is_problem(422, "idempotency.key_reused");
    create("key 1", r#"{ "name":"Ana"}"#).await.is_problem(422, "idempotency.key_reused");
    let other = create("key 2", r#"{"name":"Ana"}"#).await;
    assert_ne!(other.body["id"], first.body["id"]);
}

#[tokio::test]
async fn a_key_is_bound_to_the_whole_request_and_the_organization() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    let send = |method: &'static str, path: String, tag: Option<&'static str>| {
        let request = service.request(method, &path).header("idempotency-key", "k");
        tag.into_iter().fold(request, |request, tag| request.header("if-match", tag)).answer()
    };
    assert_eq!(send("DELETE", path.clone(), Some("\"1\"")).await.status, 200);
    // Stale by now, but it was answered already.
    assert_eq!(send("DELETE", path.clone(), Some("\"1\"")).await.header("idempotency-replayed"), "true");
    send("DELETE", path.clone(), None).await.is_problem(422, "idempotency.key_reused");
    // Percent-encoded it is the same record, but not the same request.
    let (collection, id) = path.rsplit_once('/').unwrap();
    let encoded = format!("{}/{id}", collection.replace("contacts", "%63ontacts"));
    send("DELETE", encoded, Some("\"1\"")).await.is_problem(422, "idempotency.key_reused");
    send("POST", format!("{path}/restore"), Some("\"1\"")).await.is_problem(422, "idempotency.key_reused");
    let elsewhere = service.bare("POST", "/v1/contacts").bearer_auth(token(2, "*:*")).header("idempotency-key", "k");
    assert_eq!(elsewhere.json(&json!({ "name": "Ana" })).answer().await.status, 201);
}

#[tokio::test]
async fn a_key_is_printable_and_short() {
    let service = Service::start().await;
    let send = |key: Vec<u8>| {
        let key = reqwest::header::HeaderValue::from_bytes(&key).unwrap();
        let request = service.request("POST", "/v1/contacts").header("idempotency-key", key);
        request.json(&json!({ "name": "Ana" })).answer()
    };
    assert_eq!(send(vec![b'k'; 200]).await.status, 201);
    for bad in [vec![b'k'; 201], Vec::new(), b"a\tb".to_vec()] {
        send(bad).await.is_problem(400, "idempotency.invalid_key");
    }
    send(vec![0xE9]).await.is_problem(400, "request.malformed_header");
    // Reading needs no key, so a bad one does no harm.
    assert_eq!(service.request("GET", "/v1/contacts").header("idempotency-key", "").answer().await.status, 200);
}

#[tokio::test]
async fn a_list_waits_for_the_write_it_is_told_of() {
    let service = Service::start().await;
    let made = service.post("/v1/contacts", json!({ "name": "Ana" })).await;
    let list = |token: &str| service.request("GET", "/v1/contacts").header("fairlead-consistency", token).answer();
    let seen = list(made.header("fairlead-consistency")).await;
    assert_eq!((seen.status.as_u16(), seen.body["data"].as_array().unwrap().len()), (200, 1));
    let future = list("1.999999.1").await;
    assert_eq!(future.is_problem(503, "consistency.not_yet_visible").header("retry-after"), "1");
    for malformed in ["x", "1.2", "1.-1.1", "1.2.3.4"] {
        list(malformed).await.is_problem(400, "consistency.invalid");
    }
}

#[tokio::test]
async fn failures_tell_clients_nothing_of_the_inside() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    for (mood, status, code) in [
        (Mood::Unavailable, 503, "service.unavailable"),
        (Mood::Broken, 500, "service.internal"),
        (Mood::Panicking, 500, "service.internal"),
    ] {
        service.store.set(mood);
        for answer in [service.get(&path).await, service.post("/v1/contacts", json!({ "name": "Bo" })).await] {
            answer.is_problem(status, code);
            assert_eq!(answer.header("retry-after"), if status == 503 { "1" } else { "" });
            assert!(!answer.body.to_string().contains("secret"), "{}", answer.body);
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
        }
    }
    service.store.set(Mood::Fine);
    assert_eq!(service.get(&path).await.status, 200);
}

#[tokio::test]
async fn a_graceful_stop_finishes_what_was_begun() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    service.store.set(Mood::Slow);
    let asked = tokio::spawn(service.request("GET", &path).send());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    service.handle.stop(true).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "idle connections hold nothing up: {:?}", begun.elapsed());
    assert_eq!(asked.await.unwrap().unwrap().status(), 200);
    assert!(service.request("GET", &path).send().await.is_err(), "nobody listens any more");
}
