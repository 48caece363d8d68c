//! The relay, the health check and the subscribers of the guide against a real broker.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

mod failures;
mod health;
mod memory_claim;
mod memory_log;
mod partitions;
mod relay;
mod subscribers;
mod support;
