//! Read models of the `crm` context.

mod activities;
mod agenda;
mod comments;
mod companies;
mod contacts;
mod timeline;
mod twins;

use activities::ActivityList;
pub use agenda::{AGENDA, AGENDA_OF_ALL, ActivityAgenda};
use comments::CommentList;
use companies::CompanyList;
use contacts::ContactList;
pub use timeline::RecordTimeline;
pub use twins::ContactTwins;

crate::projection::declare_read_models! {
    states: [ActivityList, CommentList, CompanyList, ContactList],
    events: [RecordTimeline],
}
