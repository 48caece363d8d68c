//! Customer relations: permissions, what lists can be filtered and sorted by, use cases, policies, timelines, agendas.

mod activities;
mod agenda;
mod board;
mod comments;
mod companies;
mod contact_lists;
mod contacts;
mod custom_fields;
mod deals;
mod duplicates;
mod facts;
mod pipelines;
mod policies;
mod timeline;

pub use activities::{ActivitiesErase, ActivitiesRead, ActivitiesWrite, change_activity, create_activity};
pub use agenda::{Agenda, AgendaPart, AgendaPort, AgendaQuery, Agendas, Zone};
pub use board::{Board, BoardCell, BoardColumn, BoardPort, BoardQuery, BoardStage, BoardSum, Boards};
pub use comments::{CommentEdit, Comments, CommentsModerate, CommentsRead, CommentsWrite, NewComment};
pub use companies::{CompaniesRead, CompaniesWrite, change_company, create_company, merge_companies};
pub use contact_lists::{ContactListsRead, ContactListsWrite, add_members};
pub use contacts::{ContactsErase, ContactsRead, ContactsWrite, erase_contact, link_company, merge_contacts};
pub use custom_fields::{CustomFieldsRead, CustomFieldsWrite, attribute_fields, execute_attributed, inform};
pub use deals::{
    DealDraft, DealsRead, DealsWrite, deal_stays, link_deal, lose_deal, move_deal, open_deal, reopen_deal, rot_deal,
    unlink_deal, win_deal,
};
pub use duplicates::{Duplicate, Duplicates, Reason, Twin, TwinPort};
pub use pipelines::{PipelinesRead, PipelinesWrite};
pub use policies::{
    FollowActivities, FollowCompanies, FollowContacts, FollowDeals, FollowMembers, FollowStages, ForgetActivities,
    ForgetContacts, TagNewContacts, TaskForRottingDeals, WinCustomers,
};
pub use timeline::{Others, Tie, TimelineEntry, TimelinePort, TimelineQuery, Timelines, is_told};
