//! Every operation of the document is tried from the outside: nobody gets in without a token, a permission, or into
//! another organization, and no rubbish is a fault of ours. A new operation is tested here by being in the document.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::{
    document::{operations, resolve},
    due::{Due, due},
    house::somebody,
    service::{Answer, Ask, Service, organization, token},
    tokens::bad_tokens,
};

/// What everybody may ask.
const OPEN: &[&str] = &[
    "GET /.well-known/jwks.json",
    "GET /asyncapi.json",
    "GET /health/live",
    "GET /health/ready",
    "GET /health/serving",
    "GET /openapi.json",
    "GET /schemas/events/{file}",
    "GET /v1/oidc/providers",
    "POST /v1/email_verifications/confirm",
    "POST /v1/invitations/accept",
    "POST /v1/oidc/authorize",
    "POST /v1/oidc/sign_in",
    "POST /v1/organizations",
    "POST /v1/password_resets",
    "POST /v1/password_resets/confirm",
    "POST /v1/sessions",
    "POST /v1/sessions/refresh",
];

/// What passes on what one has: needs, besides its permission, whatever is passed on.
const PASSING_ON: &[&str] = &["/v1/memberships", "/v1/roles", "/v1/api_keys"];

pub(crate) struct Operation {
    pub(crate) template: String,
    pub(crate) method: String,
    /// The permission it demands.
    pub(crate) scope: Option<String>,
    pub(crate) example: Option<Value>,
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
        self.template.replace("{id}", id).replace("{name}", id).replace("{file}", "contact.created.v1.json")
    }

    pub(crate) fn of_record(&self) -> bool {
        self.template.contains('{')
    }

    /// Whether it stands above organizations.
    pub(crate) fn of_operators(&self) -> bool {
        self.template.starts_with("/v1/operator/")
    }

    /// Whether it is about those who ask, who must have signed in.
    pub(crate) fn of_person(&self) -> bool {
        self.scope.as_deref().is_some_and(|scope| scope.starts_with("profile:"))
    }

    /// Whether it shows or changes who may do what.
    fn passes_on(&self) -> bool {
        PASSING_ON.iter().any(|path| self.template.starts_with(path))
    }

    /// Whether it is a page of rows.
    fn has_rows(&self) -> bool {
        !["/export", "/agenda", "/board"].iter().any(|end| self.template.ends_with(end))
    }

    /// Of what names records of other kinds, which one has to be able to read: the refusal of who may not.
    fn blind(&self) -> Option<&'static str> {
        match (&*self.method, &*self.template) {
            ("POST", "/v1/deals/{id}/link") => Some("deal.unknown_contact"),
            ("POST", "/v1/contact_lists/{id}/members") => Some("contact_list.unknown_contacts"),
            ("POST", "/v1/contacts/{id}/link_company") => Some("contact.unknown_company"),
            ("POST", "/v1/activities") => Some("activity.unknown_record"),
            _ => None,
        }
    }

    /// The name of the collection below `/v1`.
    pub(crate) fn collection(&self) -> &str {
        self.template.split('/').nth(2).unwrap_or_default()
    }

    pub(crate) fn request(&self, service: &Service, id: &str) -> RequestBuilder {
        let request = service.bare(&self.method, &self.path(id));
        self.example.iter().fold(request, |request, body| request.json(body))
    }

    /// Asked with another token than is due, or for another record.
    async fn answer(&self, service: &Service, due: &Due, id: &str, token: &str) -> Answer {
        self.ask(due.request(service, self, &self.path(id)).bearer_auth(token)).await
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
        let security = operation["security"].as_array().unwrap();
        let scope = security.first().map(|demanded| {
            let scopes = demanded["bearer"].as_array().unwrap();
            assert_eq!((security.len(), scopes.len()), (1, 1), "{method} {template}");
            scopes[0].as_str().unwrap().to_owned()
        });
        let open = OPEN.contains(&&*format!("{method} {template}"));
        assert!(scope.is_some() != open, "{method} {template} demands no permission");
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

/// The body that the document gives as an example, of the operation of this name: `POST /v1/contacts`.
pub(crate) fn example(name: &str) -> Option<Value> {
    every().into_iter().find(|operation| operation.to_string() == name)?.example
}

/// The operations that demand a permission.
pub(crate) fn secured() -> Vec<Operation> {
    let secured: Vec<_> = every().into_iter().filter(|operation| operation.scope.is_some()).collect();
    assert!(secured.len() >= 8);
    secured
}

#[tokio::test]
async fn nobody_gets_in_without_a_token() {
    let service = Service::start().await;
    for operation in secured() {
        let due = due(&service, &operation).await;
        let before = service.store.appends();
        let answer = due.request(&service, &operation, &operation.path(&due.id)).answer().await;
        answer.is_problem(401, "access.unauthenticated");
        for (what, token, code) in bad_tokens() {
            let answer = operation.answer(&service, &due, &due.id, &token).await;
            assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (401, Some(code)), "{operation} {what}");
        }
        assert_eq!(service.store.appends(), before, "{operation}");
    }
}

#[tokio::test]
async fn the_documented_permission_is_the_one_that_opens() {
    let service = Service::start().await;
    for operation in secured() {
        let due = due(&service, &operation).await;
        let demanded = operation.scope.as_deref().unwrap();
        let (resource, action) = demanded.split_once(':').unwrap();
        let sibling = if action == "read" { "write" } else { "read" };
        let before = service.store.appends();
        let wildcards: &[&str] = if operation.of_operators() { &["*:*", "*:read *:write"] } else { &[] };
        let others = ["", "others:*", &format!("{resource}:{sibling}"), &format!("*:{sibling}"), resource, "*", action];
        for scope in others.iter().chain(wildcards) {
            let answer = operation.answer(&service, &due, &due.id, &token(1, scope)).await;
            assert_eq!(answer.status, 403, "{operation} with {scope:?}");
            answer.is_problem(403, "access.forbidden");
        }
        assert_eq!(service.store.appends(), before, "{operation}");
        let answer = operation.answer(&service, &due, &due.id, &token(1, demanded)).await;
        let code = answer.body["code"].as_str().unwrap_or_default();
        if operation.of_person() {
            answer.is_problem(403, "access.no_session");
        } else if operation.passes_on() {
            assert!(answer.status.is_success() || code == "access.beyond_own", "{operation}: {}", answer.body);
        } else if let Some(refusal) = operation.blind() {
            assert_eq!(code, refusal, "{operation}: {}", answer.body);
        } else {
            assert!(answer.status.is_success(), "{operation}: {}", answer.body);
            continue;
        }
        if !answer.status.is_success() {
            let answer = operation.answer(&service, &due, &due.id, &due.token).await;
            assert!(answer.status.is_success(), "{operation}: {}", answer.body);
        }
    }
}

/// Whether the record is there for who may do everything in organization 1, and its version.
async fn as_it_is(service: &Service, operation: &Operation, id: &str) -> (StatusCode, Value) {
    let collection =
        if ["events", "search"].contains(&operation.collection()) { "contacts" } else { operation.collection() };
    let shown = service.get(&format!("/v1/{collection}/{id}")).await;
    (shown.status, shown.body["version"].clone())
}

#[tokio::test]
async fn another_organization_sees_nothing() {
    let service = Service::start().await;
    for operation in secured() {
        let due = due(&service, &operation).await;
        let stranger = if operation.of_person() { somebody(&service).await.token } else { token(2, "*:*") };
        let before = as_it_is(&service, &operation, &due.id).await;
        let answer = operation.answer(&service, &due, &due.id, &stranger).await;
        if operation.of_operators() {
            answer.is_problem(403, "access.forbidden");
            continue;
        } else if operation.of_record() {
            assert_eq!(answer.status, 404, "{operation}: {}", answer.body);
            let unknown = operation.answer(&service, &due, "019ca000-0000-7000-8000-00000000ffff", &stranger).await;
            assert_eq!(answer.body["code"], unknown.body["code"], "{operation} tells whether there is one");
        } else if operation.of_person() {
            continue;
        } else if operation.stream {
            assert_eq!(answer.status, 200, "{operation}");
        } else if operation.method == "GET" {
            assert!(!answer.body.to_string().contains(&due.id), "{operation}: {}", answer.body);
            let of_own = |row: &Value| row["tenantid"] == json!(organization(2));
            let rows = answer.body["data"].as_array();
            assert!(!operation.has_rows() || rows.is_some(), "{operation}: {}", answer.body);
            let all_own = rows.is_some_and(|rows| rows.iter().all(of_own));
            assert!(operation.template != "/v1/events" || all_own, "{operation}: {}", answer.body);
        }
        assert_eq!(as_it_is(&service, &operation, &due.id).await, before, "{operation} changes what is another's");
    }
}

#[tokio::test]
async fn nothing_that_is_sent_is_passed_over() {
    let service = Service::start().await;
    for operation in every() {
        let due = match operation.template.starts_with("/v1/") {
            true => due(&service, &operation).await,
            false => Due { id: String::new(), token: token(1, "*:*"), body: None },
        };
        let before = service.store.appends();
        let request = |path: String| due.request(&service, &operation, &path).bearer_auth(&due.token);
        let path = operation.path(&due.id);
        let parameter = operation.query.iter().map(|name| format!("{name}s=1"));
        for query in parameter.chain(["nonsense=1".into(), "x".into(), "=".into(), "x=1&x=2".into()]) {
            let answer = operation.ask(request(format!("{path}?{query}"))).await;
            assert_eq!(answer.status, 422, "{operation}?{query}: {}", answer.body);
            answer.is_problem(422, "request.unknown_parameter");
        }
        request(format!("{path}?%ff=1")).answer().await.is_problem(400, "request.malformed");
        // However the path is written.
        let encoded = match path.strip_prefix("/v1/").and_then(|rest| rest.split_at_checked(1)) {
            Some((first, rest)) => format!("/v1/%{:x}{rest}", first.as_bytes()[0]),
            None => path.clone(),
        };
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
        // Whoever follows a link needs one.
        let by_link = ["ticket.invalid", "request.invalid"].map(|code| json!(code)).contains(&answer.body["code"]);
        let as_expected = answer.status.is_success() || (operation.scope.is_none() && by_link);
        assert!(as_expected, "{operation} with an empty query: {}", answer.body);
    }
}

#[tokio::test]
async fn rubbish_is_never_a_fault_of_ours() {
    let service = Service::start().await;
    for operation in every().into_iter().filter(|operation| operation.template.starts_with("/v1/")) {
        let due = due(&service, &operation).await;
        if operation.of_record() {
            for id in ["x", "%00", "%ff", "..", "0", &"a".repeat(5000)] {
                let status = operation.answer(&service, &due, id, &due.token).await.status;
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
            b"{\"password\":[]}",
        ] {
            let request = service.bare(&operation.method, &operation.path(&due.id)).bearer_auth(&due.token);
            let answer = request.header("content-type", "application/json").body(body.to_vec()).answer().await;
            assert!(answer.status.is_client_error(), "{operation} with {}", String::from_utf8_lossy(body));
            assert_eq!(answer.header("content-type"), "application/problem+json");
        }
    }
}
