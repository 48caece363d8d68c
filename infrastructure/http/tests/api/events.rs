//! History: the log of an organization, and a record's.

use serde_json::{Value, json};

use crate::service::{Answer, Ask, Service, organization, token};

fn types(answer: &Answer) -> Vec<&str> {
    answer.body["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// Organization 1 has a contact of three events; between them organization 2 makes one.
async fn lived(service: &Service) -> String {
    let path = service.contact("Ana").await;
    let stranger = service.bare("POST", "/v1/contacts").bearer_auth(token(2, "*:*"));
    assert_eq!(stranger.json(&json!({ "name": "Bo" })).answer().await.status, 201);
    service.patch(&path, json!({ "name": "Ana Lima" })).await;
    service.request("DELETE", &path).answer().await;
    path
}

#[tokio::test]
async fn an_organization_reads_its_own_log_page_by_page() {
    let service = Service::start().await;
    let path = lived(&service).await;
    let all = service.get("/v1/events").await;
    assert_eq!(types(&all), ["contact.created", "contact.renamed", "contact.deleted"]);
    assert_eq!((&all.body["has_more"], &all.body["next_after"]), (&json!(false), &json!(4)));
    let first = &all.body["data"][0];
    let id = path.rsplit('/').next().unwrap();
    assert_eq!((&first["subject"], &first["tenantid"]), (&json!(id), &json!(organization(1))));
    assert_eq!((&first["specversion"], &first["data"]), (&json!("1.0"), &json!({ "name": "Ana" })));
    assert_eq!((&first["sequence"], &first["incarnation"]), (&json!("1"), &json!(1)));

    let (mut found, mut after, mut pages) = (Vec::new(), json!(0), 0);
    loop {
        let page = service.get(&format!("/v1/events?limit=1&after={after}")).await;
        found.extend(page.body["data"].as_array().unwrap().iter().map(|event| event["type"].clone()));
        after = page.body["next_after"].clone();
        pages += 1;
        if page.body["has_more"] == json!(false) {
            break;
        }
        assert!(pages < 10);
    }
    assert_eq!(found, ["contact.created", "contact.renamed", "contact.deleted"]);
    let later = service.get(&format!("/v1/events?after={after}")).await;
    assert_eq!((&later.body["data"], &later.body["next_after"]), (&json!([]), &after));
}

#[tokio::test]
async fn events_are_found_by_type_and_by_kind_of_record() {
    let service = Service::start().await;
    lived(&service).await;
    assert_eq!(types(&service.get("/v1/events?type=contact.renamed").await), ["contact.renamed"]);
    assert_eq!(types(&service.get("/v1/events?aggregate=contact").await).len(), 3);
    assert_eq!(types(&service.get("/v1/events?aggregate=contact&type=contact.never").await), [""; 0]);
    for pattern in
        ["contact.*", "contact.%23", "contact.", "contact.Created", "contact.re%20named", "crm.contact.renamed"]
    {
        let answer = service.get(&format!("/v1/events?type={pattern}")).await;
        assert_eq!(answer.is_problem(422, "request.invalid").faults(), [("type", "event_type.unknown")], "{pattern}");
    }
    let wrong = service.get("/v1/events?aggregate=parcel&type=parcel.sent&after=-1&limit=0").await;
    let faults = [
        ("after", "after.invalid"),
        ("aggregate", "aggregate.unknown"),
        ("limit", "limit.invalid"),
        ("type", "event_type.unknown"),
    ];
    assert_eq!(wrong.is_problem(422, "request.invalid").faults(), faults);
    for after in ["", "x", "1.5", "+1", " 1", "9223372036854775808", "1e3", "\u{663}"] {
        let answer = service.get(&format!("/v1/events?after={after}")).await;
        assert_eq!(answer.status, 422, "{after}");
    }
    assert_eq!(service.get("/v1/events?after=9223372036854775807").await.body["data"], json!([]));
}

#[tokio::test]
async fn events_show_what_the_token_may_read_besides() {
    let service = Service::start().await;
    let path = lived(&service).await;
    let seen = |scope: &'static str| service.bare("GET", "/v1/events").bearer_auth(token(1, scope)).answer();
    for scope in ["events:read", "events:read contacts:write", "events:read deals:read", "events:* contacts:write"] {
        assert_eq!(seen(scope).await.body["data"], json!([]), "{scope}");
    }
    for scope in ["events:read contacts:read", "*:read", "events:* contacts:*"] {
        assert_eq!(seen(scope).await.body["data"].as_array().unwrap().len(), 3, "{scope}");
    }
    seen("contacts:read").await.is_problem(403, "access.forbidden");
    let record = service.bare("GET", &format!("{path}/events")).bearer_auth(token(1, "events:read")).answer().await;
    record.is_problem(403, "access.forbidden");
}

#[tokio::test]
async fn a_record_tells_its_own_story_even_when_it_is_deleted() {
    let service = Service::start().await;
    let path = lived(&service).await;
    let all = service.get(&format!("{path}/events")).await;
    assert_eq!(types(&all), ["contact.created", "contact.renamed", "contact.deleted"]);
    assert_eq!((&all.body["has_more"], &all.body["next_after"]), (&json!(false), &json!(3)));
    assert_eq!(all.body["data"][1]["streamversion"], json!(2));
    assert_eq!(all.body["data"][1].get("sequence"), None, "its place in the log is told by the log");
    let page = service.get(&format!("{path}/events?limit=2")).await;
    assert_eq!((types(&page).len(), &page.body["has_more"], &page.body["next_after"]), (2, &json!(true), &json!(2)));
    let rest = service.get(&format!("{path}/events?after=2")).await;
    assert_eq!(types(&rest), ["contact.deleted"]);
    let beyond = service.get(&format!("{path}/events?after=99")).await;
    assert_eq!((&beyond.body["data"], &beyond.body["next_after"]), (&json!([]), &json!(99)));
    let stranger = service.bare("GET", &format!("{path}/events")).bearer_auth(token(2, "*:*")).answer().await;
    stranger.is_problem(404, "contact.not_found");
    let nobody = service.get("/v1/contacts/019ca000-0000-7000-8000-00000000ffff/events").await;
    assert_eq!(nobody.is_problem(404, "contact.not_found").body["detail"], stranger.body["detail"]);
    let wrong = service.get(&format!("{path}/events?after=x&limit=201")).await;
    let faults = [("after", "after.invalid"), ("limit", "limit.invalid")];
    assert_eq!(wrong.is_problem(422, "request.invalid").faults(), faults);
    assert_eq!(service.get(&format!("{path}/events?type=x")).await.status, 422);
    assert_ne!(all.body, Value::Null);
}
