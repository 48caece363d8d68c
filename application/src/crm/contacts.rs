//! Contacts: who may do what with them, and by what their lists are filtered and sorted.

use fairlead_domain::crm::Contact;

use crate::{
    access::permissions,
    list::{Field, FieldKind, Listed},
};

permissions! {
    /// Read contacts.
    ContactsRead = "contacts:read", Reveals<Contact>;
    /// Create, change, delete and restore contacts.
    ContactsWrite = "contacts:write", Permits<Contact>;
    /// Erase contacts. Not part of writing, since there is no way back.
    ContactsErase = "contacts:erase", Permits<Contact>;
}

impl Listed for Contact {
    const FIELDS: &'static [Field] = &[
        Field::sorted("created", FieldKind::Instant),
        Field::sorted("updated", FieldKind::Instant),
        Field::sorted("name", FieldKind::Text),
        Field::filtered("email", FieldKind::Text),
        Field::filtered("phone", FieldKind::Text),
        Field::filtered("tag", FieldKind::Labels),
        Field::filtered("owner", FieldKind::Id),
        Field::filtered("project", FieldKind::Id),
    ];
    const SEARCHED: bool = true;
}
