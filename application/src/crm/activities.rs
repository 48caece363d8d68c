//! Activities: who may do what with them, and by what their lists are filtered and sorted.

use std::collections::BTreeSet;

use fairlead_domain::{
    crm::{Activity, ActivityCommand, Company, Contact, Deal},
    kernel::Aggregate,
    values::{RecordRef, RecordType},
};

use super::{companies::CompaniesRead, contacts::ContactsRead, deals::DealsRead, facts::living};
use crate::{
    App, AppError, Asked, Context, Turn, Wanted,
    access::{Authorized, Permission, Permits, Reveals, permissions},
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

impl Asked for ActivityCommand {
    type Of = Activity;
    /// Those of the records that activities come to be about which live and which the caller may read.
    type Facts = BTreeSet<RecordRef>;

    async fn facts<P: Permits<Activity>>(
        app: &App,
        cx: &Authorized<P>,
        all: &[Wanted<Self>],
    ) -> Result<BTreeSet<RecordRef>, AppError> {
        let about: BTreeSet<_> = all.iter().flat_map(|wanted| about(&wanted.asked)).copied().collect();
        seen(app, cx, &about).await
    }

    fn commands(
        mut self,
        facts: &BTreeSet<RecordRef>,
        _: &Turn<'_>,
        _: Option<&Activity>,
    ) -> Result<Vec<Self>, AppError> {
        let known = about(&self).iter().filter(|record| facts.contains(record)).copied().collect();
        match &mut self {
            Self::Create { seen, .. } => *seen = known,
            Self::Change(change) => change.seen = known,
            _ => {}
        }
        Ok(vec![self])
    }
}

/// The records that an activity comes to be about.
fn about(command: &ActivityCommand) -> &[RecordRef] {
    match command {
        ActivityCommand::Create { profile, .. } => &profile.about,
        ActivityCommand::Change(change) => change.about.as_deref().unwrap_or_default(),
        _ => &[],
    }
}

/// Those of some records that live and that the caller may read.
async fn seen(app: &App, cx: &Context, about: &BTreeSet<RecordRef>) -> Result<BTreeSet<RecordRef>, AppError> {
    let mut seen = of_type::<Contact, ContactsRead>(app, cx, about, RecordType::Contact).await?;
    seen.extend(of_type::<Company, CompaniesRead>(app, cx, about, RecordType::Company).await?);
    seen.extend(of_type::<Deal, DealsRead>(app, cx, about, RecordType::Deal).await?);
    Ok(seen)
}

async fn of_type<A: Aggregate<Id: Ord>, P: Permission + Reveals<A>>(
    app: &App,
    cx: &Context,
    about: &BTreeSet<RecordRef>,
    record_type: RecordType,
) -> Result<BTreeSet<RecordRef>, AppError> {
    let ids = about.iter().filter(|record| record.record_type == record_type).map(|record| A::Id::from(record.id));
    let living = living::<A, P>(app, cx, &ids.collect()).await?;
    Ok(living.into_iter().map(|id| RecordRef { record_type, id: id.into() }).collect())
}
