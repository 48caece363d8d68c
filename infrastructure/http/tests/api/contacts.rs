//! What contacts have besides names: several addresses, companies, names elsewhere; and two that are one person.

use serde_json::{Value, json};

use crate::{
    house::record,
    service::{Answer, Ask, Service},
};

async fn created(service: &Service, body: Value) -> String {
    let made = service.post("/v1/contacts", body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.header("location").to_owned()
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

async fn upsert(service: &Service, operations: Value) -> Answer {
    service.post("/v1/contacts/batch", json!({ "operations": operations })).await
}

#[tokio::test]
async fn there_may_be_several_addresses_of_which_one_is_primary() {
    let service = Service::start().await;
    let emails = json!([
        { "value": "home@example.com", "label": "home" },
        { "value": "work@example.com", "label": "work", "primary": true },
    ]);
    let addresses = json!([{ "value": { "city": "Lisboa" } }]);
    let ana = created(&service, json!({ "name": "Ana", "emails": emails, "addresses": addresses })).await;
    let shown = service.get(&ana).await.body;
    assert_eq!((&shown["email"], &shown["phone"]), (&json!("work@example.com"), &Value::Null));
    assert_eq!(shown["emails"][1], json!({ "value": "home@example.com", "label": "home", "primary": false }));
    assert_eq!((&shown["address"]["city"], &shown["addresses"][0]["primary"]), (&json!("Lisboa"), &json!(true)));
    // Each of them is taken.
    service
        .post("/v1/contacts", json!({ "name": "Bo", "email": "HOME@example.com" }))
        .await
        .is_problem(409, "contact.email_taken");
    let primary = json!({ "email": "new@example.com" });
    assert_eq!(service.patch(&ana, primary.clone()).await.body["version"], 2);
    assert_eq!(service.patch(&ana, primary).await.body["version"], 2, "again is nothing");
    let shown = service.get(&ana).await.body;
    assert_eq!((&shown["emails"][0]["label"], shown["emails"].as_array().unwrap().len()), (&json!("work"), 2));
    service.patch(&ana, json!({ "email": null })).await.is_problem(422, "points.several");
    assert_eq!(service.patch(&ana, json!({ "emails": [] })).await.status, 200);
    assert_eq!(service.get(&ana).await.body["email"], Value::Null);
}

#[tokio::test]
async fn every_mistake_in_what_is_further_known_is_told_with_its_place() {
    let service = Service::start().await;
    let body = json!({
        "name": "Ana", "email": "ana@example.com", "emails": [], "job_title": "", "birthday": "1990-02-30",
        "language": "portuguese", "time_zone": "Lisbon time", "handles": { "My Net": "ana", "net": "" },
        "external_ids": [{ "source": "Shop", "id": "1" }],
        "phones": [{ "value": "1" }, { "value": "+351211234567", "label": " " }],
        "addresses": [{ "value": { "city": "" } }],
    });
    let answer = service.post("/v1/contacts", body).await;
    let expected = [
        ("/addresses/0/value/city", "address.invalid"),
        ("/birthday", "date.invalid"),
        ("/email", "points.said_twice"),
        ("/external_ids/0/source", "system.invalid"),
        ("/handles/My Net", "system.invalid"),
        ("/handles/net", "handle.invalid"),
        ("/job_title", "name.invalid"),
        ("/language", "language.invalid"),
        ("/phones/0/value", "phone.invalid"),
        ("/phones/1/label", "name.invalid"),
        ("/time_zone", "time_zone.invalid"),
    ];
    assert_eq!(answer.is_problem(422, "request.invalid").faults(), expected);
    let stage = service.post("/v1/contacts", json!({ "name": "Ana", "lifecycle_stage": "friend" })).await;
    assert_eq!(stage.is_problem(422, "request.invalid").faults()[0].0, "/lifecycle_stage");
    let nulls = service.post("/v1/contacts", json!({ "name": "Ana", "phones": null, "external_ids": null })).await;
    let faults = [("/external_ids", "request.required"), ("/phones", "request.required")];
    assert_eq!(nulls.is_problem(422, "request.invalid").faults(), faults);
    let twice = json!([{ "value": "a@example.com" }, { "value": "a@example.com" }]);
    let twice = service.post("/v1/contacts", json!({ "name": "Ana", "emails": twice })).await;
    assert_eq!(twice.is_problem(422, "request.invalid").faults(), [("/emails", "points.repeated")]);
}

#[tokio::test]
async fn what_is_further_known_is_shown_and_removed() {
    let service = Service::start().await;
    let further = json!({
        "job_title": "CTO", "birthday": "1990-04-25", "language": "PT-br", "time_zone": "America/Sao_Paulo",
        "lifecycle_stage": "lead", "source": "fair", "handles": { "net": "@ana" },
        "external_ids": [{ "source": "shop", "id": "7" }], "consents": { "email": "granted" },
    });
    let mut body = further.clone();
    body["name"] = json!("Ana");
    let ana = created(&service, body).await;
    let shown = service.get(&ana).await.body;
    for field in ["job_title", "birthday", "time_zone", "lifecycle_stage", "source", "handles", "external_ids"] {
        assert_eq!(shown[field], further[field], "{field}");
    }
    assert_eq!((&shown["language"], &shown["consents"]["email"]["status"]), (&json!("pt-BR"), &json!("granted")));
    assert!(shown["consents"]["email"]["at"].as_str().is_some_and(|at| at.starts_with("2026-")));
    let taken = json!({ "name": "Bo", "external_ids": [{ "source": "shop", "id": "7" }] });
    service.post("/v1/contacts", taken).await.is_problem(409, "contact.external_id_taken");
    let gone = json!({
        "job_title": null, "birthday": null, "language": null, "time_zone": null, "lifecycle_stage": null, "source": null,
        "handles": { "net": null }, "external_ids": [], "consents": { "email": null },
    });
    assert_eq!(service.patch(&ana, gone).await.body["version"], 10, "an event for each thing");
    let shown = service.get(&ana).await.body;
    assert_eq!((&shown["job_title"], &shown["handles"], &shown["consents"]), (&Value::Null, &json!({}), &json!({})));
}

#[tokio::test]
async fn a_contact_belongs_to_companies() {
    let service = Service::start().await;
    let ana = created(&service, json!({ "name": "Ana" })).await;
    let company = record(&service, "companies").await.unwrap();
    let link = json!({ "company_id": company, "role": "Engineer", "since": "2020-03-01" });
    assert_eq!(service.post(&format!("{ana}/link_company"), link).await.body["version"], 2);
    let unknown = json!({ "company_id": ana.rsplit('/').next() });
    service.post(&format!("{ana}/link_company"), unknown).await.is_problem(422, "contact.unknown_company");
    let expected = json!([{ "company_id": company, "role": "Engineer", "since": "2020-03-01", "until": null }]);
    assert_eq!(service.get(&ana).await.body["companies"], expected);
    let wrong = json!({ "company_id": company, "role": "", "until": "soon" });
    let answer = service.post(&format!("{ana}/link_company"), wrong).await;
    let faults = [("/role", "name.invalid"), ("/until", "date.invalid")];
    assert_eq!(answer.is_problem(422, "request.invalid").faults(), faults);
    let unlinked = service.post(&format!("{ana}/unlink_company"), json!({ "company_id": company })).await;
    assert_eq!(unlinked.body["version"], 3);
    assert_eq!(service.get(&ana).await.body["companies"], json!([]));
}

#[tokio::test]
async fn two_contacts_become_one_and_the_way_leads_to_it() {
    let service = Service::start().await;
    let ana = created(&service, json!({ "name": "Ana", "email": "ana@example.com" })).await;
    let other = created(&service, json!({ "name": "A. Lima", "email": "a@example.com", "job_title": "CTO" })).await;
    let merged = service.post(&format!("{ana}/merge"), json!({ "loser_id": id(&other) })).await;
    assert_eq!(
        (merged.status.as_u16(), &merged.body["id"], &merged.body["version"]),
        (200, &json!(id(&ana)), &json!(2))
    );
    let shown = service.get(&ana).await.body;
    assert_eq!((&shown["job_title"], &shown["emails"][1]["value"]), (&json!("CTO"), &json!("a@example.com")));
    assert_eq!(shown["absorbed"], json!([id(&other)]));
    let moved = service.get(&other).await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (301, &*ana));
    let past = service.get(&format!("{other}?deleted=true")).await.body;
    assert_eq!(
        (&past["name"], &past["merged_into"], &past["deleted"]),
        (&json!("A. Lima"), &json!(id(&ana)), &json!(true))
    );
    assert_eq!(service.get(&format!("{other}/events")).await.body["data"].as_array().unwrap().len(), 2);
    service.patch(&other, json!({ "name": "Bo" })).await.is_problem(409, "contact.merged");
    // Its address is the winner's now.
    service
        .post("/v1/contacts", json!({ "name": "Bo", "email": "a@example.com" }))
        .await
        .is_problem(409, "contact.email_taken");
    let itself = service.post(&format!("{ana}/merge"), json!({ "loser_id": id(&ana) })).await;
    itself.is_problem(422, "contact.merged_with_itself");
    let nobody =
        service.post(&format!("{ana}/merge"), json!({ "loser_id": "0199c1a1-03b4-7e0a-8d4c-5f3f0a9c2b77" })).await;
    nobody.is_problem(404, "contact.not_found");
    // Who wishes to be forgotten is forgotten in every part.
    assert_eq!(service.request("POST", &format!("{ana}/erase")).answer().await.status, 200);
    let part = service.get(&format!("{other}?deleted=true")).await.body;
    assert_eq!((&part["name"], &part["erased"]), (&Value::Null, &json!(true)));
}

#[tokio::test]
async fn an_upsert_finds_whom_it_means_or_makes_them_known() {
    let service = Service::start().await;
    let ana = created(&service, json!({ "name": "Ana", "email": "ana@example.com" })).await;
    let shop = |id: &str| json!({ "external_id": { "source": "shop", "id": id } });
    let answer = upsert(
        &service,
        json!([
            { "op": "upsert", "by": { "email": "ANA@example.com" }, "data": { "job_title": "CTO", "tags": ["a"] } },
            { "op": "upsert", "by": { "email": "bo@example.com" }, "data": { "source": "nobody yet" } },
            { "op": "upsert", "by": { "email": "bo@example.com" }, "data": { "name": "Bo" } },
            { "op": "upsert", "by": { "email": "bo@example.com" }, "data": { "source": "fair" } },
            { "op": "upsert", "by": shop("1"), "data": { "name": "Cy" } },
            { "op": "upsert", "by": shop("2"), "data": { "source": "fair" } },
            { "op": "upsert", "by": {}, "data": { "name": "Di" } },
            { "op": "upsert", "data": { "name": "Di" } },
            { "op": "upsert", "id": id(&ana), "by": { "email": "x" }, "data": { "name": "" } },
            { "op": "tag", "id": id(&ana), "by": shop("1"), "data": { "tags": ["b"] } },
        ]),
    )
    .await;
    let data = answer.body["data"].as_array().unwrap();
    let statuses: Vec<_> = data.iter().map(|item| item["status"].as_i64().unwrap()).collect();
    assert_eq!(statuses, [200, 422, 201, 200, 201, 422, 422, 422, 422, 422], "{}", answer.body);
    assert_eq!((&data[0]["id"], &data[0]["version"]), (&json!(id(&ana)), &json!(3)));
    assert_eq!((&data[3]["id"], &data[3]["version"]), (&data[2]["id"], &json!(2)));
    assert_eq!(
        (&data[5]["code"], &data[6]["errors"][0]["code"]),
        (&json!("contact.nameless"), &json!("upsert.one_key"))
    );
    let places: Vec<_> =
        data[8]["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
    assert_eq!(places, ["/operations/8/id", "/operations/8/by/email", "/operations/8/data/name"]);
    // Sent again, nothing happens.
    let again = upsert(&service, json!([{ "op": "upsert", "by": shop("1"), "data": { "name": "Cy" } }])).await;
    assert_eq!((&again.body["data"][0]["status"], &again.body["data"][0]["version"]), (&json!(200), &json!(1)));
    let cy = service.get(&format!("/v1/contacts/{}", data[4]["id"].as_str().unwrap())).await.body;
    assert_eq!(cy["external_ids"], json!([{ "source": "shop", "id": "1" }]));
}

#[tokio::test]
async fn who_may_be_the_same_person_is_told_with_the_reason() {
    let service = Service::start().await;
    let ana = created(&service, json!({ "name": "Ana Lima" })).await;
    let twin = created(&service, json!({ "name": "ana lima" })).await;
    created(&service, json!({ "name": "Bo" })).await;
    let answer = service.get(&format!("{ana}/duplicates")).await;
    let data = answer.body["data"].as_array().unwrap();
    assert_eq!((answer.status.as_u16(), data.len(), &answer.body["has_more"]), (200, 1, &json!(false)));
    assert_eq!((&data[0]["contact"]["id"], &data[0]["score"]), (&json!(id(&twin)), &json!(0.6)));
    assert_eq!(data[0]["reasons"], json!([{ "reason": "name", "value": "ana lima" }]));
    service.request("DELETE", &ana).answer().await;
    service.get(&format!("{ana}/duplicates")).await.is_problem(404, "contact.not_found");
}
