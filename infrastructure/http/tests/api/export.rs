//! Data that is taken out: everything, nothing of others, and no secret.

use serde_json::{Value, json};

use crate::{
    house::{PASSWORD, somebody},
    service::{Ask, Service, token},
};

/// The lines of an organization's export.
async fn lines(service: &Service, path: &str, token: &str) -> Vec<Value> {
    let answer = service.bare("GET", path).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let text = answer.text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

#[tokio::test]
async fn an_organization_takes_everything_out_also_when_it_is_closed() {
    let service = Service::start().await;
    let (ana, other) = (somebody(&service).await, somebody(&service).await);
    other.ask(&service, "POST", "/v1/contacts", json!({ "name": "Of others" })).await;
    // More than are read at once.
    let operations: Vec<_> =
        (0..200).map(|n| json!({ "op": "create", "data": { "name": format!("Bo {n}") } })).collect();
    for _ in 0..2 {
        let made = ana.ask(&service, "POST", "/v1/contacts/batch", json!({ "operations": operations })).await;
        assert_eq!(made.status, 200, "{}", made.body);
    }
    let key = json!({ "name": "Shop", "permissions": ["contacts:read"] });
    let key = ana.ask(&service, "POST", "/v1/api_keys", key).await.body;
    let made = ana.ask(&service, "POST", "/v1/contacts", json!({ "name": "Cleo" })).await;
    ana.ask(&service, "DELETE", made.header("location"), Value::Null).await;

    let path = format!("/v1/organizations/{}/export", ana.organization);
    let all = lines(&service, &path, &ana.token).await;
    let (records, events) = (of_kind(&all, "record"), of_kind(&all, "event"));
    // The organization, its project, the membership, the key and the contacts.
    assert_eq!((records.len(), events.len()), (405, 406));
    assert_eq!((all[0]["kind"].as_str(), &all[0]["organization"]), (Some("export"), &json!(ana.organization)));
    let counted = json!({ "kind": "end", "records": 405, "events": 406 });
    assert_eq!(all.last(), Some(&counted));
    let record = |aggregate: &str| records.iter().find(|line| line["aggregate"] == aggregate).copied().unwrap();
    assert_eq!(record("membership")["person"], json!({ "name": "Ana Lima", "email": ana.email }));
    assert_eq!(record("organization")["state"]["name"], "Lima & Co");
    assert!(records.iter().any(|line| line["deleted"] == json!(true) && line["state"]["name"] == "Cleo"));
    assert!(events.iter().all(|line| line["event"]["tenantid"] == json!(ana.organization)));
    let text = json!(all).to_string();
    let secret = key["key"].as_str().unwrap_or_else(|| panic!("{key}"));
    for hidden in [secret, "argon2", PASSWORD, "Of others", &other.email] {
        assert!(!text.contains(hidden), "{hidden}");
    }

    let close = format!("/v1/organizations/{}/close", ana.organization);
    assert_eq!(ana.ask(&service, "POST", &close, Value::Null).await.status, 200);
    assert_eq!(ana.ask(&service, "GET", "/v1/contacts", Value::Null).await.status, 403);
    let closed = lines(&service, &path, &ana.token).await;
    assert_eq!(of_kind(&closed, "event").len(), 407);
    other.ask(&service, "GET", &path, Value::Null).await.is_problem(404, "organization.not_found");
    let read = token(1, "organizations:read");
    service.bare("GET", &path).bearer_auth(read).answer().await.is_problem(403, "access.forbidden");
}

#[tokio::test]
async fn one_takes_out_what_is_known_about_oneself() {
    let service = Service::start().await;
    let (ana, other) = (somebody(&service).await, somebody(&service).await);
    let sign_in = json!({ "email": ana.email, "password": PASSWORD });
    let second = service.bare("POST", "/v1/sessions").header("user-agent", "Quixbrowser").json(&sign_in).answer().await;
    let session = second.body["session_id"].as_str().unwrap();
    assert_eq!(ana.ask(&service, "DELETE", &format!("/v1/sessions/{session}"), Value::Null).await.status, 204);
    let own = ana.ask(&service, "GET", "/v1/me/export", Value::Null).await;
    assert_eq!(own.status, 200, "{}", own.body);
    assert_eq!(own.body["profile"]["state"]["email"], json!(ana.email));
    assert_eq!(own.body["sessions"].as_array().map(Vec::len), Some(2), "those that ended are among them");
    assert_eq!(own.body["memberships"][0]["organization"], json!({ "id": ana.organization, "name": "Lima & Co" }));
    let events: Vec<_> =
        own.body["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    for name in ["user.registered", "session.started", "session.ended", "membership.joined"] {
        assert!(events.contains(&name), "{name}: {events:?}");
    }
    let text = own.body.to_string();
    assert!(text.contains("Quixbrowser"), "from where one acted, also when it is over");
    for hidden in ["argon2", &other.email, PASSWORD] {
        assert!(!text.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn a_contact_is_taken_out_with_its_story() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    service.patch(&path, json!({ "name": "Ana Maria" })).await;
    let export = format!("{path}/export");
    let taken = service.get(&export).await.body;
    assert_eq!(taken["contact"]["state"]["name"], "Ana Maria");
    let types = |list: &str| -> Vec<String> {
        taken[list].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(types("events"), ["contact.created", "contact.renamed"]);
    assert_eq!(types("timeline"), ["contact.renamed", "contact.created"]);
    service.request("POST", &format!("{path}/erase")).answer().await;
    let erased = service.get(&export).await.body;
    assert!(!erased.to_string().contains("Ana") && erased["contact"]["state"]["erased"] == json!(true), "{erased}");
}
