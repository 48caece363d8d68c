//! What each operation of the document needs to succeed.

use fairlead_application::administration::{StreamKey, SubscriptionAdministration};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    abroad::{departed, linked},
    desk::KNOWN,
    everything::Operation,
    house::{code, leaving, record, registered, somebody},
    service::{Ask, Service, token},
};

/// What an operation needs to succeed: a record, who may ask, and what is sent.
pub(crate) struct Due {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) body: Option<Value>,
}

impl Due {
    pub(crate) fn request(&self, service: &Service, operation: &Operation, path: &str) -> RequestBuilder {
        // A board is that of a pipeline.
        let path = match path.trim_end_matches('?') {
            // And a search is for something.
            "/v1/search" => "/v1/search?q=ana".to_owned(),
            bare if bare.ends_with("/board") => format!("{bare}?pipeline_id={}", self.id),
            _ => path.to_owned(),
        };
        let request = service.bare(&operation.method, &path);
        self.body.iter().fold(request, |request, body| request.json(body))
    }
}

/// Prepares an operation: those of before may have deleted what they got.
pub(crate) async fn due(service: &Service, operation: &Operation) -> Due {
    let body = operation.example.clone();
    let holding = |id: String, scope: &str| Due { id, token: token(1, scope), body: body.clone() };
    if operation.of_person() || operation.scope.is_none() {
        return of_somebody(service, operation).await;
    }
    if operation.template.starts_with("/v1/operator/organizations") {
        return holding(registered(service, 1).await, "operator:*");
    }
    if operation.template.starts_with("/v1/operator/users") {
        return holding(somebody(service).await.user, "operator:*");
    }
    if operation.of_operators() {
        // A rebuild to look at, and an event to discard.
        service.desk.rebuild(KNOWN).await.unwrap();
        let id = |name: &str| operation.example.as_ref().and_then(|body| body[name].as_str()?.parse::<Uuid>().ok());
        if let (Some(tenant), Some(stream), Some(event)) = (id("organization_id"), id("stream_id"), id("event_id")) {
            service.desk.wait_for(StreamKey { tenant, stream }, event);
        }
        return holding(KNOWN.to_owned(), "operator:*");
    }
    let collection = match operation.collection() {
        "events" | "audit" | "search" => "contacts",
        "deals" if operation.template.ends_with("/board") => "pipelines",
        collection => collection,
    };
    let id = record(service, collection).await;
    let mut due = holding(id.unwrap_or_else(|| panic!("{operation}: tell this test how to make one")), "*:*");
    match (&*operation.method, &*operation.template) {
        // A project that was archived is restored, a role deleted first.
        ("POST", "/v1/roles/{id}/restore") => {
            let path = format!("/v1/roles/{}", due.id);
            service.request("DELETE", &path).answer().await;
        }
        ("POST", "/v1/organizations/{id}/reopen") => {
            service.request("POST", &format!("/v1/organizations/{}/close", due.id)).answer().await;
        }
        ("POST", "/v1/companies/{id}/merge" | "/v1/contacts/{id}/merge") => {
            let loser = record(service, collection).await;
            due.body = Some(json!({ "loser_id": loser }));
        }
        // Names may have to be unique.
        _ => {
            of_business(service, operation, &mut due).await;
            if let Some(body) = due.body.as_mut().filter(|body| body["name"].is_string()) {
                body["name"] = json!(format!("Another than {}", due.id));
            }
        }
    }
    due
}

/// What operations on pipelines and deals name has to be there.
async fn of_business(service: &Service, operation: &Operation, due: &mut Due) {
    let Some(body) = due.body.as_mut() else { return };
    let (id, template) = (&due.id, &*operation.template);
    let stages = async |pipeline: &Value| {
        let shown = service.get(&format!("/v1/pipelines/{}", pipeline.as_str().unwrap())).await.body;
        ["0", "1"].map(|n| shown.pointer(&format!("/stages/{n}/id")).unwrap().clone())
    };
    match template {
        "/v1/deals" => body["pipeline_id"] = json!(record(service, "pipelines").await),
        "/v1/deals/batch" => {
            let pipeline = record(service, "pipelines").await;
            for operation in body["operations"].as_array_mut().unwrap() {
                operation["data"]["pipeline_id"] = json!(pipeline);
            }
        }
        "/v1/activities/batch" => {
            let company = record(service, "companies").await;
            body["operations"][0]["id"] = json!(id);
            body["operations"][1]["data"]["about"][0]["id"] = json!(company);
        }
        "/v1/deals/{id}/move" => {
            let deal = service.get(&format!("/v1/deals/{id}")).await.body;
            body["stage_id"] = stages(&deal["pipeline_id"]).await[1].clone();
        }
        "/v1/deals/{id}/lose" => body["reason"] = json!("no budget"),
        "/v1/deals/{id}/link" => {
            body["contact_ids"] = json!([record(service, "contacts").await]);
            body["company_ids"] = json!([record(service, "companies").await]);
        }
        "/v1/contact_lists/{id}/members" => body["contact_ids"] = json!([record(service, "contacts").await]),
        "/v1/activities" => body["about"][0]["id"] = json!(record(service, "companies").await),
        "/v1/contacts/{id}/link_company" => body["company_id"] = json!(record(service, "companies").await),
        "/v1/pipelines/{id}/stages/reorder" => {
            let [first, second] = stages(&json!(id)).await;
            body["stage_ids"] = json!([second, first]);
        }
        "/v1/pipelines/{id}/stages/retire" => {
            let [first, second] = stages(&json!(id)).await;
            (body["stage_id"], body["move_deals_to"]) = (first, second);
        }
        "/v1/custom_fields" => body["key"] = json!("another"),
        "/v1/custom_fields/{id}/options" if operation.method == "PATCH" => body["key"] = json!("gold"),
        "/v1/pipelines/{id}/stages" if operation.method == "PATCH" => {
            body["stage_id"] = stages(&json!(id)).await[0].clone();
        }
        _ => {}
    }
}

/// Somebody who signed in, and what they send.
async fn of_somebody(service: &Service, operation: &Operation) -> Due {
    let ana = somebody(service).await;
    let mut body = operation.example.clone();
    let mut say = |name: &str, value: &str| {
        if let Some(body) = &mut body {
            body[name] = json!(value);
        }
    };
    let mut id = String::new();
    match &*operation.template {
        "/v1/sessions/{id}" => {
            let sessions = ana.ask(service, "GET", "/v1/sessions", Value::Null).await;
            id = sessions.body["data"][0]["id"].as_str().unwrap().to_owned();
        }
        "/v1/sessions" | "/v1/password_resets" => say("email", &ana.email),
        "/v1/sessions/refresh" => say("refresh_token", &ana.refresh_token),
        "/v1/sessions/switch" => say("organization_id", &ana.organization),
        "/v1/me/totp/enable" => {
            let secret = ana.begun_totp(service).await;
            say("code", &code(service, &secret));
        }
        "/v1/me/totp/disable" | "/v1/me/recovery_codes" => drop(ana.with_totp(service).await),
        "/v1/me/organizations/{id}" => {
            id.clone_from(&ana.organization);
            leaving(service, &ana).await;
        }
        "/v1/oidc/sign_in" => {
            linked(service, &ana, &ana.user).await;
            let left = departed(service, None).await;
            for name in ["visit", "state"] {
                say(name, left[name].as_str().unwrap());
            }
            say("code", &ana.user);
        }
        "/v1/me/providers" => {
            let left = departed(service, Some(&ana)).await;
            for name in ["visit", "state"] {
                say(name, left[name].as_str().unwrap());
            }
            say("code", &ana.user);
        }
        "/v1/me/erase" => drop(leaving(service, &ana).await),
        _ => {}
    }
    Due { id, token: ana.token, body }
}
