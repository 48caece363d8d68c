//! Pipelines over HTTP: what is their own. What holds for every operation is tried by enumeration.

use serde_json::{Value, json};

use crate::service::{Ask, Service};

fn full() -> Value {
    json!({
        "name": " New business ", "description": "From the first call to the signature",
        "stages": [
            { "name": "Qualified", "probability": 20, "rotting_days": 14 },
            { "name": "Proposal", "probability": 50 },
        ],
        "win_reasons": ["Price"], "loss_reasons": ["No budget", "No decision"],
    })
}

async fn made(service: &Service, body: Value) -> String {
    let created = service.post("/v1/pipelines", body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    format!("/v1/pipelines/{}", created.body["id"].as_str().unwrap())
}

/// The names of the stages in use, and their ids.
async fn stages(service: &Service, path: &str) -> (Vec<String>, Vec<Value>) {
    let body = service.get(path).await.body;
    let stages = body["stages"].as_array().unwrap();
    let name = |stage: &Value| stage["name"].as_str().unwrap().to_owned();
    (stages.iter().map(name).collect(), stages.iter().map(|stage| stage["id"].clone()).collect())
}

#[tokio::test]
async fn a_pipeline_is_shown_as_it_is_kept() {
    let service = Service::start().await;
    let path = made(&service, full()).await;
    let mut body = service.get(&path).await.body;
    for place in ["/id", "/created_at", "/updated_at", "/stages/0/id", "/stages/1/id"] {
        assert!(body.pointer_mut(place).unwrap().take().is_string(), "{place}");
    }
    let expected = json!({
        "id": null, "version": 1, "name": "New business", "description": "From the first call to the signature",
        "stages": [
            { "id": null, "name": "Qualified", "probability": 20, "rotting_days": 14 },
            { "id": null, "name": "Proposal", "probability": 50, "rotting_days": null },
        ],
        "retired_stages": [], "win_reasons": ["Price"], "loss_reasons": ["No budget", "No decision"],
        "created_at": null, "updated_at": null,
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn everything_wrong_with_a_pipeline_is_told_at_once() {
    let service = Service::start().await;
    let body = json!({
        "name": "", "description": "x".repeat(501),
        "stages": [{ "name": "Fine", "probability": 0 }, { "name": " ", "probability": 101 }],
        "win_reasons": ["Price", ""], "loss_reasons": [" "],
    });
    let expected = [
        ("/description", "description.invalid"),
        ("/loss_reasons/0", "name.invalid"),
        ("/name", "name.invalid"),
        ("/stages/1/name", "name.invalid"),
        ("/stages/1/probability", "percent.invalid"),
        ("/win_reasons/1", "name.invalid"),
    ];
    assert_eq!(service.post("/v1/pipelines", body).await.is_problem(422, "request.invalid").faults(), expected);
    let none = json!({ "name": "A", "stages": [] });
    service.post("/v1/pipelines", none).await.is_problem(422, "pipeline.no_stages");
    let stage = json!({ "name": "Twice", "probability": 1 });
    let twice = json!({ "name": "A", "stages": [stage, stage] });
    service.post("/v1/pipelines", twice).await.is_problem(409, "pipeline.stage_name_taken");
}

#[tokio::test]
async fn attributes_change_by_a_merge_patch_and_names_are_unique() {
    let service = Service::start().await;
    let path = made(&service, full()).await;
    let patch = json!({ "name": "Old business", "description": null, "win_reasons": null, "loss_reasons": ["Other"] });
    let changed = service.patch(&path, patch.clone()).await;
    assert_eq!((changed.status.as_u16(), &changed.body["version"]), (200, &json!(5)), "an event for each thing");
    assert_eq!(service.patch(&path, patch).await.body["version"], 5);
    let body = service.get(&path).await.body;
    assert_eq!((&body["win_reasons"], &body["loss_reasons"]), (&json!([]), &json!(["Other"])));
    let twice = json!({ "loss_reasons": ["Other", "OTHER"] });
    service.patch(&path, twice).await.is_problem(422, "pipeline.duplicate_reason");
    let again = json!({ "name": "OLD business", "stages": [{ "name": "Only", "probability": 1 }] });
    service.post("/v1/pipelines", again.clone()).await.is_problem(409, "pipeline.name_taken");
    assert_eq!(service.request("DELETE", &path).answer().await.status, 200);
    made(&service, again).await;
    let restored = service.request("POST", &format!("{path}/restore")).answer().await;
    restored.is_problem(409, "pipeline.name_taken");
}

#[tokio::test]
async fn stages_are_added_changed_reordered_and_retired() {
    let service = Service::start().await;
    let path = made(&service, full()).await;
    let all = format!("{path}/stages");
    let added = service.post(&all, json!({ "name": "Negotiation", "probability": 80, "position": 1 })).await;
    assert_eq!((added.status.as_u16(), &added.body["version"]), (200, &json!(2)), "{}", added.body);
    assert_eq!(service.post(&all, json!({ "name": "Last", "probability": 90 })).await.status, 200);
    let (names, ids) = stages(&service, &path).await;
    assert_eq!(names, ["Qualified", "Negotiation", "Proposal", "Last"]);
    let beyond = json!({ "name": "Far", "probability": 1, "position": 9 });
    service.post(&all, beyond).await.is_problem(422, "pipeline.position_beyond");
    let wrong = service.post(&all, json!({ "name": "", "probability": -1 })).await;
    let faults = [("/name", "name.invalid"), ("/probability", "percent.invalid")];
    assert_eq!(wrong.is_problem(422, "request.invalid").faults(), faults);
    let patch = json!({ "stage_id": ids[0], "name": "Known", "probability": 25, "rotting_days": null });
    assert_eq!(service.patch(&all, patch).await.body["version"], 6, "an event for each thing");
    let first = service.get(&path).await.body["stages"][0].clone();
    assert_eq!(first, json!({ "id": ids[0], "name": "Known", "probability": 25, "rotting_days": null }));
    let taken = json!({ "stage_id": ids[0], "name": "LAST" });
    service.patch(&all, taken).await.is_problem(409, "pipeline.stage_name_taken");
    let nameless = json!({ "stage_id": ids[0], "name": null });
    let nameless = service.patch(&all, nameless).await;
    assert_eq!(nameless.is_problem(422, "request.invalid").faults(), [("/name", "request.required")]);
    let unknown = json!({ "stage_id": "019ca000-0000-7000-8000-00000000aaaa", "name": "X" });
    service.patch(&all, unknown).await.is_problem(404, "pipeline.stage_not_found");
    let order = json!({ "stage_ids": [ids[3], ids[0], ids[1], ids[2]] });
    assert_eq!(service.post(&format!("{all}/reorder"), order).await.status, 200);
    assert_eq!(stages(&service, &path).await.0, ["Last", "Known", "Negotiation", "Proposal"]);
    let part = json!({ "stage_ids": [ids[3]] });
    service.post(&format!("{all}/reorder"), part).await.is_problem(422, "pipeline.order_incomplete");
    let retire = async |stage: &Value, to: &Value| {
        service.post(&format!("{all}/retire"), json!({ "stage_id": stage, "move_deals_to": to })).await
    };
    retire(&ids[1], &ids[1]).await.is_problem(422, "pipeline.unknown_target");
    assert_eq!(retire(&ids[1], &ids[2]).await.status, 200);
    let shown = service.get(&path).await.body;
    let retired = json!([{ "id": ids[1], "name": "Negotiation", "move_deals_to": ids[2] }]);
    assert_eq!(shown["retired_stages"], retired);
    assert_eq!(retire(&ids[1], &ids[2]).await.body["version"], shown["version"], "it is so already");
    retire(&ids[1], &ids[0]).await.is_problem(409, "pipeline.stage_retired");
    for stage in [&ids[3], &ids[0]] {
        assert_eq!(retire(stage, &ids[2]).await.status, 200);
    }
    retire(&ids[2], &ids[0]).await.is_problem(409, "pipeline.last_stage");
    let stale = service.request("POST", &all).header("if-match", "\"1\"");
    stale.json(&json!({ "name": "Late", "probability": 1 })).answer().await.is_problem(412, "version.stale");
}

#[tokio::test]
async fn pipelines_are_listed_and_found() {
    let service = Service::start().await;
    made(&service, full()).await;
    let listed = service.get("/v1/pipelines?sort=name&q=business").await.body;
    assert_eq!(listed["data"][0]["stages"].as_array().unwrap().len(), 2, "{listed}");
}
