//! Who is on which contact list.

use std::collections::BTreeSet;

use fairlead_application::{
    envelope::SequencedEvent,
    recorded::{DecodeError, decode_event},
};
use fairlead_domain::{
    crm::{ContactList, ContactListEvent},
    ids::ContactId,
};
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{Beside, EventProjection};

/// Members of contact lists.
pub(crate) struct ContactListMembers;

/// A row of `crm.contact_list_members`.
#[derive(Clone, Debug, PartialEq, Serialize, DeriveEntityModel)]
#[sea_orm(schema_name = "crm", table_name = "contact_list_members")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub list_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub contact_id: Uuid,
    /// False of a contact that was taken off.
    pub is_member: bool,
    pub event_id: Uuid,
    pub position: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl EventProjection for ContactListMembers {
    type Entity = Entity;
    const NAME: &'static str = "crm.contact_list_members";
    const TABLE: &'static str = "crm.contact_list_members";
    const KEY: &'static str = "tenant_id, list_id, contact_id";
    const NEWEST: bool = true;
    const OF_TYPES: Option<&'static [&'static str]> =
        Some(&["contact_list.members_added", "contact_list.members_removed", "contact_list.member_replaced"]);
    const READ_AT_ONCE: usize = 20;

    fn rows(sequenced: &SequencedEvent) -> Result<Vec<Model>, DecodeError> {
        let event = &sequenced.event;
        let row = |contact: &ContactId, is_member| Model {
            tenant_id: sequenced.tenant,
            list_id: sequenced.stream,
            contact_id: (*contact).into(),
            is_member,
            event_id: event.id,
            position: sequenced.position,
        };
        let all = |contacts: &BTreeSet<ContactId>, is_member| contacts.iter().map(|id| row(id, is_member)).collect();
        let decoded = decode_event::<ContactList>(&event.event_type, event.schema_version, event.data.clone())?;
        Ok(match &decoded {
            ContactListEvent::MembersAdded { contact_ids } => all(contact_ids, true),
            ContactListEvent::MembersRemoved { contact_ids } => all(contact_ids, false),
            ContactListEvent::MemberReplaced { loser_id, winner_id } => {
                vec![row(loser_id, false), row(winner_id, true)]
            }
            ContactListEvent::Created(_)
            | ContactListEvent::Renamed { .. }
            | ContactListEvent::Described { .. }
            | ContactListEvent::OwnerChanged { .. }
            | ContactListEvent::ProjectChanged { .. }
            | ContactListEvent::Deleted {}
            | ContactListEvent::Restored {} => Vec::new(),
        })
    }
}

/// Where lists of contacts find on which lists a contact is.
pub(crate) fn lists_of_contact() -> Beside {
    members("contact_id", "list_id")
}

/// Where lists of contact lists find whom a list has.
pub(crate) fn contacts_of_list() -> Beside {
    members("list_id", "contact_id")
}

fn members(id: &'static str, value: &'static str) -> Beside {
    let only = vec![("is_member", true.into())];
    let read_model = Some(ContactListMembers::NAME);
    Beside { table: ("crm", "contact_list_members"), id, value, only, kept: false, read_model }
}
