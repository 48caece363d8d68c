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
        Field::sorted("created", FieldKind::Instant),
        Field::sorted("updated", FieldKind::Instant),
        Field::sorted("name", FieldKind::Text),
        Field::filtered("owner", FieldKind::Id),
        Field::filtered("project", FieldKind::Id),
    ];
}
