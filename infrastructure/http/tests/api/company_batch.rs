//! Many companies in one request: what is their own. What holds for every batch is tried with contacts.

use serde_json::{Value, json};

use crate::service::{Answer, Ask, Service, token};

const NOBODY: &str = "019ca000-0000-7000-8000-00000000aaaa";

async fn send(service: &Service, operations: Value) -> Answer {
    let answer = service.post("/v1/companies/batch", json!({ "operations": operations })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer
}

/// For each operation its status, or the code of its refusal.
fn told(answer: &Answer) -> Vec<String> {
    let data = answer.body["data"].as_array().unwrap().iter();
    data.map(|one| one["code"].as_str().map_or_else(|| one["status"].to_string(), str::to_owned)).collect()
}

async fn made(service: &Service, body: Value) -> String {
    let created = service.post("/v1/companies", body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    created.body["id"].as_str().unwrap().to_owned()
}

async fn shown(service: &Service, id: &str) -> Value {
    service.get(&format!("/v1/companies/{id}")).await.body
}

fn upsert(domain: &str, data: Value) -> Value {
    json!({ "op": "upsert", "by": { "domain": domain }, "data": data })
}

#[tokio::test]
async fn every_operation_does_what_its_route_does() {
    let service = Service::start().await;
    let lima = made(&service, json!({ "name": "Lima" })).await;
    let before = service.store.appends();
    // Nobody knows that operation, so that nothing is done.
    let refused = service.post("/v1/companies/batch", json!({ "operations": [{ "op": "merge", "id": lima }] })).await;
    assert_eq!(refused.is_problem(422, "request.invalid").faults(), [("/operations/0/op", "request.invalid_type")]);
    let answer = send(
        &service,
        json!([
            { "op": "create", "data": { "name": "Porto", "domains": ["porto.example"], "attributes": { "size": 3 } } },
            { "op": "create", "data": { "name": "Oporto", "domains": ["PORTO.example"] } },
            { "op": "change", "id": lima, "if_match": 1, "data": { "industry": "Shipping", "phone": null } },
            { "op": "tag", "id": lima, "if_match": 2, "data": { "tags": ["a", "b"] } },
            { "op": "untag", "id": lima, "data": { "tags": ["b"] } },
            { "op": "delete", "id": lima },
            { "op": "tag", "id": lima, "data": { "tags": ["c"] } },
            { "op": "restore", "id": lima },
            { "op": "change", "id": lima, "if_match": 1, "data": { "name": "Late" } },
            { "op": "delete", "id": NOBODY },
            { "op": "create", "data": { "name": "", "website": "x" } },
            { "op": "upsert", "by": { "domain": "localhost" }, "data": { "employees": 1 } },
            { "op": "upsert", "id": lima, "data": { "name": "" } },
        ]),
    )
    .await;
    let expected = [
        "201",
        "company.domain_taken",
        "200",
        "200",
        "200",
        "200",
        "company.deleted",
        "200",
        "version.stale",
        "company.not_found",
        "request.invalid",
        "request.invalid",
        "request.invalid",
    ];
    assert_eq!(told(&answer), expected);
    assert_eq!(service.store.appends(), before + 1, "one transaction");
    let data = &answer.body["data"];
    let places = |n: usize| -> Vec<Value> {
        data[n]["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].clone()).collect()
    };
    assert_eq!(places(10), ["/operations/10/data/name", "/operations/10/data/website"]);
    assert_eq!(places(11), ["/operations/11/by/domain"]);
    assert_eq!(places(12), ["/operations/12/id", "/operations/12/by", "/operations/12/data/name"]);
    assert_eq!(data[7], json!({ "status": 200, "id": lima, "version": 6 }));
    let body = shown(&service, &lima).await;
    assert_eq!((&body["industry"], &body["tags"], &body["version"]), (&json!("Shipping"), &json!(["a"]), &json!(6)));
    let body = shown(&service, data[0]["id"].as_str().unwrap()).await;
    assert_eq!((&body["name"], &body["attributes"]), (&json!("Porto"), &json!({ "size": 3 })));
}

#[tokio::test]
async fn an_upsert_finds_the_company_that_has_the_domain_when_it_is_its_turn() {
    let service = Service::start().await;
    let lima = made(&service, json!({ "name": "Lima", "domains": ["lima.example"], "tags": ["old"] })).await;
    let answer = send(
        &service,
        json!([
            upsert("LIMA.example", json!({ "employees": 7, "tags": ["new"] })),
            upsert("porto.example", json!({ "employees": 1 })),
            upsert("porto.example", json!({ "name": "Porto", "domains": ["porto.test"] })),
            upsert("porto.test", json!({ "industry": "Cranes" })),
            { "op": "create", "data": { "name": "Faro", "domains": ["faro.example"] } },
            upsert("faro.example", json!({ "employees": 2 })),
            // Whoever gives a domain up is not found by it any more.
            { "op": "change", "id": lima, "data": { "domains": ["lima.test"] } },
            upsert("lima.example", json!({ "name": "Another Lima" })),
            upsert("lima.test", json!({ "employees": 8 })),
        ]),
    )
    .await;
    let codes = ["200", "company.nameless", "201", "200", "201", "200", "200", "201", "200"];
    assert_eq!(told(&answer), codes);
    let id = |n: usize| answer.body["data"][n]["id"].as_str().unwrap();
    assert_eq!((id(0), id(8)), (&*lima, &*lima));
    assert_eq!((id(2), id(4)), (id(3), id(5)));
    let body = shown(&service, &lima).await;
    assert_eq!((&body["employees"], &body["tags"]), (&json!(8), &json!(["new", "old"])));
    let body = shown(&service, id(2)).await;
    assert_eq!((&body["domains"], &body["industry"]), (&json!(["porto.example", "porto.test"]), &json!("Cranes")));
    // Sent again, nothing is to be done; and under a key, it is answered as the first time, what was made included.
    let keyed = |name: &str| {
        let body = json!({ "operations": [upsert("new.example", json!({ "name": name }))] });
        service.request("POST", "/v1/companies/batch").header("idempotency-key", "k").json(&body).answer()
    };
    let (first, again) = (keyed("New").await, keyed("New").await);
    assert_eq!((told(&first), &again.body), (vec!["201".to_owned()], &first.body));
    assert_eq!(again.header("idempotency-replayed"), "true");
    let more = send(&service, json!([upsert("new.example", json!({ "name": "New" }))])).await;
    assert_eq!((told(&more), &more.body["data"][0]["version"]), (vec!["200".to_owned()], &json!(1)));
}

#[tokio::test]
async fn a_parent_is_judged_as_the_operations_before_leave_it() {
    let service = Service::start().await;
    let [a, b, c] = ["A", "B", "C"].map(|name| made(&service, json!({ "name": name })));
    let (a, b, c) = (a.await, b.await, c.await);
    let below = |child: &str, parent: &str| json!({ "op": "change", "id": child, "data": { "parent_id": parent } });
    let answer = send(
        &service,
        json!([
            below(&b, &a),
            below(&c, &b),
            below(&a, &c),
            below(&a, &a),
            { "op": "create", "data": { "name": "D", "parent_id": c } },
            { "op": "create", "data": { "name": "E", "parent_id": NOBODY } },
            { "op": "delete", "id": c },
            { "op": "create", "data": { "name": "F", "parent_id": c } },
            upsert("g.example", json!({ "name": "G", "parent_id": a })),
            upsert("g.example", json!({ "parent_id": b })),
            { "op": "change", "id": b, "data": { "parent_id": null } },
            below(&a, &b),
        ]),
    )
    .await;
    let codes = [
        "200",
        "200",
        "company.circular",
        "company.circular",
        "201",
        "company.unknown_parent",
        "200",
        "company.unknown_parent",
        "201",
        "200",
        "200",
        "200",
    ];
    assert_eq!(told(&answer), codes);
    assert_eq!(shown(&service, &a).await["parent_id"], json!(b));
    // Who may read nothing sees no parent.
    let blind = service.bare("POST", "/v1/companies/batch").bearer_auth(token(1, "companies:write"));
    let blind = blind.json(&json!({ "operations": [below(&a, &b), below(&b, &a)] })).answer().await;
    assert_eq!(told(&blind), ["200", "company.unknown_parent"], "the first one is so already");
}

#[tokio::test]
async fn a_row_of_companies_is_not_longer_for_being_made_in_one_request() {
    let service = Service::start().await;
    let mut row = Vec::new();
    for n in 0..22 {
        row.push(made(&service, json!({ "name": n.to_string() })).await);
    }
    let below = |n: usize| json!({ "op": "change", "id": row[n], "data": { "parent_id": row[n - 1] } });
    let calls = service.store.calls();
    let answer = send(&service, json!((1..22).map(below).collect::<Vec<_>>())).await;
    let told = told(&answer);
    assert!(told[..20].iter().all(|status| status == "200"), "{told:?}");
    assert_eq!(told[20], "company.too_deep");
    assert!(service.store.calls() - calls <= 4, "they are looked up together");
}

#[tokio::test]
async fn an_atomic_batch_that_is_refused_leaves_nothing() {
    let service = Service::start().await;
    let lima = made(&service, json!({ "name": "Lima", "domains": ["lima.example"] })).await;
    let before = service.store.appends();
    let operations = json!([
        upsert("lima.example", json!({ "employees": 7 })),
        upsert("porto.example", json!({ "name": "Porto" })),
        { "op": "change", "id": lima, "data": { "parent_id": NOBODY } },
    ]);
    let refused = service.post("/v1/companies/batch", json!({ "atomic": true, "operations": operations })).await;
    let place = [("/operations/2", "company.unknown_parent")];
    assert_eq!(refused.is_problem(422, "company.unknown_parent").faults(), place);
    assert_eq!((service.store.appends(), &shown(&service, &lima).await["version"]), (before, &json!(1)));
    let again = send(&service, json!([upsert("porto.example", json!({ "name": "Porto" }))])).await;
    assert_eq!(told(&again), ["201"], "nobody has the domain");
}

#[tokio::test]
async fn custom_fields_are_demanded_of_each() {
    let service = Service::start().await;
    let tier = json!({
        "record_type": "company", "key": "tier", "name": "Tier", "value_type": "select", "required": true,
        "options": [{ "key": "gold", "name": "Gold" }],
    });
    assert_eq!(service.post("/v1/custom_fields", tier).await.status, 201);
    let gold = json!({ "name": "A", "attributes": { "tier": "gold" } });
    let answer = send(
        &service,
        json!([
            { "op": "create", "data": gold },
            { "op": "create", "data": { "name": "B" } },
            upsert("c.example", json!({ "name": "C", "attributes": { "tier": "lead" } })),
            upsert("c.example", gold),
            upsert("c.example", json!({ "attributes": { "tier": null } })),
        ]),
    )
    .await;
    let codes = ["201", "attribute.required", "attribute.unknown_option", "201", "attribute.required"];
    assert_eq!(told(&answer), codes);
}
