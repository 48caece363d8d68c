//! Every operation of the running program's own `OpenAPI` document, tried by those who may not.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::process::{Installation, answered};

/// A body that the operation would take: its schema's example.
fn body(document: &Value, operation: &Value) -> Option<Value> {
    let content = operation.pointer("/requestBody/content")?.as_object()?;
    let reference = content.values().next()?.pointer("/schema/$ref")?.as_str()?;
    let schema = document.pointer(reference.strip_prefix('#')?)?;
    let example = schema.get("example").or_else(|| schema.pointer("/examples/0"));
    Some(example.unwrap_or_else(|| panic!("{reference} has no example")).clone())
}

#[tokio::test]
async fn every_operation_refuses_strangers() {
    let mut installation = Installation::new().await;
    installation.settings.insert("FAIRLEAD_OPEN_REGISTRATION", "true".to_owned());
    let _process = installation.start("dev");
    installation.ready().await;
    let http = &installation.http;
    let owner = installation.token("*:*");
    let wrong_scope = installation.token("parcels:* contacts:nothing");
    let stranger = ["token", "--organization", &Uuid::from_u128(7).to_string(), "--subject", "stranger"];
    let stranger = installation.stdout(&stranger).trim().to_owned();
    let create = http.post(installation.url("/v1/contacts")).bearer_auth(&owner).json(&json!({ "name": "Ana" }));
    let (_, created) = answered(create).await;
    let id = created["id"].as_str().unwrap();
    let record = installation.url(&format!("/v1/contacts/{id}"));
    let (_, before) = answered(http.get(&record).bearer_auth(&owner)).await;

    let (_, document) = answered(http.get(installation.url("/openapi.json"))).await;
    let mut tried = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let name = format!("{method} {path}");
            // What is open to everybody is listed, and tried, by the tests of the HTTP crate.
            if operation["security"] == json!([]) {
                continue;
            }
            tried += 1;
            // Found by who may read it.
            let query = if path == "/v1/search" { "?q=ana" } else { "" };
            let url = format!("{}{query}", path.replace("{id}", id).replace("{name}", "crm.contacts"));
            let url = installation.url(&url);
            assert!(!url.contains('{'), "{path}: this test must learn what to put there");
            let request = |token: Option<&str>| {
                let mut request = http.request(method.to_uppercase().parse().unwrap(), &url);
                if let Some(token) = token {
                    request = request.bearer_auth(token);
                }
                match body(&document, operation) {
                    Some(body) => request.json(&body),
                    None => request,
                }
            };
            assert_eq!(answered(request(None)).await.0, 401, "{name}: no token");
            let (status, problem) = answered(request(Some(&wrong_scope))).await;
            assert_eq!((status, &problem["code"]), (403, &json!("access.forbidden")), "{name}: wrong scope");
            if path.starts_with("/v1/operator/") {
                // Above organizations: who may do everything in one may do nothing here.
                for token in [&owner, &stranger] {
                    let (status, problem) = answered(request(Some(token))).await;
                    assert_eq!((status, &problem["code"]), (403, &json!("access.forbidden")), "{name}: no operator");
                }
                continue;
            }
            if path.ends_with("/stream") {
                // Goes on, and tells of what happens alone.
                assert_eq!(request(Some(&stranger)).send().await.unwrap().status(), 200, "{name}");
                continue;
            }
            let (status, answer) = answered(request(Some(&stranger))).await;
            let code = answer["code"].as_str().unwrap_or_default();
            let of_person =
                operation["security"][0]["bearer"][0].as_str().is_some_and(|scope| scope.starts_with("profile:"));
            if of_person {
                assert_eq!((status, code), (403, "access.no_session"), "{name}: nobody who signed in");
            } else if path.contains("{id}") {
                assert!(status == 404 && code.ends_with(".not_found"), "{name}: another organization: {answer}");
            } else if method == "post" && matches!(path.as_str(), "/v1/deals" | "/v1/deals/batch") {
                assert_eq!((status, code), (422, "deal.unknown_pipeline"), "{name}: none of its own: {answer}");
            } else if method == "post" && path == "/v1/activities" {
                assert_eq!((status, code), (422, "activity.unknown_record"), "{name}: none of its own: {answer}");
            } else if path.ends_with("/board") {
                assert_eq!((status, code), (422, "request.invalid"), "{name}: of no pipeline: {answer}");
            } else if method == "get" || path.ends_with("/search") {
                assert!(status == 200 && !answer.to_string().contains(id), "{name}: another organization: {answer}");
            } else {
                let made = if path.ends_with("/batch") { 200 } else { 201 };
                assert_eq!(status, made, "{name}: in an organization of its own: {answer}");
            }
        }
    }
    assert!(tried >= 60, "found {tried} operations only");
    assert_eq!(answered(http.get(&record).bearer_auth(&owner)).await.1, before, "nothing changed");
}
