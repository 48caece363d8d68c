//! Many deals in one request: what is their own. What holds for every batch is tried with contacts.

use serde_json::{Value, json};

use crate::service::{Answer, Ask, Service, token};

const NOBODY: &str = "019ca000-0000-7000-8000-00000000aaaa";

async fn record(service: &Service, collection: &str, body: Value) -> String {
    let created = service.post(&format!("/v1/{collection}"), body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    created.body["id"].as_str().unwrap().to_owned()
}

/// A pipeline and its stages.
async fn way(service: &Service, name: &str, loss_reasons: Value) -> (String, [String; 2]) {
    let stages = json!([{ "name": "Qualified", "probability": 20 }, { "name": "Proposal", "probability": 50 }]);
    let body = json!({ "name": name, "stages": stages, "loss_reasons": loss_reasons });
    let id = record(service, "pipelines", body).await;
    let shown = service.get(&format!("/v1/pipelines/{id}")).await.body;
    let stages = [0, 1].map(|n| shown["stages"][n]["id"].as_str().unwrap().to_owned());
    (id, stages)
}

async fn ask(service: &Service, body: Value) -> Answer {
    service.post("/v1/deals/batch", body).await
}

async fn send(service: &Service, operations: Value) -> Answer {
    let answer = ask(service, json!({ "operations": operations })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer
}

/// For each operation its status, or the code of its refusal.
fn told(answer: &Answer) -> Vec<String> {
    let data = answer.body["data"].as_array().unwrap().iter();
    data.map(|one| one["code"].as_str().map_or_else(|| one["status"].to_string(), str::to_owned)).collect()
}

async fn shown(service: &Service, id: &str) -> Value {
    service.get(&format!("/v1/deals/{id}")).await.body
}

#[tokio::test]
async fn every_operation_does_what_its_route_does() {
    let service = Service::start().await;
    let (pipeline, stages) = way(&service, "New", json!([])).await;
    let deal = record(&service, "deals", json!({ "name": "A", "pipeline_id": pipeline })).await;
    let ana = record(&service, "contacts", json!({ "name": "Ana" })).await;
    let lima = record(&service, "companies", json!({ "name": "Lima" })).await;
    let on = |op: &str, data: Value| json!({ "op": op, "id": deal, "data": data });
    let bare = |op: &str| json!({ "op": op, "id": deal });
    let before = service.store.appends();
    let answer = send(
        &service,
        json!([
            { "op": "open", "data": { "name": "B", "pipeline_id": pipeline, "contact_ids": [ana], "tags": ["rush"] } },
            { "op": "open", "data": { "name": "C", "pipeline_id": NOBODY } },
            { "op": "open", "data": { "name": "C", "pipeline_id": pipeline, "stage_id": NOBODY } },
            { "op": "open", "data": { "name": "C", "pipeline_id": pipeline, "company_ids": [NOBODY] } },
            { "op": "open", "data": { "name": "", "pipeline_id": pipeline, "expected_close": "soon" } },
            on("change", json!({ "value": { "amount": 5, "currency": "EUR" }, "attributes": { "term": 12 } })),
            on("move", json!({ "stage_id": stages[1] })),
            on("move", json!({ "stage_id": NOBODY })),
            on("link", json!({ "contact_ids": [ana], "company_ids": [lima] })),
            on("link", json!({ "contact_ids": [ana], "company_ids": [NOBODY] })),
            on("win", json!({ "reason": "Price" })),
            on("lose", json!({ "reason": null })),
            bare("reopen"),
            on("unlink", json!({ "contact_ids": [ana] })),
            on("tag", json!({ "tags": ["a", "b"] })),
            on("untag", json!({ "tags": ["b"] })),
            on("lose", json!({ "reason": "too late" })),
            bare("delete"),
            bare("reopen"),
            bare("restore"),
            { "op": "delete", "id": deal, "if_match": 1 },
            { "op": "win", "id": NOBODY, "data": { "reason": null } },
            { "op": "win", "id": deal },
        ]),
    )
    .await;
    let codes = [
        "201",
        "deal.unknown_pipeline",
        "deal.unknown_stage",
        "deal.unknown_company",
        "request.invalid",
        "200",
        "200",
        "deal.unknown_stage",
        "200",
        "deal.unknown_company",
        "200",
        "deal.closed",
        "200",
        "200",
        "200",
        "200",
        "200",
        "200",
        "deal.deleted",
        "200",
        "version.stale",
        "deal.not_found",
        "request.invalid",
    ];
    assert_eq!(told(&answer), codes);
    assert_eq!(service.store.appends(), before + 1, "one transaction");
    let data = &answer.body["data"];
    assert_eq!(data[4]["errors"][1]["pointer"], "/operations/4/data/expected_close");
    assert_eq!(data[22]["errors"][0]["pointer"], "/operations/22/data");
    let body = shown(&service, &deal).await;
    assert_eq!((&body["status"], &body["reason"]), (&json!("lost"), &json!("too late")));
    assert_eq!((&body["contact_ids"], &body["company_ids"]), (&json!([]), &json!([lima])));
    assert_eq!((&body["tags"], &body["stage_id"]), (&json!(["a"]), &json!(stages[1])));
    assert_eq!((&body["value"]["amount"], &body["attributes"]), (&json!(5), &json!({ "term": 12 })));
    let body = shown(&service, data[0]["id"].as_str().unwrap()).await;
    assert_eq!((&body["stage_id"], &body["contact_ids"]), (&json!(stages[0]), &json!([ana])));
}

#[tokio::test]
async fn a_deal_is_judged_by_the_pipeline_in_which_it_is_by_then() {
    let service = Service::start().await;
    let (free, _) = way(&service, "Free", json!([])).await;
    let (strict, stages) = way(&service, "Strict", json!(["No budget"])).await;
    let deal = record(&service, "deals", json!({ "name": "A", "pipeline_id": free })).await;
    let on = |op: &str, data: Value| json!({ "op": op, "id": deal, "data": data });
    let answer = send(
        &service,
        json!([
            on("move", json!({ "stage_id": stages[1] })),
            on("lose", json!({ "reason": "anything" })),
            { "op": "reopen", "id": deal },
            on("move", json!({ "stage_id": stages[1], "pipeline_id": strict })),
            on("lose", json!({ "reason": "anything" })),
            on("lose", json!({ "reason": null })),
            on("move", json!({ "stage_id": stages[0] })),
            on("lose", json!({ "reason": "no BUDGET" })),
        ]),
    )
    .await;
    let codes =
        ["deal.unknown_stage", "200", "200", "200", "deal.unknown_reason", "deal.reason_required", "200", "200"];
    assert_eq!(told(&answer), codes);
    let body = shown(&service, &deal).await;
    assert_eq!((&body["reason"], &body["stage_id"]), (&json!("No budget"), &json!(stages[0])));
    assert_eq!(answer.body["data"][7]["version"], body["version"]);
}

#[tokio::test]
async fn a_hundred_deals_take_no_more_round_trips_than_two() {
    let service = Service::start().await;
    let (pipeline, stages) = way(&service, "New", json!(["No budget"])).await;
    let agent = json!({
        "record_type": "deal", "key": "agent", "name": "Agent", "value_type": "reference", "refers_to": "contact",
    });
    record(&service, "custom_fields", agent).await;
    let mut trips = Vec::new();
    for count in [2, 100] {
        let mut operations = Vec::new();
        for n in 0..count {
            let deal = record(&service, "deals", json!({ "name": format!("{n}"), "pipeline_id": pipeline })).await;
            let ana = record(&service, "contacts", json!({ "name": "Ana" })).await;
            let lima = record(&service, "companies", json!({ "name": "Lima" })).await;
            operations.push(match n % 4 {
                0 => json!({ "op": "open", "data": {
                    "name": "B", "pipeline_id": pipeline, "contact_ids": [ana], "company_ids": [lima],
                    "attributes": { "agent": { "type": "contact", "id": ana } },
                } }),
                1 => json!({ "op": "lose", "id": deal, "data": { "reason": "No budget" } }),
                2 => json!({ "op": "move", "id": deal, "data": { "stage_id": stages[1] } }),
                _ => json!({ "op": "link", "id": deal, "data": { "contact_ids": [ana], "company_ids": [lima] } }),
            });
        }
        // What fields there are is known for a second; then it is read again.
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        let before = service.store.calls();
        let answer = send(&service, json!(operations)).await;
        trips.push(service.store.calls() - before);
        assert!(told(&answer).iter().all(|status| ["200", "201"].contains(&&**status)), "{}", answer.body);
    }
    // Deals, their pipelines, contacts, companies, fields, records of attributes; deals once more, and what is stored.
    assert!(trips[0] == trips[1] && trips[1] <= 8, "{trips:?}");
}

#[tokio::test]
async fn an_atomic_batch_that_is_refused_leaves_nothing() {
    let service = Service::start().await;
    let (pipeline, _) = way(&service, "New", json!(["No budget"])).await;
    let deal = record(&service, "deals", json!({ "name": "A", "pipeline_id": pipeline })).await;
    let before = service.store.appends();
    let operations = json!([
        { "op": "open", "data": { "name": "B", "pipeline_id": pipeline } },
        { "op": "tag", "id": deal, "data": { "tags": ["a"] } },
        { "op": "lose", "id": deal, "data": { "reason": null } },
    ]);
    let refused = ask(&service, json!({ "atomic": true, "operations": operations })).await;
    assert_eq!(refused.is_problem(422, "deal.reason_required").faults(), [("/operations/2", "deal.reason_required")]);
    assert_eq!((service.store.appends(), &shown(&service, &deal).await["version"]), (before, &json!(1)));
}

#[tokio::test]
async fn a_repeated_batch_is_answered_as_the_first_time() {
    let service = Service::start().await;
    let (pipeline, _) = way(&service, "New", json!([])).await;
    let body = json!({ "operations": [
        { "op": "open", "data": { "name": "A", "pipeline_id": pipeline } },
        { "op": "open", "data": { "name": "B", "pipeline_id": NOBODY } },
    ] });
    let keyed = || service.request("POST", "/v1/deals/batch").header("idempotency-key", "k").json(&body).answer();
    let (first, again) = (keyed().await, keyed().await);
    assert_eq!((told(&first), &again.body), (vec!["201".to_owned(), "deal.unknown_pipeline".to_owned()], &first.body));
    assert_eq!(again.header("idempotency-replayed"), "true");
}

/// Of somebody who holds everything over own records, and of an organization that has none of it.
#[tokio::test]
async fn what_is_beyond_reach_is_not_there() {
    let service = Service::start().await;
    let (pipeline, stages) = way(&service, "New", json!([])).await;
    let mut deals = Vec::new();
    for owner in [1, 2] {
        let owner_id = uuid::Uuid::from_u128(owner);
        let body = json!({ "name": "A", "pipeline_id": pipeline, "owner_id": owner_id });
        deals.push(record(&service, "deals", body).await);
    }
    let stranger = record(&service, "contacts", json!({ "name": "Ana" })).await;
    let operations = |deal: &str| {
        json!([
            { "op": "move", "id": deal, "data": { "stage_id": stages[1] } },
            { "op": "win", "id": deal, "if_match": 7, "data": { "reason": null } },
            { "op": "win", "id": deal, "data": { "reason": null } },
            { "op": "reopen", "id": deal },
            { "op": "link", "id": deal, "data": { "contact_ids": [stranger] } },
            { "op": "delete", "id": deal },
        ])
    };
    let own = async |deal: &str| {
        let request = service.bare("POST", "/v1/deals/batch").bearer_auth("own");
        told(&request.json(&json!({ "operations": operations(deal) })).answer().await)
    };
    assert_eq!(own(&deals[0]).await, ["200", "version.stale", "200", "200", "deal.unknown_contact", "200"]);
    assert_eq!(own(&deals[1]).await, ["deal.not_found"; 6]);
    assert_eq!(shown(&service, &deals[1]).await["version"], 1);
    let foreign = service.bare("POST", "/v1/deals/batch").bearer_auth(token(2, "*:*"));
    let foreign = foreign.json(&json!({ "operations": operations(&deals[1]) })).answer().await;
    assert_eq!(told(&foreign), ["deal.not_found"; 6]);
    let opened = json!([{ "op": "open", "data": { "name": "B", "pipeline_id": pipeline } }]);
    let foreign = service.bare("POST", "/v1/deals/batch").bearer_auth(token(2, "*:*"));
    let foreign = foreign.json(&json!({ "operations": opened })).answer().await;
    assert_eq!(told(&foreign), ["deal.unknown_pipeline"], "a pipeline is its organization's");
}
