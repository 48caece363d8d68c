//! Everything that the broker hands out, whatever becomes of the connection.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt;
use lapin::{
    Channel, Connection, ConnectionProperties, ExchangeKind,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions, QueueBindOptions,
        QueueDeclareOptions, QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable},
};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::checker::Published;

const QUEUE: &str = "faults.log";
const FULL: &str = "faults.full";
const EXCHANGE: &str = "fairlead.events";
/// For a step of the broker.
const PATIENCE: Duration = Duration::from_secs(10);

/// The messages so far, in the order of their arrival.
#[derive(Clone, Default)]
pub(crate) struct BrokerLog(Arc<Mutex<Vec<Published>>>);

impl BrokerLog {
    pub(crate) fn taken(&self) -> Vec<Published> {
        self.0.lock().expect("no panic meanwhile").clone()
    }

    /// Declares the queue, so that nothing is missed.
    pub(crate) async fn declare(url: &str) {
        let (_connection, channel) = channel(url).await.expect("the broker");
        let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let declared =
            channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, durable, FieldTable::default()).await;
        declared.expect("the exchange");
        queue(&channel, QUEUE, &[]).await.expect("a queue");
    }

    /// Takes messages for as long as it is polled, over a new connection whenever one is lost.
    pub(crate) async fn follow(&self, url: &str) {
        loop {
            // Whatever was not acknowledged comes again.
            drop(self.take(url).await);
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn take(&self, url: &str) -> lapin::Result<()> {
        let (_connection, channel) = channel(url).await?;
        channel.basic_qos(500, BasicQosOptions::default()).await?;
        let options = BasicConsumeOptions::default();
        let mut consumer = channel.basic_consume(QUEUE.into(), "log".into(), options, FieldTable::default()).await?;
        while let Some(delivery) = consumer.next().await {
            let delivery = delivery?;
            let envelope: Value = serde_json::from_slice(&delivery.data).expect("an envelope");
            let id = |name: &str| envelope[name].as_str().and_then(|id| id.parse().ok());
            let message = id("id").zip(id("tenantid")).zip(id("subject")).zip(envelope["streamversion"].as_i64());
            let (((event, tenant), stream), version) = message.expect("an envelope with its members");
            self.0.lock().expect("no panic meanwhile").push(Published { event, tenant, stream, version });
            delivery.acker.ack(BasicAckOptions::default()).await?;
        }
        Ok(())
    }
}

/// Binds a queue that refuses all but one message for some time: none of them is confirmed meanwhile.
pub(crate) async fn refuse_for(url: &str, time: Duration) -> lapin::Result<()> {
    let (_connection, channel) = channel(url).await?;
    let refusing =
        [("x-max-length", AMQPValue::LongInt(1)), ("x-overflow", AMQPValue::LongString("reject-publish".into()))];
    queue(&channel, FULL, &refusing).await?;
    sleep(time).await;
    drop(timeout(PATIENCE, channel.queue_delete(FULL.into(), QueueDeleteOptions::default())).await);
    Ok(())
}

async fn channel(url: &str) -> lapin::Result<(Connection, Channel)> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    Ok((connection, channel))
}

/// A quorum queue for all events.
async fn queue(channel: &Channel, name: &str, more: &[(&str, AMQPValue)]) -> lapin::Result<()> {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    for (name, value) in more {
        arguments.insert((*name).into(), value.clone());
    }
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(name.into(), durable, arguments).await?;
    let options = QueueBindOptions::default();
    channel.queue_bind(name.into(), EXCHANGE.into(), "crm.contact.#".into(), options, FieldTable::default()).await
}
