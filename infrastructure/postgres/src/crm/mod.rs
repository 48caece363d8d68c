//! Read models of the `crm` context.

mod activities;
mod agenda;
mod board;
mod comments;
mod companies;
mod contact_lists;
mod contacts;
mod deals;
mod pipelines;
mod timeline;
mod twins;

use activities::ActivityList;
pub use agenda::{AGENDA, AGENDA_OF_ALL, ActivityAgenda};
pub use board::DealBoards;
use comments::CommentList;
use companies::CompanyList;
use contacts::ContactList;
use deals::DealList;
use pipelines::PipelineList;
pub use timeline::RecordTimeline;
pub use twins::ContactTwins;

crate::projection::declare_read_models! {
    states: [contact_lists::ContactListList, ActivityList, CommentList, CompanyList, ContactList, DealList, PipelineList],
    events: [RecordTimeline],
}
