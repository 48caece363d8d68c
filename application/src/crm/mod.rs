//! Customer relations: permissions, what lists can be filtered and sorted by, policies, timelines.

mod contacts;
mod policies;
mod timeline;

pub use contacts::{ContactsErase, ContactsRead, ContactsWrite};
pub use policies::TagNewContacts;
pub use timeline::{TimelineEntry, TimelinePort, Timelines};
