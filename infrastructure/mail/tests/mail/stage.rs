//! People whose links are asked for, and the consumer that sends them.

use std::{sync::Arc, time::Duration};

use chrono::{TimeDelta, Utc};
use fairlead_application::{
    App, Context, Expected,
    access::{Authorized, System as Everything},
    envelope::SequencedEvent,
    identity::{Correspondence, Mailer, Tickets},
    ports::{EventStore, System},
    registry::routing_key,
};
use fairlead_consumer::{Operator, Retries};
use fairlead_domain::{
    identity::{User, UserCommand},
    ids::{OrganizationId, UserId},
    values::{Email, PersonName},
};
use fairlead_mail::{CONSUMER, Post, Smtp, SmtpLimits, builder};
use fairlead_postgres::{Databases, Nudge, PostgresStore};
use fairlead_testing::{broker::VirtualHost, database::TestDatabase, engine::eventually};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::server::{Server, Taken};

pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) app: App,
    store: Arc<dyn EventStore>,
    databases: Databases,
    host: VirtualHost,
    channel: Channel,
    connection: Connection,
    stop: CancellationToken,
    consumer: JoinHandle<()>,
    _database: TestDatabase,
}

/// The directory, as Fairlead itself.
pub(crate) fn directory() -> Authorized<Everything> {
    Context::system(OrganizationId::DIRECTORY, "policy:test")
}

/// Waits for nothing long.
pub(crate) fn smtp(url: String) -> Smtp {
    let limits = SmtpLimits { connect: Duration::from_millis(500), letter: Duration::from_secs(2) };
    Smtp::new(&url.into(), "Fairlead <no-reply@mail.example>".parse().unwrap(), limits).unwrap()
}

impl Stage {
    /// Letters go to a server of one's own.
    pub(crate) async fn new() -> Self {
        let (database, host, server) =
            (TestDatabase::create().await, VirtualHost::create().await, Server::start().await);
        let databases = database.engine();
        let store: Arc<dyn EventStore> = Arc::new(PostgresStore::new(database.app(), Arc::new(Nudge::default())));
        let app = App::new(store.clone(), Arc::new(System), Arc::new(System));
        let tickets = Tickets::new(&vec![7; 32].into());
        let correspondence = Correspondence::new(app.clone(), tickets, "https://app.example");
        let mailer: Arc<dyn Mailer> = Arc::new(smtp(server.url("")));
        let retries = Retries { attempts: 1000, first: Duration::from_millis(50), longest: Duration::from_millis(200) };
        let consumer = builder(&host.url(), databases.connections()).retries(retries);
        let consumer = consumer.handler(Post::new(correspondence, mailer)).unwrap();
        let stop = CancellationToken::new();
        let consumer = tokio::spawn(consumer.run(stop.clone()));
        let connection = Connection::connect(&host.url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let stage =
            Self { server, app, store, databases, host, channel, connection, stop, consumer, _database: database };
        eventually("the consumer is there", async || stage.depth(CONSUMER).await.is_some_and(|(_, there)| there > 0))
            .await;
        stage
    }

    /// Messages that are ready in a queue, and its consumers; none while it isn't there.
    pub(crate) async fn depth(&self, queue: &str) -> Option<(u32, u32)> {
        let channel = self.connection.create_channel().await.ok()?;
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let queue = channel.queue_declare(queue.into(), passive, FieldTable::default()).await.ok()?;
        channel.close(200, "OK".into()).await.ok();
        Some((queue.message_count(), queue.consumer_count()))
    }

    pub(crate) async fn user(&self, id: UserId, command: UserCommand) {
        self.app.execute::<User>(&directory(), id, Expected::Any, command).await.unwrap();
    }

    /// Somebody new, with this address.
    pub(crate) async fn register(&self, email: &str) -> UserId {
        let (id, name) = (UserId::from(Uuid::now_v7()), PersonName::new("Ana \"A\" Lima, é").unwrap());
        self.user(id, UserCommand::Register { email: Email::new(email).unwrap(), name }).await;
        id
    }

    /// Asks for a link to verify the address. Tells the event.
    pub(crate) async fn ask(&self, id: UserId) -> SequencedEvent {
        let expires_at = Utc::now() + TimeDelta::hours(1);
        self.user(id, UserCommand::RequestVerification { expires_at }).await;
        let event = self.store.events(&directory(), id.into()).await.unwrap().pop().unwrap();
        let tenant = OrganizationId::DIRECTORY.into();
        SequencedEvent { position: event.version, incarnation: 1, tenant, stream: id.into(), event }
    }

    /// Publishes as the relay does.
    pub(crate) async fn publish(&self, event: &SequencedEvent) {
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let key = routing_key(&event.event.event_type).unwrap();
        let properties =
            BasicProperties::default().with_message_id(event.event.id.to_string().into()).with_delivery_mode(2);
        let body = event.envelope().to_string();
        let publishing =
            self.channel.basic_publish("fairlead.events".into(), key.into(), options, body.as_bytes(), properties);
        let confirmation = publishing.await.unwrap().await.unwrap();
        assert!(matches!(confirmation, lapin::Confirmation::Ack(None)), "{confirmation:?}");
    }

    /// Waits until the server has taken so many letters.
    pub(crate) async fn taken(&self, count: usize) -> Vec<Taken> {
        eventually("the letters arrive", async || self.server.taken().len() >= count).await;
        let taken = self.server.taken();
        assert_eq!(taken.len(), count, "{taken:?}");
        taken
    }

    pub(crate) fn operator(&self) -> Operator {
        Operator::new(CONSUMER, self.databases.connections(), "engine").unwrap()
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.consumer.await.unwrap();
        self.host.delete().await;
    }
}
