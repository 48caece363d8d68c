//! Rate limits.

use fairlead_http::{Rate, Settings};
use futures::future::join_all;
use serde_json::json;

use crate::{
    memory::Part,
    service::{Ask, Service, settings, token},
};

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let rate_per_key = Rate { per_second: 1, burst: 5 };
    let service = Service::with(Settings { rate_per_key, ..settings() }, vec![Part::Up("store")]);
    let first = service.get("/v1/contacts").await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("ratelimit-policy"), "\"organization\";q=20000;w=1, \"key\";q=5;w=5");
    assert!(
        first.header("ratelimit").starts_with("\"organization\";r=19999;t=1, \"key\";r=4;t="),
        "{:?}",
        first.headers
    );
    let answers = join_all((0..50).map(|_| service.get("/v1/contacts"))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(refused.len() > 20, "{}", refused.len());
    for answer in refused {
        answer.is_problem(429, "rate_limited");
        assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
        assert!(answer.header("ratelimit").contains("\"key\";r=0;t="), "{:?}", answer.headers);
    }
    // What is refused changes nothing, another organization is not concerned, and who is nobody has no limit.
    let before = service.store.appends();
    let made = join_all((0..50).map(|_| service.post("/v1/contacts", json!({ "name": "Ana" })))).await;
    assert_eq!(service.store.appends() - before, made.iter().filter(|answer| answer.status == 201).count());
    let other = service.bare("GET", "/v1/contacts").bearer_auth(token(2, "*:*")).answer().await;
    assert_eq!(other.status, 200);
    let anonymous = service.bare("GET", "/v1/contacts").answer().await;
    anonymous.is_problem(401, "access.unauthenticated");
    assert_eq!(anonymous.header("ratelimit"), "");
}
