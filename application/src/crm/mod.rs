//! Customer relations: permissions, what lists can be filtered and sorted by, policies, timelines.

mod contacts;
mod policies;
mod timeline;

pub use contacts::{ContactsErase, ContactsRead, ContactsWrite, erase_contact, merge_contacts};
pub use policies::TagNewContacts;
pub use timeline::{TimelineEntry, TimelinePort, Timelines};
