//! A contact list's life, for the conformance suite.

use uuid::Uuid;

use super::{ContactList, ContactListChange, ContactListCommand, ContactListProfile};
use crate::{
    kernel::{Invalid, Patch, testing::Story},
    values::{Description, Label},
};

impl Story for ContactList {
    const KEPT_BESIDE: &'static [&'static str] =
        &["contact_list.members_added", "contact_list.members_removed", "contact_list.member_replaced"];

    #[expect(clippy::expect_used, reason = "the values are valid, and this is for tests alone")]
    fn story() -> Vec<ContactListCommand> {
        life().expect("valid values")
    }

    fn deletion() -> Option<ContactListCommand> {
        Some(ContactListCommand::Delete)
    }

    fn restoration() -> Option<ContactListCommand> {
        Some(ContactListCommand::Restore)
    }
}

fn life() -> Result<Vec<ContactListCommand>, Invalid> {
    let profile = ContactListProfile {
        name: Label::new("First")?,
        description: Some(Description::new("As it began")?),
        owner_id: Some(Uuid::from_u128(1).into()),
        project_id: Some(Uuid::from_u128(2).into()),
    };
    let change = ContactListChange {
        name: Some(Label::new("Second")?),
        description: Patch::Set(None),
        owner_id: Patch::Set(Some(Uuid::from_u128(3).into())),
        project_id: Patch::Set(None),
    };
    let [first, second, third] = [1, 2, 3].map(|n| Uuid::from_u128(n).into());
    Ok(vec![
        ContactListCommand::Create(profile),
        ContactListCommand::Change(change),
        ContactListCommand::AddMembers { contact_ids: [first, second].into(), seen: [first, second].into() },
        ContactListCommand::RemoveMembers([second].into()),
        ContactListCommand::ReplaceMember { loser: first, winner: third },
        ContactListCommand::Delete,
        ContactListCommand::Restore,
    ])
}
