//! Why the store did not do it.

use std::error::Error;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Streams are not at the expected version, or two commands met in a deadlock: load, decide and append again.
    #[error("a stream is not at the expected version")]
    Stale {
        /// All that are not, in ascending order; none after a deadlock.
        streams: Vec<Uuid>,
    },
    /// Keys to be claimed belong to other streams.
    #[error("a unique key is taken")]
    Taken {
        /// Every claim in the way of the append, in ascending order. Never empty.
        claims: Vec<TakenClaim>,
    },
    /// Something personal was to be recorded about people who were erased.
    #[error("a person was erased")]
    Erased {
        /// The people.
        subjects: Vec<Uuid>,
    },
    /// A command with the same idempotency key has been at work for longer than the lock time-out.
    #[error("a command with the same idempotency key is at work")]
    KeyInProgress,
    /// The store can't be reached, or is too busy.
    #[error("the store does not answer")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Something that must not be.
    #[error("the store failed")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

/// A claim that failed because the key belongs to another stream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TakenClaim {
    /// The stream that claimed the key.
    pub stream: Uuid,
    /// The key's scope.
    pub scope: String,
}

impl StoreError {
    /// The streams without which the append would not have met this.
    pub fn streams(&self) -> Vec<Uuid> {
        match self {
            Self::Stale { streams } => streams.clone(),
            Self::Taken { claims } => claims.iter().map(|claim| claim.stream).collect(),
            Self::Erased { .. } | Self::KeyInProgress | Self::Unavailable(_) | Self::Internal(_) => Vec::new(),
        }
    }
}
