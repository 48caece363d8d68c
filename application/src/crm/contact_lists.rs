//! Contact lists: who may do what with them, and by what their lists are filtered and sorted.

use fairlead_domain::crm::ContactList;

use crate::{
    access::permissions,
    list::{Field, FieldKind, Listed},
};

permissions! {
    /// Read contact lists.
    ContactListsRead = "contact_lists:read", Reveals<ContactList>;
    /// Create, change, delete and restore contact lists.
    ContactListsWrite = "contact_lists:write", Permits<ContactList>;
}

impl Listed for ContactList {
    const FIELDS: &'static [Field] = &[
        Field::sorted("created", FieldKind::Instant),
        Field::sorted("updated", FieldKind::Instant),
        Field::sorted("name", FieldKind::Text),
        Field::filtered("owner", FieldKind::Id),
        Field::filtered("project", FieldKind::Id),
    ];
}
