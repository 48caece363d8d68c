//! Customer relations: permissions, what lists can be filtered and sorted by, use cases, policies, timelines, agendas.

mod activities;
mod agenda;
mod comments;
mod companies;
mod contacts;
mod duplicates;
mod facts;
mod policies;
mod timeline;

pub use activities::{ActivitiesErase, ActivitiesRead, ActivitiesWrite};
pub use agenda::{Agenda, AgendaPart, AgendaPort, AgendaQuery, Agendas, Zone};
pub use comments::{CommentEdit, Comments, CommentsModerate, CommentsRead, CommentsWrite, NewComment};
pub use companies::{CompaniesRead, CompaniesWrite, change_company, create_company, merge_companies};
pub use contacts::{ContactsErase, ContactsRead, ContactsWrite, erase_contact, merge_contacts};
pub use duplicates::{Duplicate, Duplicates, Reason, Twin, TwinPort};
pub use policies::{ForgetActivities, ForgetContacts, TagNewContacts};
pub use timeline::{TimelineEntry, TimelinePort, TimelineQuery, Timelines};
