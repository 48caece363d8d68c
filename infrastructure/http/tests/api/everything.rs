//! Every operation of the document is tried from the outside: nobody gets in without a token, a permission, or into
//! another organization, and no rubbish is a fault of ours. A new operation is tested here by being in the document.

use fairlead_application::administration::{StreamKey, SubscriptionAdministration};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    desk::KNOWN,
    document::{operations, resolve},
    service::{Answer, Ask, Service, organization, token},
    tokens::bad_tokens,
};

/// What everybody may ask.
const OPEN: &[&str] = &["/.well-known/jwks.json", "/health/live", "/health/ready", "/health/serving", "/openapi.json"];

pub(crate) struct Operation {
    pub(crate) template: String,
    pub(crate) method: String,
    /// The permission it demands.
    scope: Option<String>,
    example: Option<Value>,
    /// The query parameters it documents.
    pub(crate) query: Vec<String>,
    /// Whether it documents `If-Match`.
    pub(crate) condition: bool,
    /// Whether it documents `Idempotency-Key`.
    key: bool,
    /// Whether its answer goes on.
    pub(crate) stream: bool,
}

impl Operation {
    pub(crate) fn path(&self, id: &str) -> String {
        self.template.replace("{id}", id).replace("{name}", id)
    }

    pub(crate) fn of_record(&self) -> bool {
        self.template.contains('{')
    }

    /// Whether it stands above organizations.
    fn of_operators(&self) -> bool {
        self.template.starts_with("/v1/operator/")
    }

    /// A token of organization 1 with everything that the operation may ask for.
    fn everything(&self) -> String {
        token(1, if self.of_operators() { "operator:*" } else { "*:*" })
    }

    pub(crate) fn request(&self, service: &Service, id: &str) -> RequestBuilder {
        let request = service.bare(&self.method, &self.path(id));
        self.example.iter().fold(request, |request, body| request.json(body))
    }

    async fn answer(&self, service: &Service, id: &str, token: &str) -> Answer {
        self.ask(self.request(service, id).bearer_auth(token)).await
    }

    /// Sends a request; of an answer that goes on, only the head is taken.
    async fn ask(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.expect("an answer");
        if self.stream && answer.status().is_success() {
            return Answer { status: answer.status(), headers: answer.headers().clone(), body: Value::Null };
        }
        Answer::of(answer).await
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.template)
    }
}

/// All operations; panics when one neither demands a permission nor is open.
fn every() -> Vec<Operation> {
    let document = serde_json::to_value(fairlead_http::openapi()).unwrap();
    let all = operations(&document).into_iter().map(|(template, method, operation)| {
        let scope = operation.get("security").map(|security| {
            let scopes = security[0]["bearer"].as_array().unwrap();
            assert_eq!((security.as_array().unwrap().len(), scopes.len()), (1, 1), "{method} {template}");
            scopes[0].as_str().unwrap().to_owned()
        });
        assert!(scope.is_some() || OPEN.contains(&&*template), "{method} {template} demands no permission");
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let example = Some(resolve(&document, schema)["example"].clone()).filter(|_| schema.is_object());
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let has = |name: &str| parameters.iter().any(|parameter| parameter["name"] == name);
        let (condition, key) = (has("If-Match"), has("Idempotency-Key"));
        let query = parameters.iter().filter(|parameter| parameter["in"] == "query");
        let query = query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
        let stream = operation["responses"]["200"]["content"]["text/event-stream"].is_object();
        Operation { template, method, scope, example, query, condition, key, stream }
    });
    all.collect()
}

/// The operations that demand a permission.
pub(crate) fn secured() -> Vec<Operation> {
    let secured: Vec<_> = every().into_iter().filter(|operation| operation.scope.is_some()).collect();
    assert!(secured.len() >= 8);
    secured
}

/// The id of a new record for an operation: operations may delete what they get.
async fn record(service: &Service, operation: &Operation) -> String {
    if operation.of_operators() {
        // A rebuild to look at, and an event to discard.
        service.desk.rebuild(KNOWN).await.unwrap();
        let id = |name: &str| operation.example.as_ref().and_then(|body| body[name].as_str()?.parse::<Uuid>().ok());
        if let (Some(tenant), Some(stream), Some(event)) = (id("organization_id"), id("stream_id"), id("event_id")) {
            service.desk.wait_for(StreamKey { tenant, stream }, event);
        }
        return KNOWN.to_owned();
    }
    let collection = operation.template.split("/{id}").next().unwrap();
    let known = ["contacts", "contacts/batch", "events", "events/stream"].iter().any(|name| collection.ends_with(name));
    assert!(known, "{operation}: tell this test how to make one");
    let path = service.contact("Ana").await;
    path.rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn nobody_gets_in_without_a_token() {
    let service = Service::start().await;
    for operation in secured() {
        let id = record(&service, &operation).await;
        let before = service.store.appends();
        let answer = operation.request(&service, &id).answer().await;
        answer.is_problem(401, "access.unauthenticated");
        for (what, token, code) in bad_tokens() {
            let answer = operation.answer(&service, &id, &token).await;
            assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (401, Some(code)), "{operation} {what}");
        }
        assert_eq!(service.store.appends(), before, "{operation}");
    }
}

#[tokio::test]
async fn the_documented_permission_is_the_one_that_opens() {
    let service = Service::start().await;
    for operation in secured() {
        let id = record(&service, &operation).await;
        let demanded = operation.scope.as_deref().unwrap();
        let (resource, action) = demanded.split_once(':').unwrap();
        let sibling = if action == "read" { "write" } else { "read" };
        let before = service.store.appends();
        let wildcards: &[&str] = if operation.of_operators() { &["*:*", "*:read *:write"] } else { &[] };
        let others = ["", "others:*", &format!("{resource}:{sibling}"), &format!("*:{sibling}"), resource, "*", action];
        for scope in others.iter().chain(wildcards) {
            let answer = operation.answer(&service, &id, &token(1, scope)).await;
            assert_eq!(answer.status, 403, "{operation} with {scope:?}");
            answer.is_problem(403, "access.forbidden");
        }
        assert_eq!(service.store.appends(), before, "{operation}");
        let answer = operation.answer(&service, &id, &token(1, demanded)).await;
        assert!(answer.status.is_success(), "{operation}: {}", answer.body);
    }
}

#[tokio::test]
async fn another_organization_sees_nothing() {
    let service = Service::start().await;
    let stranger = token(2, "*:*");
    for operation in secured() {
        let id = record(&service, &operation).await;
        let answer = operation.answer(&service, &id, &stranger).await;
        if operation.of_operators() {
            answer.is_problem(403, "access.forbidden");
            continue;
        } else if operation.of_record() {
            assert_eq!(answer.status, 404, "{operation}");
            let unknown = operation.answer(&service, "019ca000-0000-7000-8000-00000000ffff", &stranger).await;
            assert_eq!(answer.body["code"], unknown.body["code"], "{operation} tells whether there is one");
        } else if operation.stream {
            assert_eq!(answer.status, 200, "{operation}");
        } else if operation.method == "GET" {
            let own =
                answer.body["data"].as_array().unwrap().iter().all(|row| row["tenantid"] == json!(organization(2)));
            if operation.template == "/v1/events" {
                // The stranger has made records of its own by now.
                assert!(own, "{operation}: {}", answer.body);
                continue;
            }
            assert_eq!(answer.body["data"], json!([]), "{operation}");
        }
        // Nothing changed where it is.
        let shown = service.get(&format!("/v1/contacts/{id}")).await;
        assert_eq!((shown.status.as_u16(), &shown.body["version"]), (200, &json!(1)), "{operation}");
        // What the stranger made is the stranger's.
        let own = service.bare("GET", "/v1/contacts?limit=200").bearer_auth(&stranger).answer().await;
        for row in own.body["data"].as_array().unwrap() {
            let path = format!("/v1/contacts/{}", row["id"].as_str().unwrap());
            let deleted = service.bare("DELETE", &path).bearer_auth(&stranger).answer().await;
            assert_eq!(deleted.status, 200);
        }
    }
}

#[tokio::test]
async fn nothing_that_is_sent_is_passed_over() {
    let service = Service::start().await;
    for operation in every() {
        let all = operation.everything();
        let id = if operation.of_record() { record(&service, &operation).await } else { String::new() };
        let before = service.store.appends();
        let request = |path: String| {
            let request = service.bare(&operation.method, &path).bearer_auth(&all);
            operation.example.iter().fold(request, |request, body| request.json(body))
        };
        let path = operation.path(&id);
        let parameter = operation.query.iter().map(|name| format!("{name}s=1"));
        for query in parameter.chain(["nonsense=1".into(), "x".into(), "=".into(), "x=1&x=2".into()]) {
            let answer = operation.ask(request(format!("{path}?{query}"))).await;
            assert_eq!(answer.status, 422, "{operation}?{query}: {}", answer.body);
            answer.is_problem(422, "request.unknown_parameter");
        }
        request(format!("{path}?%ff=1")).answer().await.is_problem(400, "request.malformed");
        // However the path is written.
        let encoded = path.replace("contacts", "%63ontact%73").replace("events", "%65vent%73");
        let encoded = encoded.replace("operator", "o%70erator");
        let encoded = request(format!("{encoded}?x=1"));
        encoded.answer().await.is_problem(422, "request.unknown_parameter");
        if operation.method != "GET" && !operation.condition {
            for tag in ["\"1\"", "*", "x"] {
                let answer = request(path.clone()).header("if-match", tag).answer().await;
                assert_eq!(answer.status, 422, "{operation} with If-Match: {tag}");
                answer.is_problem(422, "request.unexpected_if_match");
            }
        }
        if operation.method != "GET" && operation.example.is_none() {
            for body in [r#"{"if_match":9}"#, "nonsense"] {
                let request = || request(path.clone()).body(body);
                for request in [request(), request().header("transfer-encoding", "chunked")] {
                    let answer = request.answer().await;
                    assert_eq!(answer.status, 422, "{operation} with a body");
                    answer.is_problem(422, "request.unexpected_body");
                }
            }
        }
        if operation.method != "GET" && !operation.key {
            let answer = request(path.clone()).header("idempotency-key", "1").answer().await;
            assert_eq!(answer.status, 422, "{operation} with Idempotency-Key");
            answer.is_problem(422, "request.unexpected_idempotency_key");
        }
        assert_eq!(service.store.appends(), before, "{operation}");
        let answer = operation.ask(request(format!("{path}?"))).await;
        assert!(answer.status.is_success(), "{operation} with an empty query: {}", answer.body);
    }
}

#[tokio::test]
async fn rubbish_is_never_a_fault_of_ours() {
    let service = Service::start().await;
    for operation in secured() {
        let all = operation.everything();
        let id = record(&service, &operation).await;
        if operation.of_record() {
            for id in ["x", "%00", "%ff", "..", "0", &"a".repeat(5000)] {
                let status = operation.answer(&service, id, &all).await.status;
                // The client goes up a folder by itself, and asks for something else.
                let elsewhere = id == ".." && status.is_success();
                assert!(status.is_client_error() || elsewhere, "{operation} of {id}: {status}");
            }
        }
        if operation.example.is_none() {
            continue;
        }
        for body in [
            &b""[..],
            b"{",
            b"[]",
            b"null",
            b"\xff",
            b"1e400",
            b"{\"\\u0000\":1}",
            b"{\"name\":{}}",
            b"\"x\"",
            b"{\"tags\":7}",
        ] {
            let request = service.bare(&operation.method, &operation.path(&id)).bearer_auth(&all);
            let answer = request.header("content-type", "application/json").body(body.to_vec()).answer().await;
            assert!(answer.status.is_client_error(), "{operation} with {}", String::from_utf8_lossy(body));
            assert_eq!(answer.header("content-type"), "application/problem+json");
        }
    }
}
