//! Pipelines: who may do what with them, and by what their lists are filtered and sorted.

use fairlead_domain::crm::Pipeline;

use crate::{
    access::permissions,
    list::{Field, FieldKind, Listed},
};

permissions! {
    /// Read pipelines.
    PipelinesRead = "pipelines:read", Reveals<Pipeline>;
    /// Create, change, delete and restore pipelines.
    PipelinesWrite = "pipelines:write", Permits<Pipeline>;
}

impl Listed for Pipeline {
    const FIELDS: &'static [Field] = &[
        Field::sorted("created", FieldKind::Instant),
        Field::sorted("updated", FieldKind::Instant),
        Field::sorted("name", FieldKind::Text),
    ];
    const SEARCHED: bool = true;
}
