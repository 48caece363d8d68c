//! Comments over HTTP: whose they are, and who may change them.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    house::record,
    service::{Ask, Service, claims, signed, token},
};

/// A token of somebody with a name of their own.
fn token_of(name: &str, scope: &str) -> String {
    let mut claims = claims();
    claims["sub"] = json!(name);
    claims["scope"] = json!(scope);
    signed(&claims)
}

#[tokio::test]
async fn a_comment_is_its_author_s_and_a_moderator_s() {
    let service = Service::start().await;
    let activity = format!("/v1/activities/{}", record(&service, "activities").await.unwrap());
    let [ana, bo] = ["ana", "bo"].map(|name| token_of(name, "comments:read comments:write"));
    let moderator = token_of("cleo", "comments:write comments:moderate");
    let ask = async |method: &str, path: &str, token: &str, body: Option<Value>| {
        let request = service.bare(method, path).bearer_auth(token);
        body.iter().fold(request, |request, body| request.json(body)).answer().await
    };
    let said = json!({ "text": "She called.", "mentions": [Uuid::from_u128(1)] });
    let made = ask("POST", &format!("{activity}/comments"), &ana, Some(said)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let path = made.header("location").to_owned();
    assert_eq!(path, format!("/v1/comments/{}", made.body["id"].as_str().unwrap()));
    let shown = ask("GET", &path, &bo, None).await;
    assert_eq!((&shown.body["author"], &shown.body["text"]), (&json!("ana"), &json!("She called.")));
    assert_eq!((&shown.body["edited"], &shown.body["mentions"]), (&json!(false), &json!([Uuid::from_u128(1)])));
    for (method, path, body) in [
        ("PATCH", path.clone(), Some(json!({ "text": "No." }))),
        ("DELETE", path.clone(), None),
        ("POST", format!("{path}/restore"), None),
    ] {
        ask(method, &path, &bo, body).await.is_problem(403, "comment.not_yours");
    }
    let edited = ask("PATCH", &path, &ana, Some(json!({ "text": "She called back." }))).await;
    assert_eq!((edited.status.as_u16(), &edited.body["version"]), (200, &json!(2)));
    let none = ask("PATCH", &path, &moderator, Some(json!({ "mentions": [] }))).await;
    assert_eq!((none.status.as_u16(), &none.body["version"]), (200, &json!(3)));
    assert_eq!(ask("DELETE", &path, &moderator, None).await.status, 200);
    ask("GET", &path, &ana, None).await.is_problem(404, "comment.not_found");
    assert_eq!(ask("POST", &format!("{path}/restore"), &ana, None).await.status, 200);
    assert_eq!(ask("GET", &path, &ana, None).await.body["edited"], json!(true));
    let faults = [("/mentions", "request.required"), ("/text", "request.required")];
    let refused = ask("PATCH", &path, &ana, Some(json!({ "text": null, "mentions": null }))).await;
    assert_eq!(refused.is_problem(422, "request.invalid").faults(), faults);
}

#[tokio::test]
async fn comments_are_listed_below_their_activity_page_by_page() {
    let service = Service::start().await;
    let [first, second] =
        [record(&service, "activities").await.unwrap(), record(&service, "activities").await.unwrap()];
    let path = format!("/v1/activities/{first}/comments");
    for (activity, text) in [(&first, "One"), (&second, "Other"), (&first, "Two"), (&first, "Three")] {
        let answer = service.post(&format!("/v1/activities/{activity}/comments"), json!({ "text": text })).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    let (mut texts, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = service.get(&format!("{path}?limit=2{cursor}")).await.body;
        texts.extend(page["data"].as_array().unwrap().iter().map(|row| row["text"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(texts, ["One", "Two", "Three"]);
    let other = service.get(&format!("/v1/activities/{second}/comments?limit=2{cursor}")).await;
    assert_eq!(other.is_problem(422, "request.invalid").faults()[0].0, "cursor", "of another list");
    // With the activity they are out of sight.
    let id = service.get(&path).await.body["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(service.request("DELETE", &format!("/v1/activities/{first}")).answer().await.status, 200);
    service.get(&path).await.is_problem(404, "activity.not_found");
    service.post(&path, json!({ "text": "Late" })).await.is_problem(404, "activity.not_found");
    service.get(&format!("/v1/comments/{id}")).await.is_problem(404, "comment.not_found");
    service.patch(&format!("/v1/comments/{id}"), json!({ "text": "Late" })).await.is_problem(404, "comment.not_found");
    let read = service.bare("GET", &path).bearer_auth(token(1, "activities:read")).answer().await;
    read.is_problem(403, "access.forbidden");
}
