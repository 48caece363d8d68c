//! What can go wrong with the log of all events in global order.

use std::error::Error;

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
