//! Running relays, and looking at what they publish.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use fairlead_application::envelope::SequencedEvent;
use fairlead_rabbitmq::{LOG_QUEUE, Relay};
use fairlead_testing::broker::VirtualHost;
use futures::StreamExt;
use lapin::{
    Channel, Connection, ConnectionProperties,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::memory_log::MemoryLog;

/// Within this everything that is waited for happens, or the test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Waits, but not forever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// A relay at work.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(log: &MemoryLog, host: &VirtualHost) -> Self {
        let stop = CancellationToken::new();
        let relay = Relay::new(Arc::new(log.clone()), host.url().parse().unwrap());
        Self { task: tokio::spawn(relay.run(stop.clone())), stop }
    }

    /// The same on a thread of its own, so that it can stand still without holding up the test.
    pub(crate) fn start_apart(log: &MemoryLog, host: &VirtualHost) -> Self {
        let stop = CancellationToken::new();
        let relay = Relay::new(Arc::new(log.clone()), host.url().parse().unwrap());
        let running = relay.run(stop.clone());
        let (done, ended) = oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(running);
            // A test that has failed doesn't wait.
            let _ = done.send(());
        });
        Self { task: tokio::spawn(async { ended.await.unwrap() }), stop }
    }

    /// Ends it in the middle of everything.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        within("the relay stops", self.task).await.unwrap();
    }
}

/// Appends events, never far ahead of the relay, until it is told to stop: so that whatever happens, happens in
/// mid-load.
pub(crate) struct Load {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Load {
    pub(crate) fn start(log: &MemoryLog, streams: u64) -> Self {
        let stop = CancellationToken::new();
        let (log, stopped) = (log.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let mut number = 0;
            while !stopped.is_cancelled() {
                for _ in 0..50 {
                    log.append(number % streams);
                    number += 1;
                }
                tokio::select! {
                    () = log.reached(log.last() - 300) => tokio::task::yield_now().await,
                    () = stopped.cancelled() => {}
                }
            }
        });
        Self { stop, task }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        within("the load ends", self.task).await.unwrap();
    }
}

pub(crate) async fn channel(host: &VirtualHost) -> (Connection, Channel) {
    let connection = Connection::connect(&host.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// A message of the log queue.
pub(crate) struct Published {
    pub(crate) id: String,
    pub(crate) delivery: Delivery,
}

/// Reads the log queue from its beginning until `enough`.
pub(crate) async fn published(host: &VirtualHost, enough: impl Fn(&HashMap<String, usize>) -> bool) -> Vec<Published> {
    let (_connection, channel) = channel(host).await;
    channel.basic_qos(1_000, BasicQosOptions::default()).await.unwrap();
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), AMQPValue::LongString("first".into()));
    let options = BasicConsumeOptions::default();
    let mut consumer = channel.basic_consume(LOG_QUEUE.into(), "".into(), options, arguments).await.unwrap();
    let (mut messages, mut counts) = (Vec::new(), HashMap::new());
    while !enough(&counts) {
        let delivery = within("enough is published", consumer.next()).await.unwrap().unwrap();
        delivery.ack(BasicAckOptions::default()).await.unwrap();
        let id = delivery.properties.message_id().as_ref().unwrap().to_string();
        *counts.entry(id.clone()).or_default() += 1;
        messages.push(Published { id, delivery });
    }
    messages
}

/// Everything of a log that was published, once each event has been.
pub(crate) async fn all_published(host: &VirtualHost, events: &[SequencedEvent]) -> Vec<Published> {
    published(host, |counts| counts.len() >= events.len()).await
}

/// Checks that all events were published, and in each stream in order once the duplicates are dropped.
pub(crate) fn assert_complete_and_in_order(events: &[SequencedEvent], messages: &[Published]) {
    let by_id: HashMap<String, &SequencedEvent> =
        events.iter().map(|event| (event.event.id.to_string(), event)).collect();
    let mut seen = HashSet::new();
    let mut versions = HashMap::new();
    for message in messages.iter().filter(|message| seen.insert(message.id.clone())) {
        let event = by_id[&message.id];
        let version: &mut i64 = versions.entry((event.tenant, event.stream)).or_default();
        assert_eq!(event.event.version, *version + 1, "stream {} is out of order", event.stream);
        *version = event.event.version;
    }
    assert_eq!(seen.len(), events.len());
}
