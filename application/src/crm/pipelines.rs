//! Pipelines: who may do what with them, and by what their lists are filtered and sorted.

use fairlead_domain::crm::Pipeline;

use crate::{
    access::permissions,
    list::{Brief, Field, FieldKind, Listed},
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
    const BRIEF: Option<fn(&Self) -> Brief> = Some(brief);
}

/// What a search over all kinds shows of one.
fn brief(pipeline: &Pipeline) -> Brief {
    Brief { title: Some(pipeline.profile.name.as_str().to_owned()), detail: None }
}
