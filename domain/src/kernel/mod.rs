//! What every aggregate is made of. Paid for once, so that an aggregate is data and three pure functions.

mod aggregate;
mod belonging;
mod error;
mod patch;
mod personal;
mod reference;
#[cfg(feature = "testing")]
pub mod testing;
mod told;

pub use aggregate::{Aggregate, UniqueKey, Unreadable, fold, read_event};
pub use belonging::Belonging;
pub use error::{DomainError, ErrorKind, Invalid};
pub use patch::Patch;
pub use personal::{MARK, MARK_SUBJECT, PERSONAL_KEYWORD, Personal, PersonalOf, marked, personal_or_default};
pub use reference::{Reference, Referral};
pub use told::Told;
