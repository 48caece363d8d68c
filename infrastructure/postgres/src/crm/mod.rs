//! Read models of the `crm` context.

mod activities;
mod agenda;
mod board;
mod comments;
mod companies;
mod contact_list_members;
mod contact_lists;
mod contacts;
mod deals;
mod pipelines;
mod rotting;
mod timeline;
mod twins;

use activities::ActivityList;
pub use agenda::{AGENDA, AGENDA_OF_ALL, ActivityAgenda};
pub use board::DealBoards;
use comments::CommentList;
use companies::CompanyList;
use contact_list_members::ContactListMembers;
use contact_lists::ContactListList;
use contacts::ContactList;
use deals::DealList;
use pipelines::PipelineList;
pub use rotting::RottingDeals;
pub use timeline::RecordTimeline;
pub use twins::ContactTwins;

crate::projection::declare_read_models! {
    states: [ActivityList, CommentList, CompanyList, ContactList, ContactListList, DealList, PipelineList],
    events: [ContactListMembers, RecordTimeline],
}
