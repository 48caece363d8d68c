//! The engine against a real `PostgreSQL`, as the restricted roles.

#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

mod catalog;
mod contention;
mod foreign;
mod lists;
mod migrations;
mod partitions;
mod projection;
mod restore;
mod sequencer;
mod store;
