//! From a command to its consumer: how long after a command was due its event has arrived from the broker.
//!
//! Commands come at a fixed rate, whether or not those before were answered, and each is timed from the moment at which it
//! was due: a pause in the program shows in every command that fell into it (no coordinated omission).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt;
use hdrhistogram::Histogram;
use lapin::{
    Channel, Connection, ConnectionProperties, ExchangeKind,
    options::{BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use serde_json::Value;
use tokio::{
    sync::mpsc,
    time::{sleep_until, timeout},
};

use crate::program::Installation;

/// Commands a second.
const RATE: u32 = 200;
/// Seconds that count, and seconds before that don't: connections are opened, statements prepared.
const COUNTED: u32 = 20;
const WARMING: u32 = 3;
/// Connections that take turns.
const CLIENTS: usize = 16;

/// A queue as consumers have them, bound to all events.
pub(crate) async fn quorum_queue(installation: &Installation, name: &str) -> (Connection, Channel) {
    let url = installation.broker.url();
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.expect("the broker");
    let channel = connection.create_channel().await.expect("a channel");
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let exchange = "fairlead.events";
    channel
        .exchange_declare(exchange.into(), ExchangeKind::Topic, durable, FieldTable::default())
        .await
        .expect("the exchange");
    let mut kind = FieldTable::default();
    kind.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(name.into(), durable, kind).await.expect("a queue");
    let (all, options) = ("#".into(), QueueBindOptions::default());
    channel.queue_bind(name.into(), exchange.into(), all, options, FieldTable::default()).await.expect("a binding");
    (connection, channel)
}

/// Latencies in microseconds, and the memory of the API and the worker under this load, in MiB.
pub(crate) async fn measure() -> (Histogram<u64>, Option<f64>) {
    let installation = Installation::new().await;
    let (_connection, channel) = quorum_queue(&installation, "latency").await;
    let api = installation.start("api", &[]);
    let worker = installation.start("worker", &[]);
    installation.ready().await;
    channel.basic_qos(500, BasicQosOptions::default()).await.expect("a prefetch");
    let consumer = channel.basic_consume(
        "latency".into(),
        "bench".into(),
        BasicConsumeOptions { no_ack: true, ..Default::default() },
        FieldTable::default(),
    );
    let mut consumer = consumer.await.expect("a consumer");

    let token = installation.token();
    let mut senders = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = installation.client(&token).await;
        let (sender, mut due) = mpsc::unbounded_channel::<usize>();
        senders.push(sender);
        tokio::spawn(async move {
            while let Some(n) = due.recv().await {
                client.create(n).await;
            }
        });
    }
    // The first event tells that everything is at work.
    let total = (RATE * (WARMING + COUNTED)) as usize;
    senders[0].send(total).expect("a client");
    let first = timeout(Duration::from_secs(30), consumer.next()).await;
    assert!(matches!(first, Ok(Some(Ok(_)))), "the first event does not arrive");

    let begun = Instant::now() + Duration::from_millis(100);
    let due = move |n: usize| begun + Duration::from_secs(1) * u32::try_from(n).unwrap_or(u32::MAX) / RATE;
    let senders = Arc::new(senders);
    let pace = tokio::spawn({
        let senders = senders.clone();
        async move {
            for n in 0..total {
                sleep_until(due(n).into()).await;
                senders[n % CLIENTS].send(n).expect("a client");
            }
        }
    });
    let mut latencies = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).expect("a histogram");
    for _ in 0..total {
        let delivery = timeout(Duration::from_secs(30), consumer.next()).await.expect("every event arrives");
        let arrived = Instant::now();
        let delivery = delivery.expect("a consumer").expect("a delivery");
        let envelope: Value = serde_json::from_slice(&delivery.data).expect("an event");
        let name = envelope["data"]["name"].as_str().and_then(|name| name.strip_prefix("Ana ")?.parse::<usize>().ok());
        let n = name.expect("the contact's number");
        if n >= (RATE * WARMING) as usize {
            let micros = arrived.saturating_duration_since(due(n)).as_micros();
            latencies.saturating_record(u64::try_from(micros).unwrap_or(u64::MAX));
        }
    }
    pace.await.expect("all commands were sent");
    let resident = api.resident().zip(worker.resident()).map(|(api, worker)| api + worker);
    (latencies, resident)
}
