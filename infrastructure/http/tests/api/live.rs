//! Events as they happen, over real connections.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::service::{Ask, START, Service, claims, organization, signed, token};

/// A connection, read event by event.
pub(crate) struct Stream {
    response: Response,
    read: String,
}

/// What came between two empty lines: field and value.
type Block = Vec<(String, String)>;

impl Stream {
    pub(crate) async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(!response.headers().contains_key("content-encoding"), "{:?}", response.headers());
        let mut stream = Self { response, read: String::new() };
        assert_eq!(stream.block().await.unwrap()[0].0, "retry");
        stream
    }

    /// The next block; `None` at the end.
    async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let lines = block.lines().map(|line| line.split_once(": ").unwrap_or((line, "")));
                let block = lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                self.read = rest.to_owned();
                return Some(block);
            }
            let chunk = timeout(Duration::from_secs(20), self.response.chunk()).await.expect("something").ok()??;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event's id and content.
    pub(crate) async fn event(&mut self) -> (String, Value) {
        let block = self.block().await.expect("an event");
        let [(id, place), (data, content)] = &block[..] else { panic!("{block:?}") };
        assert_eq!((id.as_str(), data.as_str()), ("id", "data"));
        (place.clone(), serde_json::from_str(content).unwrap())
    }

    /// The named event that ends the stream.
    async fn end(&mut self) -> String {
        let block = self.block().await.expect("a last event");
        let [(event, name), (data, content)] = &block[..] else { panic!("{block:?}") };
        assert_eq!((event.as_str(), data.as_str()), ("event", "data"));
        let content: Value = serde_json::from_str(content).unwrap();
        assert_eq!(content["code"], format!("events.{name}"));
        assert_eq!(self.block().await, None, "nothing comes after the end");
        name.clone()
    }
}

pub(crate) fn follow(service: &Service, token: &str) -> RequestBuilder {
    service.bare("GET", "/v1/events/stream").bearer_auth(token).header("accept-encoding", "gzip, br")
}

async fn make(service: &Service, organization: u128, name: &str) {
    let request = service.bare("POST", "/v1/contacts").bearer_auth(token(organization, "*:*"));
    assert_eq!(request.json(&json!({ "name": name })).answer().await.status, 201);
}

#[tokio::test]
async fn each_organization_hears_of_its_own_alone() {
    let service = Service::start().await;
    make(&service, 1, "before").await;
    let mut streams = Vec::new();
    for number in [1, 2, 1, 2] {
        streams.push((number, Stream::open(follow(&service, &token(number, "*:*"))).await));
    }
    let mut blind = Stream::open(follow(&service, &token(1, "events:read contacts:write"))).await;
    for n in 0..100 {
        make(&service, 1 + n % 2, &format!("{n}")).await;
    }
    for (number, stream) in &mut streams {
        for n in 0..50 {
            let (_, event) = stream.event().await;
            assert_eq!(event["tenantid"], json!(organization(*number)));
            assert_eq!(event["data"]["name"], json!(format!("{}", 2 * n + *number - 1)));
        }
    }
    service.stop.cancel();
    assert_eq!(blind.end().await, "stopping", "who may not read contacts hears nothing of them");
    for (_, stream) in &mut streams {
        assert_eq!(stream.end().await, "stopping");
    }
    follow(&service, &token(1, "*:*")).answer().await.is_problem(503, "service.unavailable");
}

#[tokio::test]
async fn who_comes_back_goes_on_where_it_was() {
    let service = Service::start().await;
    let all = token(1, "*:*");
    let mut stream = Stream::open(follow(&service, &all)).await;
    for n in 0..600 {
        make(&service, 1 + u128::from(n % 3 == 0), &format!("{n}")).await;
    }
    let (mut last, mut names) = (String::new(), Vec::new());
    for _ in 0..100 {
        let (id, event) = stream.event().await;
        last = id;
        names.push(event["data"]["name"].as_str().unwrap().parse::<u32>().unwrap());
    }
    drop(stream);
    let header = follow(&service, &all).header("last-event-id", &last);
    // The header wins: it is newer than the address with which a browser began.
    let both = service.bare("GET", "/v1/events/stream?last_event_id=1.1").bearer_auth(&all);
    let both = both.header("last-event-id", &last);
    let parameter = service.bare("GET", &format!("/v1/events/stream?last_event_id={last}")).bearer_auth(&all);
    for request in [header, both, parameter] {
        let (mut stream, mut names) = (Stream::open(request).await, names.clone());
        make(&service, 2, "other").await;
        while names.len() < 400 {
            names.push(stream.event().await.1["data"]["name"].as_str().unwrap().parse().unwrap());
        }
        assert_eq!(names, (0..600).filter(|n| n % 3 != 0).collect::<Vec<u32>>(), "nothing is lost or doubled");
    }
}

#[tokio::test]
async fn a_stream_can_be_narrowed() {
    let service = Service::start().await;
    let request = service.bare("GET", "/v1/events/stream?type=contact.renamed&aggregate=contact");
    let mut stream = Stream::open(request.bearer_auth(token(1, "*:*"))).await;
    let path = service.contact("Ana").await;
    service.patch(&path, json!({ "name": "Bo" })).await;
    assert_eq!(stream.event().await.1["type"], "contact.renamed");
    let unknown = service.get("/v1/events/stream?type=parcel.sent&aggregate=parcel").await;
    let faults = [("aggregate", "aggregate.unknown"), ("type", "event_type.unknown")];
    assert_eq!(unknown.is_problem(422, "request.invalid").faults(), faults);
}

#[tokio::test]
async fn who_was_away_too_long_is_sent_to_the_history() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    for n in 0..101 {
        let attributes: BTreeMap<_, _> = (0..100).map(|attribute| (format!("a{attribute}"), n)).collect();
        assert_eq!(service.patch(&path, json!({ "attributes": attributes })).await.status, 200);
    }
    let resumed = |id: &'static str| service.request("GET", "/v1/events/stream").header("last-event-id", id);
    let far = resumed("1.100").answer().await;
    assert!(far.is_problem(409, "events.too_far").body["detail"].as_str().unwrap().contains("/v1/events?after=100"));
    let mut near = Stream::open(resumed("1.101")).await;
    assert_eq!(near.event().await.0, "1.102");
    for elsewhere in ["2.5", "0.5", "1.99999999"] {
        resumed(elsewhere).answer().await.is_problem(409, "events.new_life");
    }
    for malformed in ["x", "1", "1.", ".1", "1.2.3", "-1.2", "1.-2", "1.99999999999999999999", "99999999999.1", "1. 2"]
    {
        resumed(malformed).answer().await.is_problem(400, "events.invalid_id");
    }
    assert_eq!(service.get("/v1/events/stream?last_event_id=%00").await.status, 400);
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let service = Service::start().await;
    // Expired by the 9 of the 10 seconds that clocks may differ.
    let start: DateTime<Utc> = START.parse().unwrap();
    let expired = |seconds: i64| {
        let mut claims = claims();
        claims["exp"] = json!(start.timestamp() - seconds);
        signed(&claims)
    };
    let mut stream = Stream::open(follow(&service, &expired(9))).await;
    assert_eq!(stream.end().await, "expired");
    follow(&service, &expired(10)).answer().await.is_problem(401, "access.expired_token");
}

#[tokio::test]
async fn who_does_not_take_its_events_is_cut_off_and_can_come_back() {
    let service = Service::start().await;
    let mut socket = TcpStream::connect(service.address).await.unwrap();
    let head =
        format!("GET /v1/events/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", token(1, "*:*"));
    socket.write_all(head.as_bytes()).await.unwrap();
    while service.live.count() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // More than the connection's buffers and its place in the channel hold together.
    let path = service.contact("Ana").await;
    let long = "x".repeat(1000);
    for n in 0..250 {
        let attributes: serde_json::Map<String, Value> =
            (0..40).map(|a| (format!("a{a}"), json!(format!("{n} {}", &long[..900])))).collect();
        assert_eq!(service.patch(&path, json!({ "attributes": attributes })).await.status, 200);
    }
    let mut text = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    while !text.ends_with(b"\r\n0\r\n\r\n") {
        let read = timeout(Duration::from_secs(20), socket.read(&mut buffer)).await.expect("the end").unwrap();
        assert!(read > 0, "the answer ends as it should");
        text.extend_from_slice(&buffer[..read]);
    }
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("event: slow"), "{} bytes", text.len());
    let ids: Vec<i64> = text
        .lines()
        .filter_map(|line| line.strip_prefix("id: 1."))
        .map(|position| position.trim_end().parse().unwrap())
        .collect();
    assert!(ids.windows(2).all(|pair| pair[0] + 1 == pair[1]), "what came, came in order");
    let last = ids.last().unwrap();
    let back = follow(&service, &token(1, "*:*")).header("last-event-id", format!("1.{last}"));
    let mut back = Stream::open(back).await;
    assert_eq!(back.event().await.0, format!("1.{}", last + 1));
}

#[tokio::test]
async fn connections_are_limited_and_given_back() {
    let service = Service::start().await;
    let mut streams = Vec::new();
    for number in [1, 2] {
        for _ in 0..10 {
            streams.push(Stream::open(follow(&service, &token(number, "*:*"))).await);
        }
        if number == 1 {
            let refused = follow(&service, &token(1, "*:*")).answer().await;
            assert_eq!(refused.is_problem(429, "events.too_many_streams").header("retry-after"), "1");
        }
    }
    follow(&service, &token(3, "*:*")).answer().await.is_problem(503, "service.unavailable");
    assert_eq!(service.live.count(), 20);
    service.stop.cancel();
    for mut stream in streams {
        assert_eq!(stream.end().await, "stopping");
    }
    let gone = async {
        while service.live.count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), gone).await.expect("places are given back");
}

#[tokio::test]
async fn head_shows_the_head_and_ends() {
    let service = Service::start().await;
    let answer = service.request("HEAD", "/v1/events/stream").send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"text/event-stream".parse().unwrap())
    );
    assert_eq!(service.live.count(), 0);
    assert_eq!(service.get("/health/live").await.status, 200);
}
