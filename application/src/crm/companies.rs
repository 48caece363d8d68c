//! Companies: who may do what with them, by what their lists are filtered and sorted, where they stand among one another,
//! and how two become one.

use fairlead_domain::{
    crm::{Absorption, Ancestry, Company, CompanyChange, CompanyCommand, CompanyProfile, Kinship, Schema},
    ids::CompanyId,
    kernel::{Aggregate, Patch},
    values::{LifecycleStage, RecordType},
};

use super::{
    custom_fields::execute_attributed,
    facts::{Attempts, readable},
};
use crate::{
    App, AppError, Expected, Outcome, Recorded, Step,
    access::{Authorized, System, permissions},
    list::{Brief, Field, FieldKind, Listed},
};

permissions! {
    /// Read companies.
    CompaniesRead = "companies:read", Reveals<Company>;
    /// Create, change, delete and restore companies.
    CompaniesWrite = "companies:write", Permits<Company>;
}

impl Listed for Company {
    const FIELDS: &'static [Field] = &[
        Field::sorted("created", FieldKind::Instant),
        Field::sorted("updated", FieldKind::Instant),
        Field::sorted("name", FieldKind::Text),
        Field::sorted("employees", FieldKind::Integer),
        Field::filtered("domain", FieldKind::Labels),
        Field::filtered("industry", FieldKind::Text),
        Field::filtered("lifecycle_stage", FieldKind::Choice(&LifecycleStage::NAMES)),
        Field::filtered("tag", FieldKind::Labels),
        Field::filtered("parent", FieldKind::Id),
        Field::filtered("owner", FieldKind::Id),
        Field::filtered("project", FieldKind::Id),
    ];
    const BRIEF: Option<fn(&Self) -> Brief> = Some(brief);
    const ATTRIBUTES: Option<RecordType> = Some(RecordType::Company);
}

/// What a search over all kinds shows of one.
fn brief(company: &Company) -> Brief {
    let profile = &company.profile;
    let domain = profile.domains.first().map(|domain| domain.as_str().to_owned());
    let industry = || profile.industry.as_ref().map(|industry| industry.as_str().to_owned());
    Brief { title: Some(profile.name.as_str().to_owned()), detail: domain.or_else(industry) }
}

/// Makes a company known.
///
/// # Errors
/// `company.unknown_parent`, `company.too_deep`, and those of every command.
pub async fn create_company(
    app: &App,
    cx: &Authorized<CompaniesWrite>,
    profile: CompanyProfile,
) -> Result<Outcome, AppError> {
    let id = app.fresh();
    let ancestry = ancestry(app, &cx.on_behalf(), id, profile.parent_id).await?;
    let command = CompanyCommand::Create(Box::new(profile), ancestry, Schema::default());
    execute_attributed::<Company>(app, cx, id, Expected::New, command).await
}

/// Changes a company's attributes.
///
/// # Errors
/// `company.unknown_parent`, `company.circular`, `company.too_deep`, and those of every command.
pub async fn change_company(
    app: &App,
    cx: &Authorized<CompaniesWrite>,
    id: CompanyId,
    expected: Expected,
    mut change: CompanyChange,
) -> Result<Outcome, AppError> {
    if let Patch::Set(parent) = change.parent_id {
        change.ancestry = ancestry(app, &cx.on_behalf(), id, parent).await?;
    }
    execute_attributed::<Company>(app, cx, id, expected, CompanyCommand::Change(Box::new(change))).await
}

/// Makes one company of two: the winner takes the loser in, which counts as deleted from then on. The outcome is the winner's.
///
/// # Errors
/// `company.unknown_loser` when there is none within the caller's reach, `company.merged_with_itself`, `company.too_deep`,
/// `company.merged` when one of them was merged into a third one, and those of every command.
pub async fn merge_companies(
    app: &App,
    cx: &Authorized<CompaniesWrite>,
    winner: CompanyId,
    loser: CompanyId,
    expected: Expected,
) -> Result<Outcome, AppError> {
    let mut attempts = Attempts::new(expected);
    loop {
        match attempt_merge(app, cx, winner, loser, expected).await {
            Err(error) => attempts.again(error)?,
            outcome => return outcome,
        }
    }
}

async fn attempt_merge(
    app: &App,
    cx: &Authorized<CompaniesWrite>,
    winner: CompanyId,
    loser: CompanyId,
    expected: Expected,
) -> Result<Outcome, AppError> {
    let within = cx.on_behalf();
    let seen = app.read::<Company>(&within, loser).await?;
    let seen = seen.filter(|company| cx.reach().covers(company.state.belongs()));
    let kinship = kinship(app, &within, winner, loser, seen.as_ref()).await?;
    let mut steps = Vec::with_capacity(2);
    let profile = match seen {
        // Both change together or not at all, and the loser as it was seen.
        Some(seen) if kinship != Kinship::Same => {
            let merge = CompanyCommand::Merge { into: winner };
            steps.push(Step::new::<Company>(cx, loser, Expected::Exactly(seen.version), merge));
            Some(seen.state.profile)
        }
        _ => None,
    };
    let absorption = Absorption { company_id: loser, profile, kinship };
    steps.push(Step::new::<Company>(cx, winner, expected, CompanyCommand::Absorb(Box::new(absorption))));
    let mut outcome = app.execute_all(cx, &steps).await?;
    outcome.receipts = outcome.receipts.split_off(outcome.receipts.len().saturating_sub(1));
    Ok(outcome)
}

/// How a company that is to be the parent stands to the child, as far as the caller may read it.
pub(super) async fn ancestry(
    app: &App,
    within: &Authorized<System>,
    child: CompanyId,
    parent: Option<CompanyId>,
) -> Result<Ancestry, AppError> {
    let Some(parent) = parent else { return Ok(Ancestry::Sound) };
    if parent == child {
        return Ok(Ancestry::Circular);
    }
    let living = |company: &Recorded<Company>| !company.state.is_deleted();
    if !readable::<Company, CompaniesRead>(app, within, parent).await?.as_ref().is_some_and(living) {
        return Ok(Ancestry::Unknown);
    }
    Ok(match above(app, within, parent).await? {
        Some(above) if above.contains(&child) => Ancestry::Circular,
        Some(above) if above.len() < Company::MAX_LEVELS => Ancestry::Sound,
        _ => Ancestry::TooDeep,
    })
}

async fn kinship(
    app: &App,
    within: &Authorized<System>,
    winner: CompanyId,
    loser: CompanyId,
    seen: Option<&Recorded<Company>>,
) -> Result<Kinship, AppError> {
    if winner == loser {
        return Ok(Kinship::Same);
    }
    match seen {
        None => return Ok(Kinship::Apart),
        Some(seen) if seen.state.merged_into == Some(winner) => return Ok(Kinship::Merged),
        Some(_) => {}
    }
    let (above_winner, above_loser) = (above(app, within, winner).await?, above(app, within, loser).await?);
    Ok(match (above_winner, above_loser) {
        (Some(above), _) if above.contains(&loser) => Kinship::Above,
        (_, Some(above)) if above.contains(&winner) => Kinship::Below,
        (Some(_), Some(_)) => Kinship::Apart,
        _ => Kinship::Unclear,
    })
}

/// The companies above one, the nearest first; `None` when there are more than may be. For one that was merged stands the one
/// that took it in.
async fn above(app: &App, within: &Authorized<System>, company: CompanyId) -> Result<Option<Vec<CompanyId>>, AppError> {
    let (mut above, mut next) = (Vec::new(), Some(company));
    while let Some(id) = next {
        if above.len() > Company::MAX_LEVELS {
            return Ok(None);
        }
        let recorded = app.read::<Company>(within, id).await?;
        next = recorded.and_then(|company| company.state.merged_into.or(company.state.profile.parent_id));
        above.extend(next);
    }
    Ok(Some(above))
}
