//! @Nouns: who may do what with them, and by what their lists are filtered and sorted.

use fairlead_domain::@context::Specimen;

use crate::{
    access::permissions,
    list::{Field, FieldKind, Listed},
};

permissions! {
    /// Read @nouns.
    SpecimensRead = "specimens:read", Reveals<Specimen>;
    /// Create, change, delete and restore @nouns.
    SpecimensWrite = "specimens:write", Permits<Specimen>;
}

impl Listed for Specimen {
    const FIELDS: &'static [Field] = &[
        Field { name: "created", kind: FieldKind::Instant, sortable: true },
        Field { name: "updated", kind: FieldKind::Instant, sortable: true },
        Field { name: "name", kind: FieldKind::Text, sortable: true },
        Field { name: "owner", kind: FieldKind::Id, sortable: false },
        Field { name: "project", kind: FieldKind::Id, sortable: false },
    ];
}
