//! Activities: who may do what with them, and by what their lists are filtered and sorted.

use std::collections::BTreeSet;

use fairlead_domain::{
    crm::{Activity, ActivityChange, ActivityCommand, ActivityProfile, Company, Contact, Deal},
    ids::ActivityId,
    kernel::Aggregate,
    values::{RecordRef, RecordType},
};

use super::{companies::CompaniesRead, contacts::ContactsRead, deals::DealsRead, facts::living};
use crate::{
    App, AppError, Context, Expected, Outcome,
    access::{Authorized, Permission, Reveals, permissions},
    list::{Brief, Field, FieldKind, Listed},
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
    const BRIEF: Option<fn(&Self) -> Brief> = Some(brief);
}

/// What a search over all kinds shows of one.
fn brief(activity: &Activity) -> Brief {
    let profile = &activity.profile;
    Brief {
        title: profile.subject.known().map(|subject| subject.as_str().to_owned()),
        detail: Some(profile.kind.name().to_owned()),
    }
}

/// Begins an activity.
///
/// # Errors
/// `activity.unknown_record` when the caller may not read a record that it is about, or that is deleted; those of every command.
pub async fn create_activity(
    app: &App,
    cx: &Authorized<ActivitiesWrite>,
    profile: ActivityProfile,
) -> Result<Outcome, AppError> {
    let seen = seen(app, cx, &profile.about).await?;
    let create = ActivityCommand::Create { profile: Box::new(profile), seen };
    app.execute::<Activity>(cx, app.fresh(), Expected::New, create).await
}

/// Changes an activity's attributes.
///
/// # Errors
/// `activity.unknown_record` when the caller may not read a record that it comes to be about, or that is deleted; those of every
/// command.
pub async fn change_activity(
    app: &App,
    cx: &Authorized<ActivitiesWrite>,
    id: ActivityId,
    expected: Expected,
    mut change: ActivityChange,
) -> Result<Outcome, AppError> {
    if let Some(about) = &change.about {
        change.seen = seen(app, cx, about).await?;
    }
    app.execute::<Activity>(cx, id, expected, ActivityCommand::Change(Box::new(change))).await
}

/// Those of some records that live and that the caller may read.
async fn seen(app: &App, cx: &Context, about: &[RecordRef]) -> Result<BTreeSet<RecordRef>, AppError> {
    let mut seen = of_type::<Contact, ContactsRead>(app, cx, about, RecordType::Contact).await?;
    seen.extend(of_type::<Company, CompaniesRead>(app, cx, about, RecordType::Company).await?);
    seen.extend(of_type::<Deal, DealsRead>(app, cx, about, RecordType::Deal).await?);
    Ok(seen)
}

async fn of_type<A: Aggregate<Id: Ord>, P: Permission + Reveals<A>>(
    app: &App,
    cx: &Context,
    about: &[RecordRef],
    record_type: RecordType,
) -> Result<BTreeSet<RecordRef>, AppError> {
    let ids = about.iter().filter(|record| record.record_type == record_type).map(|record| A::Id::from(record.id));
    let living = living::<A, P>(app, cx, &ids.collect()).await?;
    Ok(living.into_iter().map(|id| RecordRef { record_type, id: id.into() }).collect())
}
