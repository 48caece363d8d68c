//! Tokens: signed, verified, and refused.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod issuers;
mod published;
mod rotation;
mod stage;
