//! Searching all kinds of records at once, over HTTP.

use serde_json::{Value, json};

use crate::{
    house::record,
    service::{Answer, Ask, Service, token},
};

async fn made(service: &Service, collection: &str, body: Value) -> String {
    let created = service.post(&format!("/v1/{collection}"), body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    created.body["id"].as_str().unwrap().to_owned()
}

/// What was found: type, title, detail, relevance.
fn found(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let one = |found: &Value| {
        let text = |name: &str| found[name].as_str().unwrap_or("nothing").to_owned();
        format!("{} {}: {}, {}", found["relevance"], text("type"), text("title"), text("detail"))
    };
    answer.body["data"].as_array().unwrap().iter().map(one).collect()
}

/// The types that were searched; those of which there are more with a mark.
fn types(answer: &Answer) -> String {
    let one = |searched: &Value| {
        let mark = if searched["has_more"] == json!(true) { "+" } else { "" };
        format!("{}{mark}", searched["type"].as_str().unwrap())
    };
    answer.body["types"].as_array().unwrap().iter().map(one).collect::<Vec<_>>().join(" ")
}

/// A record of each kind, and of contacts several.
async fn world() -> (Service, [String; 6]) {
    let service = Service::start().await;
    let lima = json!({ "name": "Lima & Co", "domains": ["lima.example"] });
    let lima = made(&service, "companies", lima).await;
    let ana = json!({ "name": "Ana Lima", "email": "ana@lima.example" });
    let ana = made(&service, "contacts", ana).await;
    let bo = made(&service, "contacts", json!({ "name": "Bo", "phone": "+35121123456", "tags": ["lima"] })).await;
    let pipeline = record(&service, "pipelines").await.unwrap();
    let value = json!({ "amount": 12_500, "currency": "EUR" });
    let deal = json!({ "name": "Limaforklifts", "pipeline_id": pipeline, "value": value });
    let deal = made(&service, "deals", deal).await;
    let about = json!([{ "type": "company", "id": lima }]);
    let call = json!({ "kind": "call", "subject": "Call Lima", "about": about });
    let call = made(&service, "activities", call).await;
    let gone = made(&service, "contacts", json!({ "name": "Lima" })).await;
    service.request("DELETE", &format!("/v1/contacts/{gone}")).answer().await;
    let erased = made(&service, "contacts", json!({ "name": "Lima" })).await;
    service.request("POST", &format!("/v1/contacts/{erased}/erase")).answer().await;
    (service, [ana, bo, call, deal, lima, pipeline])
}

#[tokio::test]
async fn a_search_finds_records_of_all_kinds_the_best_first() {
    let (service, [ana, bo, call, deal, lima, pipeline]) = world().await;
    let answer = service.get("/v1/search?q=lima").await;
    let all = [
        "2 activity: Call Lima, call",
        "2 contact: Ana Lima, ana@lima.example",
        "2 company: Lima & Co, lima.example",
        "1 deal: Limaforklifts, 125.00 EUR, open",
        "0 contact: Bo, +35121123456",
    ];
    assert_eq!(found(&answer), all, "what was deleted or erased is not among them");
    let ids: Vec<_> = answer.body["data"].as_array().unwrap().iter().map(|found| found["id"].clone()).collect();
    assert_eq!(ids, [&call, &ana, &lima, &deal, &bo].map(|id| json!(id)));
    assert_eq!(types(&answer), "activity company contact deal pipeline");
    let answer = service.get("/v1/search?q=lima&types=deal,%20contact&limit=1").await;
    assert_eq!(found(&answer), [all[1], all[3]]);
    assert_eq!(types(&answer), "contact+ deal");
    let beginning = ["1 contact: Ana Lima, ana@lima.example"];
    assert_eq!(found(&service.get("/v1/search?q=L%C3%8Dma%20an").await), beginning, "all words, in whatever order");
    let name = service.get(&format!("/v1/pipelines/{pipeline}")).await.body["name"].as_str().unwrap().to_owned();
    let answer = service.get(&format!("/v1/search?q={}", name.replace(' ', "%20"))).await;
    assert_eq!(found(&answer), [format!("2 pipeline: {name}, nothing")]);
    assert_eq!(found(&service.get("/v1/search?q=nobody").await), [""; 0]);
}

#[tokio::test]
async fn a_search_finds_nothing_that_the_caller_may_not_read() {
    let (service, [ana, ..]) = world().await;
    let search = async |token: String, query: &str| {
        service.bare("GET", &format!("/v1/search?q=lima{query}")).bearer_auth(token).answer().await
    };
    for (scope, searched) in [
        ("*:*", "activity company contact deal pipeline"),
        ("search:read contacts:read deals:*", "contact deal"),
        ("search:read deals:write", ""),
        ("search:*", ""),
    ] {
        let answer = search(token(1, scope), "").await;
        assert_eq!(types(&answer), searched, "{scope}");
        for found in answer.body["data"].as_array().unwrap() {
            assert!(searched.contains(found["type"].as_str().unwrap()), "{scope}: {found}");
        }
    }
    let answer = search(token(1, "search:read contacts:read"), "&types=deal").await;
    assert_eq!((found(&answer).len(), &*types(&answer)), (0, ""), "it is passed over, as if there were none");
    search(token(1, "contacts:read"), "").await.is_problem(403, "access.forbidden");
    assert_eq!(found(&search(token(2, "*:*"), "").await), [""; 0], "another organization");
    // Who reaches own records alone finds those alone.
    let own = json!({ "name": "Own Lima", "owner_id": uuid::Uuid::from_u128(1) });
    let own = made(&service, "contacts", own).await;
    let answer = search("own".to_owned(), "").await;
    assert_eq!(found(&answer), ["2 contact: Own Lima, nothing"]);
    assert!(answer.body.to_string().contains(&own) && !answer.body.to_string().contains(&ana));
    assert_eq!(types(&answer), "activity company contact deal", "nobody owns a pipeline");
}

#[tokio::test]
async fn a_search_that_says_nothing_is_refused() {
    let service = Service::start().await;
    for (query, faults) in [
        ("", vec![("q", "request.required")]),
        ("?q=%21", vec![("q", "query.empty")]),
        ("?q=ana&types=contact,comments", vec![("types", "types.unknown")]),
        ("?q=ana&types=", vec![("types", "types.unknown")]),
        ("?q=&limit=11&types=x", vec![("limit", "limit.invalid"), ("q", "query.empty"), ("types", "types.unknown")]),
        ("?q=ana&limit=0", vec![("limit", "limit.invalid")]),
    ] {
        let answer = service.get(&format!("/v1/search{query}")).await;
        assert_eq!(answer.is_problem(422, "request.invalid").faults(), faults, "{query}");
    }
    let long = format!("/v1/search?q={}", "a".repeat(201));
    assert_eq!(service.get(&long).await.is_problem(422, "request.invalid").faults(), [("q", "query.too_long")]);
}
