//! Whether the service says how it is.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fairlead_http::{Operations, operations};
use serde_json::json;

use crate::{
    memory::Part,
    service::{Ask, Service, settings},
};

#[tokio::test]
async fn a_living_process_says_so_whatever_is_down() {
    let service = Service::with(settings(), vec![Part::Down("store", "refused")]);
    let answer = service.bare("GET", "/health/live").answer().await;
    assert_eq!((answer.status.as_u16(), answer.body), (200, json!({ "status": "up", "parts": {} })));
}

#[tokio::test]
async fn ready_is_who_has_everything() {
    let service = Service::with(settings(), vec![Part::Up("store"), Part::Up("broker")]);
    let answer = service.bare("GET", "/health/ready").answer().await;
    let parts = json!({ "broker": { "status": "up" }, "store": { "status": "up" } });
    assert_eq!((answer.status.as_u16(), answer.body), (200, json!({ "status": "up", "parts": parts })));
}

#[tokio::test]
async fn what_is_down_or_silent_is_named_in_time() {
    let parts = vec![Part::Up("store"), Part::Down("broker", "refused"), Part::Silent("one"), Part::Silent("two")];
    let service = Service::with(settings(), parts);
    let begun = Instant::now();
    let answer = service.bare("GET", "/health/ready").answer().await;
    assert!(begun.elapsed() < Duration::from_secs(4), "all are asked at once");
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (503, &json!("down")));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.body["parts"]["broker"], json!({ "status": "down", "detail": "refused" }));
    assert_eq!(answer.body["parts"]["one"]["status"], "down");
    assert_eq!(answer.body["parts"]["store"]["status"], "up");
}

#[tokio::test]
async fn requests_are_served_while_nothing_vital_is_down() {
    let service = Service::with(settings(), vec![Part::Vital("store"), Part::Down("broker", "refused")]);
    let answer = service.bare("GET", "/health/serving").answer().await;
    assert_eq!((answer.status.as_u16(), &answer.body["parts"]), (200, &json!({ "store": { "status": "up" } })));
    assert_eq!(service.bare("GET", "/health/ready").answer().await.status, 503);
}

#[tokio::test]
async fn a_check_can_tell_of_several_parts_and_bad_news_count() {
    let parts = vec![Part::Up("relay"), Part::Half("order", "relay"), Part::Up("relay"), Part::Up("order")];
    let answer = Service::with(settings(), parts).bare("GET", "/health/ready").answer().await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body["parts"]["relay"], json!({ "status": "down", "detail": "stuck" }));
    assert_eq!(answer.body["parts"]["order"]["status"], "up");
}

#[tokio::test]
async fn operators_have_a_port_of_their_own() {
    let metrics = Arc::new(|| "fairlead_x 1\n".to_owned());
    let bind = ([127, 0, 0, 1], 0).into();
    let (server, address) =
        operations(Operations { bind, health: vec![Arc::new(Part::Down("store", "refused"))], metrics }).unwrap();
    let handle = server.handle();
    let running = tokio::spawn(server);
    let service = Service::start().await;
    for (path, status) in [
        ("/health/live", 200),
        ("/health/serving", 200),
        ("/health/ready", 503),
        ("/metrics", 200),
        ("/v1/contacts", 404),
    ] {
        let answer = service.get(path).await;
        let theirs = reqwest::get(format!("http://{address}{path}")).await.unwrap();
        assert_eq!(theirs.status(), status, "{path}");
        if path == "/metrics" {
            assert_eq!(answer.status, 404, "not for the public");
            assert_eq!(theirs.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
            assert_eq!(theirs.text().await.unwrap(), "fairlead_x 1\n");
        }
    }
    handle.stop(false).await;
    running.await.unwrap().unwrap();
}
