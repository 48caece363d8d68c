//! Deals over HTTP: what is their own. What holds for every operation is tried by enumeration.

use serde_json::{Value, json};

use crate::service::{Answer, Ask, Service, token};

const NOBODY: &str = "019ca000-0000-7000-8000-00000000aaaa";

/// A pipeline with its stages.
struct Way {
    id: String,
    stages: Vec<String>,
}

async fn record(service: &Service, collection: &str, body: Value) -> String {
    let created = service.post(&format!("/v1/{collection}"), body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    created.body["id"].as_str().unwrap().to_owned()
}

async fn way(service: &Service, name: &str) -> Way {
    let body = json!({
        "name": name,
        "stages": [
            { "name": "Qualified", "probability": 20, "rotting_days": 0 },
            { "name": "Proposal", "probability": 50 },
            { "name": "Negotiation", "probability": 75 },
        ],
        "win_reasons": ["Price", "Quality"], "loss_reasons": ["No budget"],
    });
    let id = record(service, "pipelines", body).await;
    let shown = service.get(&format!("/v1/pipelines/{id}")).await.body;
    let stages = shown["stages"].as_array().unwrap();
    Way { stages: stages.iter().map(|stage| stage["id"].as_str().unwrap().to_owned()).collect(), id }
}

/// Opens a deal and tells its path.
async fn opened(service: &Service, body: Value) -> String {
    format!("/v1/deals/{}", record(service, "deals", body).await)
}

async fn verb(service: &Service, deal: &str, verb: &str, body: Value) -> Answer {
    service.post(&format!("{deal}/{verb}"), body).await
}

#[tokio::test]
async fn a_deal_is_shown_as_it_is_kept() {
    let service = Service::start().await;
    let way = way(&service, "New").await;
    let (ana, lima) = (
        record(&service, "contacts", json!({ "name": "Ana" })).await,
        record(&service, "companies", json!({ "name": "Lima" })).await,
    );
    let path = opened(
        &service,
        json!({
            "name": " 40 forklifts ", "pipeline_id": way.id, "stage_id": way.stages[1],
            "value": { "amount": 12_500, "currency": "EUR" }, "expected_close": "2026-12-31", "source": "Trade fair",
            "owner_id": NOBODY, "contact_ids": [ana, ana], "company_ids": [lima], "tags": ["Rush"],
            "attributes": { "term": 12 },
        }),
    )
    .await;
    let mut body = service.get(&path).await.body;
    for time in ["id", "created_at", "updated_at", "opened_at", "stage_entered_at"] {
        assert!(body[time].take().is_string());
    }
    let expected = json!({
        "id": null, "version": 1, "name": "40 forklifts", "status": "open", "pipeline_id": way.id,
        "stage_id": way.stages[1], "stage_entered_at": null, "value": { "amount": 12_500, "currency": "EUR" },
        "expected_close": "2026-12-31", "source": "Trade fair", "owner_id": NOBODY, "project_id": null,
        "contact_ids": [ana], "company_ids": [lima], "tags": ["rush"], "attributes": { "term": 12 },
        "opened_at": null, "closed_at": null, "reason": null, "created_at": null, "updated_at": null,
    });
    assert_eq!(body, expected);
    let least = opened(&service, json!({ "name": "Least", "pipeline_id": way.id })).await;
    let body = service.get(&least).await.body;
    assert_eq!((&body["stage_id"], &body["value"]), (&json!(way.stages[0]), &Value::Null), "the first stage");
}

#[tokio::test]
async fn everything_wrong_with_a_deal_is_told_at_once() {
    let service = Service::start().await;
    let way = way(&service, "New").await;
    let body = json!({
        "name": "", "pipeline_id": way.id, "value": { "amount": 1, "currency": "EURO" }, "expected_close": "31.12.2026",
        "source": " ", "tags": ["-"], "attributes": { "Bad": 1 },
    });
    let expected = [
        ("/attributes/Bad", "attribute.invalid_key"),
        ("/expected_close", "date.invalid"),
        ("/name", "name.invalid"),
        ("/source", "name.invalid"),
        ("/tags/0", "tag.invalid"),
        ("/value/currency", "currency.unknown"),
    ];
    assert_eq!(service.post("/v1/deals", body).await.is_problem(422, "request.invalid").faults(), expected);
    let open = async |more: Value| {
        let mut body = json!({ "name": "A", "pipeline_id": way.id });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        service.post("/v1/deals", body).await
    };
    for day in ["2026-02-30", "+12026-01-01", "2026-1-1", ""] {
        let answer = open(json!({ "expected_close": day })).await;
        assert_eq!(answer.is_problem(422, "request.invalid").faults(), [("/expected_close", "date.invalid")]);
    }
    let most = open(json!({ "value": { "amount": 1_000_000_000_000_001_i64, "currency": "EUR" } })).await;
    assert_eq!(most.is_problem(422, "request.invalid").faults(), [("/value/amount", "money.out_of_range")]);
    for (more, code) in [
        (json!({ "pipeline_id": NOBODY }), "deal.unknown_pipeline"),
        (json!({ "stage_id": NOBODY }), "deal.unknown_stage"),
        (json!({ "contact_ids": [NOBODY] }), "deal.unknown_contact"),
        (json!({ "company_ids": [NOBODY] }), "deal.unknown_company"),
        (json!({ "value": { "amount": -1, "currency": "EUR" } }), "deal.negative_value"),
    ] {
        open(more).await.is_problem(422, code);
    }
    let deal = opened(&service, json!({ "name": "A", "pipeline_id": way.id })).await;
    let wrong = service.patch(&deal, json!({ "name": null, "value": { "amount": 1, "currency": "XXX1" } })).await;
    let expected = [("/name", "request.required"), ("/value/currency", "currency.unknown")];
    assert_eq!(wrong.is_problem(422, "request.invalid").faults(), expected);
    let wrong = verb(&service, &deal, "win", json!({ "reason": "" })).await;
    assert_eq!(wrong.is_problem(422, "request.invalid").faults(), [("/reason", "name.invalid")]);
}

#[tokio::test]
async fn attributes_and_labels_change() {
    let service = Service::start().await;
    let way = way(&service, "New").await;
    let deal = opened(&service, json!({ "name": "A", "pipeline_id": way.id, "attributes": { "term": 12 } })).await;
    let patch = json!({
        "name": "B", "value": { "amount": 5, "currency": "JPY" }, "expected_close": "2027-01-31", "source": "Web",
        "owner_id": NOBODY, "project_id": NOBODY, "attributes": { "term": null, "size": 3 },
    });
    let changed = service.patch(&deal, patch.clone()).await;
    assert_eq!((changed.status.as_u16(), &changed.body["version"]), (200, &json!(9)), "an event for each thing");
    assert_eq!(service.patch(&deal, patch).await.body["version"], 9);
    let shown = service.get(&deal).await.body;
    assert_eq!((&shown["value"]["currency"], &shown["attributes"]), (&json!("JPY"), &json!({ "size": 3 })));
    let emptied =
        json!({ "value": null, "expected_close": null, "source": null, "owner_id": null, "project_id": null });
    assert_eq!(service.patch(&deal, emptied).await.body["version"], 14);
    assert_eq!(verb(&service, &deal, "tag", json!({ "tags": ["VIP", "rush"] })).await.status, 200);
    assert_eq!(verb(&service, &deal, "untag", json!({ "tags": ["rush"] })).await.status, 200);
    let listed = service.get("/v1/deals?q=vip").await.body;
    assert_eq!((&listed["data"][0]["tags"], &listed["data"][0]["source"]), (&json!(["vip"]), &Value::Null));
}

#[tokio::test]
async fn a_deal_goes_its_way_until_it_is_won_or_lost() {
    let service = Service::start().await;
    let (way, other) = (way(&service, "New").await, way(&service, "Other").await);
    let deal = opened(&service, json!({ "name": "A", "pipeline_id": way.id })).await;
    let to = async |body: Value| verb(&service, &deal, "move", body).await;
    assert_eq!(to(json!({ "stage_id": way.stages[1] })).await.body["version"], 2);
    assert_eq!(to(json!({ "stage_id": way.stages[1] })).await.body["version"], 2, "it is so already");
    to(json!({ "stage_id": other.stages[0] })).await.is_problem(422, "deal.unknown_stage");
    to(json!({ "stage_id": way.stages[0], "pipeline_id": NOBODY })).await.is_problem(422, "deal.unknown_pipeline");
    assert_eq!(to(json!({ "stage_id": other.stages[2], "pipeline_id": other.id })).await.status, 200);
    verb(&service, &deal, "lose", json!({})).await.is_problem(422, "deal.reason_required");
    verb(&service, &deal, "lose", json!({ "reason": "Rain" })).await.is_problem(422, "deal.unknown_reason");
    assert_eq!(verb(&service, &deal, "lose", json!({ "reason": "NO BUDGET" })).await.status, 200);
    let lost = service.get(&deal).await.body;
    assert_eq!((&lost["status"], &lost["reason"]), (&json!("lost"), &json!("No budget")));
    assert!(lost["closed_at"].is_string());
    to(json!({ "stage_id": other.stages[0] })).await.is_problem(409, "deal.closed");
    verb(&service, &deal, "win", json!({})).await.is_problem(409, "deal.closed");
    let reopened = service.request("POST", &format!("{deal}/reopen")).answer().await;
    assert_eq!(reopened.status, 200);
    assert_eq!(service.get(&deal).await.body["closed_at"], Value::Null);
    assert_eq!(verb(&service, &deal, "win", json!({ "reason": "quality" })).await.status, 200);
    assert_eq!(verb(&service, &deal, "win", json!({})).await.body["version"], 6, "it is so already");
    let won = service.get(&deal).await.body;
    assert_eq!((&won["status"], &won["reason"]), (&json!("won"), &json!("Quality")));
    // The way, as it was.
    let stages = service.get(&format!("{deal}/stages")).await.body;
    let stays = stages["data"].as_array().unwrap();
    let expected = [
        (&way.id, &way.stages[0]),
        (&way.id, &way.stages[1]),
        (&other.id, &other.stages[2]),
        (&other.id, &other.stages[2]),
    ];
    assert_eq!(stays.len(), expected.len());
    for (stay, (pipeline, stage)) in stays.iter().zip(expected) {
        assert_eq!((&stay["pipeline_id"], &stay["stage_id"]), (&json!(pipeline), &json!(stage)));
        assert!(stay["left_at"].is_string() && stay["seconds"].as_i64().unwrap() >= 0, "{stay}");
    }
    assert_eq!((&stays[0]["left_at"], &stays[3]["left_at"]), (&stays[1]["entered_at"], &won["closed_at"]));
    assert_eq!(service.request("DELETE", &deal).answer().await.status, 200);
    service.get(&format!("{deal}/stages")).await.is_problem(404, "deal.not_found");
    verb(&service, &deal, "move", json!({ "stage_id": way.stages[0] })).await.is_problem(409, "deal.deleted");
    let nobody = format!("/v1/deals/{NOBODY}");
    verb(&service, &nobody, "win", json!({})).await.is_problem(404, "deal.not_found");
}

#[tokio::test]
async fn a_retired_stage_is_entered_no_more_and_its_deals_come_back_elsewhere() {
    let service = Service::start().await;
    let way = way(&service, "New").await;
    let deal = opened(&service, json!({ "name": "A", "pipeline_id": way.id })).await;
    assert_eq!(verb(&service, &deal, "win", json!({})).await.status, 200);
    let retirement = json!({ "stage_id": way.stages[0], "move_deals_to": way.stages[2] });
    let retired = service.post(&format!("/v1/pipelines/{}/stages/retire", way.id), retirement).await;
    assert_eq!(retired.status, 200);
    let again = json!({ "name": "B", "pipeline_id": way.id, "stage_id": way.stages[0] });
    service.post("/v1/deals", again).await.is_problem(409, "deal.stage_retired");
    assert_eq!(service.request("POST", &format!("{deal}/reopen")).answer().await.status, 200);
    assert_eq!(service.get(&deal).await.body["stage_id"], json!(way.stages[2]));
    let gone = service.request("DELETE", &format!("/v1/pipelines/{}", way.id)).answer().await;
    assert_eq!(gone.status, 200);
    let late = json!({ "name": "C", "pipeline_id": way.id });
    service.post("/v1/deals", late).await.is_problem(422, "deal.unknown_pipeline");
}

#[tokio::test]
async fn a_deal_names_whom_the_caller_may_read() {
    let service = Service::start().await;
    let way = way(&service, "New").await;
    let deal = opened(&service, json!({ "name": "A", "pipeline_id": way.id })).await;
    let (ana, bo) = (
        record(&service, "contacts", json!({ "name": "Ana" })).await,
        record(&service, "contacts", json!({ "name": "Bo" })).await,
    );
    let lima = record(&service, "companies", json!({ "name": "Lima" })).await;
    let linked = verb(&service, &deal, "link", json!({ "contact_ids": [ana, bo], "company_ids": [lima] })).await;
    assert_eq!((linked.status.as_u16(), &linked.body["version"]), (200, &json!(3)), "{}", linked.body);
    assert_eq!(verb(&service, &deal, "link", json!({ "contact_ids": [ana] })).await.body["version"], 3);
    // Both or none.
    let half = json!({ "contact_ids": [NOBODY], "company_ids": [lima] });
    verb(&service, &deal, "link", half).await.is_problem(422, "deal.unknown_contact");
    let half = json!({ "company_ids": [NOBODY] });
    verb(&service, &deal, "link", half).await.is_problem(422, "deal.unknown_company");
    let unlinked = verb(&service, &deal, "unlink", json!({ "contact_ids": [bo], "company_ids": [lima] })).await;
    assert_eq!(unlinked.body["version"], 5);
    let shown = service.get(&deal).await.body;
    assert_eq!((&shown["contact_ids"], &shown["company_ids"]), (&json!([ana]), &json!([])));
    // What is deleted is named no more, and who may read no contact names none; pipelines need not be readable.
    assert_eq!(service.request("DELETE", &format!("/v1/contacts/{bo}")).answer().await.status, 200);
    verb(&service, &deal, "link", json!({ "contact_ids": [bo] })).await.is_problem(422, "deal.unknown_contact");
    let blind = |body: Value| service.bare("POST", "/v1/deals").bearer_auth(token(1, "deals:write")).json(&body);
    let body = json!({ "name": "B", "pipeline_id": way.id, "contact_ids": [ana] });
    blind(body).answer().await.is_problem(422, "deal.unknown_contact");
    assert_eq!(blind(json!({ "name": "B", "pipeline_id": way.id })).answer().await.status, 201);
    // Another organization's are not there.
    let foreign = service.bare("POST", "/v1/deals").bearer_auth(token(2, "*:*"));
    let foreign = foreign.json(&json!({ "name": "B", "pipeline_id": way.id })).answer().await;
    foreign.is_problem(422, "deal.unknown_pipeline");
}

#[tokio::test]
async fn a_board_counts_open_deals_by_stage() {
    let service = Service::start().await;
    let (way, other) = (way(&service, "New").await, way(&service, "Other").await);
    let value = |amount: i64, currency: &str| json!({ "amount": amount, "currency": currency });
    for (stage, value) in [
        (0, value(1_000, "EUR")),
        (0, value(500, "EUR")),
        (0, value(70, "USD")),
        (0, Value::Null),
        (1, value(300, "EUR")),
        (1, value(9_999, "EUR")),
    ] {
        let mut body = json!({ "name": "A", "pipeline_id": way.id, "stage_id": way.stages[stage] });
        if !value.is_null() {
            body["value"] = value.clone();
        }
        let deal = opened(&service, body).await;
        if value["amount"] == 9_999 {
            assert_eq!(verb(&service, &deal, "win", json!({})).await.status, 200);
        }
    }
    opened(&service, json!({ "name": "A", "pipeline_id": other.id, "value": value(1, "EUR") })).await;
    let path = format!("/v1/deals/board?pipeline_id={}", way.id);
    let board = service.get(&path).await.body;
    let shown = |stage: usize| -> Value {
        let mut shown = board["stages"][stage].clone();
        shown["stage"] = shown["stage"]["id"].take();
        shown
    };
    let sum = |currency: &str, deals: i64, amount: i64, weighted: i64| json!({ "currency": currency, "deals": deals, "amount": amount, "weighted": weighted });
    let sums = [sum("EUR", 2, 1_500, 300), sum("USD", 1, 70, 14)];
    assert_eq!(shown(0), json!({ "stage": way.stages[0], "deals": 4, "rotting": 4, "sums": sums }));
    let sums = [sum("EUR", 1, 300, 150)];
    assert_eq!(shown(1), json!({ "stage": way.stages[1], "deals": 1, "rotting": 0, "sums": sums }));
    assert_eq!(shown(2), json!({ "stage": way.stages[2], "deals": 0, "rotting": 0, "sums": [] }));
    // What is in a stage that was retired counts where it is to go.
    let retirement = json!({ "stage_id": way.stages[0], "move_deals_to": way.stages[2] });
    assert_eq!(service.post(&format!("/v1/pipelines/{}/stages/retire", way.id), retirement).await.status, 200);
    let board = service.get(&path).await.body;
    assert_eq!((&board["stages"][1]["deals"], &board["stages"][1]["rotting"]), (&json!(4), &json!(0)));
    assert_eq!(board["stages"][1]["sums"][0], sum("EUR", 2, 1_500, 1_125));
    let faults = |answer: Answer, code: &'static str| {
        assert_eq!(answer.is_problem(422, "request.invalid").faults(), [("pipeline_id", code)]);
    };
    faults(service.get("/v1/deals/board").await, "request.required");
    faults(service.get("/v1/deals/board?pipeline_id=x").await, "pipeline_id.invalid");
    let unknown = service.get(&format!("/v1/deals/board?pipeline_id={NOBODY}")).await;
    unknown.is_problem(404, "pipeline.not_found");
    let foreign = service.bare("GET", &path).bearer_auth(token(2, "*:*")).answer().await;
    foreign.is_problem(404, "pipeline.not_found");
}

#[tokio::test]
async fn timelines_of_whom_a_deal_names_tell_of_it_while_it_does() {
    let service = Service::start().await;
    let way = way(&service, "New").await;
    let (ana, lima) = (
        record(&service, "contacts", json!({ "name": "Ana" })).await,
        record(&service, "companies", json!({ "name": "Lima" })).await,
    );
    let body = json!({ "name": "Deal", "pipeline_id": way.id, "contact_ids": [ana], "company_ids": [lima] });
    let deal = opened(&service, body).await;
    let told = async |path: &str, scope: &str| -> Vec<String> {
        let path = format!("/v1/{path}/timeline");
        let answer = service.bare("GET", &path).bearer_auth(token(1, scope)).answer().await;
        let entries = answer.body["data"].as_array().unwrap();
        entries.iter().map(|entry| entry["type"].as_str().unwrap().to_owned()).collect()
    };
    let (contact, company) = (format!("contacts/{ana}"), format!("companies/{lima}"));
    assert_eq!(told(&contact, "*:*").await, ["deal.opened", "contact.created"]);
    assert_eq!(told(&company, "*:*").await, ["deal.opened", "company.created"]);
    assert_eq!(told(&contact, "contacts:read").await, ["contact.created"]);
    verb(&service, &deal, "unlink", json!({ "contact_ids": [ana] })).await;
    assert_eq!(told(&contact, "*:*").await, ["contact.created"]);
    assert_eq!(told(&company, "*:*").await[0], "deal.contacts_unlinked");
}
