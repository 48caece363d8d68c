//! Which records name which, and how each comes to name another instead.

use std::collections::BTreeSet;

use fairlead_domain::{
    crm::{Activity, ActivityCommand, Company, CompanyCommand, Contact, ContactCommand, Deal, DealCommand},
    ids::{CompanyId, ContactId},
    kernel::Aggregate,
    values::{RecordRef, RecordType},
};
use uuid::Uuid;

use super::all_related;
use crate::{
    App, AppError, Expected, Step,
    access::{Authorized, System},
    ports::Relation,
};

/// An aggregate that names records of a kind.
pub(super) trait Names<Named: Aggregate>: Aggregate {
    /// The command that has it name one record instead of another. It is refused in no state.
    fn replacing(loser: Named::Id, winner: Named::Id) -> Self::Command;
}

impl Names<Contact> for Deal {
    fn replacing(loser: ContactId, winner: ContactId) -> DealCommand {
        DealCommand::ReplaceContact { contact_id: loser, by: winner }
    }
}

impl Names<Company> for Deal {
    fn replacing(loser: CompanyId, winner: CompanyId) -> DealCommand {
        DealCommand::ReplaceCompany { company_id: loser, by: winner }
    }
}

impl Names<Company> for Contact {
    fn replacing(loser: CompanyId, winner: CompanyId) -> ContactCommand {
        ContactCommand::ReplaceCompany { company_id: loser, by: winner }
    }
}

impl Names<Contact> for Activity {
    fn replacing(loser: ContactId, winner: ContactId) -> ActivityCommand {
        ActivityCommand::ReplaceRecord { record: RecordRef::contact(loser), by: winner.into() }
    }
}

impl Names<Company> for Activity {
    fn replacing(loser: CompanyId, winner: CompanyId) -> ActivityCommand {
        let record = RecordRef { record_type: RecordType::Company, id: loser.into() };
        ActivityCommand::ReplaceRecord { record, by: winner.into() }
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

/// Has every record of a kind that names a merged one name the successor.
///
/// # Errors
/// Those of every command.
pub(super) async fn follow<A: Names<Named>, Named: Aggregate>(
    app: &App,
    cx: &Authorized<System>,
    loser: Named::Id,
    winner: Named::Id,
) -> Result<(), AppError> {
    all_related::<A>(app, cx, (Relation::RefersTo, loser.into()), &A::replacing(loser, winner)).await
}

/// Has a record that named some others just now name the successors of those among them that were merged.
///
/// # Errors
/// Those of every command.
pub(super) async fn mend<A: Names<Named>, Named: Aggregate>(
    app: &App,
    cx: &Authorized<System>,
    id: A::Id,
    named: impl IntoIterator<Item = Named::Id> + Send,
) -> Result<(), AppError> {
    let ids: Vec<Uuid> = named.into_iter().map(Into::into).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut steps = Vec::new();
    for record in app.read_all::<Named>(cx, &ids).await? {
        let loser: Named::Id = record.id.into();
        if record.state.successor().is_some()
            && let Some(winner) = successor::<Named>(app, cx, loser).await?
        {
            steps.push(Step::new::<A>(cx, id, Expected::Any, A::replacing(loser, winner)));
        }
    }
    app.execute_all(cx, &steps).await.map(drop)
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
