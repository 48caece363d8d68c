//! Subscriptions: readers of the global order, spread over partitions, each partition worked by one process at a time.
//!
//! A subscription's partitions are sets of the 64 slots over which streams are spread, so that a stream belongs to one
//! partition, and its order is kept by whoever holds that one. Every decision here is a pure state machine.

pub mod ownership;
pub mod progress;

use std::ops::RangeInclusive;

use async_trait::async_trait;
use uuid::Uuid;

use crate::{envelope::SequencedEvent, log::LogError};

/// The name under which the relay keeps its place in the log.
pub const RELAY: &str = "relay";

/// Hands out the partitions of subscriptions to the processes that want to work.
#[async_trait]
pub trait Subscriptions: Send + Sync {
    /// Waits until a partition of the subscription falls to this process, and hands it out. A process asks again and
    /// again, since more than one can fall to it; each is handed out once until its claim ends. Safe to cancel.
    ///
    /// # Errors
    /// [`LogError::Unavailable`] or [`LogError::Internal`].
    async fn claim(&self, subscription: &str) -> Result<Box<dyn Claim>, LogError>;
}

/// A partition of a subscription that this process holds.
///
/// Only one claim of a partition can move its checkpoint: the epoch, raised with each new claim, keeps out older ones.
#[async_trait]
pub trait Claim: Send + Sync {
    /// The partition's number, from 0.
    fn partition(&self) -> i16;

    /// How far earlier claims have come.
    fn checkpoint(&self) -> &Checkpoint;

    /// The streams that were set aside when this claim began.
    fn parked(&self) -> &[ParkedStream];

    /// Whether nobody else can hold the partition yet. Cheap, and false in good time before another process can begin:
    /// to be asked before each effect outside the database, because a process can be stopped and woken at any moment.
    fn holds(&self) -> bool;

    /// Waits until the claim should end: it is lost, wanted by another process, or the subscription is paused. Safe to
    /// cancel. Who was only asked to end finishes what is in flight, then calls [`Claim::release`].
    async fn ended(&self);

    /// The entries of this partition after a position, in order: a stretch of the log that holds `limit` of them at
    /// most.
    ///
    /// # Errors
    /// Any [`LogError`].
    async fn entries(&self, after: i64, limit: u32) -> Result<Stretch, LogError>;

    /// The events behind some entries, in the order of the entries. Those are left out that are gone, since their organization
    /// was purged.
    ///
    /// # Errors
    /// Any [`LogError`].
    async fn events(&self, entries: &[Entry]) -> Result<Vec<SequencedEvent>, LogError>;

    /// Records what was handled.
    ///
    /// # Errors
    /// [`LogError::Lost`] when another process holds the partition by now; nothing is recorded then.
    async fn advance(&self, checkpoint: &Checkpoint) -> Result<(), LogError>;

    /// Sets a stream aside from this entry on: later ones of the stream count as handled until an operator demands that
    /// they be replayed.
    ///
    /// # Errors
    /// [`LogError::Lost`] when another process holds the partition by now; nothing is recorded then.
    async fn park(&self, entry: &Entry, error: &str) -> Result<(), LogError>;

    /// The parked streams whose replay was demanded.
    ///
    /// # Errors
    /// Any [`LogError`].
    async fn replays(&self) -> Result<Vec<ParkedStream>, LogError>;

    /// The entries of a parked stream, from its first version that was set aside up to a position, in order.
    ///
    /// # Errors
    /// Any [`LogError`].
    async fn backlog(&self, parked: &ParkedStream, until: i64) -> Result<Vec<Entry>, LogError>;

    /// Takes a stream back after its replay; or, with an error, leaves it set aside from `parked.first_version` on, which
    /// may have grown.
    ///
    /// # Errors
    /// [`LogError::Lost`] when another process holds the partition by now; nothing is recorded then.
    async fn replayed(&self, parked: &ParkedStream, error: Option<&str>) -> Result<(), LogError>;

    /// Waits until the log may have grown, or a replay was demanded, since the last call. Safe to cancel.
    ///
    /// # Errors
    /// [`LogError::Unavailable`]
    async fn grown(&self) -> Result<(), LogError>;

    /// Lets another process hold the partition at once.
    async fn release(self: Box<Self>);
}

/// A place in the global order, without the event's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its dense, gap-free position, from 1.
    pub position: i64,
    /// The life of the database in which the position has a meaning.
    pub incarnation: i32,
    /// The tenant.
    pub tenant: Uuid,
    /// The stream.
    pub stream: Uuid,
    /// The event's number within the stream, from 1.
    pub version: i64,
}

/// Part of the log, as a partition sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stretch {
    /// The partition's entries in it, in order.
    pub entries: Vec<Entry>,
    /// Its last position, whosever that is; the position asked for when there is nothing new.
    pub reached: i64,
}

/// How far a partition has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Everything up to and including here was handled.
    pub position: i64,
    /// Positions beyond that were handled too, in ascending order, neither overlapping nor touching.
    pub ahead: Vec<RangeInclusive<i64>>,
}

/// A stream that a subscription could not handle, from some version on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParkedStream {
    /// The tenant.
    pub tenant: Uuid,
    /// The stream.
    pub stream: Uuid,
    /// The first event that was not handled.
    pub first_version: i64,
}
