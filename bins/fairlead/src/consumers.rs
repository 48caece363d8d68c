//! The consumers of Fairlead's own database, as operators see them: the kit behind the application's port.

use async_trait::async_trait;
use fairlead_application::administration::{
    AdministrationError, ConsumerAdministration, ConsumerStatus, HeldDetail, HeldPlace, HeldQuery, ReturnedLetters,
    StreamKey,
};
use fairlead_consumer::{
    ConfigError, ConsumerCounts, Consumers, DeadLettersError, HeldStream, Operator, TablesError, Which,
};
use fairlead_postgres::Databases;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

/// Where the migrations put the kit's tables.
const SCHEMA: &str = "engine";
/// Consumers that workers run: known before they have handled anything.
const OWN: [&str; 1] = [fairlead_mail::CONSUMER];

/// Consumers whose tables are in the schema of the engine.
pub(crate) struct OwnConsumers {
    consumers: Consumers,
    broker: SecretString,
}

impl OwnConsumers {
    /// The consumers of the engine's database, with their queues at the broker of this URL.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub(crate) fn new(databases: &Databases, broker: SecretString) -> Result<Self, ConfigError> {
        Ok(Self { consumers: Consumers::new(databases.connections(), SCHEMA)?, broker })
    }

    /// The operator of a consumer that is known. The dead letters of any other belong to tables that are elsewhere: here
    /// each of them would pass for one that was settled long ago.
    async fn operator(&self, name: &str) -> Result<Operator, AdministrationError> {
        self.consumer(name).await?;
        self.consumers.operator(name).map_err(|_| AdministrationError::UnknownConsumer(name.to_owned()))
    }
}

#[async_trait]
impl ConsumerAdministration for OwnConsumers {
    async fn consumers(&self) -> Result<Vec<ConsumerStatus>, AdministrationError> {
        Ok(self.consumers.counts().await.map_err(unavailable)?.into_iter().map(status).collect())
    }

    async fn consumer(&self, name: &str) -> Result<ConsumerStatus, AdministrationError> {
        let counts = self.consumers.counts_of(name).await.map_err(unavailable)?;
        let own = || OWN.contains(&name).then(|| ConsumerStatus { name: name.to_owned(), held: 0, dead: 0 });
        counts.map(status).or_else(own).ok_or_else(|| AdministrationError::UnknownConsumer(name.to_owned()))
    }

    async fn held(&self, name: &str, query: &HeldQuery) -> Result<Vec<HeldDetail>, AdministrationError> {
        let after = query.after.map(|HeldPlace { held_at, key }| (held_at, key.tenant.into(), key.stream));
        let query = fairlead_consumer::HeldQuery { dead: query.dead, after, limit: query.limit.into() };
        let held = self.operator(name).await?.held_page(&query).await.map_err(unavailable)?;
        Ok(held.into_iter().map(detail).collect())
    }

    async fn replay(&self, name: &str, stream: Option<StreamKey>) -> Result<u64, AdministrationError> {
        let which =
            stream.map_or(Which::All, |StreamKey { tenant, stream }| Which::Stream { tenant: tenant.into(), stream });
        self.operator(name).await?.replay(which).await.map_err(unavailable)
    }

    async fn discard(&self, name: &str, stream: StreamKey, event: Uuid) -> Result<bool, AdministrationError> {
        let operator = self.operator(name).await?;
        operator.discard(stream.tenant.into(), stream.stream, event).await.map_err(unavailable)
    }

    async fn replay_dead_letters(&self, name: &str, limit: u32) -> Result<ReturnedLetters, AdministrationError> {
        let operator = self.operator(name).await?;
        let returned = operator.replay_dead_letters(self.broker.expose_secret(), limit).await;
        let returned = returned.map_err(|error| match error {
            DeadLettersError::NoQueue(queue) => AdministrationError::NoQueue(queue),
            DeadLettersError::Tables(error) => unavailable(error),
            error => AdministrationError::BrokerUnavailable(error.into()),
        })?;
        let fairlead_consumer::Returned { requeued, replayed, settled } = returned;
        Ok(ReturnedLetters { requeued, replayed, settled })
    }
}

fn status(counts: ConsumerCounts) -> ConsumerStatus {
    let ConsumerCounts { name, held, dead } = counts;
    ConsumerStatus { name, held, dead }
}

fn detail(held: HeldStream) -> HeldDetail {
    HeldDetail {
        key: StreamKey { tenant: held.tenant.into(), stream: held.stream },
        event: held.event,
        routing_key: held.routing_key,
        attempts: held.attempts,
        reason: held.reason,
        held_at: held.held_at,
        failed_at: held.failed_at,
        due_at: held.due_at,
        dead_at: held.dead_at,
        messages: held.messages,
    }
}

fn unavailable(error: TablesError) -> AdministrationError {
    AdministrationError::Unavailable(Box::new(error))
}
