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
        Field { name: "created", kind: FieldKind::Instant, sortable: true },
        Field { name: "updated", kind: FieldKind::Instant, sortable: true },
        Field { name: "name", kind: FieldKind::Text, sortable: true },
        Field { name: "email", kind: FieldKind::Text, sortable: false },
        Field { name: "phone", kind: FieldKind::Text, sortable: false },
        Field { name: "tag", kind: FieldKind::Labels, sortable: false },
        Field { name: "owner", kind: FieldKind::Id, sortable: false },
        Field { name: "project", kind: FieldKind::Id, sortable: false },
    ];
    const SEARCHED: bool = true;
}
