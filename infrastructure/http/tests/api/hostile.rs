//! What attackers and broken clients send. Nothing of it may be a fault of ours.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::service::{Answer, Ask, MAX_BODY, Service, token};

async fn create(service: &Service, body: impl Into<reqwest::Body>) -> Answer {
    let request = service.request("POST", "/v1/contacts").header("content-type", "application/json");
    request.body(body).answer().await
}

#[tokio::test]
async fn what_is_no_json_is_malformed() {
    let service = Service::start().await;
    let deep = format!(r#"{{"name":"a","attributes":{{"a":{}{}}}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    for body in [
        b"".to_vec(),
        b" ".to_vec(),
        b"{".to_vec(),
        b"name=ana".to_vec(),
        br#"{"name":"Ana"} {}"#.to_vec(),
        br#"{"name":"Ana",}"#.to_vec(),
        br#"{"name":"\ud800"}"#.to_vec(),
        b"{\"name\":\"\xff\"}".to_vec(),
        b"{\"name\":\"a\0b\"}".to_vec(),
        br#"{"name":"Ana","attributes":{"a":1e400}}"#.to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        deep.into_bytes(),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let answer = create(&service, body).await;
        assert_eq!(answer.body["code"], "request.malformed", "{shown}");
        answer.is_problem(400, "request.malformed");
    }
    assert_eq!(service.store.appends(), 0);
}

#[tokio::test]
async fn a_wrong_shape_is_told_with_its_place() {
    let service = Service::start().await;
    let many_tags = json!({ "name": "a", "tags": vec!["t"; 101] }).to_string();
    let attributes: serde_json::Map<String, Value> = (0..201).map(|n| (format!("a{n}"), json!(n))).collect();
    let many_attributes = json!({ "name": "a", "attributes": attributes }).to_string();
    for (body, pointer, code) in [
        (r#"{"name":1}"#, "/name", "request.invalid_type"),
        (r#"{"name":null}"#, "/name", "request.invalid_type"),
        ("{}", "/name", "request.missing_field"),
        ("[]", "", "request.invalid_type"),
        (r#"["Ana"]"#, "", "request.invalid_type"),
        ("null", "", "request.invalid_type"),
        (r#"{"name":"a","x":1}"#, "/x", "request.unknown_field"),
        (r#"{"name":"a","name":"b"}"#, "/name", "request.duplicate_field"),
        (r#"{"name":"a","address":["Rua"]}"#, "/address", "request.invalid_type"),
        (r#"{"name":"a","address":{"planet":"x"}}"#, "/address/planet", "request.unknown_field"),
        (r#"{"name":"a","address":{"city":"x","city":"y"}}"#, "/address/city", "request.duplicate_field"),
        (r#"{"name":"a","attributes":{"a":1,"a":2}}"#, "/attributes/a", "request.duplicate_field"),
        (r#"{"name":"a","attributes":[]}"#, "/attributes", "request.invalid_type"),
        (r#"{"name":"a","tags":[1]}"#, "/tags/0", "request.invalid_type"),
        (r#"{"name":"a","tags":{"0":"a"}}"#, "/tags", "request.invalid_type"),
        (r#"{"name":"a","owner_id":"ana"}"#, "/owner_id", "request.invalid_type"),
        (many_tags.as_str(), "/tags", "request.too_many"),
        (many_attributes.as_str(), "/attributes", "request.too_many"),
    ] {
        let answer = create(&service, body.to_owned()).await;
        assert_eq!(answer.faults(), [(pointer, code)], "{}", &body[..body.len().min(80)]);
        answer.is_problem(422, "request.invalid");
    }
}

#[tokio::test]
async fn values_that_stores_can_not_hold_are_refused() {
    let service = Service::start().await;
    for (body, pointer) in [
        (r#"{"name":"a\u0000b"}"#, "/name"),
        (r#"{"name":"a","attributes":{"a":"\u0000"}}"#, "/attributes/a"),
        (r#"{"name":"a","attributes":{"a\u0000":"x"}}"#, "/attributes/a\0"),
        (r#"{"name":"a","tags":["a\u0000"]}"#, "/tags/0"),
        (r#"{"name":"a","address":{"city":"\u0000x"}}"#, "/address/city"),
        (r#"{"name":"a","attributes":{"a":{"b":{}}}}"#, "/attributes/a"),
        (r#"{"name":"a","attributes":{"a":-1e300}}"#, "/attributes/a"),
    ] {
        let answer = create(&service, body).await;
        assert_eq!(answer.is_problem(422, "request.invalid").faults()[0].0, pointer, "{body}");
    }
    let attributes: serde_json::Map<String, Value> = (0..101).map(|n| (format!("a{n}"), json!(n))).collect();
    let answer = create(&service, json!({ "name": "a", "attributes": attributes }).to_string()).await;
    answer.is_problem(422, "attribute.too_many");
}

#[tokio::test]
async fn only_json_is_taken() {
    let service = Service::start().await;
    let send = |kind: Option<&'static str>, encoding: Option<&'static str>| {
        let request = service.request("POST", "/v1/contacts").body(r#"{"name":"Ana"}"#);
        let request = kind.into_iter().fold(request, |request, kind| request.header("content-type", kind));
        encoding.into_iter().fold(request, |request, kind| request.header("content-encoding", kind)).answer()
    };
    for kind in [None, Some("text/plain"), Some("application/merge-patch+json"), Some("application/jsonp"), Some("")] {
        send(kind, None).await.is_problem(415, "request.unsupported");
    }
    send(Some("application/json"), Some("gzip")).await.is_problem(415, "request.unsupported");
    for kind in ["application/json", "Application/JSON ; charset=utf-8"] {
        assert_eq!(send(Some(kind), None).await.status, 201);
    }
}

#[tokio::test]
async fn a_body_has_a_limit_whether_announced_or_not() {
    let service = Service::start().await;
    let large = json!({ "name": "a".repeat(MAX_BODY) }).to_string();
    create(&service, large.clone()).await.is_problem(413, "request.too_large");
    // Without Content-Length, and while the fingerprint is made.
    let chunks = futures::stream::iter(
        large.into_bytes().chunks(1000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect::<Vec<_>>(),
    );
    let mut socket = TcpStream::connect(service.address).await.unwrap();
    let head = format!(
        "POST /v1/contacts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nidempotency-key: k\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        token(1, "*:*")
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    for chunk in futures::StreamExt::collect::<Vec<_>>(chunks).await {
        let chunk = chunk.unwrap();
        let _ = socket.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await;
        let _ = socket.write_all(&chunk).await;
        let _ = socket.write_all(b"\r\n").await;
    }
    assert_eq!(status(&mut socket).await, 413);
    let fits = create(&service, json!({ "name": "a".repeat(MAX_BODY - 50) }).to_string()).await;
    assert_eq!(fits.is_problem(422, "request.invalid").faults(), [("/name", "name.invalid")]);
}

#[tokio::test]
async fn a_stranger_s_body_is_not_waited_for() {
    let service = Service::start().await;
    let mut socket = TcpStream::connect(service.address).await.unwrap();
    let head =
        "POST /v1/contacts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
    socket.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(timeout(Duration::from_secs(5), status(&mut socket)).await.expect("an answer at once"), 401);
}

#[tokio::test]
async fn broken_requests_are_refused_by_the_protocol() {
    let service = Service::start().await;
    let huge = format!("GET /health/live HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(200_000));
    let many = format!("GET /health/live HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(200));
    for request in ["\0\0\0\r\n\r\n", "GET /\u{1} HTTP/1.1\r\nhost: x\r\n\r\n", "GET / HTTP/9\r\n\r\n", &huge, &many] {
        let mut socket = TcpStream::connect(service.address).await.unwrap();
        let _ = socket.write_all(request.as_bytes()).await;
        let status = status(&mut socket).await;
        assert!((400..500).contains(&status), "{status} for {:?}", &request[..20.min(request.len())]);
    }
    assert_eq!(service.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let service = Service::start().await;
    let id = "019ca000-0000-7000-8000-00000000ffff";
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v2/contacts",
        "/v1/contacts/",
        "/v1/contacts/x/y/z",
        "/v1/%ff",
        "/v1/..%2f",
        "/docs/none",
    ] {
        service.get(path).await.is_problem(404, "route.not_found");
    }
    for (method, path, allow) in [
        ("PUT", "/v1/contacts".to_owned(), "GET, HEAD, POST"),
        ("POST", format!("/v1/contacts/{id}"), "GET, HEAD, PATCH, DELETE"),
        ("GET", format!("/v1/contacts/{id}/tag"), "POST"),
        ("DELETE", "/health/live".to_owned(), "GET, HEAD"),
        ("OPTIONS", "/v1/contacts".to_owned(), "GET, HEAD, POST"),
        ("BREW", "/openapi.json".to_owned(), "GET, HEAD"),
    ] {
        let answer = service.request(method, &path).answer().await;
        assert_eq!(answer.is_problem(405, "route.wrong_method").header("allow"), allow);
    }
}

#[tokio::test]
async fn a_path_holds_a_uuid_in_its_one_form() {
    let service = Service::start().await;
    for id in [
        "1",
        "%00",
        "%ff",
        "019ca000-0000-7000-8000-00000000fff",
        "019ca000000070008000000000000001",
        "{019ca000-0000-7000-8000-000000000001}",
        "urn:uuid:019ca000-0000-7000-8000-000000000001",
        "019ca000-0000-7000-8000-00000000000g",
        "'%20or%201=1--",
    ] {
        service.get(&format!("/v1/contacts/{id}")).await.is_problem(400, "request.malformed_id");
    }
}

async fn status(socket: &mut TcpStream) -> u16 {
    let mut answer = [0; 64];
    let mut length = 0;
    while length < 12 {
        match timeout(Duration::from_secs(10), socket.read(&mut answer[length..])).await.expect("an answer") {
            Ok(0) | Err(_) => break,
            Ok(read) => length += read,
        }
    }
    let text = String::from_utf8_lossy(&answer[..length]).into_owned();
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status in {text:?}"))
}
