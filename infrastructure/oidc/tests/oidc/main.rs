//! Signing in by providers: a real one, and one that lies.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod browser;
mod flow;
mod hostile;
mod issuers;
mod liar;
mod outage;
mod real;
mod settings;
