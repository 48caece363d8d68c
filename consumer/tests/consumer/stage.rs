//! A service's database, a broker, and events to hand to a handler.

use std::{collections::HashMap, str::FromStr, sync::LazyLock, time::Duration};

use chrono::Utc;
use deadpool_postgres::{Manager, Pool, Runtime};
use fairlead_application::{
    envelope::SequencedEvent,
    ports::{Metadata, StoredEvent},
};
use fairlead_consumer::{Builder, Consumer, Inbox, Operator, Retries};
use fairlead_testing::{
    broker::VirtualHost,
    database::{TestDatabase, connect},
    required,
};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{Client, NoTls};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use crate::script::{Act, Recorder, Script};

pub(crate) const SCHEMA: &str = "shop";
const EXCHANGE: &str = "fairlead.events";
/// Within this everything that is waited for happens, or the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// What is counted, for all tests together: the label tells them apart.
static METRICS: LazyLock<PrometheusHandle> = LazyLock::new(|| {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).ok();
    handle
});

/// Waits, but not forever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("waited in vain until {what}"))
}

/// Waits until a condition holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    within(what, async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// A consumer at work.
pub(crate) struct Running {
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(consumer: Consumer) -> Self {
        let stop = CancellationToken::new();
        Self { task: tokio::spawn(consumer.run(stop.clone())), stop }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        within("the consumer stops", self.task).await.unwrap();
    }

    /// Ends it as a crash does: nothing is finished, nothing is told.
    pub(crate) async fn crash(self) {
        self.task.abort();
        within("the consumer is gone", self.task).await.unwrap_err();
    }
}

pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) host: VirtualHost,
    /// The consumer's.
    pub(crate) pool: Pool,
    /// The test's own look at the database.
    pub(crate) eyes: Client,
    pub(crate) script: Script,
    pub(crate) channel: Channel,
    pub(crate) database_url: String,
    _connection: Connection,
    _database: TestDatabase,
}

impl Stage {
    /// The database of some other service.
    pub(crate) async fn new() -> Self {
        let server = required("FAIRLEAD_TEST_DATABASE_URL");
        let database = TestDatabase::empty_on(&server);
        let name = database.admin_url().rsplit_once('/').unwrap().1.to_owned();
        connect(&server).await.batch_execute(&format!("create database {name}")).await.unwrap();
        let mut client = database.admin().await;
        // Twice, as a service does with each start.
        for _ in 0..2 {
            Inbox::install(&mut client, SCHEMA).await.unwrap();
        }
        let url = database.admin_url();
        Self::with(database, url).await
    }

    /// Another database, reached by this URL.
    pub(crate) async fn with(database: TestDatabase, url: String) -> Self {
        LazyLock::force(&METRICS);
        let sql = "create table effects (number bigint not null generated always as identity primary key,
                                         tenant uuid not null, stream uuid not null, version bigint not null,
                                         event uuid not null);
                   grant all on effects to public";
        let eyes = database.admin().await;
        eyes.batch_execute(sql).await.unwrap();
        let host = VirtualHost::create().await;
        let connection = Connection::connect(&host.url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        Self {
            name: format!("test-{}", Uuid::new_v4().simple()),
            host,
            pool: pool(&url),
            eyes,
            script: Script::default(),
            channel,
            database_url: url,
            _connection: connection,
            _database: database,
        }
    }

    /// Attempts follow one another quickly.
    pub(crate) fn builder(&self) -> Builder {
        let retries = Retries { attempts: 1000, first: Duration::from_millis(50), longest: Duration::from_millis(200) };
        Consumer::builder(&self.name)
            .broker(self.host.url())
            .database(self.pool.clone(), SCHEMA)
            .bind("crm.contact.#")
            .retries(retries)
    }

    pub(crate) fn recorder(&self) -> Recorder {
        Recorder(self.script.clone())
    }

    pub(crate) fn start(&self) -> Running {
        Running::start(self.builder().lanes(4).handler(self.recorder()).unwrap())
    }

    pub(crate) fn operator(&self) -> Operator {
        Operator::new(&self.name, self.pool.clone(), SCHEMA).unwrap()
    }

    /// Declares the consumer's queue by running it for a moment.
    pub(crate) async fn bound(&self) {
        let running = self.start();
        self.consuming().await;
        running.stop().await;
    }

    /// Waits until the consumer has its queues.
    pub(crate) async fn consuming(&self) {
        let dead = format!("{}.dead", self.name);
        until("the consumer is there", async || {
            self.depth(&self.name).await.is_some_and(|(_, consumers)| consumers > 0)
        })
        .await;
        assert!(self.depth(&dead).await.is_some());
    }

    /// Messages that are ready in a queue, and its consumers; none while it isn't there.
    pub(crate) async fn depth(&self, queue: &str) -> Option<(u32, u32)> {
        let connection = Connection::connect(&self.host.url(), ConnectionProperties::default()).await.ok()?;
        let channel = connection.create_channel().await.ok()?;
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let queue = channel.queue_declare(queue.into(), passive, FieldTable::default()).await.ok();
        let depth = queue.map(|queue| (queue.message_count(), queue.consumer_count()));
        connection.close(200, "OK".into()).await.ok();
        depth
    }

    pub(crate) fn dead_queue(&self) -> String {
        format!("{}.dead", self.name)
    }

    /// Waits until that many dead letters are there.
    pub(crate) async fn dead_letters(&self, count: u32) {
        let queue = self.dead_queue();
        until("the dead letters are there", async || self.depth(&queue).await.is_some_and(|(ready, _)| ready == count))
            .await;
    }

    /// Publishes as the relay does, and waits for the confirm.
    pub(crate) async fn publish(&self, event: &SequencedEvent) {
        let mut headers = FieldTable::default();
        headers.insert("tenant".into(), AMQPValue::LongString(event.tenant.to_string().into()));
        let properties =
            BasicProperties::default().with_message_id(event.event.id.to_string().into()).with_headers(headers);
        let key = format!("crm.{}", event.event.event_type);
        self.publish_raw(&key, event.envelope().to_string().as_bytes(), properties.with_delivery_mode(2)).await;
    }

    pub(crate) async fn publish_all(&self, events: &[SequencedEvent]) {
        for event in events {
            self.publish(event).await;
        }
    }

    pub(crate) async fn publish_raw(&self, key: &str, body: &[u8], properties: BasicProperties) {
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let publishing = self.channel.basic_publish(EXCHANGE.into(), key.into(), options, body, properties).await;
        let confirmation = publishing.unwrap().await.unwrap();
        assert!(matches!(confirmation, lapin::Confirmation::Ack(None)), "{confirmation:?}");
    }

    /// What took effect, in order: events' ids.
    pub(crate) async fn effects(&self) -> Vec<Uuid> {
        let rows = self.eyes.query("select event from effects order by number", &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Waits until as many effects are there as events, then checks that each is there once, in order within its stream.
    pub(crate) async fn took_effect_once_and_in_order(&self, events: &[SequencedEvent]) {
        until("everything took effect", async || self.effects().await.len() >= events.len()).await;
        let effects = self.effects().await;
        assert_eq!(effects.len(), events.len(), "something took effect twice");
        let place: HashMap<Uuid, usize> = effects.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        assert_eq!(place.len(), events.len());
        let mut last = HashMap::new();
        for event in events {
            let place = place[&event.event.id];
            let before = last.insert((event.tenant, event.stream), place);
            assert!(before.is_none_or(|before| before < place), "version {} is out of order", event.event.version);
        }
    }

    /// Rows that are set aside.
    pub(crate) async fn held(&self) -> i64 {
        let sql = format!("select count(*) from {SCHEMA}.inbox_held");
        self.eyes.query_one(&sql, &[]).await.unwrap().get(0)
    }

    /// The value of a metric of this stage's consumer.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let wanted = format!("{name}{{consumer=\"{}\"}} ", self.name);
        let text = METRICS.render();
        text.lines().find_map(|line| line.strip_prefix(&wanted)).map_or(0.0, |value| value.parse().unwrap())
    }
}

/// A pool that gives up soon.
pub(crate) fn pool(url: &str) -> Pool {
    let manager = Manager::new(tokio_postgres::Config::from_str(url).unwrap(), NoTls);
    let limit = Some(Duration::from_secs(5));
    let builder = Pool::builder(manager).max_size(16).runtime(Runtime::Tokio1);
    builder.wait_timeout(limit).create_timeout(limit).build().unwrap()
}

/// An event of a contact.
pub(crate) fn event(tenant: Uuid, stream: Uuid, version: i64, event_type: &str, data: Value) -> SequencedEvent {
    SequencedEvent {
        position: version,
        incarnation: 1,
        tenant,
        stream,
        event: StoredEvent {
            id: Uuid::now_v7(),
            version,
            event_type: event_type.to_owned(),
            schema_version: 1,
            data,
            metadata: Metadata {
                actor: "somebody".to_owned(),
                correlation_id: None,
                causation_id: None,
                hops: 0,
                traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            },
            occurred_at: Utc::now(),
        },
    }
}

/// A stream of so many events.
pub(crate) fn stream(count: i64) -> Vec<SequencedEvent> {
    let (tenant, stream) = (Uuid::now_v7(), Uuid::now_v7());
    (1..=count).map(|version| event(tenant, stream, version, "contact.tagged", json!({ "tag": "a" }))).collect()
}

/// Streams of so many events each, taking turns.
pub(crate) fn streams(streams: usize, count: i64) -> Vec<SequencedEvent> {
    let streams: Vec<_> = (0..streams).map(|_| stream(count)).collect();
    let turns = 0..usize::try_from(count).unwrap();
    turns.flat_map(|turn| streams.iter().map(move |stream| stream[turn].clone())).collect()
}
