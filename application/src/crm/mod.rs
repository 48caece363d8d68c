//! Customer relations: permissions, what lists can be filtered and sorted by, use cases, policies, timelines, agendas.

mod activities;
mod agenda;
mod board;
mod comments;
mod companies;
mod contact_lists;
mod contacts;
mod custom_fields;
mod deal_requests;
mod deals;
mod duplicates;
mod facts;
mod lineage;
mod pipelines;
mod policies;
mod timeline;

pub use activities::{ActivitiesErase, ActivitiesRead, ActivitiesWrite};
pub use agenda::{Agenda, AgendaPart, AgendaPort, AgendaQuery, Agendas, Zone};
pub use board::{Board, BoardCell, BoardColumn, BoardPort, BoardQuery, BoardStage, BoardSum, Boards};
pub use comments::{CommentEdit, Comments, CommentsModerate, CommentsRead, CommentsWrite, NewComment};
pub use companies::{CompaniesRead, CompaniesWrite, CompanyFacts, merge_companies};
pub use contact_lists::{ContactListsRead, ContactListsWrite, add_members};
pub use contacts::{ContactsErase, ContactsRead, ContactsWrite, erase_contact, link_company, merge_contacts};
pub use custom_fields::{CustomFieldsRead, CustomFieldsWrite, attribute_fields};
pub use deal_requests::{DealDraft, DealFacts, DealLinks, DealRequest};
pub use deals::{DealsRead, DealsWrite, deal_stays, rot_deal};
pub use duplicates::{Duplicate, Duplicates, Reason, Twin, TwinPort};
pub use pipelines::{PipelinesRead, PipelinesWrite};
pub use policies::{
    FollowActivities, FollowCompanies, FollowContacts, FollowDeals, FollowMembers, FollowStages, ForgetActivities,
    ForgetContacts, TagNewContacts, TaskForRottingDeals, WinCustomers,
};
pub use timeline::{Others, Tie, TimelineEntry, TimelinePort, TimelineQuery, Timelines, is_told};
