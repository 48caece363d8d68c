//! The application from outside, over a store in memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

mod asked;
mod batch;
mod context;
mod debug;
mod envelope;
mod error;
mod execute;
mod external;
mod filter;
mod house;
mod identity;
mod keys;
mod late;
mod letters;
mod lists;
mod members;
mod note;
mod ownership;
mod reach;
mod retries;
mod store;
mod streams;
mod verify;
mod versions;
