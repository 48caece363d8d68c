//! Whether the service says how it is.

use std::time::{Duration, Instant};

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
