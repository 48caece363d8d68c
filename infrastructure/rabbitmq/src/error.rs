//! Why the broker did not do it.

use fairlead_application::log::LogError;
use lapin::{
    ErrorKind,
    protocol::{AMQPErrorKind, AMQPSoftError},
};

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
    /// A message came back that is none of ours.
    #[error("the broker returned a message without an event's id")]
    Stranger,
}

impl BrokerError {
    /// Whether it concerns one channel alone.
    pub(crate) fn is_of_channel(&self) -> bool {
        let Self::Failed(error) = self else { return false };
        soft_error(error).is_some() || matches!(error.kind(), ErrorKind::InvalidChannelState(..))
    }

    /// Whether the broker closed the channel because a message exceeds its `max_message_size`.
    pub(crate) fn is_too_large(&self) -> bool {
        let Self::Failed(error) = self else { return false };
        // The same code is used for other faults, too.
        soft_error(error) == Some(AMQPSoftError::PRECONDITIONFAILED) && error.to_string().contains("message size")
    }
}

/// The code with which the broker closed a channel.
pub(crate) fn soft_error(error: &lapin::Error) -> Option<AMQPSoftError> {
    let ErrorKind::ProtocolError(error) = error.kind() else { return None };
    match error.kind() {
        AMQPErrorKind::Soft(code) => Some(code.clone()),
        AMQPErrorKind::Hard(_) => None,
    }
}

/// Why the relay gives up a claim.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RelayError {
    /// The broker.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The log of events.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log handed out something else than what follows.
    #[error("the log is out of order: read up to {reached}, then got {got}")]
    Disorder {
        /// Up to here it had been read.
        reached: i64,
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
