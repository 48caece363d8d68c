//! Commands on contacts, and what they answer.

use serde_json::{Value, json};

use crate::service::{Ask, Service};

fn full() -> Value {
    json!({
        "name": " Ana Lima ",
        "email": "Ana@Example.com",
        "phone": "+351 21 123 4567",
        "address": { "street": "Rua Augusta 1", "city": "Lisboa", "country": "pt" },
        "owner_id": "019ca000-0000-7000-8000-00000000aaaa",
        "tags": ["VIP", "vip", "a"],
        "attributes": { "shoe_size": 38, "newsletter": true, "note": "line\nbreak" },
    })
}

#[tokio::test]
async fn a_new_contact_is_answered_and_found() {
    let service = Service::start().await;
    let made = service.post("/v1/contacts", full()).await;
    assert_eq!(made.status, 201);
    let id = made.body["id"].as_str().unwrap();
    assert_eq!(made.header("location"), format!("/v1/contacts/{id}"));
    assert_eq!((made.header("etag"), &made.body["version"]), ("\"1\"", &json!(1)));
    assert_eq!(made.header("fairlead-consistency"), made.body["consistency"]);
    assert_eq!(made.header("idempotency-replayed"), "");

    let shown = service.get(made.header("location")).await;
    assert_eq!((shown.status.as_u16(), shown.header("etag")), (200, "\"1\""));
    let mut body = shown.body;
    let times = (body["created_at"].take(), body["updated_at"].take());
    assert!(times.0.as_str().is_some_and(|time| time.len() == 27 && time.ends_with('Z')), "{times:?}");
    let address =
        json!({ "street": "Rua Augusta 1", "city": "Lisboa", "region": null, "postal_code": null, "country": "PT" });
    let expected = json!({
        "id": id, "version": 1, "name": "Ana Lima", "email": "Ana@Example.com", "phone": "+351211234567",
        "address": address, "owner_id": "019ca000-0000-7000-8000-00000000aaaa", "project_id": null, "tags": ["a", "vip"],
        "attributes": { "newsletter": true, "note": "line\nbreak", "shoe_size": 38 },
        "emails": [{ "value": "Ana@Example.com", "primary": true }], "phones": [{ "value": "+351211234567", "primary": true }],
        "addresses": [{ "value": address, "primary": true }], "job_title": null, "birthday": null, "language": null,
        "time_zone": null, "lifecycle_stage": null, "source": null, "handles": {}, "external_ids": [], "consents": {},
        "companies": [], "absorbed": [], "created_at": null, "updated_at": null,
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn everything_wrong_with_a_body_is_told_at_once() {
    let service = Service::start().await;
    let body = json!({
        "name": " ", "email": "ana", "phone": "123", "tags": ["ok", "not ok", "-"],
        "address": { "city": " ", "country": "PRT", "street": "fine" },
        "attributes": { "Bad/Key": 1, "list": [1], "big": 1e15, "fine": 1 },
    });
    let answer = service.post("/v1/contacts", body).await;
    answer.is_problem(422, "request.invalid");
    let expected = [
        ("/address/city", "address.invalid"),
        ("/address/country", "country.invalid"),
        ("/attributes/Bad~1Key", "attribute.invalid_key"),
        ("/attributes/big", "attribute.invalid_value"),
        ("/attributes/list", "attribute.invalid_value"),
        ("/email", "email.invalid"),
        ("/name", "name.invalid"),
        ("/phone", "phone.invalid"),
        ("/tags/1", "tag.invalid"),
        ("/tags/2", "tag.invalid"),
    ];
    assert_eq!(answer.faults(), expected);
    let empty = service.post("/v1/contacts", json!({ "name": "Ana", "address": {} })).await;
    assert_eq!(empty.is_problem(422, "request.invalid").faults(), [("/address", "address.invalid")]);
}

#[tokio::test]
async fn a_patch_sets_removes_and_leaves() {
    let service = Service::start().await;
    let path = service.post("/v1/contacts", full()).await.header("location").to_owned();
    let patch = json!({
        "name": "Ana", "phone": null, "attributes": { "shoe_size": 39, "newsletter": null, "unknown": null },
    });
    for media_type in ["application/merge-patch+json", "application/json; charset=utf-8"] {
        let request = service.request("PATCH", &path).header("content-type", media_type);
        let answer = request.body(patch.to_string()).answer().await;
        // The second time it is so already.
        assert_eq!((answer.status.as_u16(), &answer.body["version"]), (200, &json!(5)), "{}", answer.body);
    }
    let shown = service.get(&path).await.body;
    assert_eq!(
        (&shown["name"], &shown["phone"], &shown["email"]),
        (&json!("Ana"), &json!(null), &json!("Ana@Example.com"))
    );
    assert_eq!(shown["attributes"], json!({ "note": "line\nbreak", "shoe_size": 39 }));
    assert_eq!(shown["address"]["city"], "Lisboa");
    let address = service.patch(&path, json!({ "address": null, "owner_id": null, "email": null })).await;
    assert_eq!(address.status, 200);
    let shown = service.get(&path).await.body;
    assert_eq!([&shown["address"], &shown["owner_id"], &shown["email"]], [&json!(null); 3]);
}

#[tokio::test]
async fn a_patch_can_not_remove_the_name() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    let answer = service.patch(&path, json!({ "name": null, "email": "x" })).await;
    let faults = [("/email", "email.invalid"), ("/name", "request.required")];
    assert_eq!(answer.is_problem(422, "request.invalid").faults(), faults);
    let attributes = service.patch(&path, json!({ "attributes": null })).await;
    assert_eq!(attributes.is_problem(422, "request.invalid").faults(), [("/attributes", "request.invalid_type")]);
    let tags = service.patch(&path, json!({ "tags": ["a"] })).await;
    assert_eq!(tags.is_problem(422, "request.invalid").faults(), [("/tags", "request.unknown_field")]);
}

#[tokio::test]
async fn a_deleted_contact_is_gone_until_it_is_restored() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    let deleted = service.request("DELETE", &path).answer().await;
    assert_eq!((deleted.status.as_u16(), deleted.header("etag")), (200, "\"2\""));
    service.get(&path).await.is_problem(404, "contact.not_found");
    service.get(&format!("{path}?deleted=false")).await.is_problem(404, "contact.not_found");
    assert_eq!(service.get(&format!("{path}?deleted=true")).await.body["deleted"], true);
    service.patch(&path, json!({ "name": "Bo" })).await.is_problem(409, "contact.deleted");
    let restored = service.request("POST", &format!("{path}/restore")).answer().await;
    assert_eq!((restored.status.as_u16(), &restored.body["version"]), (200, &json!(3)));
    assert!(service.get(&path).await.body.get("deleted").is_none());
}

#[tokio::test]
async fn labels_come_and_go() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    let tagged = service.post(&format!("{path}/tag"), json!({ "tags": ["A", "b"] })).await;
    assert_eq!((tagged.status.as_u16(), &tagged.body["version"]), (200, &json!(2)));
    service.post(&format!("{path}/untag"), json!({ "tags": ["a", "never"] })).await;
    assert_eq!(service.get(&path).await.body["tags"], json!(["b"]));
    let bad = service.post(&format!("{path}/tag"), json!({ "tags": ["ok", ""] })).await;
    assert_eq!(bad.is_problem(422, "request.invalid").faults(), [("/tags/1", "tag.invalid")]);
}

#[tokio::test]
async fn refusals_of_the_domain_keep_their_codes() {
    let service = Service::start().await;
    service.post("/v1/contacts", json!({ "name": "Ana", "email": "ana@example.com" })).await;
    let taken = service.post("/v1/contacts", json!({ "name": "Bo", "email": "ANA@example.com" })).await;
    taken.is_problem(409, "contact.email_taken");
    let nobody = "/v1/contacts/019ca000-0000-7000-8000-00000000ffff";
    service.get(nobody).await.is_problem(404, "contact.not_found");
    service.patch(nobody, json!({})).await.is_problem(404, "contact.not_found");
    service.request("DELETE", nobody).answer().await.is_problem(404, "contact.not_found");
}
