//! What the infrastructure must provide.

mod error;
mod query;
mod secret;
mod system;

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_domain::kernel::UniqueKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

pub use self::{
    error::{StoreError, TakenClaim},
    query::{RegisterQuery, RelatedQuery, Relation},
    secret::{NewSecret, Secrets},
    system::{Clock, Entropy, IdGenerator, System},
};
use crate::{Context, StepAnswer, consistency::ConsistencyToken};

/// Keeps streams of events with the state they fold to, per tenant.
///
/// What is personal in events is readable until the person is erased, and reads as `{"erased": true}` from then on.
///
/// Every implementation passes the one contract suite in `fairlead-testing`.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// The present of some streams, in no particular order, those that don't exist left out; and what the context's
    /// idempotency key was answered before. One round trip.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Internal`].
    async fn load(&self, cx: &Context, streams: &[Uuid]) -> Result<Loaded, StoreError>;

    /// Stores everything a command changes, or nothing. One round trip.
    ///
    /// The context's idempotency key is recorded first: when it was answered meanwhile, nothing is stored and the
    /// earlier answer comes back.
    ///
    /// # Errors
    /// Any [`StoreError`]; nothing is stored then.
    async fn append(&self, cx: &Context, append: Append) -> Result<Appended, StoreError>;

    /// Which streams hold some unique keys at present, in the order of the keys; `None` for those that are free.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Internal`].
    async fn holders(&self, cx: &Context, keys: &[UniqueKey]) -> Result<Vec<Option<Uuid>>, StoreError>;

    /// All events of a stream, oldest first; empty when there is no such stream.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Internal`].
    async fn events(&self, cx: &Context, stream: Uuid) -> Result<Vec<StoredEvent>, StoreError>;

    /// The secrets that are kept beside a stream; none when there is no such stream.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Internal`].
    async fn secrets(&self, cx: &Context, stream: Uuid) -> Result<Secrets, StoreError>;

    /// The present of the living streams of an aggregate, in ascending order of id, behind one of them. For aggregates of
    /// which a tenant has few, and that an index names: see `streams_register` in the migrations.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Internal`].
    async fn register(&self, cx: &Context, query: &RegisterQuery) -> Result<Vec<StoredStream>, StoreError>;

    /// The streams of an aggregate that are related to a record in some way, in ascending order of id; deleted ones too. Every
    /// append that was stored is considered.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Internal`].
    async fn related(&self, cx: &Context, query: &RelatedQuery) -> Result<Vec<Uuid>, StoreError>;
}

/// What [`EventStore::load`] finds.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The streams that exist.
    pub streams: Vec<StoredStream>,
    /// What the idempotency key was answered.
    pub answer: Option<Answer>,
}

/// A stream's present. `Debug` leaves out `state`, which holds personal data.
#[derive(Clone)]
pub struct StoredStream {
    /// The stream.
    pub id: Uuid,
    /// The aggregate's name.
    pub aggregate: String,
    /// The number of events.
    pub version: i64,
    /// The shape of `state`.
    pub state_version: i16,
    /// What the events fold to.
    pub state: Box<RawValue>,
    /// When the first event occurred.
    pub created_at: DateTime<Utc>,
    /// When the last event occurred.
    pub updated_at: DateTime<Utc>,
    /// The last write.
    pub token: ConsistencyToken,
    /// The key of the person to whom the stream belongs, to be given back with an append.
    pub key: SubjectKey,
}

/// The key under which a person's data in events is sealed, as the store keeps it: of no use to others.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum SubjectKey {
    /// There is none that the store has told of.
    #[default]
    Unknown,
    /// A key, wrapped by one of the tenant's keys.
    Wrapped {
        /// What unwraps to the key.
        wrapped: Vec<u8>,
        /// The number of the tenant's key.
        tenant_key: i32,
    },
    /// It was destroyed.
    Destroyed,
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "SubjectKey(unknown)",
            Self::Wrapped { .. } => "SubjectKey(…)",
            Self::Destroyed => "SubjectKey(destroyed)",
        })
    }
}

impl fmt::Debug for StoredStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredStream")
            .field("id", &self.id)
            .field("aggregate", &self.aggregate)
            .field("version", &self.version)
            .field("state_version", &self.state_version)
            .field("created_at", &self.created_at)
            .field("updated_at", &self.updated_at)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// Everything a command changes.
#[derive(Debug)]
pub struct Append {
    /// When it happens.
    pub occurred_at: DateTime<Utc>,
    /// The streams, each once, in ascending order of id: the order in which they are locked.
    pub streams: Vec<StreamAppend>,
    /// What the idempotency key is to be answered from now on.
    pub receipts: Vec<StepAnswer>,
    /// The write that an answer refers to when nothing changes: the last one of the streams that were looked at.
    pub seen: Option<ConsistencyToken>,
}

/// What changes in one stream. `Debug` leaves out `state`, which holds personal data.
pub struct StreamAppend {
    /// The stream.
    pub id: Uuid,
    /// The aggregate's name.
    pub aggregate: &'static str,
    /// The version at which the stream must be; 0 when it must not exist.
    pub expected: i64,
    /// The shape of `state`.
    pub state_version: i16,
    /// The state after the events.
    pub state: Box<RawValue>,
    /// Whether that state is softly deleted.
    pub deleted: bool,
    /// Whether the person to whom the stream belongs is erased by this.
    pub erases: bool,
    /// The person's key as it was loaded.
    pub key: SubjectKey,
    /// Keys given up. Given up by all streams before any is claimed.
    pub released: Vec<UniqueKey>,
    /// Keys claimed.
    pub claimed: Vec<UniqueKey>,
    /// Records to which the state does not refer any more.
    pub unreferred: Vec<Uuid>,
    /// Records to which it refers from now on.
    pub referred: Vec<Uuid>,
    /// What happened, one event at least.
    pub events: Vec<NewEvent>,
    /// What is kept beside the stream from now on.
    pub secrets: Vec<NewSecret>,
}

impl fmt::Debug for StreamAppend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamAppend")
            .field("id", &self.id)
            .field("aggregate", &self.aggregate)
            .field("expected", &self.expected)
            .field("state_version", &self.state_version)
            .field("deleted", &self.deleted)
            .field("erases", &self.erases)
            .field("released", &self.released)
            .field("claimed", &self.claimed)
            .field("unreferred", &self.unreferred)
            .field("referred", &self.referred)
            .field("events", &self.events)
            .field("kept", &self.secrets)
            .finish_non_exhaustive()
    }
}

/// An event that is about to be stored. `Debug` leaves out `data`, which holds personal data.
#[derive(Clone)]
pub struct NewEvent {
    /// Its identity, the same in the store, in the broker and in every inbox.
    pub id: Uuid,
    /// Its name: `contact.created`.
    pub event_type: String,
    /// The shape of `data`.
    pub schema_version: i16,
    /// What happened, in full.
    pub data: Value,
    /// Where in `data` something personal is.
    pub personal: Vec<PersonalField>,
}

/// A place in an event's data where something about a person is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonalField {
    /// The place, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// The person; without, the one to whom the stream belongs.
    pub subject: Option<Uuid>,
}

impl fmt::Debug for NewEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewEvent")
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .field("schema_version", &self.schema_version)
            .finish_non_exhaustive()
    }
}

/// What [`EventStore::append`] did.
#[derive(Debug)]
pub enum Appended {
    /// Everything is stored.
    Stored(ConsistencyToken),
    /// The idempotency key had been answered; nothing is stored.
    Answered(Answer),
}

/// What an idempotency key was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Of the request that was answered.
    pub fingerprint: [u8; 32],
    /// The answer.
    pub receipts: Vec<StepAnswer>,
    /// The write to which it refers; where a command found everything as demanded, an earlier one.
    pub token: ConsistencyToken,
}

/// An event as it is stored. `Debug` leaves out `data`, which holds personal data.
#[derive(Clone, PartialEq)]
pub struct StoredEvent {
    /// Its identity.
    pub id: Uuid,
    /// Its number within the stream, from 1.
    pub version: i64,
    /// Its name.
    pub event_type: String,
    /// The shape of `data`.
    pub schema_version: i16,
    /// What happened.
    pub data: Value,
    /// Who did it, in the course of what.
    pub metadata: Metadata,
    /// When.
    pub occurred_at: DateTime<Utc>,
}

impl fmt::Debug for StoredEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredEvent")
            .field("id", &self.id)
            .field("version", &self.version)
            .field("event_type", &self.event_type)
            .field("schema_version", &self.schema_version)
            .field("metadata", &self.metadata)
            .field("occurred_at", &self.occurred_at)
            .finish_non_exhaustive()
    }
}

/// Who brought an event about, in the course of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// A token's subject, or the name of a policy or consumer.
    pub actor: String,
    /// Joins everything that one request from outside brought about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Uuid>,
    /// The event that brought this one about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    /// How many policies followed from one another before this; 0 for what was asked for from outside.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hops: u8,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde demands the signature")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

impl From<&Context> for Metadata {
    fn from(cx: &Context) -> Self {
        Self {
            actor: cx.actor.as_str().to_owned(),
            correlation_id: cx.correlation_id,
            causation_id: cx.causation_id,
            hops: cx.hops,
            traceparent: cx.trace_parent.as_ref().map(|parent| parent.as_str().to_owned()),
        }
    }
}
