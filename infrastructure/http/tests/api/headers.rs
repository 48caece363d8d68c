//! Headers that every answer has, and those of browsers.

use fairlead_application::{Actor, Context, access::Access, ports::EventStore};
use serde_json::json;

use crate::service::{Ask, ORIGIN, Service, organization};

#[tokio::test]
async fn a_request_has_a_name() {
    let service = Service::start().await;
    let ask = |name: &str| service.request("GET", "/v1/contacts").header("x-request-id", name).answer();
    let longest = "a".repeat(128);
    for name in ["abc.DEF_1-2", "019ca000-0000-7000-8000-000000000001", &longest] {
        assert_eq!(ask(name).await.header("x-request-id"), name);
    }
    for name in ["", "a b", "a/b", "é", &"a".repeat(129)] {
        let answer = ask(name).await;
        assert!(answer.header("x-request-id").parse::<uuid::Uuid>().is_ok(), "{name}");
    }
    let problem = service.bare("GET", "/v1/none").header("x-request-id", "mine").answer().await;
    assert_eq!(problem.is_problem(404, "route.not_found").body["request_id"], "mine");
}

#[tokio::test]
async fn browsers_are_told_to_be_careful() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    for path in [&*path, "/v1/contacts", "/v1/none", "/health/live", "/openapi.json", "/docs/", "/docs"] {
        let answer = service.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("script-src 'unsafe") && !policy.contains("http"), "{policy}");
        let cached = if path.starts_with("/docs") { "no-cache" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), cached);
    }
}

#[tokio::test]
async fn listed_sites_may_read_and_others_may_not() {
    let service = Service::start().await;
    let ask = |origin: &str| service.request("GET", "/v1/contacts").header("origin", origin).answer();
    let listed = ask(ORIGIN).await;
    assert_eq!(listed.header("access-control-allow-origin"), ORIGIN);
    assert!(listed.header("access-control-expose-headers").to_lowercase().contains("etag"));
    assert_eq!(listed.header("access-control-allow-credentials"), "");
    let surplus = service.request("POST", "/v1/contacts?x=1").header("origin", ORIGIN).answer().await;
    assert_eq!(surplus.header("access-control-allow-origin"), ORIGIN, "refusals can be read too");
    for other in ["https://evil.example.com", "null", "https://app.example.com.evil.org"] {
        assert_eq!(ask(other).await.header("access-control-allow-origin"), "", "{other}");
    }
    let preflight = |origin: &str| {
        let request = service.bare("OPTIONS", "/v1/contacts").header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "authorization,idempotency-key,content-type").answer()
    };
    let allowed = preflight(ORIGIN).await;
    assert_eq!((allowed.status.as_u16(), allowed.header("access-control-allow-origin")), (200, ORIGIN));
    let refused = preflight("https://evil.example.com").await;
    refused.is_problem(400, "request.refused");
    assert_eq!(refused.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn no_list_of_sites_lets_nobody_in() {
    let settings = fairlead_http::Settings { cors_origins: Vec::new(), ..crate::service::settings() };
    let service = Service::with(settings, Vec::new());
    let answer = service.request("GET", "/v1/contacts").header("origin", ORIGIN).answer().await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (200, ""));
}

#[tokio::test]
async fn answers_are_compressed_on_demand() {
    let service = Service::start().await;
    let plain = service.get("/openapi.json").await;
    assert_eq!(plain.header("content-encoding"), "");
    let small = service.request("GET", "/openapi.json").header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(small.headers()["content-encoding"], "gzip");
    assert!(small.bytes().await.unwrap().starts_with(&[0x1f, 0x8b]));
    let problem = service.request("GET", "/v1/none").header("accept-encoding", "gzip").answer().await;
    problem.is_problem(404, "route.not_found");
    let choosy = service.request("GET", "/openapi.json").header("accept-encoding", "br, identity;q=0, *;q=0");
    choosy.answer().await.is_problem(406, "request.refused");
}

#[tokio::test]
async fn head_answers_as_get_without_a_body() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    let head = service.request("HEAD", &path).answer().await;
    assert_eq!((head.status.as_u16(), head.header("etag"), &head.body), (200, "\"1\"", &json!("")));
    assert_eq!(service.bare("HEAD", &path).answer().await.status, 401);
}

#[tokio::test]
async fn requests_and_traces_are_found_in_events() {
    let service = Service::start().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let id = "019ca000-0000-7000-8000-0000000000aa";
    for (request_id, traceparent) in [(id, trace), ("not-a-uuid", "00-x"), (id, "ff-é")] {
        let request = service.request("POST", "/v1/contacts").json(&json!({ "name": "Ana" }));
        let made = request.header("x-request-id", request_id).header("traceparent", traceparent).answer().await;
        assert_eq!(made.status, 201);
        let cx = Context::new(organization(1).into(), Actor::new("test"), Access::default());
        let stream = made.body["id"].as_str().unwrap().parse().unwrap();
        let event = service.store.events(&cx, stream).await.unwrap().remove(0);
        assert_eq!(event.metadata.actor, "ana");
        assert_eq!(event.metadata.correlation_id.map(|made| made.to_string() == id), Some(request_id == id));
        assert_eq!(event.metadata.traceparent.as_deref(), Some(trace).filter(|trace| *trace == traceparent));
    }
}
