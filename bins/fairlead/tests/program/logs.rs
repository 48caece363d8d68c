//! What is logged as JSON: every line says what it is about, and none what is private.

use serde_json::{Value, json};

use crate::{
    journey::{next, subscribe},
    process::{Installation, answered},
    traces::Collector,
};

/// The fields of all spans around a line, and its own.
fn said(line: &Value, field: &str) -> Option<Value> {
    let spans = line["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
    spans.iter().chain([line]).filter_map(|place| place.get(field)).next_back().cloned()
}

#[tokio::test]
async fn a_line_says_which_request_or_which_part_it_is_about() {
    let collector = Collector::start().await;
    let mut installation = Installation::new().await;
    installation.settings.insert("FAIRLEAD_OTLP_ENDPOINT", collector.url.clone());
    let file = std::env::temp_dir().join(format!("{}.log", installation.broker.url().rsplit('/').next().unwrap()));
    let mut process = installation.start_logging("dev", &file);
    installation.ready().await;
    let (_connection, mut consumer) = subscribe(&installation).await;
    let token = installation.token("*:*");
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = installation.http.post(installation.url("/v1/contacts")).bearer_auth(&token);
    let request = request.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    let body = json!({ "name": "Hidden Name", "email": "hidden@example.com" });
    assert_eq!(answered(request.header("x-request-id", "about-this").json(&body)).await.0, 201);
    next(&mut consumer).await;
    process.signal("TERM");
    assert!(process.ended().await.success());

    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(!text.to_lowercase().contains("hidden") && !text.contains(&token), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let of = |field: &str, value: &str| lines.iter().filter(|line| said(line, field) == Some(json!(value))).count();
    let request: Vec<_> = lines.iter().filter(|line| said(line, "request_id") == Some(json!("about-this"))).collect();
    assert!(!request.is_empty(), "{text}");
    for line in request {
        assert_eq!(said(line, "route"), Some(json!("/v1/contacts")), "{line}");
        assert_eq!(said(line, "tenant"), Some(json!(installation.organization)), "{line}");
        assert_eq!(said(line, "trace_id"), Some(json!(trace)), "{line}");
        assert_eq!(said(line, "span_id").and_then(|id| Some(id.as_str()?.len())), Some(16), "{line}");
    }
    for part in ["sequencer", "relay", "listener", "server"] {
        assert!(of("part", part) > 0, "no line is of the {part}: {text}");
    }
}
