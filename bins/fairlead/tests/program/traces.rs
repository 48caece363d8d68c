//! One trace from the request to the message, sent to a collector.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::StreamExt;
use h2::server::{SendResponse, handshake};
use http::{HeaderMap, HeaderValue, Request, Response};
use lapin::types::AMQPValue;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Attribute, trace::v1::Span,
};
use prost::Message;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::{journey::subscribe, process::Installation};

/// A collector of spans that speaks as much gRPC as it takes.
pub(crate) struct Collector {
    pub(crate) url: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let spans = Arc::new(Mutex::new(Vec::new()));
        let collected = spans.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, collected.clone()));
            }
        });
        Self { url, spans }
    }

    /// The spans of a trace by name; fails when a name comes twice.
    fn of_trace(&self, trace: &str) -> BTreeMap<String, Span> {
        let mut found = BTreeMap::new();
        for span in self.spans.lock().unwrap().iter().filter(|span| hex(&span.trace_id) == trace) {
            let before = found.insert(span.name.clone(), span.clone());
            assert!(before.is_none(), "{} comes twice", span.name);
        }
        found
    }
}

async fn serve(socket: TcpStream, spans: Arc<Mutex<Vec<Span>>>) {
    let mut connection = handshake(socket).await.unwrap();
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(take(request, respond, spans.clone()));
    }
}

async fn take(request: Request<h2::RecvStream>, mut respond: SendResponse<Bytes>, spans: Arc<Mutex<Vec<Span>>>) {
    assert_eq!(request.uri().path(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    let (mut body, mut bytes) = (request.into_body(), Vec::new());
    while let Some(chunk) = body.data().await {
        let chunk = chunk.unwrap();
        body.flow_control().release_capacity(chunk.len()).unwrap();
        bytes.extend_from_slice(&chunk);
    }
    // A byte that says whether it is compressed, four of length, the message.
    let message = ExportTraceServiceRequest::decode(&bytes[5..]).unwrap();
    let scopes = message.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    spans.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
    let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    let mut answer = respond.send_response(head, false).unwrap();
    answer.send_data(Bytes::from_static(&[0; 5]), false).unwrap();
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    answer.send_trailers(trailers).unwrap();
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The trace and the span of a `traceparent`.
fn parts(parent: &str) -> (String, String) {
    let parts: Vec<_> = parent.split('-').collect();
    (parts[1].to_owned(), parts[2].to_owned())
}

/// The `traceparent` of the next message: in its header, and in its envelope.
async fn next(consumer: &mut lapin::Consumer) -> (String, String) {
    let delivery = tokio::time::timeout(Duration::from_secs(20), consumer.next()).await;
    let delivery = delivery.unwrap().unwrap().unwrap();
    let headers = delivery.properties.headers().clone().unwrap();
    let Some(AMQPValue::LongString(header)) = headers.inner().get("traceparent") else { panic!("{headers:?}") };
    let envelope: Value = serde_json::from_slice(&delivery.data).unwrap();
    (header.to_string(), envelope["traceparent"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn one_trace_goes_from_the_request_to_the_message() {
    let collector = Collector::start().await;
    let mut installation = Installation::new().await;
    installation.settings.insert("FAIRLEAD_OTLP_ENDPOINT", collector.url.clone());
    let mut processes = [installation.start("api"), installation.start("worker")];
    installation.ready().await;
    let (_connection, mut consumer) = subscribe(&installation).await;
    let token = installation.token("*:*");
    let create = || {
        let request = installation.http.post(installation.url("/v1/contacts")).bearer_auth(&token);
        request.json(&json!({ "name": "Hidden Name" }))
    };
    let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert_eq!(create().header("traceparent", caller).send().await.unwrap().status(), 201);
    let continued = next(&mut consumer).await;
    assert_eq!(create().send().await.unwrap().status(), 201);
    let own = next(&mut consumer).await;
    // What is not sent yet is sent at the end.
    for process in &mut processes {
        process.signal("TERM");
        assert!(process.ended().await.success());
    }

    assert_ne!(parts(&own.0).0, parts(caller).0);
    for ((header, envelope), root) in [(continued, parts(caller).1), (own, String::new())] {
        let (trace, published) = parts(&header);
        let spans = collector.of_trace(&trace);
        let names: Vec<_> = spans.keys().map(String::as_str).collect();
        assert_eq!(names, ["POST /v1/contacts", "append", "command", "relay publish"]);
        let id = |name: &str| hex(&spans[name].span_id);
        let parent = |name: &str| hex(&spans[name].parent_span_id);
        assert_eq!(parent("POST /v1/contacts"), root);
        assert_eq!(parent("command"), id("POST /v1/contacts"));
        assert_eq!(parent("append"), id("command"));
        assert_eq!(parent("relay publish"), id("command"));
        assert_eq!(parts(&envelope), (trace, id("command")));
        assert_eq!(published, id("relay publish"));
    }
    for span in collector.spans.lock().unwrap().iter() {
        for attribute in &span.attributes {
            if let Some(Attribute::StringValue(text)) = attribute.value.clone().and_then(|value| value.value) {
                assert!(!text.contains("Hidden") && text != token, "{}: {}", span.name, attribute.key);
            }
        }
    }
}
