//! Contact lists: who may do what with them, by what their lists are filtered and sorted, and whom they can take.

use std::collections::BTreeSet;

use fairlead_domain::{
    crm::{Contact, ContactList, ContactListCommand, MAX_MEMBERS},
    ids::{ContactId, ContactListId},
};

use super::{contacts::ContactsRead, facts::living};
use crate::{
    App, AppError, Expected, Outcome,
    access::{Authorized, permissions},
    list::{Field, FieldKind, Listed},
};

permissions! {
    /// Read contact lists.
    ContactListsRead = "contact_lists:read", Reveals<ContactList>;
    /// Create, change, fill, empty, delete and restore contact lists.
    ContactListsWrite = "contact_lists:write", Permits<ContactList>;
}

impl Listed for ContactList {
    const FIELDS: &'static [Field] = &[
        Field::sorted("created", FieldKind::Instant),
        Field::sorted("updated", FieldKind::Instant),
        Field::sorted("name", FieldKind::Text),
        Field::filtered("contact", FieldKind::Ids),
        Field::filtered("owner", FieldKind::Id),
        Field::filtered("project", FieldKind::Id),
    ];
}

/// Puts contacts on a list, which the caller may read.
///
/// # Errors
/// `contact_list.unknown_contacts`, `contact_list.too_many_members`, and those of every command.
pub async fn add_members(
    app: &App,
    cx: &Authorized<ContactListsWrite>,
    id: ContactListId,
    expected: Expected,
    contact_ids: BTreeSet<ContactId>,
) -> Result<Outcome, AppError> {
    // Too many are refused without being looked for.
    let seen = if contact_ids.len() > MAX_MEMBERS {
        BTreeSet::new()
    } else {
        living::<Contact, ContactsRead>(app, cx, &contact_ids).await?
    };
    app.execute::<ContactList>(cx, id, expected, ContactListCommand::AddMembers { contact_ids, seen }).await
}
