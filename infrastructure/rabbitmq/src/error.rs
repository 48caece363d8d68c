//! Why the broker did not do it.

use fairlead_application::log::LogError;

/// What goes wrong between us and the broker. Nothing of it names a password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokerError {
    /// No connection, or a broken one; no channel, or a closed one.
    #[error("the broker failed: {0}")]
    Failed(#[from] lapin::Error),
    /// The connection ended.
    #[error("the connection to the broker ended")]
    Lost,
    /// The broker took longer than it may.
    #[error("the broker did not answer in time ({0})")]
    TimedOut(&'static str),
    /// The exchange or the queue exists, but is another one than we need.
    #[error("{name} exists in the broker with other properties than Fairlead's; rename or delete it there ({source})")]
    Conflict {
        /// Of the exchange or queue.
        name: &'static str,
        /// What the broker says to it.
        source: lapin::Error,
    },
    /// A message found no queue: somebody removed the binding of the log queue.
    #[error("the broker returned a message that no queue wants (routing key {routing_key}: {reason})")]
    Returned {
        /// The message's routing key.
        routing_key: String,
        /// What the broker says to it.
        reason: String,
    },
    /// The broker could not store a message.
    #[error("the broker refused a message")]
    Refused,
}

/// Why the relay gives up its claim.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RelayError {
    /// The broker.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The log of events.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log handed out something else than the next position.
    #[error("the log is not dense: expected position {expected}, got {got}")]
    Gap {
        /// The position that had to come.
        expected: i64,
        /// The position that came.
        got: i64,
    },
    /// An event of an aggregate that this program has not heard of.
    #[error("event {event_type} at position {position} has no routing key here: readers are deployed first")]
    UnknownEvent {
        /// Its position.
        position: i64,
        /// Its name.
        event_type: String,
    },
}
