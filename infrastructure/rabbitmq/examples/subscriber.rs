//! A subscriber, whole: `AMQP_URL=amqp://… subscriber <queue> [<binding pattern>]` prints a line per event.
//!
//! The queue is durable: events that occur while the subscriber is down wait for it. To try things out, have the broker
//! drop it some time after the subscriber has gone: `EXPIRES_MS=60000`.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::{
    collections::{HashSet, VecDeque},
    error::Error,
};

use futures::StreamExt;
use lapin::{
    Channel, Connection, ConnectionProperties, Consumer, ExchangeKind,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions, QueueBindOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use serde_json::Value;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const EXCHANGE: &str = "fairlead.events";
/// Messages that may be on their way to us, unacknowledged.
const PREFETCH: u16 = 200;
/// Ids remembered: far more than can be published twice after a failure.
const REMEMBERED: usize = 100_000;

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::var("AMQP_URL").map_err(|_| "AMQP_URL is not set")?;
    let mut arguments = std::env::args().skip(1);
    let queue = arguments.next().ok_or("usage: subscriber <queue> [<binding pattern>]")?;
    let pattern = arguments.next().unwrap_or_else(|| "#".into());

    let properties = ConnectionProperties::default().with_connection_name(format!("subscriber {queue}").into());
    let connection = Connection::connect(&url, properties).await?;
    let channel = connection.create_channel().await?;
    let consumer = subscribe(&channel, &queue, &pattern).await?;
    let outcome = tokio::select! {
        outcome = consume(consumer) => outcome,
        stop = tokio::signal::ctrl_c() => stop.map_err(Into::into),
    };
    // What is not acknowledged goes back to the queue, in its old place.
    if connection.status().connected() {
        connection.close(200, "OK".into()).await?;
    }
    outcome
}

/// Declares the queue, binds it and begins to consume. All of it may be there already.
async fn subscribe(channel: &Channel, queue: &str, pattern: &str) -> Result<Consumer> {
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, durable, FieldTable::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    // Several instances may run; one gets the messages, so that their order holds.
    arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    if let Ok(expires) = std::env::var("EXPIRES_MS") {
        arguments.insert("x-expires".into(), AMQPValue::LongLongInt(expires.parse()?));
    }
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(queue.into(), durable, arguments).await?;
    let options = QueueBindOptions::default();
    channel.queue_bind(queue.into(), EXCHANGE.into(), pattern.into(), options, FieldTable::default()).await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    Ok(channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?)
}

async fn consume(mut consumer: Consumer) -> Result<()> {
    let mut seen = Seen::default();
    while let Some(delivery) = consumer.next().await {
        let delivery = delivery?;
        let event: Value = serde_json::from_slice(&delivery.data)?;
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        if !seen.contains(text("id")) {
            println!("{} {} {} {}", text("type"), text("id"), text("subject"), text("sequence"));
            seen.insert(text("id").to_owned());
        }
        // Only now, so that a crash loses nothing.
        delivery.ack(BasicAckOptions::default()).await?;
    }
    Err("the broker ended the subscription".into())
}

/// The ids of the events handled last. A service keeps them in its database instead, in the transaction in which it
/// handles the event.
#[derive(Default)]
struct Seen {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    fn insert(&mut self, id: String) {
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        self.order.push_back(id.clone());
        self.ids.insert(id);
    }
}
