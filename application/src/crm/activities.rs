//! Activities: who may do what with them, and by what their lists are filtered and sorted.

use fairlead_domain::crm::Activity;

use crate::{
    access::permissions,
    list::{Field, FieldKind, Listed},
};

permissions! {
    /// Read activities.
    ActivitiesRead = "activities:read", Reveals<Activity>;
    /// Create, change, delete and restore activities.
    ActivitiesWrite = "activities:write", Permits<Activity>;
    /// Erase activities. Not part of writing, since there is no way back.
    ActivitiesErase = "activities:erase", Permits<Activity>;
}

impl Listed for Activity {
    const FIELDS: &'static [Field] = &[
        Field::sorted("created", FieldKind::Instant),
        Field::sorted("updated", FieldKind::Instant),
        Field::sorted("due", FieldKind::Instant),
        Field::filtered("kind", FieldKind::Choice(&["note", "task", "call", "meeting"])),
        Field::filtered("about", FieldKind::Ids),
        Field::filtered("completed", FieldKind::Flag),
        Field::filtered("pinned", FieldKind::Flag),
        Field::filtered("priority", FieldKind::Choice(&["low", "normal", "high"])),
        Field::filtered("assignee", FieldKind::Id),
        Field::filtered("mention", FieldKind::Ids),
        Field::filtered("owner", FieldKind::Id),
        Field::filtered("project", FieldKind::Id),
    ];
    const SEARCHED: bool = true;
}
