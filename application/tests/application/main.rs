//! The application from outside, over a store in memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

mod batch;
mod context;
mod debug;
mod envelope;
mod error;
mod execute;
mod filter;
mod keys;
mod lists;
mod note;
mod ownership;
mod retries;
mod store;
mod streams;
mod verify;
mod versions;
