//! Letters against a real broker, a real database, and a server that speaks SMTP and fails as it is told.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests fail loudly, and make ids as they like"
)]

mod delivery;
mod folder;
mod server;
mod stage;
