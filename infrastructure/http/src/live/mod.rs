//! Events as they happen, sent to those who listen.
//!
//! One reader follows the end of the log for all of them. It writes each event once and hands it to a channel of its
//! tenant, from which every connection of the tenant takes what its caller may see.

mod follow;
mod hub;
#[cfg(test)]
mod tests;

pub(crate) use follow::{Follow, LAST_EVENT_ID, resumed};
pub use hub::{Live, LiveLimits, LiveReader};
