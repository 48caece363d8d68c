//! Consumers whose tables lie in Fairlead's own database.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{AdministrationError, StreamKey};

/// A consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerStatus {
    /// Its name, which is that of its queue.
    pub name: String,
    /// Streams that wait, the dead ones included.
    pub held: i64,
    /// Streams that it has given up.
    pub dead: i64,
}

/// A stream that waits. What its last attempt ended with is not told: the text is the handler's own, or the database's, and
/// may quote what is personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldDetail {
    /// The stream.
    pub key: StreamKey,
    /// The event that it waits for.
    pub event: Uuid,
    /// The routing key under which that was published.
    pub routing_key: String,
    /// The attempts that count.
    pub attempts: i32,
    /// `failed`, `rejected` or `unreadable`; none before the first attempt.
    pub reason: Option<String>,
    /// When that event was set aside.
    pub held_at: DateTime<Utc>,
    /// When its first attempt failed.
    pub failed_at: Option<DateTime<Utc>>,
    /// When it is tried again, unless it is dead.
    pub due_at: Option<DateTime<Utc>>,
    /// When it was given up.
    pub dead_at: Option<DateTime<Utc>>,
    /// Messages of this stream that are set aside.
    pub messages: i64,
}

impl HeldDetail {
    /// Its place among all that wait.
    pub fn place(&self) -> HeldPlace {
        HeldPlace { held_at: self.held_at, key: self.key }
    }
}

/// A place among waiting streams, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldPlace {
    /// When the event that the stream waits for was set aside.
    pub held_at: DateTime<Utc>,
    /// The stream.
    pub key: StreamKey,
}

/// Which waiting streams are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldQuery {
    /// Only dead ones, or only those that are tried again; all when `None`.
    pub dead: Option<bool>,
    /// Those behind this place.
    pub after: Option<HeldPlace>,
    /// How many at most.
    pub limit: u16,
}

/// What became of dead letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReturnedLetters {
    /// Put back into the consumer's queue: what is no event, and what the broker had put away.
    pub requeued: u64,
    /// Copies of events of dead streams, which are tried again.
    pub replayed: u64,
    /// Copies of what was handled or discarded meanwhile, or is being tried: taken off the queue.
    pub settled: u64,
}

/// What the wiring must provide. A consumer is known when it has handled or set aside anything in this database.
#[async_trait]
pub trait ConsumerAdministration: Send + Sync {
    /// The consumers that have set anything aside, by name.
    ///
    /// # Errors
    /// [`AdministrationError::Unavailable`]
    async fn consumers(&self) -> Result<Vec<ConsumerStatus>, AdministrationError>;

    /// One consumer.
    ///
    /// # Errors
    /// [`AdministrationError::UnknownConsumer`], [`AdministrationError::Unavailable`].
    async fn consumer(&self, name: &str) -> Result<ConsumerStatus, AdministrationError>;

    /// Streams that wait, the oldest first.
    ///
    /// # Errors
    /// As [`ConsumerAdministration::consumer`].
    async fn held(&self, name: &str, query: &HeldQuery) -> Result<Vec<HeldDetail>, AdministrationError>;

    /// Has one dead stream, or all of them, tried again with all attempts anew; answers how many.
    ///
    /// # Errors
    /// As [`ConsumerAdministration::consumer`].
    async fn replay(&self, name: &str, stream: Option<StreamKey>) -> Result<u64, AdministrationError>;

    /// Gives up the event that a stream waits for; those behind it go on. False when it is not that one.
    ///
    /// # Errors
    /// As [`ConsumerAdministration::consumer`].
    async fn discard(&self, name: &str, stream: StreamKey, event: Uuid) -> Result<bool, AdministrationError>;

    /// Brings back up to `limit` messages of the consumer's dead-letter queue.
    ///
    /// # Errors
    /// As [`ConsumerAdministration::consumer`]; [`AdministrationError::NoQueue`], [`AdministrationError::BrokerUnavailable`].
    async fn replay_dead_letters(&self, name: &str, limit: u32) -> Result<ReturnedLetters, AdministrationError>;
}
