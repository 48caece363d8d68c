//! The relay when all goes well.

use std::collections::HashSet;

use fairlead_rabbitmq::{EXCHANGE, LOG_QUEUE, REPLAYED_HEADER};
use fairlead_testing::broker::VirtualHost;
use lapin::types::AMQPValue;
use serde_json::Value;

use crate::{
    memory_log::MemoryLog,
    support::{Load, Published, Running, all_published, assert_complete_and_in_order, published, within},
};

#[tokio::test(flavor = "multi_thread")]
async fn publishes_every_event_once_and_in_order() {
    let host = VirtualHost::create().await;
    let log = MemoryLog::with(3_000, 40);
    let relay = Running::start(&log, &host);
    within("everything is recorded", log.reached(3_000)).await;
    let messages = all_published(&host, &log.events()).await;
    assert_eq!(messages.len(), 3_000);
    assert_complete_and_in_order(&log.events(), &messages);
    relay.stop().await;
    assert_eq!(log.holder(), (1, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_says_what_the_event_says() {
    let host = VirtualHost::create().await;
    let log = MemoryLog::with(2, 1);
    let relay = Running::start(&log, &host);
    within("both are recorded", log.reached(2)).await;
    let messages = all_published(&host, &log.events()).await;
    for (event, Published { delivery, .. }) in log.events().iter().zip(&messages) {
        assert_eq!(serde_json::from_slice::<Value>(&delivery.data).unwrap(), event.envelope());
        let properties = &delivery.properties;
        assert_eq!(properties.message_id().as_ref().unwrap().as_str(), event.event.id.to_string());
        assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "application/cloudevents+json");
        assert_eq!(properties.kind().as_ref().unwrap().as_str(), event.event.event_type);
        assert_eq!(properties.timestamp().unwrap(), 1_772_600_767);
        assert_eq!(properties.delivery_mode().unwrap(), 2);
        assert_eq!(delivery.exchange.as_str(), EXCHANGE);
        assert_eq!(delivery.routing_key.as_str(), format!("crm.{}", event.event.event_type));
        let headers = properties.headers().as_ref().unwrap().inner();
        assert_eq!(headers["version"], AMQPValue::LongLongInt(event.event.version));
        assert_eq!(headers["position"], AMQPValue::LongLongInt(event.position));
        assert_eq!(headers["tenant"], AMQPValue::LongString(event.tenant.to_string().into()));
        assert_eq!(headers["stream"], AMQPValue::LongString(event.stream.to_string().into()));
        assert_eq!(headers.contains_key("causation"), event.event.version > 1);
        assert!(headers.contains_key("correlation") && headers.contains_key("traceparent"));
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_as_the_asyncapi_document_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../guides/contracts/asyncapi.json");
    let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let host = VirtualHost::create().await;
    let log = MemoryLog::with(2, 1);
    let relay = Running::start(&log, &host);
    within("both are recorded", log.reached(2)).await;
    let messages = all_published(&host, &log.events()).await;
    let headers = &document["components"]["messageTraits"]["event"]["headers"];
    let known: HashSet<_> = headers["properties"].as_object().unwrap().keys().cloned().collect();
    let required: HashSet<String> = serde_json::from_value(headers["required"].clone()).unwrap();
    let mut seen = HashSet::from([REPLAYED_HEADER.to_owned()]);
    for (event, Published { delivery, .. }) in log.events().iter().zip(&messages) {
        let own = delivery.properties.headers().as_ref().unwrap().inner().keys().map(ToString::to_string);
        // The stream that is read here adds one of its own.
        let own: HashSet<_> = own.filter(|name| name != "x-stream-offset").collect();
        assert!(required.is_subset(&own), "{own:?}");
        seen.extend(own);
        let channel = &document["channels"][&event.event.event_type];
        assert_eq!(channel["address"], delivery.routing_key.as_str());
        assert_eq!(channel["bindings"]["amqp"]["exchange"]["name"], EXCHANGE);
    }
    assert_eq!(seen, known, "headers() of testing/src/contracts/asyncapi.rs tells of other headers than are sent");
    assert_eq!(document["channels"]["log"]["address"], LOG_QUEUE);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_relay_wakes_up_for_each_event() {
    let host = VirtualHost::create().await;
    let log = MemoryLog::new();
    let relay = Running::start(&log, &host);
    for position in 1..=10 {
        log.append(0);
        within("the event is recorded", log.reached(position)).await;
    }
    let messages = all_published(&host, &log.events()).await;
    assert_complete_and_in_order(&log.events(), &messages);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_at_the_checkpoint_after_a_stop_in_mid_load() {
    let host = VirtualHost::create().await;
    let log = MemoryLog::new();
    let load = Load::start(&log, 30);
    let relay = Running::start(&log, &host);
    within("some is recorded", log.reached(500)).await;
    relay.stop().await;
    let checkpoint = log.checkpoint();
    let recorded: HashSet<_> =
        log.events().iter().take(checkpoint.try_into().unwrap()).map(|event| event.event.id.to_string()).collect();
    published(&host, |counts| recorded.iter().all(|id| counts.contains_key(id))).await;
    let relay = Running::start(&log, &host);
    within("more is recorded", log.reached(checkpoint + 500)).await;
    load.stop().await;
    within("everything is recorded", log.reached(log.last())).await;
    let messages = all_published(&host, &log.events()).await;
    // A stop that waits for what is in flight leaves nothing to repeat.
    assert_eq!(messages.len(), log.events().len());
    assert_complete_and_in_order(&log.events(), &messages);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_lost_its_claim_records_nothing_more() {
    let host = VirtualHost::create().await;
    let log = MemoryLog::new();
    let load = Load::start(&log, 30);
    let first = Running::start(&log, &host);
    within("the first is at work", log.reached(500)).await;
    let second = Running::start(&log, &host);
    log.expel(None);
    let before = log.advances().len();
    within("another claim", log.reached(log.checkpoint() + 2_000)).await;
    load.stop().await;
    within("everything is recorded", log.reached(log.last())).await;
    assert!(log.advances()[before..].iter().all(|(epoch, _)| *epoch > 1), "the expelled claim recorded something");
    let messages = all_published(&host, &log.events()).await;
    // For a moment both may have published, each in order.
    assert_complete_and_in_order(&log.events(), &messages);
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stops_before_an_event_it_does_not_know() {
    let host = VirtualHost::create().await;
    let log = MemoryLog::with(20, 4);
    log.append_named(1, |_| "unheard.of");
    log.append(1);
    let relay = Running::start(&log, &host);
    within("everything before it is recorded", log.reached(20)).await;
    let attempts = log.holder().0 + 2;
    within("it tries again and again", log.until(|| log.holder().0 >= attempts)).await;
    relay.stop().await;
    assert_eq!((log.checkpoint(), log.parked()), (20, vec![]));
    let messages = published(&host, |counts| counts.len() >= 20).await;
    assert_complete_and_in_order(&log.events()[..20], &messages);
}
