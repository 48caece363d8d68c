//! The relay when the broker fails it.

use std::{sync::Arc, time::Duration};

use fairlead_rabbitmq::{EXCHANGE, LOG_QUEUE, Relay};
use fairlead_testing::broker::VirtualHost;
use lapin::{
    Connection, ConnectionProperties,
    options::{ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions},
    types::FieldTable,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    memory_log::MemoryLog,
    support::{Load, Running, all_published, assert_complete_and_in_order, channel, within},
};

/// Ends the load and checks that nothing was lost.
async fn all_is_well(host: &VirtualHost, log: &MemoryLog, load: Load, relay: Running) {
    let end = log.checkpoint() + 500;
    within("the relay goes on", log.reached(end)).await;
    load.stop().await;
    within("everything is recorded", log.reached(log.last())).await;
    let messages = all_published(host, &log.events()).await;
    assert_complete_and_in_order(&log.events(), &messages);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outlives_connections_closed_by_the_operator() {
    let host = VirtualHost::create().await;
    let log = MemoryLog::new();
    let load = Load::start(&log, 30);
    let relay = Running::start(&log, &host);
    for _ in 0..5 {
        within("the relay is at work", log.reached(log.checkpoint() + 500)).await;
        host.close_connections().await;
    }
    all_is_well(&host, &log, load, relay).await;
    assert!(log.holder().0 > 5, "each connection has a claim of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn declares_a_deleted_exchange_again() {
    let host = VirtualHost::create().await;
    let log = MemoryLog::new();
    let load = Load::start(&log, 30);
    let relay = Running::start(&log, &host);
    within("the relay is at work", log.reached(500)).await;
    let (_connection, channel) = channel(&host).await;
    channel.exchange_delete(EXCHANGE.into(), ExchangeDeleteOptions::default()).await.unwrap();
    all_is_well(&host, &log, load, relay).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn binds_the_log_queue_again_when_messages_come_back() {
    let host = VirtualHost::create().await;
    let log = MemoryLog::new();
    let load = Load::start(&log, 30);
    let relay = Running::start(&log, &host);
    let (_connection, channel) = channel(&host).await;
    for _ in 0..5 {
        within("the relay is at work", log.reached(log.checkpoint() + 500)).await;
        let arguments = FieldTable::default();
        channel.queue_unbind(LOG_QUEUE.into(), EXCHANGE.into(), "#".into(), arguments).await.unwrap();
    }
    all_is_well(&host, &log, load, relay).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_nothing_while_messages_come_back() {
    let host = VirtualHost::create().await;
    let log = MemoryLog::with(100, 10);
    let relay = Running::start(&log, &host);
    within("everything is recorded", log.reached(100)).await;
    let before = all_published(&host, &log.events()).await.len();
    let (_connection, channel) = channel(&host).await;
    // A queue of the same name and another kind, without a binding, which the relay can't repair.
    channel.queue_delete(LOG_QUEUE.into(), QueueDeleteOptions::default()).await.unwrap();
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(LOG_QUEUE.into(), durable, FieldTable::default()).await.unwrap();
    for number in 0..50 {
        log.append(number % 10);
    }
    within("the relay gives up its claim", log.until(|| !log.holder().1)).await;
    assert_eq!((before, log.checkpoint()), (100, 100));
    channel.queue_purge(LOG_QUEUE.into(), QueuePurgeOptions::default()).await.unwrap();
    channel.queue_delete(LOG_QUEUE.into(), QueueDeleteOptions::default()).await.unwrap();
    within("the rest is recorded", log.reached(150)).await;
    let rest = &log.events()[100..];
    let messages = all_published(&host, rest).await;
    let mut ids: Vec<_> = messages.into_iter().map(|message| message.id).collect();
    ids.sort();
    assert_eq!(ids, rest.iter().map(|event| event.event.id.to_string()).collect::<Vec<_>>());
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stops_at_once_while_the_broker_is_away() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("amqp://ana:s3cret@{}/", listener.local_addr().unwrap()).parse().unwrap();
    let log = MemoryLog::with(10, 2);
    let stop = CancellationToken::new();
    let running = tokio::spawn(Relay::new(Arc::new(log.clone()), url).run(stop.clone()));
    for _ in 0..3 {
        drop(within("another attempt", listener.accept()).await.unwrap());
    }
    stop.cancel();
    within("the relay stops", running).await.unwrap();
    assert_eq!(log.holder(), (0, false), "without a broker it claims nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn connects_again_before_the_next_event_needs_it() {
    let host = VirtualHost::create().await;
    let log = MemoryLog::with(1, 1);
    let relay = Running::start(&log, &host);
    within("everything is recorded", log.reached(1)).await;
    host.close_connections().await;
    within("another claim, on another connection", log.until(|| log.holder() == (2, true))).await;
    log.append(0);
    within("the event is recorded", log.reached(2)).await;
    let messages = all_published(&host, &log.events()).await;
    assert_eq!(messages.len(), 2);
    relay.stop().await;
}

/// While another queue takes every event, no message comes back that would tell of it.
#[tokio::test]
async fn makes_a_deleted_log_queue_again_that_nobody_misses() {
    let host = VirtualHost::create().await;
    let log = MemoryLog::new();
    let relay = Running::start(&log, &host);
    log.append(1);
    within("the relay is at work", log.reached(1)).await;
    let connection = Connection::connect(&host.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let exclusive = QueueDeclareOptions { exclusive: true, ..Default::default() };
    channel.queue_declare("other".into(), exclusive, FieldTable::default()).await.unwrap();
    let (exchange, options) = (EXCHANGE.into(), QueueBindOptions::default());
    channel.queue_bind("other".into(), exchange, "#".into(), options, FieldTable::default()).await.unwrap();
    channel.queue_delete(LOG_QUEUE.into(), QueueDeleteOptions::default()).await.unwrap();
    within("the log queue is there again", async {
        let passive = || QueueDeclareOptions { passive: true, ..Default::default() };
        // A refusal closes the channel.
        while connection
            .create_channel()
            .await
            .unwrap()
            .queue_declare(LOG_QUEUE.into(), passive(), FieldTable::default())
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
    log.append(1);
    within("the relay goes on", log.reached(2)).await;
    relay.stop().await;
}
