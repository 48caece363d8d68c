//! Custom fields over HTTP, and what they mean to contacts, companies and deals.

use serde_json::{Value, json};

use crate::service::{Ask, Service};

async fn defined(service: &Service, body: Value) -> String {
    let defined = service.post("/v1/custom_fields", body).await;
    assert_eq!(defined.status, 201, "{}", defined.body);
    format!("/v1/custom_fields/{}", defined.body["id"].as_str().unwrap())
}

fn tier() -> Value {
    json!({
        "record_type": "contact", "key": "tier", "name": " Tier ", "value_type": "select",
        "options": [{ "key": "gold", "name": "Gold" }, { "key": "silver", "name": "Silver" }],
        "default": "silver",
    })
}

fn badge() -> Value {
    json!({ "record_type": "contact", "key": "badge", "name": "Badge", "value_type": "text", "unique": true })
}

#[tokio::test]
async fn a_field_is_shown_as_it_is_kept_and_listed() {
    let service = Service::start().await;
    let path = defined(&service, tier()).await;
    let mut body = service.get(&path).await.body;
    let listed = service.get("/v1/custom_fields").await.body;
    assert_eq!(listed["data"], json!([body]));
    for place in ["/id", "/created_at", "/updated_at"] {
        assert!(body.pointer_mut(place).unwrap().take().is_string(), "{place}");
    }
    let expected = json!({
        "id": null, "version": 1, "record_type": "contact", "key": "tier", "name": "Tier", "description": null,
        "value_type": "select", "refers_to": null, "required": false, "unique": false, "default": "silver",
        "options": [{ "key": "gold", "name": "Gold" }, { "key": "silver", "name": "Silver" }],
        "created_at": null, "updated_at": null,
    });
    assert_eq!(body, expected);
    service.post("/v1/custom_fields", tier()).await.is_problem(409, "custom_field.key_taken");
    let of_company = json!({ "record_type": "company", "key": "tier", "name": "Tier", "value_type": "text" });
    defined(&service, of_company).await;
}

#[tokio::test]
async fn everything_wrong_with_a_field_is_told_at_once() {
    let service = Service::start().await;
    let body = json!({
        "record_type": "contact", "key": "Tier", "name": "", "value_type": "select", "default": {},
        "options": [{ "key": "gold", "name": "Gold" }, { "key": "1", "name": " " }],
    });
    let expected = [
        ("/default", "attribute.invalid_value"),
        ("/key", "attribute.invalid_key"),
        ("/name", "name.invalid"),
        ("/options/1/key", "attribute.invalid_key"),
        ("/options/1/name", "name.invalid"),
    ];
    assert_eq!(service.post("/v1/custom_fields", body).await.is_problem(422, "request.invalid").faults(), expected);
}

#[tokio::test]
async fn options_are_added_renamed_ordered_and_retired() {
    let service = Service::start().await;
    let path = defined(&service, tier()).await;
    let ana = service.post("/v1/contacts", json!({ "name": "Ana", "attributes": { "tier": "gold" } })).await;
    let ana = format!("/v1/contacts/{}", ana.body["id"].as_str().unwrap());
    let bronze = json!({ "key": "bronze", "name": "Brass" });
    assert_eq!(service.post(&format!("{path}/options"), bronze).await.status, 200);
    let renamed =
        service.request("PATCH", &format!("{path}/options")).json(&json!({ "key": "bronze", "name": "Bronze" }));
    assert_eq!(renamed.answer().await.status, 200);
    let order = json!({ "keys": ["bronze", "silver", "gold"] });
    assert_eq!(service.post(&format!("{path}/options/reorder"), order).await.status, 200);
    assert_eq!(service.post(&format!("{path}/options/retire"), json!({ "key": "gold" })).await.status, 200);
    let options = json!([
        { "key": "bronze", "name": "Bronze" }, { "key": "silver", "name": "Silver" },
        { "key": "gold", "name": "Gold", "retired": true },
    ]);
    assert_eq!(service.get(&path).await.body["options"], options);
    // Who has it keeps it; nobody else gets it.
    let same = service.request("PATCH", &ana).json(&json!({ "name": "Anna", "attributes": { "tier": "gold" } }));
    assert_eq!(same.answer().await.status, 200);
    let late = service.post("/v1/contacts", json!({ "name": "Bo", "attributes": { "tier": "gold" } })).await;
    late.is_problem(422, "attribute.unknown_option");
    service
        .post(&format!("{path}/options/retire"), json!({ "key": "silver" }))
        .await
        .is_problem(409, "custom_field.option_is_default");
    assert_eq!(service.post(&format!("{path}/options/reinstate"), json!({ "key": "gold" })).await.status, 200);
}

#[tokio::test]
async fn records_are_as_their_fields_say() {
    let service = Service::start().await;
    let path = defined(&service, tier()).await;
    defined(&service, badge()).await;
    let create = async |attributes: Value| {
        service.post("/v1/contacts", json!({ "name": "Ana", "attributes": attributes })).await
    };
    let shown = async |answer: &crate::service::Answer| {
        service.get(&format!("/v1/contacts/{}", answer.body["id"].as_str().unwrap())).await.body["attributes"].clone()
    };
    let ana = create(json!({ "badge": " A7 ", "free": true })).await;
    assert_eq!(shown(&ana).await, json!({ "badge": "A7", "free": true, "tier": "silver" }));
    create(json!({ "tier": "lead" })).await.is_problem(422, "attribute.unknown_option");
    create(json!({ "badge": 7 })).await.is_problem(422, "attribute.invalid_value");
    create(json!({ "free": ["a"] })).await.is_problem(422, "attribute.invalid_value");
    create(json!({ "badge": "a7" })).await.is_problem(409, "contact.attribute_taken");
    let bo = create(json!({ "badge": "B1" })).await;
    let bo = format!("/v1/contacts/{}", bo.body["id"].as_str().unwrap());
    let patch = async |attributes: Value| {
        service.request("PATCH", &bo).json(&json!({ "attributes": attributes })).answer().await
    };
    patch(json!({ "badge": "A7" })).await.is_problem(409, "contact.attribute_taken");
    assert_eq!(patch(json!({ "badge": null, "tier": "gold" })).await.status, 200);
    let required = service.request("PATCH", &path).json(&json!({ "required": true })).answer().await;
    assert_eq!(required.status, 200);
    patch(json!({ "tier": null })).await.is_problem(422, "attribute.required");
    // What nobody looks after any more is free.
    assert_eq!(service.request("DELETE", &path).answer().await.status, 200);
    assert_eq!(patch(json!({ "tier": "anything" })).await.status, 200);
}

#[tokio::test]
async fn a_batch_and_an_upsert_know_the_fields() {
    let service = Service::start().await;
    defined(&service, tier()).await;
    let body = json!({ "operations": [
        { "op": "create", "data": { "name": "Ana" } },
        { "op": "create", "data": { "name": "Bo", "attributes": { "tier": "lead" } } },
        { "op": "upsert", "by": { "email": "cy@example.com" }, "data": { "name": "Cy", "attributes": { "tier": "gold" } } },
    ] });
    let answer = service.post("/v1/contacts/batch", body).await;
    let codes: Vec<_> = answer.body["data"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
    assert_eq!(codes, [Value::Null, json!("attribute.unknown_option"), Value::Null], "{}", answer.body);
    for (n, tier) in [(0, "silver"), (2, "gold")] {
        let id = answer.body["data"][n]["id"].as_str().unwrap();
        assert_eq!(service.get(&format!("/v1/contacts/{id}")).await.body["attributes"]["tier"], tier);
    }
}

#[tokio::test]
async fn a_reference_names_a_record_that_lives() {
    let service = Service::start().await;
    defined(&service, json!({
        "record_type": "company", "key": "agent", "name": "Agent", "value_type": "reference", "refers_to": "contact",
    }))
    .await;
    let ana = service.post("/v1/contacts", json!({ "name": "Ana" })).await.body["id"].clone();
    let company = async |id: &Value| {
        let agent = json!({ "type": "contact", "id": id });
        service.post("/v1/companies", json!({ "name": "Lima", "attributes": { "agent": agent } })).await
    };
    assert_eq!(company(&ana).await.status, 201);
    company(&json!("0192b1c8-6a3e-7000-8000-000000000011")).await.is_problem(422, "attribute.unknown_record");
    let path = format!("/v1/contacts/{}", ana.as_str().unwrap());
    assert_eq!(service.request("DELETE", &path).answer().await.status, 200);
    company(&ana).await.is_problem(422, "attribute.unknown_record");
}

#[tokio::test]
async fn lists_know_the_fields_of_their_records() {
    let service = Service::start().await;
    let unknown = service.get("/v1/contacts?filter=attributes.tier:gold").await;
    unknown.is_problem(422, "request.invalid");
    defined(&service, tier()).await;
    for query in
        ["filter=attributes.tier:gold", "sort=-attributes.tier", "filter=attributes.tier:null&sort=attributes.tier"]
    {
        let answer = service.get(&format!("/v1/contacts?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    }
    let search = json!({ "filter": { "field": "attributes.tier", "value": "gold" }, "sort": "attributes.tier" });
    assert_eq!(service.post("/v1/contacts/search", search.clone()).await.status, 200);
    service.post("/v1/companies/search", search).await.is_problem(422, "request.invalid");
}
