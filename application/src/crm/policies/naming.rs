//! Which records name which, and how each comes to name another instead.

use std::collections::BTreeSet;

use fairlead_domain::{
    crm::{
        Activity, ActivityCommand, Company, CompanyCommand, Contact, ContactCommand, ContactList, ContactListCommand,
        Deal, DealCommand,
    },
    ids::{CompanyId, ContactId},
    kernel::Aggregate,
    values::{RecordRef, RecordType},
};
use uuid::Uuid;

use super::{BATCH, all_related};
use crate::{
    App, AppError, Expected, Recorded, Step,
    access::{Authorized, System},
    ports::Relation,
};

/// An aggregate that names records which may be merged.
pub(super) trait Names: Aggregate {
    /// The command that has it name one record instead of another. It is refused in no state.
    fn replacing(record: RecordRef, by: Uuid) -> Self::Command;
}

impl Names for Deal {
    fn replacing(record: RecordRef, by: Uuid) -> DealCommand {
        DealCommand::ReplaceRecord { record, by }
    }
}

impl Names for Contact {
    fn replacing(record: RecordRef, by: Uuid) -> ContactCommand {
        ContactCommand::ReplaceRecord { record, by }
    }
}

impl Names for Company {
    fn replacing(record: RecordRef, by: Uuid) -> CompanyCommand {
        CompanyCommand::ReplaceRecord { record, by }
    }
}

impl Names for Activity {
    fn replacing(record: RecordRef, by: Uuid) -> ActivityCommand {
        ActivityCommand::ReplaceRecord { record, by }
    }
}

/// The record that stands in a merged one's place, at the end of the row of those that took one another in; `None` when it was
/// not merged.
///
/// # Errors
/// Those of reading.
pub(super) async fn successor<A: Aggregate>(
    app: &App,
    cx: &Authorized<System>,
    id: A::Id,
) -> Result<Option<A::Id>, AppError> {
    let (mut last, mut next) = (None, id);
    // Only a record that was not merged takes another one in: there is no circle.
    while let Some(successor) = app.read::<A>(cx, next).await?.and_then(|record| record.state.successor()) {
        (last, next) = (Some(successor), successor);
    }
    Ok(last)
}

/// Has everything that names a merged record name the successor.
///
/// # Errors
/// Those of every command.
pub(super) async fn follow(app: &App, cx: &Authorized<System>, record: RecordRef, by: Uuid) -> Result<(), AppError> {
    follow_in::<Deal>(app, cx, record, by).await?;
    follow_in::<Contact>(app, cx, record, by).await?;
    follow_in::<Company>(app, cx, record, by).await?;
    follow_in::<Activity>(app, cx, record, by).await
}

async fn follow_in<A: Names>(app: &App, cx: &Authorized<System>, record: RecordRef, by: Uuid) -> Result<(), AppError> {
    all_related::<A>(app, cx, (Relation::RefersTo, record.id), &A::replacing(record, by)).await
}

/// Has a record that named some others just now name the successors of those among them that were merged.
///
/// # Errors
/// Those of every command.
pub(super) async fn mend<A: Names>(
    app: &App,
    cx: &Authorized<System>,
    id: A::Id,
    named: impl IntoIterator<Item = RecordRef> + Send,
) -> Result<(), AppError> {
    let of_type = |record_type| move |record: &RecordRef| (record.record_type == record_type).then_some(record.id);
    let named: Vec<_> = named.into_iter().collect();
    let contacts = named.iter().filter_map(of_type(RecordType::Contact)).collect();
    let companies = named.iter().filter_map(of_type(RecordType::Company)).collect();
    let contacts = merged::<Contact>(app, cx, contacts).await?.into_iter();
    let contacts = contacts.map(|(loser, winner)| A::replacing(RecordRef::contact(loser), winner.into()));
    let companies = merged::<Company>(app, cx, companies).await?.into_iter();
    let companies = companies.map(|(loser, winner)| A::replacing(RecordRef::company(loser), winner.into()));
    let step = |command| Step::new::<A>(cx, id, Expected::Any, command);
    let steps: Vec<_> = contacts.chain(companies).map(step).collect();
    if steps.is_empty() { Ok(()) } else { app.execute_all(cx, &steps).await.map(drop) }
}

/// Those among some records that were merged, each with its successor.
///
/// # Errors
/// Those of reading.
pub(super) async fn merged<A: Aggregate>(
    app: &App,
    cx: &Authorized<System>,
    ids: Vec<Uuid>,
) -> Result<Vec<(A::Id, A::Id)>, AppError> {
    let mut merged = Vec::new();
    if ids.is_empty() {
        return Ok(merged);
    }
    for record in app.read_all::<A>(cx, &ids).await? {
        let loser: A::Id = record.id.into();
        if record.state.successor().is_some()
            && let Some(winner) = successor::<A>(app, cx, loser).await?
        {
            merged.push((loser, winner));
        }
    }
    Ok(merged)
}

/// Has the contact lists on which a merged contact is take the successor in its place.
///
/// # Errors
/// Those of every command; [`AppError::Contended`] when a list changes meanwhile.
pub(super) async fn follow_lists(
    app: &App,
    cx: &Authorized<System>,
    loser: ContactId,
    winner: ContactId,
) -> Result<(), AppError> {
    let mut after = None;
    loop {
        let page = app.referrers::<ContactList>(cx, loser.into(), after, BATCH).await?;
        let lists = app.read_all::<ContactList>(cx, &page).await?;
        // A list does not know who is on it. So it is asked for its version, then whether the contact is on it, and changed at that
        // version: whoever takes the contact off meanwhile is not undone.
        let still = app.referrers::<ContactList>(cx, loser.into(), after, BATCH).await?;
        let command = ContactListCommand::ReplaceMember { loser, winner };
        let step = |list: &Recorded<ContactList>| {
            Step::new::<ContactList>(cx, list.id.into(), Expected::Exactly(list.version), command.clone())
        };
        let steps: Vec<_> = lists.iter().filter(|list| still.contains(&list.id)).map(step).collect();
        match app.execute_all(cx, &steps).await {
            Err(AppError::Stale { .. }) => return Err(AppError::Contended),
            outcome => outcome?,
        };
        after = page.last().copied();
        if page.len() < usize::from(BATCH) {
            return Ok(());
        }
    }
}

/// Has a company belong to the successor of its parent, or to none when the successor belongs to it.
///
/// # Errors
/// Those of every command.
pub(super) async fn mend_parent(
    app: &App,
    cx: &Authorized<System>,
    id: CompanyId,
    parent: Option<CompanyId>,
) -> Result<(), AppError> {
    let Some(parent_id) = parent else { return Ok(()) };
    let Some(winner) = successor::<Company>(app, cx, parent_id).await? else { return Ok(()) };
    let is_above = line(app, cx, winner).await?.contains(&id);
    let by = Some(winner).filter(|_| !is_above);
    let command = CompanyCommand::ReplaceParent { parent_id, by };
    app.execute::<Company>(cx, id, Expected::Any, command).await.map(drop)
}

/// Has the companies that belong to a merged one belong to the successor.
///
/// # Errors
/// Those of every command.
pub(super) async fn follow_parent(
    app: &App,
    cx: &Authorized<System>,
    loser: CompanyId,
    winner: CompanyId,
) -> Result<(), AppError> {
    // Those above the winner can't come to stand below it. They are few.
    for company in line(app, cx, winner).await? {
        let command = CompanyCommand::ReplaceParent { parent_id: loser, by: None };
        app.execute::<Company>(cx, company, Expected::Any, command).await?;
    }
    let command = CompanyCommand::ReplaceParent { parent_id: loser, by: Some(winner) };
    all_related::<Company>(app, cx, (Relation::RefersTo, loser.into()), &command).await
}

/// A company and those above it, as far as they are there; one that was merged, and the one that took it in.
async fn line(app: &App, cx: &Authorized<System>, company: CompanyId) -> Result<BTreeSet<CompanyId>, AppError> {
    let (mut line, mut next) = (BTreeSet::new(), Some(company));
    while let Some(id) = next.filter(|id| !line.contains(id)) {
        let Some(recorded) = app.read::<Company>(cx, id).await? else { break };
        line.insert(id);
        next = recorded.state.merged_into.or(recorded.state.profile.parent_id);
    }
    Ok(line)
}
