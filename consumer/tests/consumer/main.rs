//! The consumer kit against a real broker and real databases.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests fail loudly, and make ids as they like"
)]

mod crashes;
mod dead;
mod faults;
mod inbox;
mod own_database;
mod process;
mod proxy;
mod script;
mod stage;
mod stop;
mod streams;
mod typed;
