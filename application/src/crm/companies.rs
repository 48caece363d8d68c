//! Companies: who may do what with them, by what their lists are filtered and sorted, where they stand among one another,
//! and how two become one.

use fairlead_domain::{
    crm::{Absorption, Company, CompanyCommand, Kinship, Schema},
    ids::CompanyId,
    kernel::Aggregate,
    values::{LifecycleStage, RecordType},
};

use super::{
    custom_fields::{schema, told},
    facts::Attempts,
    lineage::Lineage,
};
use crate::{
    App, AppError, Asked, Expected, Outcome, Recorded, Step, Turn, Wanted,
    access::{Authorized, Permits, System, permissions},
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

/// What companies have to know of what the organization defined, and of one another.
#[derive(Debug)]
pub struct CompanyFacts {
    schema: Schema,
    lineage: Lineage,
}

impl Asked for CompanyCommand {
    type Of = Company;
    type Facts = CompanyFacts;

    async fn facts<P: Permits<Company>>(
        app: &App,
        cx: &Authorized<P>,
        all: &[Wanted<Self>],
    ) -> Result<CompanyFacts, AppError> {
        let mut commands: Vec<_> = all.iter().map(|wanted| wanted.asked.clone()).collect();
        let parents = commands.iter_mut().filter_map(|command| command.parent()).map(|(parent, _)| parent).collect();
        let lineage = Lineage::above(app, &cx.on_behalf(), parents).await?;
        Ok(CompanyFacts { schema: schema::<Company>(app, cx, commands).await?, lineage })
    }

    fn commands(mut self, facts: &CompanyFacts, turn: &Turn<'_>, _: Option<&Company>) -> Result<Vec<Self>, AppError> {
        if let Some((parent, ancestry)) = self.parent() {
            *ancestry = facts.lineage.ancestry(turn, parent)?;
        }
        Ok(vec![told::<Company>(self, &facts.schema)])
    }
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
