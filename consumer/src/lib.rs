//! Consuming Fairlead's events: each once in effect, in order within its stream.
//!
//! A [`Consumer`] reads a queue of its own and hands each event to a [`Handler`], together with a transaction of the
//! service's database. The event's id is recorded in that transaction (the inbox), so what the handler does there
//! happens exactly once. A message that fails holds its own stream alone: it is set aside in the database with those
//! that follow it, and tried again. `guides/consumers.md` tells how it is used and operated.

mod backoff;
mod builder;
mod connection;
mod consumers;
mod dead_letters;
mod decide;
mod handler;
mod install;
mod letters;
mod live;
mod measure;
mod message;
mod operator;
mod retry;
mod rotation;
mod session;
mod tables;
mod topology;
mod work;

#[cfg(test)]
mod simulation;

pub use builder::{Builder, ConfigError, Consumer};
pub use consumers::{ConsumerCounts, Consumers};
pub use dead_letters::{DeadLettersError, Returned};
pub use decide::Retries;
pub use fairlead_events::{Event, Json, Payload, Undecodable};
pub use handler::{Failure, Handler};
pub use install::{Inbox, InstallError};
pub use operator::{HeldQuery, HeldStream, Operator, Which};
pub use tables::TablesError;
/// The transaction in which an event is handled.
pub use tokio_postgres::Transaction;
