//! Operators: what stands above organizations, and that nobody gets there by being everything in one.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::{
    desk::{KNOWN, RELAY, key},
    document::operations,
    service::{Answer, Ask, Service, token},
};

const SUBSCRIPTION: &str = "/v1/operator/subscriptions/crm.contacts";
const CONSUMER: &str = "/v1/operator/consumers/crm.contacts";

async fn get(service: &Service, path: &str) -> Answer {
    service.bare("GET", path).bearer_auth(token(1, "operator:read")).answer().await
}

async fn post(service: &Service, path: &str, body: Value) -> Answer {
    service.bare("POST", path).bearer_auth(token(1, "operator:write")).json(&body).answer().await
}

/// The values of a field on a page.
fn column(answer: &Answer, field: &str) -> Vec<Value> {
    answer.body["data"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", answer.body))
        .iter()
        .map(|row| row[field].clone())
        .collect()
}

/// All pages of a list, two rows each.
async fn pages(service: &Service, list: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let joint = if list.contains('?') { '&' } else { '?' };
        let page = get(service, &format!("{list}{joint}limit=2{cursor}")).await;
        let data = page.body["data"].as_array().unwrap_or_else(|| panic!("{}", page.body)).clone();
        assert!(data.len() <= 2);
        rows.extend(data);
        assert_eq!(page.body["has_more"], json!(page.body["next_cursor"].is_string()));
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
        assert!(rows.len() < 100);
    }
}

#[tokio::test]
async fn no_wildcard_of_an_organization_opens_an_operation() {
    let service = Service::start().await;
    let document = serde_json::to_value(fairlead_http::openapi()).unwrap();
    let mut tried = 0;
    for (path, method, operation) in operations(&document) {
        let scope = operation["security"][0]["bearer"][0].as_str().unwrap_or_default().to_owned();
        let above = scope.starts_with("operator:");
        assert_eq!(above, path.starts_with("/v1/operator/"), "{method} {path}");
        assert!(!above || scope == if method == "GET" { "operator:read" } else { "operator:write" }, "{method} {path}");
        if !above {
            continue;
        }
        tried += 1;
        let url = path.replace("{name}", KNOWN);
        let everything = "*:* *:read *:write contacts:* events:* subscriptions:* consumers:* operators:* *:operator";
        for granted in everything.split(' ').chain([everything, "operator", "operator*:*", "OPERATOR:*", "*"]) {
            let request = service.bare(&method, &url).bearer_auth(token(1, granted)).json(&json!({}));
            let answer = request.answer().await;
            assert_eq!(answer.status, 403, "{method} {path} with {granted}");
            let challenge = answer.is_problem(403, "access.forbidden").header("www-authenticate");
            assert!(challenge.contains(&format!(r#"scope="{scope}""#)), "{challenge}");
        }
    }
    assert!(tried >= 15, "{tried}");
    assert_eq!(service.desk.demands(), [""; 0]);
}

#[tokio::test]
async fn who_operates_is_nobody_in_an_organization() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    for path in [&*path, "/v1/contacts", "/v1/events"] {
        let answer = service.bare("GET", path).bearer_auth(token(1, "operator:*")).answer().await;
        answer.is_problem(403, "access.forbidden");
    }
}

#[tokio::test]
async fn subscriptions_tell_where_they_are() {
    let service = Service::start().await;
    service.desk.park(KNOWN, 0..3);
    let all = get(&service, "/v1/operator/subscriptions").await;
    assert_eq!((all.status.as_u16(), column(&all, "name")), (200, vec![json!(KNOWN), json!(RELAY)]));
    assert_eq!((&all.body["has_more"], &all.body["next_cursor"]), (&json!(false), &Value::Null));
    let one = get(&service, SUBSCRIPTION).await;
    assert_eq!(one.body, all.body["data"][0]);
    assert_eq!((&one.body["behind"], &one.body["parked_streams"]), (&json!(6), &json!(3)));
    assert_eq!(one.body["oldest_unhandled_at"], "2026-03-01T12:01:00.000000Z");
    let partition = json!({ "number": 0, "position": 40, "behind": 0, "oldest_unhandled_at": null, "held": true,
                            "parked_streams": 3 });
    assert_eq!(one.body["partitions"][0], partition);
    get(&service, "/v1/operator/subscriptions/nobody").await.is_problem(404, "subscription.not_found");
    for name in ["%00", "a%20b", "%C3%A9", &"a".repeat(101)] {
        let answer = get(&service, &format!("/v1/operator/subscriptions/{name}")).await;
        answer.is_problem(400, "request.malformed_name");
    }
}

#[tokio::test]
async fn a_subscription_is_paused_and_resumed_as_often_as_demanded() {
    let service = Service::start().await;
    for (verb, paused) in [("pause", true), ("pause", true), ("resume", false), ("resume", false)] {
        let answer = post(&service, &format!("{SUBSCRIPTION}/{verb}"), json!({})).await;
        assert_eq!((answer.status.as_u16(), &answer.body["paused"]), (200, &json!(paused)), "{verb}");
        assert_eq!(answer.body["partitions"][0]["held"], json!(!paused));
        assert_eq!(get(&service, SUBSCRIPTION).await.body["paused"], json!(paused));
    }
    post(&service, "/v1/operator/subscriptions/nobody/pause", json!({}))
        .await
        .is_problem(404, "subscription.not_found");
    let reader = service.bare("POST", &format!("{SUBSCRIPTION}/pause")).bearer_auth(token(1, "operator:read"));
    reader.answer().await.is_problem(403, "access.forbidden");
}

#[tokio::test]
async fn parked_streams_are_listed_page_by_page_and_replayed() {
    let service = Service::start().await;
    service.desk.park(KNOWN, 0..5);
    service.desk.park(RELAY, 5..7);
    let all = pages(&service, "/v1/operator/parked").await;
    let mut streams: Vec<_> = all.iter().map(|row| row["stream_id"].clone()).collect();
    streams.sort_by_key(Value::to_string);
    assert_eq!(streams, (0..7).map(|n| json!(key(n).stream)).collect::<Vec<_>>());
    assert!(all.is_sorted_by_key(|row| row["parked_at"].to_string()));
    let relay = pages(&service, "/v1/operator/parked?subscription=relay").await;
    assert_eq!(relay.len(), 2);
    let first = json!({ "subscription": RELAY, "organization_id": key(5).tenant, "stream_id": key(5).stream,
                        "first_version": 1, "error": "23514 (refused)", "attempts": 1,
                        "parked_at": "2026-03-01T12:02:00.000000Z", "replay_demanded": false });
    assert_eq!(relay[0], first);
    get(&service, "/v1/operator/parked?subscription=nobody").await.is_problem(404, "subscription.not_found");
    let wrong = get(&service, "/v1/operator/parked?subscription=a%20b&limit=0&cursor=x").await;
    let faults = [("cursor", "cursor.invalid"), ("limit", "limit.invalid"), ("subscription", "name.invalid")];
    assert_eq!(wrong.is_problem(422, "request.invalid").faults(), faults);
    // A cursor belongs to its list and to the caller's organization.
    let cursor = get(&service, "/v1/operator/parked?limit=1").await.body["next_cursor"].as_str().unwrap().to_owned();
    let elsewhere = get(&service, &format!("/v1/operator/parked?subscription=relay&cursor={cursor}")).await;
    assert_eq!(elsewhere.is_problem(422, "request.invalid").faults(), [("cursor", "cursor.invalid")]);

    let one = json!({ "organization_id": key(0).tenant, "stream_id": key(0).stream });
    let replay = format!("{SUBSCRIPTION}/replay");
    for streams in [1, 0] {
        assert_eq!(post(&service, &replay, one.clone()).await.body, json!({ "streams": streams }));
    }
    let stranger = json!({ "organization_id": key(0).tenant, "stream_id": key(1).stream });
    assert_eq!(post(&service, &replay, stranger).await.body, json!({ "streams": 0 }));
    for streams in [4, 0] {
        assert_eq!(post(&service, &replay, json!({})).await.body, json!({ "streams": streams }));
    }
    assert_eq!(column(&get(&service, "/v1/operator/parked").await, "subscription"), [json!(RELAY), json!(RELAY)]);
    post(&service, "/v1/operator/subscriptions/nobody/replay", json!({}))
        .await
        .is_problem(404, "subscription.not_found");
}

#[tokio::test]
async fn half_a_name_is_not_taken_for_all_streams() {
    let service = Service::start().await;
    let (organization, stream) = (key(0).tenant, key(0).stream);
    for (body, pointer, code) in [
        (json!({ "stream_id": stream }), "/organization_id", "request.missing_field"),
        (json!({ "organization_id": organization }), "/stream_id", "request.missing_field"),
        (json!({ "organization_id": organization, "stream_id": null }), "/stream_id", "request.required"),
        (json!({ "organization_id": null }), "/organization_id", "request.required"),
        (json!({ "stream_id": "x" }), "/stream_id", "request.invalid_type"),
        (json!({ "stream": stream }), "/stream", "request.unknown_field"),
    ] {
        for path in [SUBSCRIPTION, CONSUMER] {
            let answer = post(&service, &format!("{path}/replay"), body.clone()).await;
            assert_eq!(answer.is_problem(422, "request.invalid").faults(), [(pointer, code)], "{body}");
        }
    }
    let nothing = service.bare("POST", &format!("{SUBSCRIPTION}/replay")).bearer_auth(token(1, "operator:*"));
    nothing.answer().await.is_problem(415, "request.unsupported");
    assert_eq!(service.desk.demands(), [""; 0]);
}

#[tokio::test]
async fn a_rebuild_is_begun_once_and_shows_its_progress() {
    let service = Service::start().await;
    get(&service, "/v1/operator/rebuilds/crm.contacts").await.is_problem(404, "rebuild.not_found");
    assert_eq!(get(&service, "/v1/operator/rebuilds").await.body["data"], json!([]));
    let rebuild = format!("{SUBSCRIPTION}/rebuild");
    let begun = post(&service, &rebuild, json!({})).await;
    assert_eq!((begun.status.as_u16(), &begun.body["state"]), (202, &json!("demanded")));
    let location = begun.header("location");
    assert_eq!(get(&service, location).await.body, begun.body);
    assert_eq!(get(&service, "/v1/operator/rebuilds").await.body["data"], json!([begun.body]));
    // Sent again, it does not begin anew.
    assert_eq!(post(&service, &rebuild, json!({})).await.body, begun.body);
    assert_eq!(service.desk.demands(), ["crm.contacts rebuild"]);
    service.desk.finish_rebuild();
    let done = get(&service, location).await;
    assert_eq!(
        (&done.body["state"], &done.body["finished_at"]),
        (&json!("done"), &json!("2026-03-01T12:05:00.000000Z"))
    );
    assert_eq!(post(&service, &rebuild, json!({})).await.body["state"], "demanded");
    assert_eq!(service.desk.demands().len(), 2);
    let relay = post(&service, "/v1/operator/subscriptions/relay/rebuild", json!({})).await;
    relay.is_problem(409, "subscription.no_read_model");
    let nobody = post(&service, "/v1/operator/subscriptions/nobody/rebuild", json!({})).await;
    nobody.is_problem(404, "subscription.not_found");
}

#[tokio::test]
async fn what_a_consumer_has_set_aside_is_listed_replayed_and_discarded() {
    let service = Service::start().await;
    assert_eq!(get(&service, "/v1/operator/consumers").await.body["data"], json!([]));
    assert_eq!(get(&service, CONSUMER).await.body["held_streams"], 0);
    service.desk.hold(0..7);
    let status = json!({ "name": KNOWN, "held_streams": 7, "dead_streams": 3 });
    assert_eq!(get(&service, "/v1/operator/consumers").await.body["data"], json!([status]));
    assert_eq!(get(&service, CONSUMER).await.body, status);
    let streams = format!("{CONSUMER}/streams");
    assert_eq!(pages(&service, &streams).await.len(), 7);
    let dead = pages(&service, &format!("{streams}?dead=true")).await;
    assert_eq!((dead.len(), pages(&service, &format!("{streams}?dead=false")).await.len()), (3, 4));
    assert!(dead.iter().all(|row| row["dead_at"].is_string() && row["due_at"].is_null()));
    let members: Vec<_> = dead[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert!(!members.contains(&"error") && !members.contains(&"body"), "{members:?}");
    let wrong = get(&service, &format!("{streams}?dead=perhaps")).await;
    wrong.is_problem(422, "request.invalid_parameter");

    let one = json!({ "organization_id": key(0).tenant, "stream_id": key(0).stream });
    let replay = format!("{CONSUMER}/replay");
    assert_eq!(post(&service, &replay, one).await.body, json!({ "streams": 1 }));
    assert_eq!(post(&service, &replay, json!({})).await.body, json!({ "streams": 2 }));
    assert_eq!(get(&service, CONSUMER).await.body["dead_streams"], 0);

    let discard = format!("{CONSUMER}/discard");
    let event = dead[0]["event_id"].clone();
    let mut body = json!({ "organization_id": key(0).tenant, "stream_id": key(0).stream, "event_id": key(0).stream });
    post(&service, &discard, body.clone()).await.is_problem(409, "consumer.event_not_waited_for");
    body["event_id"] = event;
    assert_eq!(post(&service, &discard, body.clone()).await.body["held_streams"], 6);
    post(&service, &discard, body).await.is_problem(409, "consumer.event_not_waited_for");
    let missing = post(&service, &discard, json!({ "stream_id": key(0).stream })).await;
    assert_eq!(missing.is_problem(422, "request.invalid").faults(), [("/organization_id", "request.missing_field")]);
    for (method, path) in [("GET", ""), ("GET", "/streams"), ("POST", "/replay"), ("POST", "/dead_letters/replay")] {
        let path = format!("/v1/operator/consumers/nobody{path}");
        let request = service.bare(method, &path).bearer_auth(token(1, "operator:*")).json(&json!({}));
        request.answer().await.is_problem(404, "consumer.not_found");
    }
}

#[tokio::test]
async fn dead_letters_are_brought_back_within_limits() {
    let service = Service::start().await;
    let letters = format!("{CONSUMER}/dead_letters/replay");
    for (body, limit) in [(json!({}), 100), (json!({ "limit": 1000 }), 1000), (json!({ "limit": 1 }), 1)] {
        let answer = post(&service, &letters, body).await;
        assert_eq!(answer.body, json!({ "requeued": 1, "replayed": 2, "settled": 3 }));
        assert_eq!(service.desk.demands().last().unwrap(), &format!("consumer {KNOWN} letters {limit}"));
    }
    for (limit, code) in [
        (json!(0), "limit.invalid"),
        (json!(1001), "limit.invalid"),
        (json!(-1), "request.invalid_type"),
        (json!("1"), "request.invalid_type"),
        (Value::Null, "request.required"),
    ] {
        let answer = post(&service, &letters, json!({ "limit": limit })).await;
        assert_eq!(answer.is_problem(422, "request.invalid").faults(), [("/limit", code)], "{limit}");
    }
}

#[tokio::test]
async fn what_does_not_answer_is_said_without_its_cause() {
    let service = Service::start().await;
    service.desk.down.store(true, Ordering::SeqCst);
    for path in ["/v1/operator/subscriptions", SUBSCRIPTION, "/v1/operator/parked", "/v1/operator/rebuilds", CONSUMER] {
        let answer = get(&service, path).await;
        assert!(!answer.is_problem(503, "service.unavailable").body.to_string().contains("secret"), "{path}");
        assert_eq!(answer.header("retry-after"), "1");
    }
    post(&service, &format!("{SUBSCRIPTION}/pause"), json!({})).await.is_problem(503, "service.unavailable");
}
