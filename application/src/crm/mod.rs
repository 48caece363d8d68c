//! Customer relations: permissions, and what lists can be filtered and sorted by.

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
}
