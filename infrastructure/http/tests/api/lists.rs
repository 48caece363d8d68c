//! Lists: pages, order, filters, cursors.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::service::{Answer, Ask, Service, token};

async fn list(service: &Service, parameters: &[(&str, &str)]) -> Answer {
    with(service.request("GET", "/v1/contacts"), parameters).await
}

async fn with(request: RequestBuilder, parameters: &[(&str, &str)]) -> Answer {
    let mut request = request.build().unwrap();
    request.url_mut().query_pairs_mut().extend_pairs(parameters);
    RequestBuilder::from_parts(reqwest::Client::new(), request).answer().await
}

fn names(answer: &Answer) -> Vec<&str> {
    answer.body["data"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

async fn people(service: &Service) {
    for (name, tags) in
        [("Ana", json!(["vip"])), ("Bo", json!([])), ("Cy", json!(["vip", "old"])), ("Ana B", json!([]))]
    {
        assert_eq!(service.post("/v1/contacts", json!({ "name": name, "tags": tags })).await.status, 201);
    }
}

#[tokio::test]
async fn the_newest_come_first_and_pages_join() {
    let service = Service::start().await;
    people(&service).await;
    let all = list(&service, &[]).await;
    assert_eq!(names(&all), ["Ana B", "Cy", "Bo", "Ana"]);
    assert_eq!((&all.body["has_more"], &all.body["next_cursor"]), (&json!(false), &Value::Null));

    let first = list(&service, &[("limit", "3"), ("sort", "name")]).await;
    assert_eq!((names(&first), &first.body["has_more"]), (vec!["Ana", "Ana B", "Bo"], &json!(true)));
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = list(&service, &[("limit", "1"), ("sort", "name"), ("cursor", cursor)]).await;
    assert_eq!((names(&second), &second.body["has_more"]), (vec!["Cy"], &json!(false)));
}

#[tokio::test]
async fn a_filter_leaves_what_matches() {
    let service = Service::start().await;
    people(&service).await;
    for (filter, expected) in [
        ("tag:VIP", vec!["Cy", "Ana"]),
        ("name:~ana", vec!["Ana B", "Ana"]),
        ("tag:vip tag:old", vec!["Cy"]),
        (r#"name:~"ana b""#, vec!["Ana B"]),
        ("created:<2026-01-01", vec![]),
        ("", vec!["Ana B", "Cy", "Bo", "Ana"]),
    ] {
        assert_eq!(names(&list(&service, &[("filter", filter)]).await), expected, "{filter}");
    }
}

#[tokio::test]
async fn words_find_and_the_best_come_first() {
    let service = Service::start().await;
    people(&service).await;
    assert_eq!(service.post("/v1/contacts", json!({ "name": "Di", "tags": ["ana"] })).await.status, 201);
    assert_eq!(service.post("/v1/contacts", json!({ "name": "Anabela" })).await.status, 201);
    for (parameters, expected) in [
        (vec![("q", "ána")], vec!["Ana B", "Ana", "Anabela", "Di"]),
        (vec![("q", "an"), ("sort", "name")], vec!["Ana", "Ana B", "Anabela", "Di"]),
        (vec![("q", "an"), ("filter", "tag:vip")], vec!["Ana"]),
        (vec![("q", "b, ANA!")], vec!["Ana B"]),
        (vec![("q", "' & | !")], vec![]),
        (vec![("q", "a & !b")], vec!["Ana B"]),
    ] {
        let answer = list(&service, &parameters).await;
        match parameters[0].1 {
            "' & | !" => assert_eq!(answer.is_problem(422, "request.invalid").faults(), [("q", "query.empty")]),
            _ => assert_eq!(names(&answer), expected, "{parameters:?}"),
        }
    }
    let first = list(&service, &[("q", "ana"), ("limit", "2")]).await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    assert_eq!(names(&list(&service, &[("q", "ana"), ("cursor", cursor)]).await), ["Anabela", "Di"]);
    for parameters in [
        vec![("cursor", cursor)],
        vec![("cursor", cursor), ("q", "an")],
        vec![("cursor", cursor), ("q", "ana"), ("sort", "-created")],
        vec![("cursor", cursor), ("q", "ana"), ("filter", "tag:vip")],
    ] {
        let answer = list(&service, &parameters).await;
        assert_eq!(
            answer.is_problem(422, "request.invalid").faults(),
            [("cursor", "cursor.invalid")],
            "{parameters:?}"
        );
    }
    let endless = "a".repeat(201);
    for (q, code) in [("", "query.empty"), (&endless, "query.too_long")] {
        let answer = list(&service, &[("q", q), ("cursor", "x")]).await;
        assert_eq!(answer.is_problem(422, "request.invalid").faults(), [("q", code)]);
    }
    list(&service, &[("q", "ana"), ("sort", "relevance")]).await.is_problem(422, "request.invalid");
}

#[tokio::test]
async fn deleted_contacts_are_left_out() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    service.request("DELETE", &path).answer().await;
    assert_eq!(list(&service, &[]).await.body["data"], json!([]));
}

#[tokio::test]
async fn a_cursor_holds_for_its_list_alone() {
    let service = Service::start().await;
    people(&service).await;
    let first = list(&service, &[("limit", "1"), ("filter", "tag:vip")]).await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let next = list(&service, &[("filter", "tag:vip"), ("cursor", cursor), ("sort", "-created")]).await;
    assert_eq!(names(&next), ["Ana"]);
    let broken = format!("{cursor}A");
    for parameters in [
        vec![("cursor", cursor)],
        vec![("cursor", cursor), ("filter", "tag:vip"), ("sort", "created")],
        vec![("cursor", &cursor[1..]), ("filter", "tag:vip")],
        vec![("cursor", &broken), ("filter", "tag:vip")],
        vec![("cursor", ""), ("filter", "tag:vip")],
        vec![("cursor", "\0é"), ("filter", "tag:vip")],
    ] {
        let answer = list(&service, &parameters).await;
        assert_eq!(
            answer.is_problem(422, "request.invalid").faults(),
            [("cursor", "cursor.invalid")],
            "{parameters:?}"
        );
    }
    let elsewhere = service.bare("GET", "/v1/contacts").bearer_auth(token(2, "*:*"));
    let answer = with(elsewhere, &[("cursor", cursor), ("filter", "tag:vip")]).await;
    assert_eq!(answer.is_problem(422, "request.invalid").faults(), [("cursor", "cursor.invalid")]);
}

#[tokio::test]
async fn a_cursor_tells_no_name() {
    let service = Service::start().await;
    people(&service).await;
    let first = list(&service, &[("limit", "1"), ("sort", "name")]).await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(cursor).unwrap();
    let decoded = String::from_utf8_lossy(&decoded).to_lowercase();
    assert!(!decoded.contains("ana") && !decoded.contains("text"), "{decoded}");
}

#[tokio::test]
async fn all_mistakes_of_a_query_are_told_at_once() {
    let service = Service::start().await;
    let answer = list(&service, &[("limit", "0"), ("sort", "email"), ("filter", "colour:red"), ("cursor", "x")]).await;
    let faults = [("filter", "filter.unknown_field"), ("limit", "limit.invalid"), ("sort", "sort.unknown_field")];
    assert_eq!(answer.is_problem(422, "request.invalid").faults(), faults);
    let detail = answer.body["errors"].to_string();
    assert!(detail.contains("at character 1"), "{detail}");
    for limit in ["-1", "201", "1.5", "1e400", "99999999999999999999", "", " 1", "null", "\0"] {
        let answer = list(&service, &[("limit", limit)]).await;
        assert_eq!(answer.is_problem(422, "request.invalid").faults(), [("limit", "limit.invalid")], "{limit}");
    }
    assert_eq!(list(&service, &[("limit", "200")]).await.status, 200);
    let endless = "tag:a ".repeat(5000);
    let answer = list(&service, &[("filter", &endless)]).await;
    assert_eq!(answer.is_problem(422, "request.invalid").faults(), [("filter", "filter.too_long")]);
}

#[tokio::test]
async fn unknown_and_repeated_parameters_are_refused() {
    let service = Service::start().await;
    list(&service, &[("limits", "1")]).await.is_problem(422, "request.unknown_parameter");
    list(&service, &[("limit", "1"), ("limit", "2")]).await.is_problem(422, "request.duplicate_parameter");
    service.get("/v1/contacts?filter=%ff").await.is_problem(400, "request.malformed");
    let path = service.contact("Ana").await;
    service.get(&format!("{path}?delete=true")).await.is_problem(422, "request.unknown_parameter");
    service.get(&format!("{path}?deleted=yes")).await.is_problem(422, "request.invalid_parameter");
}

#[tokio::test]
async fn a_search_means_what_the_short_form_means() {
    let service = Service::start().await;
    people(&service).await;
    let search = async |body: Value| service.post("/v1/contacts/search", body).await;
    let (vip, ana) =
        (json!({ "field": "tag", "value": "vip" }), json!({ "field": "name", "op": "contains", "value": "ANA" }));
    for (filter, expected) in [
        (json!({}), vec!["Ana B", "Cy", "Bo", "Ana"]),
        (json!({ "all": [vip, ana] }), vec!["Ana"]),
        (json!({ "any": [vip, ana] }), vec!["Ana B", "Cy", "Ana"]),
        (json!({ "not": { "any": [vip, ana] } }), vec!["Bo"]),
        (json!({ "all": [{ "not": vip }, { "any": [ana, { "field": "name", "value": "bo" }] }] }), vec!["Ana B", "Bo"]),
    ] {
        let found = search(json!({ "filter": filter })).await;
        assert_eq!((found.status.as_u16(), names(&found)), (200, expected), "{filter}");
    }
    // A page of the one goes on as a page of the other.
    let first = list(&service, &[("filter", "tag:vip or name:~ana"), ("sort", "name"), ("limit", "1")]).await;
    assert_eq!(names(&first), ["Ana"]);
    let body = |cursor: &Value, filter: Value| json!({ "filter": filter, "sort": "name", "cursor": cursor });
    let cursor = &first.body["next_cursor"];
    let rest = search(body(cursor, json!({ "any": [vip, ana] }))).await;
    assert_eq!(names(&rest), ["Ana B", "Cy"]);
    let other = search(body(cursor, vip)).await;
    assert_eq!(other.is_problem(422, "request.invalid").faults(), [("/cursor", "cursor.invalid")]);
}

#[tokio::test]
async fn a_search_names_every_mistake_with_its_place() {
    let service = Service::start().await;
    let body = json!({
        "filter": { "all": [{ "field": "tag", "value": "vip" }, { "not": { "field": "tag", "op": "<", "value": "a" } }] },
        "sort": "email", "limit": 0, "q": "-", "cursor": "x",
    });
    let answer = service.post("/v1/contacts/search", body).await;
    let expected = [
        ("/filter/all/1/not/op", "filter.unknown_operator"),
        ("/limit", "limit.invalid"),
        ("/q", "query.empty"),
        ("/sort", "sort.unknown_field"),
    ];
    assert_eq!(answer.is_problem(422, "request.invalid").faults(), expected);
    let deep = (0..50).fold(json!({ "field": "tag", "value": "a" }), |inner, _| json!({ "not": inner }));
    let answer = service.post("/v1/contacts/search", json!({ "filter": deep })).await;
    assert!(answer.is_problem(422, "request.invalid").faults()[0].1 == "filter.too_deep", "{}", answer.body);
}
