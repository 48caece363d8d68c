//! `RabbitMQ`: the exchange and the log queue, the relay that publishes to them, and a health check.
//!
//! Programs silence the log target `lapin::returned_messages`: it would write messages that came back into the log, with
//! the personal data in them.

mod backoff;
mod connection;
mod error;
mod health;
mod message;
mod metrics;
mod plan;
mod publisher;
mod relay;
mod replay;
mod signals;
mod topology;

pub use connection::{AmqpUrl, InvalidAmqpUrl};
pub use health::BrokerHealth;
pub use relay::Relay;
pub use replay::{REPLAYED_HEADER, ReplayError, Replayer};
pub use topology::{EXCHANGE, LOG_QUEUE};
