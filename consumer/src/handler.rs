//! What a service does with an event.

use std::fmt::Display;

use async_trait::async_trait;
use tokio_postgres::{Transaction, error::DbError};

use crate::{Event, Payload, Undecodable};

/// What a service does with each event.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// What the data are read as: an aggregate's events, or [`Json`](crate::Json).
    type Reads: Payload;

    /// Handles one event. What is done in the transaction happens exactly once. What is done elsewhere happens at least
    /// once: hand [`Event::derived_id`] to the other side, so that it can tell.
    ///
    /// The kit ends the transaction. Nothing may begin or end one by SQL in here.
    ///
    /// # Errors
    /// The event could not be handled: the transaction is rolled back, and the event's stream waits for the next attempt
    /// or for an operator. `?` on any error asks for another attempt.
    async fn handle(
        &self,
        transaction: &Transaction<'_>,
        event: &Event<<Self::Reads as Payload>::Data>,
    ) -> Result<(), Failure>;
}

/// Why an event could not be handled. Its text is stored and logged: nothing personal belongs into it. Of a database's error
/// that comes by `?`, the values that it quotes are left out.
#[derive(Debug)]
pub enum Failure {
    /// It may succeed later: it is tried again after growing delays.
    Retry(String),
    /// It never will: the stream is dead at once, until an operator decides.
    Reject(String),
}

impl Failure {
    /// Another attempt is wanted.
    pub fn retry(error: impl Display) -> Self {
        Self::Retry(error.to_string())
    }

    /// No other attempt is wanted.
    pub fn reject(error: impl Display) -> Self {
        Self::Reject(error.to_string())
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Retry(with_causes(&error))
    }
}

/// The error and what lies behind it: a database's own error says "db error", and only its cause what happened.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut texts = vec![error.to_string()];
    for cause in std::iter::successors(error.source(), |error| error.source()) {
        let text = cause.downcast_ref().map_or_else(|| cause.to_string(), discreet);
        // Some repeat their cause already.
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

/// What the database said, without the rows and keys that it refused: its details quote them, and of what it can't read as
/// the type that it wants (`SQLSTATE` class 22) the message does too. They may be personal.
fn discreet(error: &DbError) -> String {
    match error.code().code() {
        code if code.starts_with("22") => format!("{}: SQLSTATE {code}", error.severity()),
        _ => format!("{}: {}", error.severity(), error.message()),
    }
}

/// Why an attempt came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The handler asks for another attempt, panicked or took too long.
    Failed,
    /// The handler asks for none, or the data don't have their shape.
    Rejected,
    /// A newer program is needed. The handler was not called.
    Unreadable,
}

impl Reason {
    /// As it is stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Unreadable => "unreadable",
        }
    }
}

/// An attempt that came to nothing.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) reason: Reason,
    pub(crate) error: String,
}

impl Trouble {
    pub(crate) fn failed(error: impl Into<String>) -> Self {
        Self { reason: Reason::Failed, error: error.into() }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Retry(error) => Self { reason: Reason::Failed, error },
            Failure::Reject(error) => Self { reason: Reason::Rejected, error },
        }
    }
}

impl From<Undecodable> for Trouble {
    fn from(undecodable: Undecodable) -> Self {
        let reason = match undecodable {
            Undecodable::Newer { .. } | Undecodable::Unknown { .. } => Reason::Unreadable,
            Undecodable::Shape { .. } => Reason::Rejected,
        };
        Self { reason, error: undecodable.to_string() }
    }
}

/// A handler whose kind of data is forgotten.
#[async_trait]
pub(crate) trait AnyHandler: Send + Sync {
    async fn handle(&self, transaction: &Transaction<'_>, event: &Event) -> Result<(), Trouble>;
}

pub(crate) struct Typed<H>(pub(crate) H);

#[async_trait]
impl<H: Handler> AnyHandler for Typed<H> {
    async fn handle(&self, transaction: &Transaction<'_>, event: &Event) -> Result<(), Trouble> {
        let event = event.decode::<H::Reads>()?;
        Ok(self.0.handle(transaction, &event).await?)
    }
}
