//! Customer relations: permissions, what lists can be filtered and sorted by, use cases, policies, timelines.

mod companies;
mod contacts;
mod facts;
mod policies;
mod timeline;

pub use companies::{CompaniesRead, CompaniesWrite, change_company, create_company, merge_companies};
pub use contacts::{ContactsErase, ContactsRead, ContactsWrite, erase_contact, merge_contacts};
pub use policies::TagNewContacts;
pub use timeline::{TimelineEntry, TimelinePort, Timelines};
