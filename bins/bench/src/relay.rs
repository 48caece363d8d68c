//! The relay to a quorum queue, beside a bare publisher of the same messages.

use std::time::{Duration, Instant};

use fairlead_testing::engine::caller;
use futures::{StreamExt, future::join_all, stream};
use lapin::{
    BasicProperties, Channel,
    options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueuePurgeOptions},
    types::FieldTable,
};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::{
    latency::quorum_queue,
    program::{Installation, NO_BROKER},
    projection,
};

/// Events in a round.
const EVENTS: u32 = 20_000;
/// Unconfirmed messages at once on a channel, and channels, as the relay has them.
const WINDOW: usize = 512;
const CHANNELS: u32 = 4;
/// For the relay to begin and to end.
const PATIENCE: Duration = Duration::from_secs(120);
const QUEUE: &str = "relay";

/// An installation with a backlog.
pub(crate) struct Relaying {
    installation: Installation,
    _connection: lapin::Connection,
    channel: Channel,
    /// Those of the bare publisher.
    channels: Vec<Channel>,
}

impl Relaying {
    pub(crate) async fn prepare() -> Self {
        let installation = Installation::new().await;
        let (connection, channel) = quorum_queue(&installation, QUEUE).await;
        // Once, so that everything the worker declares in the broker is there for both.
        let worker = installation.start("worker", &[]);
        let log = QueueDeclareOptions { passive: true, ..Default::default() };
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A refusal closes the channel, so each look takes one of its own.
            let looking = connection.create_channel().await.expect("a channel");
            if looking.queue_declare("fairlead.log".into(), log, FieldTable::default()).await.is_ok() {
                break;
            }
            assert!(Instant::now() < deadline, "the worker does not declare its queue");
            sleep(Duration::from_millis(100)).await;
        }
        drop(worker);
        let mut channels = Vec::new();
        for _ in 0..CHANNELS {
            let channel = connection.create_channel().await.expect("a channel");
            channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
            channels.push(channel);
        }
        Self { installation, _connection: connection, channel, channels }
    }

    /// Events a second: those that wait in the database when the relay starts.
    pub(crate) async fn relayed(&self) -> f64 {
        self.backlog().await;
        let worker = self.installation.start("worker", &[]);
        let (mut begun, deadline) = (None, Instant::now() + PATIENCE);
        let rate = loop {
            let arrived = self.waiting().await;
            let now = Instant::now();
            assert!(now < deadline, "{arrived} of {EVENTS} events arrived");
            match begun {
                None if arrived > 0 => begun = Some((now, arrived)),
                Some((begun, first)) if arrived >= EVENTS => {
                    break f64::from(arrived - first) / (now - begun).as_secs_f64();
                }
                _ => {}
            }
            sleep(Duration::from_millis(10)).await;
        };
        drop(worker);
        rate
    }

    /// Messages a second of a publisher that has nothing else to do: what the relay left in the queue, sent again.
    pub(crate) async fn bare(&self) -> f64 {
        let got = self.channel.basic_get(QUEUE.into(), BasicGetOptions { no_ack: true }).await.expect("a message");
        let sample = got.expect("the relay left messages").delivery;
        let (body, properties) = (sample.data, sample.properties);
        self.purge().await;
        let begun = Instant::now();
        let publishing = self.channels.iter().map(|channel| {
            let publishing = stream::iter(0..EVENTS / CHANNELS).map(|_| publish(channel, &body, properties.clone()));
            publishing.buffered(WINDOW).for_each(|()| async {})
        });
        join_all(publishing).await;
        let rate = f64::from(EVENTS) / begun.elapsed().as_secs_f64();
        self.purge().await;
        rate
    }

    /// Commits events, has them ordered and projected, and leaves nothing but relaying to be done.
    async fn backlog(&self) {
        self.purge().await;
        let admin = self.installation.database.admin().await;
        let tenant = Uuid::from(caller().tenant());
        projection::create(&admin, tenant, EVENTS.into()).await;
        let worker = self.installation.start("worker", &[("FAIRLEAD_AMQP_URL", NO_BROKER)]);
        let caught_up = async {
            while projection::projected(&admin, tenant).await < EVENTS.into() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(PATIENCE, caught_up).await.expect("the events are ordered and projected");
        drop(worker);
    }

    async fn waiting(&self) -> u32 {
        let look = QueueDeclareOptions { passive: true, ..Default::default() };
        let queue = self.channel.queue_declare(QUEUE.into(), look, FieldTable::default()).await.expect("the queue");
        queue.message_count()
    }

    async fn purge(&self) {
        self.channel.queue_purge(QUEUE.into(), QueuePurgeOptions::default()).await.expect("an empty queue");
    }
}

async fn publish(channel: &Channel, body: &[u8], properties: BasicProperties) {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let (exchange, key) = ("fairlead.events".into(), "crm.contact.created".into());
    let confirm = channel.basic_publish(exchange, key, options, body, properties).await.expect("a connection");
    assert!(confirm.await.expect("a confirm").is_ack());
}
