//! What follows by itself.

use fairlead_testing::engine::eventually;
use serde_json::{Value, json};

use crate::process::{Installation, answered};

#[tokio::test]
async fn a_new_contact_is_tagged_when_that_is_wanted() {
    let installation = Installation::new().await;
    let worker = installation.start_with("worker", &[("FAIRLEAD_NEW_CONTACT_TAG", "new")]);
    let api = installation.start("api");
    installation.ready().await;
    let list = || installation.stdout(&["subscriptions", "list"]);
    let held = |line: &&str| line.starts_with("crm.tag_new_contacts\t") && line.split('\t').nth(5) == Some("yes");
    eventually("the policy is at work", async || list().lines().filter(held).count() == 4).await;
    let token = installation.token("*:*");
    let create = installation.http.post(installation.url("/v1/contacts")).bearer_auth(&token);
    let (status, created) = answered(create.json(&json!({ "name": "Ana" }))).await;
    assert_eq!(status, 201);
    let path = format!("/v1/contacts/{}", created["id"].as_str().unwrap());
    let get = async |path: &str| -> Value {
        answered(installation.http.get(installation.url(path)).bearer_auth(&token)).await.1
    };
    eventually("it is tagged", async || get(&path).await["tags"] == json!(["new"])).await;
    let events = get(&format!("{path}/events")).await;
    let (created, tagged) = (&events["data"][0], &events["data"][1]);
    assert_eq!(tagged["actor"], "policy:crm.tag_new_contacts", "{events}");
    assert_eq!(tagged["causationid"], created["id"]);
    assert!(created["correlationid"].is_string());
    assert_eq!(tagged["correlationid"], created["correlationid"]);
    assert_eq!(installation.stdout(&["subscriptions", "refused"]).lines().count(), 1, "the heading alone");
    drop((worker, api));
}

#[tokio::test]
async fn who_buys_is_a_customer() {
    let installation = Installation::new().await;
    let (worker, api) = (installation.start("worker"), installation.start("api"));
    installation.ready().await;
    let list = || installation.stdout(&["subscriptions", "list"]);
    let held = |line: &&str| line.starts_with("crm.win_customers\t") && line.split('\t').nth(5) == Some("yes");
    eventually("the policy is at work", async || list().lines().filter(held).count() == 4).await;
    let token = installation.token("*:*");
    let get = async |path: &str| -> Value {
        answered(installation.http.get(installation.url(path)).bearer_auth(&token)).await.1
    };
    let post = async |path: &str, body: Value| -> Value {
        let request = installation.http.post(installation.url(path)).bearer_auth(&token);
        let (status, answer) = answered(request.json(&body)).await;
        assert!(status == 200 || status == 201, "{path}: {answer}");
        answer["id"].clone()
    };
    let pipeline = json!({ "name": "New", "stages": [{ "name": "Only", "probability": 50 }] });
    let pipeline = post("/v1/pipelines", pipeline).await;
    let (mut contacts, mut companies) = (Vec::new(), Vec::new());
    for name in ["Ana", "Bo", "Cy", "Di"] {
        contacts.push(post("/v1/contacts", json!({ "name": name })).await);
        companies.push(post("/v1/companies", json!({ "name": name, "lifecycle_stage": "lead" })).await);
    }
    // Of each kind one that stays, one that is merged into another one beyond the deal, and one that is deleted.
    let deal = json!({
        "name": "40 forklifts", "pipeline_id": pipeline, "contact_ids": contacts[..3], "company_ids": companies[..3],
    });
    let deal = post("/v1/deals", deal).await;
    for (plural, ids) in [("contacts", &contacts), ("companies", &companies)] {
        let path = |n: usize| format!("/v1/{plural}/{}", ids[n].as_str().unwrap());
        post(&format!("{}/merge", path(3)), json!({ "loser_id": ids[1] })).await;
        let deleted = installation.http.delete(installation.url(&path(2))).bearer_auth(&token);
        assert_eq!(answered(deleted).await.0, 200);
    }
    post(&format!("/v1/deals/{}/win", deal.as_str().unwrap()), json!({})).await;
    for (plural, ids) in [("contacts", &contacts), ("companies", &companies)] {
        for n in [0, 3] {
            let path = format!("/v1/{plural}/{}", ids[n].as_str().unwrap());
            eventually("it is a customer", async || get(&path).await["lifecycle_stage"] == "customer").await;
            let events = get(&format!("{path}/events")).await;
            let last = events["data"].as_array().unwrap().last().unwrap();
            assert_eq!(last["actor"], "policy:crm.win_customers", "{events}");
        }
        let deleted = get(&format!("/v1/{plural}/{}?deleted=true", ids[2].as_str().unwrap())).await;
        assert_ne!(deleted["lifecycle_stage"], "customer", "{deleted}");
    }
    assert_eq!(installation.stdout(&["subscriptions", "refused"]).lines().count(), 1, "the heading alone");
    drop((worker, api));
}

#[tokio::test]
async fn what_names_a_merged_record_follows_it() {
    let installation = Installation::new().await;
    let (worker, api) = (installation.start("worker"), installation.start("api"));
    installation.ready().await;
    let list = || installation.stdout(&["subscriptions", "list"]);
    let held = |line: &&str| line.starts_with("crm.follow_") && line.split('\t').nth(5) == Some("yes");
    eventually("the policies are at work", async || list().lines().filter(held).count() == 24).await;
    let token = installation.token("*:*");
    let get = async |path: &str| -> Value {
        answered(installation.http.get(installation.url(path)).bearer_auth(&token)).await.1
    };
    let post = async |path: &str, body: Value| -> String {
        let request = installation.http.post(installation.url(path)).bearer_auth(&token);
        let (status, answer) = answered(request.json(&body)).await;
        assert!(status == 200 || status == 201, "{path}: {answer}");
        answer["id"].as_str().unwrap_or_default().to_owned()
    };
    let stages = json!([{ "name": "First", "probability": 20 }, { "name": "Second", "probability": 50 }]);
    let pipeline = post("/v1/pipelines", json!({ "name": "New", "stages": stages })).await;
    let stages = get(&format!("/v1/pipelines/{pipeline}")).await["stages"].clone();
    let (mut contacts, mut companies) = (Vec::new(), Vec::new());
    for name in ["Ana", "Bo"] {
        contacts.push(post("/v1/contacts", json!({ "name": name })).await);
        companies.push(post("/v1/companies", json!({ "name": name })).await);
    }
    let child = post("/v1/companies", json!({ "name": "Child", "parent_id": companies[1] })).await;
    let employment = json!({ "company_id": companies[1], "role": "Engineer" });
    post(&format!("/v1/contacts/{}/link_company", contacts[0]), employment).await;
    let deal = json!({
        "name": "40 forklifts", "pipeline_id": pipeline, "contact_ids": [contacts[1]], "company_ids": [companies[1]],
    });
    let deal = post("/v1/deals", deal).await;
    let about = json!([{ "type": "contact", "id": contacts[1] }, { "type": "company", "id": companies[1] }]);
    let note = post("/v1/activities", json!({ "kind": "note", "subject": "Seen", "about": about })).await;
    let list = post("/v1/contact_lists", json!({ "name": "Spring" })).await;
    post(&format!("/v1/contact_lists/{list}/members"), json!({ "contact_ids": [contacts[1]] })).await;
    post(&format!("/v1/contacts/{}/merge", contacts[0]), json!({ "loser_id": contacts[1] })).await;
    post(&format!("/v1/companies/{}/merge", companies[0]), json!({ "loser_id": companies[1] })).await;
    let retired = json!({ "stage_id": stages[0]["id"], "move_deals_to": stages[1]["id"] });
    post(&format!("/v1/pipelines/{pipeline}/stages/retire"), retired).await;
    let deal = format!("/v1/deals/{deal}");
    let moved = json!([[contacts[0]], [companies[0]], stages[1]["id"]]);
    eventually("the deal has followed", async || {
        let shown = get(&deal).await;
        json!([shown["contact_ids"], shown["company_ids"], shown["stage_id"]]) == moved
    })
    .await;
    let about = json!([{ "type": "contact", "id": contacts[0] }, { "type": "company", "id": companies[0] }]);
    let note = format!("/v1/activities/{note}");
    eventually("the note has followed", async || get(&note).await["about"] == about).await;
    let members = format!("/v1/contacts?filter=list:{list}");
    eventually("the list has followed", async || get(&members).await["data"][0]["id"] == json!(contacts[0])).await;
    let child = format!("/v1/companies/{child}");
    eventually("the child has followed", async || get(&child).await["parent_id"] == json!(companies[0])).await;
    let employed = format!("/v1/contacts/{}", contacts[0]);
    eventually("the employment has followed", async || {
        let company = get(&employed).await["companies"][0].clone();
        (&company["company_id"], &company["role"]) == (&json!(companies[0]), &json!("Engineer"))
    })
    .await;
    let filter = format!("/v1/deals?filter=company:{}", companies[0]);
    eventually("the list has followed", async || get(&filter).await["data"].as_array().unwrap().len() == 1).await;
    let events = get(&format!("{deal}/events")).await;
    let actors = events["data"].as_array().unwrap().iter().filter_map(|event| event["actor"].as_str());
    // Those that follow merges and stages, or the one that looks at new deals: whichever came first.
    let followed = actors.filter(|actor| actor.starts_with("policy:crm.follow_")).count();
    assert_eq!(followed, 5, "two of contacts, two of companies, one of stages: {events}");
    assert_eq!(installation.stdout(&["subscriptions", "refused"]).lines().count(), 1, "the heading alone");
    drop((worker, api));
}

#[tokio::test]
async fn who_owns_a_deal_that_rots_gets_a_task() {
    let installation = Installation::new().await;
    let worker = installation.start_with("worker", &[("FAIRLEAD_ROTTING_SECONDS", "1")]);
    let api = installation.start("api");
    installation.ready().await;
    let list = || installation.stdout(&["subscriptions", "list"]);
    let held = |line: &&str| line.starts_with("crm.task_for_rotting_deals\t") && line.split('\t').nth(5) == Some("yes");
    eventually("the policy is at work", async || list().lines().filter(held).count() == 4).await;
    let token = installation.token("*:*");
    let get = async |path: &str| -> Value {
        answered(installation.http.get(installation.url(path)).bearer_auth(&token)).await.1
    };
    let post = async |path: &str, body: Value| -> String {
        let request = installation.http.post(installation.url(path)).bearer_auth(&token);
        let (status, answer) = answered(request.json(&body)).await;
        assert_eq!(status, 201, "{path}: {answer}");
        answer["id"].as_str().unwrap().to_owned()
    };
    let stages = json!([{ "name": "Only", "probability": 50, "rotting_days": 0 }]);
    let pipeline = post("/v1/pipelines", json!({ "name": "New", "stages": stages })).await;
    let owner = "0192b1c8-6a3e-7000-8000-000000000001";
    let deal = json!({ "name": "40 forklifts", "pipeline_id": pipeline, "owner_id": owner });
    let deal = post("/v1/deals", deal).await;
    let tasks = async || get(&format!("/v1/activities?filter=about:{deal}")).await["data"].clone();
    eventually("there is a task", async || tasks().await.as_array().is_some_and(|tasks| tasks.len() == 1)).await;
    let task = tasks().await[0].clone();
    assert_eq!((&task["kind"], &task["assignee_id"]), (&json!("task"), &json!(owner)), "{task}");
    assert_eq!(task["subject"], "40 forklifts has been in Only for 0 days");
    let events = get(&format!("/v1/deals/{deal}/events")).await;
    let rotted = &events["data"][1];
    assert_eq!(
        (&rotted["type"], &rotted["actor"]),
        (&json!("deal.rotted"), &json!("scheduler:crm.rotting")),
        "{events}"
    );
    assert_eq!(events["data"].as_array().unwrap().len(), 2, "{events}");
    assert_eq!(installation.stdout(&["subscriptions", "refused"]).lines().count(), 1, "the heading alone");
    drop((worker, api));
}
