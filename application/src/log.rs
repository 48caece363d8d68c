//! The log of all events in global order, as subscriptions read it.

use std::error::Error;

use async_trait::async_trait;

use crate::envelope::SequencedEvent;

/// The log of all tenants' events.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Waits until no other process holds the subscription, then holds it. It begins at the log's beginning when the
    /// name is new. Holding ends with [`Claim::release`], or when the connection behind it ends.
    ///
    /// # Errors
    /// [`LogError::Unavailable`] or [`LogError::Internal`].
    async fn claim(&self, subscription: &str) -> Result<Box<dyn Claim>, LogError>;
}

/// A subscription that this process holds.
#[async_trait]
pub trait Claim: Send + Sync {
    /// The position up to which everything was handled when the claim began; 0 at the log's beginning.
    fn checkpoint(&self) -> i64;

    /// The events after a position in order, `limit` at most. Positions are dense.
    ///
    /// # Errors
    /// Any [`LogError`].
    async fn read(&self, after: i64, limit: u32) -> Result<Vec<SequencedEvent>, LogError>;

    /// Records that everything up to and including `position` was handled.
    ///
    /// # Errors
    /// [`LogError::Lost`] when another process holds the subscription by now; nothing is recorded then.
    async fn advance(&self, position: i64) -> Result<(), LogError>;

    /// Waits until the log may have grown since the last call. Safe to cancel.
    ///
    /// # Errors
    /// [`LogError::Unavailable`]
    async fn grown(&self) -> Result<(), LogError>;

    /// Lets others hold the subscription at once.
    async fn release(self: Box<Self>);
}

/// Why a subscription can't go on.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Another process holds the subscription.
    #[error("another process holds the subscription")]
    Lost,
    /// The log can't be reached; claim again later.
    #[error("the log does not answer")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Something that must not be.
    #[error("the log failed")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}
