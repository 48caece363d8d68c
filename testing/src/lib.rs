//! What tests need: databases, virtual hosts, a provider of identities, the contract and conformance suites.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests fail loudly, and make ids as they like"
)]

pub mod broker;
pub mod browser;
pub mod cluster;
pub mod conformance;

pub mod contracts;
pub mod database;
pub mod diagrams;
pub mod engine;
pub mod fixtures;
pub mod provider;
pub mod search;
pub mod store_contract;

/// An environment variable that `make test` sets.
///
/// # Panics
/// It is not set.
pub fn required(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests by `make test`"))
}
