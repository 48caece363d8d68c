//! The domain from outside: given what happened, when something is asked for, then what happens or why it doesn't.

#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

mod attributes;
mod contact;
mod ids;
mod kernel;
mod privacy;
mod properties;
mod samples;
mod strategies;
mod values;
