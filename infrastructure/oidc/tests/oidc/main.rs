//! Signing in by providers: a real one, and one that lies.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod flow;
mod hostile;
mod issuers;
mod liar;
mod outage;
mod real;
mod settings;
