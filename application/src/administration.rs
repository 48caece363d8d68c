//! What operators see of subscriptions and consumers, and what they demand of them. All tenants' at once: whoever gets here
//! stands above them.

mod consumers;
mod operators;

use std::{error::Error, str::FromStr};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{
    Deserialize, Serialize,
    de::{IntoDeserializer, value},
};
use uuid::Uuid;

pub use self::{
    consumers::{ConsumerAdministration, ConsumerStatus, HeldDetail, HeldPlace, HeldQuery, ReturnedLetters},
    operators::{OperatorRead, OperatorWrite, Operators},
};

/// A stream, wherever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamKey {
    /// The tenant.
    pub tenant: Uuid,
    /// The stream.
    pub stream: Uuid,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscriptionStatus {
    /// Its name.
    pub name: String,
    /// Whether an operator demanded that nobody works it.
    pub paused: bool,
    /// Its partitions.
    pub partitions: Vec<PartitionStatus>,
}

impl SubscriptionStatus {
    /// How many positions there are from its first unhandled event to the log's end.
    pub fn behind(&self) -> i64 {
        self.partitions.iter().map(|partition| partition.behind).max().unwrap_or(0)
    }

    /// When its first unhandled event occurred.
    pub fn oldest(&self) -> Option<DateTime<Utc>> {
        self.partitions.iter().filter_map(|partition| partition.oldest).min()
    }

    /// How many streams it has set aside.
    pub fn parked(&self) -> i64 {
        self.partitions.iter().map(|partition| partition.parked).sum()
    }
}

/// A partition.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionStatus {
    /// Its number.
    pub number: i16,
    /// How far it has come.
    pub position: i64,
    /// How many positions there are from its first unhandled event to the log's end; 0 when it has handled all of its own.
    pub behind: i64,
    /// When its first unhandled event occurred.
    pub oldest: Option<DateTime<Utc>>,
    /// Whether a process works it.
    pub held: bool,
    /// How many streams it has set aside.
    pub parked: i64,
}

/// A stream that was set aside.
#[derive(Debug, Clone, PartialEq)]
pub struct ParkedDetail {
    /// By which subscription.
    pub subscription: String,
    /// The tenant.
    pub tenant: Uuid,
    /// The stream.
    pub stream: Uuid,
    /// The first event that was not handled.
    pub first_version: i64,
    /// Why.
    pub error: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When it was set aside.
    pub parked_at: DateTime<Utc>,
    /// Whether it is going to be tried again.
    pub replay_demanded: bool,
}

/// What followed from an event and was refused. The event counts as handled.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyRefusal {
    /// The policy, by its subscription's name.
    pub policy: String,
    /// The tenant.
    pub tenant: Uuid,
    /// The event's stream.
    pub stream: Uuid,
    /// The event's number within the stream.
    pub version: i64,
    /// The event.
    pub event: Uuid,
    /// The refusal's stable code.
    pub code: String,
    /// When.
    pub refused_at: DateTime<Utc>,
}

impl ParkedDetail {
    /// Its place among all that are parked.
    pub fn place(&self) -> ParkedPlace {
        let Self { subscription, tenant, stream, parked_at, .. } = self;
        ParkedPlace { parked_at: *parked_at, tenant: *tenant, stream: *stream, subscription: subscription.clone() }
    }
}

/// A place among parked streams, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedPlace {
    /// When the stream was set aside.
    pub parked_at: DateTime<Utc>,
    /// The tenant.
    pub tenant: Uuid,
    /// The stream.
    pub stream: Uuid,
    /// By which subscription.
    pub subscription: String,
}

/// Which parked streams are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParkedQuery {
    /// Of which subscription; of all when `None`.
    pub subscription: Option<String>,
    /// Those behind this place.
    pub after: Option<ParkedPlace>,
    /// How many at most.
    pub limit: u16,
}

impl ParkedQuery {
    /// The first ones, of one subscription or of all.
    pub fn first(subscription: Option<&str>, limit: u16) -> Self {
        Self { subscription: subscription.map(str::to_owned), after: None, limit }
    }
}

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RebuildState {
    /// It waits for a worker.
    Demanded,
    /// Streams are read one by one.
    Scanning,
    /// The log is followed to its end.
    Following,
    /// It is in place.
    Done,
    /// It was given up.
    Failed,
}

impl FromStr for RebuildState {
    type Err = value::Error;

    /// As it is stored.
    fn from_str(text: &str) -> Result<Self, value::Error> {
        Self::deserialize(text.into_deserializer())
    }
}

/// A read model that is, or was, built anew.
#[derive(Debug, Clone, PartialEq)]
pub struct RebuildStatus {
    /// The read model.
    pub subscription: String,
    /// How far it is.
    pub state: RebuildState,
    /// Streams, or positions of the log, so far.
    pub done: i64,
    /// Of how many, as counted at the beginning.
    pub total: i64,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was demanded.
    pub demanded_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

impl RebuildStatus {
    /// Whether a worker is at it, or is going to be.
    pub fn is_under_way(&self) -> bool {
        !matches!(self.state, RebuildState::Done | RebuildState::Failed)
    }
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// Nobody has subscribed under this name.
    #[error("there is no subscription {0}")]
    Unknown(String),
    /// No consumer of this name has its tables here.
    #[error("there is no consumer {0} whose tables are in this database")]
    UnknownConsumer(String),
    /// The broker has no dead-letter queue of the consumer.
    #[error("the broker has no queue {0}")]
    NoQueue(String),
    /// The subscription writes no read model.
    #[error("{0} is no read model")]
    NoReadModel(String),
    /// The database does not answer.
    #[error("the database does not answer")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The broker does not answer.
    #[error("the broker does not answer")]
    BrokerUnavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// What the infrastructure must provide.
#[async_trait]
pub trait SubscriptionAdministration: Send + Sync {
    /// Every subscription, by name.
    ///
    /// # Errors
    /// [`AdministrationError::Unavailable`]
    async fn subscriptions(&self) -> Result<Vec<SubscriptionStatus>, AdministrationError>;

    /// Makes every worker let go of a subscription, or take it up again.
    ///
    /// # Errors
    /// [`AdministrationError::Unknown`], [`AdministrationError::Unavailable`].
    async fn set_paused(&self, subscription: &str, paused: bool) -> Result<(), AdministrationError>;

    /// Streams that were set aside, the oldest first.
    ///
    /// # Errors
    /// [`AdministrationError::Unavailable`]
    async fn parked(&self, query: &ParkedQuery) -> Result<Vec<ParkedDetail>, AdministrationError>;

    /// What policies were refused during the last 90 days, the latest first.
    ///
    /// # Errors
    /// [`AdministrationError::Unavailable`]
    async fn refusals(&self, policy: Option<&str>, limit: u16) -> Result<Vec<PolicyRefusal>, AdministrationError>;

    /// Has one parked stream, or all of a subscription, tried again; answers how many.
    ///
    /// # Errors
    /// [`AdministrationError::Unknown`], [`AdministrationError::Unavailable`].
    async fn replay(&self, subscription: &str, stream: Option<StreamKey>) -> Result<u64, AdministrationError>;

    /// Has a read model built anew beside the live one, and put in its place. Begins again when that is under way.
    ///
    /// # Errors
    /// [`AdministrationError::NoReadModel`], [`AdministrationError::Unavailable`].
    async fn rebuild(&self, subscription: &str) -> Result<(), AdministrationError>;

    /// The last rebuild of each read model.
    ///
    /// # Errors
    /// [`AdministrationError::Unavailable`]
    async fn rebuilds(&self) -> Result<Vec<RebuildStatus>, AdministrationError>;
}
