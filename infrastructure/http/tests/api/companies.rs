//! Companies over HTTP: what is their own. What holds for every operation is tried by enumeration.

use serde_json::{Value, json};

use crate::service::{Ask, Service, token};

fn full() -> Value {
    json!({
        "name": " Lima & Filhos ", "domains": ["Lima.Example", "bücher.example"], "industry": "Shipping",
        "employees": 140, "website": "https://LIMA.example", "phone": "+351 21 123 4567",
        "address": { "city": "Lisboa", "country": "pt" }, "lifecycle_stage": "lead",
        "owner_id": "019ca000-0000-7000-8000-00000000aaaa", "tags": ["Harbour"], "attributes": { "tier": "gold" },
    })
}

async fn made(service: &Service, body: Value) -> String {
    let created = service.post("/v1/companies", body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    created.body["id"].as_str().unwrap().to_owned()
}

async fn merged(service: &Service, winner: &str, loser: &str) -> crate::service::Answer {
    service.post(&format!("/v1/companies/{winner}/merge"), json!({ "loser_id": loser })).await
}

#[tokio::test]
async fn a_company_is_shown_as_it_is_kept() {
    let service = Service::start().await;
    let id = made(&service, full()).await;
    let mut body = service.get(&format!("/v1/companies/{id}")).await.body;
    for time in ["created_at", "updated_at"] {
        assert!(body[time].take().is_string());
    }
    let expected = json!({
        "id": id, "version": 1, "name": "Lima & Filhos", "domains": ["lima.example", "xn--bcher-kva.example"],
        "industry": "Shipping", "employees": 140, "website": "https://lima.example/", "phone": "+351211234567",
        "address": { "street": null, "city": "Lisboa", "region": null, "postal_code": null, "country": "PT" },
        "lifecycle_stage": "lead", "parent_id": null, "owner_id": "019ca000-0000-7000-8000-00000000aaaa",
        "project_id": null, "tags": ["harbour"], "attributes": { "tier": "gold" },
        "created_at": null, "updated_at": null,
    });
    assert_eq!(body, expected);
    let least = made(&service, json!({ "name": "Lima" })).await;
    let body = service.get(&format!("/v1/companies/{least}")).await.body;
    assert_eq!((&body["employees"], &body["domains"], &body["attributes"]), (&Value::Null, &json!([]), &json!({})));
}

#[tokio::test]
async fn everything_wrong_with_a_company_is_told_at_once() {
    let service = Service::start().await;
    let body = json!({
        "name": " ", "domains": ["fine.example", "localhost"], "industry": "", "website": "lima", "phone": "1",
        "address": { "country": "PRT" }, "tags": ["-"], "attributes": { "Bad": 1 },
    });
    let expected = [
        ("/address/country", "country.invalid"),
        ("/attributes/Bad", "attribute.invalid_key"),
        ("/domains/1", "domain.invalid"),
        ("/industry", "name.invalid"),
        ("/name", "name.invalid"),
        ("/phone", "phone.invalid"),
        ("/tags/0", "tag.invalid"),
        ("/website", "website.invalid"),
    ];
    let answer = service.post("/v1/companies", body).await;
    assert_eq!(answer.is_problem(422, "request.invalid").faults(), expected);
    let id = made(&service, json!({ "name": "Lima" })).await;
    let path = format!("/v1/companies/{id}");
    let body = json!({ "name": null, "domains": ["a"], "website": "ftp://lima.example" });
    let expected = [("/domains/0", "domain.invalid"), ("/name", "request.required"), ("/website", "website.invalid")];
    assert_eq!(service.patch(&path, body).await.is_problem(422, "request.invalid").faults(), expected);
    for body in [json!({ "employees": -1 }), json!({ "lifecycle_stage": "friend" })] {
        let status = service.patch(&path, body.clone()).await.status;
        assert!([400, 422].contains(&status.as_u16()), "{body}: {status}");
    }
}

#[tokio::test]
async fn attributes_change_by_a_merge_patch() {
    let service = Service::start().await;
    let id = made(&service, full()).await;
    let path = format!("/v1/companies/{id}");
    let patch = json!({
        "name": "Porto", "domains": null, "industry": null, "employees": 0, "website": null, "phone": null,
        "address": { "city": "Porto" }, "lifecycle_stage": "customer", "owner_id": null,
        "attributes": { "tier": null, "size": 3 },
    });
    let changed = service.patch(&path, patch.clone()).await;
    assert_eq!((changed.status.as_u16(), &changed.body["version"]), (200, &json!(12)), "an event for each thing");
    assert_eq!(service.patch(&path, patch).await.body["version"], 12);
    let shown = service.get(&path).await;
    assert_eq!((&shown.body["name"], &shown.body["domains"]), (&json!("Porto"), &json!([])));
    assert_eq!((&shown.body["employees"], &shown.body["lifecycle_stage"]), (&json!(0), &json!("customer")));
    assert_eq!((&shown.body["phone"], &shown.body["attributes"]), (&Value::Null, &json!({ "size": 3 })));
    let tagged = service.post(&format!("{path}/tag"), json!({ "tags": ["VIP"] })).await;
    let untagged = service.post(&format!("{path}/untag"), json!({ "tags": ["harbour"] })).await;
    assert_eq!((tagged.status.as_u16(), untagged.status.as_u16()), (200, 200));
    let listed = service.get("/v1/companies?sort=name&q=porto").await;
    assert_eq!((listed.body["data"].as_array().unwrap().len(), &listed.body["data"][0]["tags"]), (1, &json!(["vip"])));
}

#[tokio::test]
async fn a_domain_is_taken_until_its_bearer_is_deleted() {
    let service = Service::start().await;
    let first = format!("/v1/companies/{}", made(&service, json!({ "name": "A", "domains": ["lima.example"] })).await);
    let again = json!({ "name": "A", "domains": ["LIMA.example"] });
    service.post("/v1/companies", again.clone()).await.is_problem(409, "company.domain_taken");
    assert_eq!(service.request("DELETE", &first).answer().await.status, 200);
    made(&service, again).await;
    let restored = service.request("POST", &format!("{first}/restore")).answer().await;
    restored.is_problem(409, "company.domain_taken");
}

#[tokio::test]
async fn a_parent_is_readable_and_stands_above() {
    let service = Service::start().await;
    let grand = made(&service, json!({ "name": "Grand" })).await;
    let parent = made(&service, json!({ "name": "Parent", "parent_id": grand })).await;
    let child = made(&service, json!({ "name": "Child", "parent_id": parent })).await;
    let put = async |company: &str, parent: &str| {
        service.patch(&format!("/v1/companies/{company}"), json!({ "parent_id": parent })).await
    };
    put(&grand, &child).await.is_problem(409, "company.circular");
    put(&grand, &grand).await.is_problem(409, "company.circular");
    put(&child, "019ca000-0000-7000-8000-00000000aaaa").await.is_problem(422, "company.unknown_parent");
    assert_eq!(put(&child, &grand).await.status, 200);
    // What is deleted is no parent, but stays one.
    assert_eq!(service.request("DELETE", &format!("/v1/companies/{grand}")).answer().await.status, 200);
    put(&parent, &grand).await;
    assert_eq!(service.get(&format!("/v1/companies/{parent}")).await.body["parent_id"], json!(grand));
    let another = json!({ "name": "Another", "parent_id": grand });
    service.post("/v1/companies", another).await.is_problem(422, "company.unknown_parent");
    // Who may read nothing sees no parent.
    let blind = service.bare("POST", "/v1/companies").bearer_auth(token(1, "companies:write"));
    let blind = blind.json(&json!({ "name": "Blind", "parent_id": parent })).answer().await;
    blind.is_problem(422, "company.unknown_parent");
}

#[tokio::test]
async fn no_more_than_twenty_stand_above_one() {
    let service = Service::start().await;
    let mut last = made(&service, json!({ "name": "0" })).await;
    for n in 1..=20 {
        last = made(&service, json!({ "name": n.to_string(), "parent_id": last })).await;
    }
    let beyond = service.post("/v1/companies", json!({ "name": "21", "parent_id": last })).await;
    beyond.is_problem(422, "company.too_deep");
}

#[tokio::test]
async fn two_companies_become_one() {
    let service = Service::start().await;
    let winner = made(&service, json!({ "name": "Lima", "tags": ["old"], "employees": 3 })).await;
    let loser = made(&service, full()).await;
    let (there, gone) = (format!("/v1/companies/{winner}"), format!("/v1/companies/{loser}"));
    let one = merged(&service, &winner, &loser).await;
    assert_eq!((one.status.as_u16(), &one.body["id"], &one.body["version"]), (200, &json!(winner), &json!(2)));
    let shown = service.get(&there).await.body;
    assert_eq!((&shown["name"], &shown["employees"]), (&json!("Lima"), &json!(3)));
    assert_eq!((&shown["tags"], &shown["phone"]), (&json!(["harbour", "old"]), &json!("+351211234567")));
    assert_eq!(shown["domains"], json!(["lima.example", "xn--bcher-kva.example"]));
    // The loser's address leads to the winner; the loser is shown to whoever asks for what is deleted.
    let moved = service.get(&gone).await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (301, &*there));
    assert_eq!(service.get(moved.header("location")).await.body["id"], json!(winner));
    let kept = service.get(&format!("{gone}?deleted=true")).await.body;
    assert_eq!((&kept["merged_into"], &kept["deleted"]), (&json!(winner), &json!(true)));
    let history = service.get(&format!("{gone}/events")).await.body;
    assert_eq!(history["data"].as_array().unwrap().last().unwrap()["type"], "company.merged");
    // It refuses everything, and says why.
    let changed = service.patch(&gone, json!({ "name": "Other" })).await;
    let detail = changed.is_problem(409, "company.merged").body["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(&winner), "{detail}");
    service.request("DELETE", &gone).answer().await.is_problem(409, "company.merged");
    service.request("POST", &format!("{gone}/restore")).answer().await.is_problem(409, "company.merged");
    // Once more changes nothing; a third company comes too late.
    assert_eq!(merged(&service, &winner, &loser).await.body["version"], 2);
    let third = made(&service, json!({ "name": "Third" })).await;
    merged(&service, &third, &loser).await.is_problem(409, "company.merged");
    merged(&service, &loser, &third).await.is_problem(409, "company.merged");
    assert_eq!(service.get(&format!("/v1/companies/{third}")).await.body["version"], 1);
}

#[tokio::test]
async fn what_can_not_be_merged_stays_as_it_is() {
    let service = Service::start().await;
    let company = made(&service, json!({ "name": "Lima" })).await;
    let other = made(&service, json!({ "name": "Porto" })).await;
    let nobody = "019ca000-0000-7000-8000-00000000aaaa";
    merged(&service, &company, &company).await.is_problem(422, "company.merged_with_itself");
    merged(&service, &company, nobody).await.is_problem(422, "company.unknown_loser");
    merged(&service, nobody, &company).await.is_problem(404, "company.not_found");
    let stale = service.request("POST", &format!("/v1/companies/{company}/merge")).header("if-match", "\"7\"");
    stale.json(&json!({ "loser_id": other })).answer().await.is_problem(412, "version.stale");
    assert_eq!(service.request("DELETE", &format!("/v1/companies/{other}")).answer().await.status, 200);
    merged(&service, &company, &other).await.is_problem(409, "company.deleted");
    merged(&service, &other, &company).await.is_problem(409, "company.deleted");
    for (id, version) in [(company, 1), (other, 2)] {
        let shown = service.get(&format!("/v1/companies/{id}?deleted=true")).await;
        assert_eq!(shown.body["version"], version);
    }
}

/// Above, below, and in a row: nobody comes to stand above themselves.
#[tokio::test]
async fn merging_keeps_the_tree_a_tree() {
    let service = Service::start().await;
    let of = async |company: &str| service.get(&format!("/v1/companies/{company}")).await.body["parent_id"].clone();
    let top = made(&service, json!({ "name": "Top" })).await;
    let middle = made(&service, json!({ "name": "Middle", "parent_id": top })).await;
    let low = made(&service, json!({ "name": "Low", "parent_id": middle })).await;
    let lowest = made(&service, json!({ "name": "Lowest", "parent_id": low })).await;
    // The middle one is taken in by the lowest, which comes to its place.
    assert_eq!(merged(&service, &lowest, &middle).await.status, 200);
    assert_eq!(of(&lowest).await, json!(top));
    // The one below it takes its place no more than before.
    assert_eq!(merged(&service, &top, &low).await.status, 200);
    assert_eq!(of(&top).await, Value::Null);
}

#[tokio::test]
async fn a_merge_is_answered_once_and_within_reach() {
    let service = Service::start().await;
    let (winner, loser) = (
        made(&service, json!({ "name": "A" })).await,
        made(&service, json!({ "name": "B", "phone": "+3512112345" })).await,
    );
    let keyed = || {
        let request = service.request("POST", &format!("/v1/companies/{winner}/merge"));
        request.header("idempotency-key", "once").json(&json!({ "loser_id": loser }))
    };
    let (first, again) = (keyed().answer().await, keyed().answer().await);
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (200, 200));
    assert_eq!((again.header("idempotency-replayed"), &again.body), ("true", &first.body));
    // In another organization there is neither of them.
    let foreign = service.bare("POST", &format!("/v1/companies/{winner}/merge")).bearer_auth(token(2, "*:*"));
    foreign.json(&json!({ "loser_id": loser })).answer().await.is_problem(404, "company.not_found");
}
