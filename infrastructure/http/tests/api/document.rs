//! The `OpenAPI` document and its page.

use std::collections::{BTreeMap, BTreeSet};

use fairlead_http::openapi;
use serde_json::{Value, json};

use crate::{
    house::record,
    service::{Ask, Service},
};

fn document() -> Value {
    serde_json::to_value(openapi()).unwrap()
}

/// Path, method and operation of every operation.
pub(crate) fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap();
        item.iter().map(|(method, operation)| (path.clone(), method.to_uppercase(), operation.clone()))
    });
    operations.collect()
}

#[test]
fn the_document_is_the_same_each_time() {
    let text = openapi().to_pretty_json().unwrap();
    assert!((0..5).all(|_| openapi().to_pretty_json().unwrap() == text));
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["info"]["license"]["name"], "Apache-2.0");
    assert_eq!(document["servers"][0]["url"], "/");
}

#[test]
fn every_operation_is_described() {
    let document = document();
    let operations = operations(&document);
    assert!(operations.len() >= 11, "{}", operations.len());
    let mut ids = BTreeSet::new();
    for (path, method, operation) in &operations {
        let place = format!("{method} {path}");
        assert!(operation["summary"].as_str().is_some_and(|text| text.len() > 5), "{place}");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{place}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{place}");
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        for parameter in &parameters {
            assert!(parameter["description"].as_str().is_some_and(|text| text.len() > 5), "{place}: {parameter}");
            assert!(parameter["schema"].is_object(), "{place}: {parameter}");
        }
        let has = |name: &str| parameters.iter().any(|parameter| parameter["name"] == name);
        let secured = operation["security"] != json!([]);
        let search = path.ends_with("/search");
        let command = method != "GET" && !search;
        let operator = path.starts_with("/v1/operator/");
        assert_eq!(operator, operation["tags"][0] == "operator", "{place}");
        let own = path == "/v1/me";
        let schema = ["200", "201"].map(|status| {
            operation["responses"][status]["content"]["application/json"]["schema"]["$ref"].as_str().unwrap_or_default()
        });
        let receipt = schema.iter().any(|name| name.ends_with("/Receipt") || name.ends_with("/BatchAnswer"));
        assert_eq!(has("id"), path.contains("{id}"), "{place}");
        assert_eq!(has("name"), path.contains("{name}"), "{place}");
        assert_eq!(has("Idempotency-Key"), receipt && !operator && !own, "{place}");
        // Where nothing has a version that one could have seen.
        let condition =
            command && !operator && (own || path.contains("{id}") && operation["responses"]["204"].is_null());
        // What is made below a record changes nothing of it.
        let condition = condition && !(method == "POST" && path.ends_with("/comments"));
        assert_eq!(has("If-Match"), condition, "{place}");
        assert_eq!(has("X-Request-Id"), secured || command, "{place}");
        let read = secured && !command && !search;
        let log = read && path.ends_with("/events");
        let stream = operation["responses"]["200"]["content"]["text/event-stream"].is_object();
        let shown = read && (own || path.ends_with("{id}"));
        // Of some records there are so few that all are listed, or that they are never behind.
        let whole = path == "/v1/roles/built_in"
            || path == "/v1/me/organizations"
            || path.ends_with("/export")
            || path.ends_with("/board");
        let register = read
            && ["projects", "memberships", "roles", "api_keys", "sessions", "custom_fields"]
                .iter()
                .any(|name| path == &format!("/v1/{name}"));
        let audit = read && path.starts_with("/v1/audit");
        let agenda = read && path.ends_with("/agenda");
        let comments = read && path.ends_with("/comments");
        let list = read
            && !agenda
            && !shown
            && !path.contains("{id}")
            && !log
            && !stream
            && !operator
            && !whole
            && !register
            && !audit;
        let paged = operator && (path.ends_with("/parked") || path.ends_with("/streams"));
        let timeline = read && path.ends_with("/timeline");
        for name in ["sort", "filter"] {
            assert_eq!(has(name), list, "{place} {name}");
        }
        let found = path == "/v1/search";
        let pages = list || comments || register || timeline || paged || path == "/v1/audit";
        assert_eq!(has("cursor"), pages, "{place}");
        assert_eq!(has("limit"), pages || log || agenda || found, "{place}");
        assert_eq!(has("after"), log, "{place}");
        assert_eq!(has("Last-Event-ID"), stream, "{place}");
        let board = path.ends_with("/board");
        let follows = path.ends_with("/duplicates")
            || board
            || timeline
            || agenda
            || comments
            || list
            || search
            || audit
            || read && path == "/v1/events";
        assert_eq!(has("Fairlead-Consistency"), follows, "{place}");
        assert_eq!(has("If-None-Match"), shown, "{place}");
        assert!(!has("deleted") || timeline || shown, "{place}");
        if let Some(body) = operation.get("requestBody") {
            for (_, content) in body["content"].as_object().unwrap() {
                assert!(resolve(&document, &content["schema"])["example"].is_object(), "{place} has no example");
            }
        }
        let responses = operation["responses"].as_object().unwrap();
        for status in ["400", "401", "403", "422", "429", "500", "503"] {
            assert!(!(secured || command) || responses.contains_key(status), "{place} {status}");
        }
        for (status, response) in responses {
            let response = resolve(&document, response);
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{place} {status}");
            assert!(response["headers"]["X-Request-Id"].is_object(), "{place} {status}");
        }
    }
}

#[test]
fn a_condition_has_the_form_that_can_hold() {
    let document = document();
    let operations = operations(&document);
    let parameters = operations.iter().flat_map(|(.., operation)| operation["parameters"].as_array()).flatten();
    let conditions: Vec<_> = parameters.filter(|parameter| parameter["name"] == "If-Match").collect();
    assert!(conditions.len() >= 5);
    for condition in conditions {
        assert_eq!(condition["schema"]["pattern"], r#"^("[1-9][0-9]*"|\*)$"#);
        assert_eq!(condition["schema"]["examples"], json!(["\"3\""]));
        assert!(condition["description"].as_str().unwrap().contains("`*`"));
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(document: &Value, value: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
                }
                members.values().for_each(|value| walk(document, value));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(document, value)),
            _ => {}
        }
    }
    let document = document();
    walk(&document, &document);
    let rows = &document["components"]["schemas"]["Page_Contact"]["properties"]["data"]["items"];
    assert_eq!(rows, &json!({ "$ref": "#/components/schemas/Contact" }));
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["bearerFormat"], "JWT");
}

/// Everything in the document that is, or may be, a schema, with its place.
fn within<'d>(place: &str, value: &'d Value, found: &mut Vec<(String, &'d Value)>) {
    found.push((place.to_owned(), value));
    let members: Vec<(String, &Value)> = match value {
        // What is given as an example is none.
        Value::Object(members) => {
            let members = members.iter().filter(|(name, _)| !["example", "examples"].contains(&name.as_str()));
            members.map(|(name, value)| (name.clone(), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    members.into_iter().for_each(|(name, value)| within(&format!("{place}/{name}"), value, found));
}

#[test]
fn schemas_say_what_generated_clients_need() {
    let document = document();
    let mut all = Vec::new();
    within("", &document, &mut all);
    for (place, schema) in all {
        // A property that has one counts as always there.
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property.get("default").is_none(), "{place}: {name} has a default");
        }
        // Of an object without properties nothing can be read, unless it may hold anything.
        let says = ["properties", "additionalProperties"].iter().any(|name| schema.get(name).is_some());
        assert!(schema["type"] != "object" || says, "{place} is empty");
        assert!(schema["enum"].as_array().is_none_or(|values| !values.is_empty()), "{place} has no value");
    }
}

#[test]
fn what_is_sent_holds_nothing_that_is_not_named() {
    fn reach<'d>(document: &'d Value, schema: &'d Value, seen: &mut BTreeMap<String, &'d Value>) {
        let mut all = Vec::new();
        within("", schema, &mut all);
        for (_, part) in all {
            if let Some(reference) = part["$ref"].as_str()
                && seen.insert(reference.to_owned(), resolve(document, part)).is_none()
            {
                reach(document, resolve(document, part), seen);
            }
        }
    }
    let document = document();
    let mut sent = BTreeMap::new();
    for (.., operation) in operations(&document) {
        // All are among the components.
        for reference in operation["requestBody"]["content"].as_object().into_iter().flatten() {
            let name = reference.1["schema"]["$ref"].as_str().unwrap();
            sent.insert(name.to_owned(), &document["components"]["schemas"][name.rsplit('/').next().unwrap()]);
        }
    }
    for schema in sent.clone().into_values() {
        reach(&document, schema, &mut sent);
    }
    let mut forms = 0;
    for (name, schema) in &sent {
        let mut all = Vec::new();
        within(name, schema, &mut all);
        for (place, form) in all.into_iter().filter(|(_, form)| form["properties"].is_object()) {
            assert_eq!(form["additionalProperties"], json!(false), "{place}");
            forms += 1;
        }
    }
    assert!(forms > 20, "{forms}");
}

#[tokio::test]
async fn events_have_the_attributes_that_are_described() {
    let (service, document) = (Service::start().await, document());
    let id = record(&service, "contacts").await.unwrap();
    let described = &document["components"]["schemas"]["Event"];
    for path in ["/v1/events".to_owned(), format!("/v1/contacts/{id}/events")] {
        let page = service.get(&path).await;
        let event = page.body["data"][0].as_object().unwrap();
        for name in event.keys() {
            assert!(described["properties"][name].is_object(), "{path}: {name}");
        }
        for name in described["required"].as_array().unwrap() {
            assert!(event.contains_key(name.as_str().unwrap()), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn the_document_and_its_page_are_served_without_the_network() {
    let service = Service::start().await;
    let served = service.bare("GET", "/openapi.json").answer().await;
    assert_eq!((served.status.as_u16(), served.header("content-type")), (200, "application/json"));
    assert_eq!(served.body, document());
    let redirected = service.bare("GET", "/docs").answer().await;
    assert!(redirected.status.is_redirection());
    assert_eq!(redirected.header("location"), "/docs/");
    let page = service.bare("GET", "/docs/").answer().await;
    let html = page.body.as_str().unwrap();
    assert!(page.header("content-type").starts_with("text/html") && !html.contains("http"), "{html}");
    assert!(!html.contains("<style") && html.matches("<script").count() == html.matches("<script src=").count());
    for file in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        assert_eq!(service.bare("GET", &format!("/docs/{file}")).answer().await.status, 200, "{file}");
    }
    let initializer = service.bare("GET", "/docs/swagger-initializer.js").answer().await;
    assert!(initializer.body.as_str().unwrap().contains("/openapi.json"));
    assert_ne!(initializer.body, json!(""));
}

/// Follows a reference.
pub(crate) fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    value["$ref"].as_str().and_then(|reference| document.pointer(&reference[1..])).unwrap_or(value)
}
