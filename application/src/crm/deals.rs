//! Deals: who may do what with them, by what their lists are filtered and sorted, and what their commands have to know of
//! pipelines, contacts and companies.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use fairlead_domain::{
    crm::{
        Company, Contact, Deal, DealCommand, DealEvent, DealProfile, DealStatus, Pipeline, Schema, Seen, Stay, stays,
    },
    ids::{CompanyId, ContactId, DealId, PipelineId, ProjectId, StageId, UserId},
    values::{AttributeKey, AttributeValue, Label, Money, RecordType, Tag, Title},
};
use uuid::Uuid;

use super::{
    companies::CompaniesRead,
    contacts::ContactsRead,
    custom_fields::execute_attributed,
    facts::{Attempts, living},
};
use crate::{
    App, AppError, Expected, Outcome, Recorded, Step,
    access::{Authorized, System, permissions},
    list::{Brief, Field, FieldKind, Listed},
    recorded::decode_event,
};

permissions! {
    /// Read deals.
    DealsRead = "deals:read", Reveals<Deal>;
    /// Open, change, move, win, lose, delete and restore deals.
    DealsWrite = "deals:write", Permits<Deal>;
}

impl Listed for Deal {
    const FIELDS: &'static [Field] = &[
        Field::sorted("created", FieldKind::Instant),
        Field::sorted("updated", FieldKind::Instant),
        Field::sorted("name", FieldKind::Text),
        Field::sorted("value", FieldKind::Integer),
        Field::sorted("expected_close", FieldKind::Day),
        Field::sorted("closed", FieldKind::Instant),
        Field::filtered("status", FieldKind::Choice(&DealStatus::NAMES)),
        Field::filtered("pipeline", FieldKind::Id),
        Field::filtered("stage", FieldKind::Id),
        Field::filtered("currency", FieldKind::Term),
        Field::filtered("source", FieldKind::Term),
        Field::filtered("reason", FieldKind::Term),
        Field::filtered("contact", FieldKind::Ids),
        Field::filtered("company", FieldKind::Ids),
        Field::filtered("tag", FieldKind::Labels),
        Field::filtered("owner", FieldKind::Id),
        Field::filtered("project", FieldKind::Id),
    ];
    const BRIEF: Option<fn(&Self) -> Brief> = Some(brief);
    const ATTRIBUTES: Option<RecordType> = Some(RecordType::Deal);
}

/// What a search over all kinds shows of one.
fn brief(deal: &Deal) -> Brief {
    let value = deal.profile.value.map(|value| format!("{value}, "));
    let detail = format!("{}{}", value.unwrap_or_default(), deal.status.name());
    Brief { title: Some(deal.profile.name.as_str().to_owned()), detail: Some(detail) }
}

/// A deal that is to be opened.
#[derive(Debug, Clone)]
pub struct DealDraft {
    /// What it is called.
    pub name: Title,
    /// The pipeline in which it is to be.
    pub pipeline_id: PipelineId,
    /// Its first stage; without, the first of the pipeline.
    pub stage_id: Option<StageId>,
    /// What it is worth.
    pub value: Option<Money>,
    /// The day on which it is expected to be won.
    pub expected_close: Option<NaiveDate>,
    /// Where it came from.
    pub source: Option<Label>,
    /// Who looks after it.
    pub owner_id: Option<UserId>,
    /// The workspace to which it belongs.
    pub project_id: Option<ProjectId>,
    /// The people whom it concerns.
    pub contact_ids: BTreeSet<ContactId>,
    /// The companies that it concerns.
    pub company_ids: BTreeSet<CompanyId>,
    /// Labels.
    pub tags: BTreeSet<Tag>,
    /// Custom attributes.
    pub attributes: BTreeMap<AttributeKey, AttributeValue>,
}

impl DealDraft {
    /// The deal, once it is known where it begins and when.
    fn begun(self, stage_id: StageId, at: DateTime<Utc>) -> DealProfile {
        DealProfile {
            value: self.value,
            expected_close: self.expected_close,
            source: self.source,
            owner_id: self.owner_id,
            project_id: self.project_id,
            contact_ids: self.contact_ids,
            company_ids: self.company_ids,
            tags: self.tags,
            attributes: self.attributes,
            ..DealProfile::begun(self.name, self.pipeline_id, stage_id, at)
        }
    }
}

/// Opens a deal.
///
/// # Errors
/// `deal.unknown_pipeline`, `deal.unknown_stage`, `deal.stage_retired`, `deal.unknown_contact`, `deal.unknown_company`, and
/// those of every command.
pub async fn open_deal(app: &App, cx: &Authorized<DealsWrite>, draft: DealDraft) -> Result<Outcome, AppError> {
    let pipeline = pipeline(app, &cx.on_behalf(), draft.pipeline_id).await?;
    let first = pipeline.as_ref().and_then(|pipeline| pipeline.profile.stages.first()).map(|stage| stage.id);
    // Where there is no pipeline, that is what is refused.
    let stage_id = draft.stage_id.or(first).unwrap_or_else(|| Uuid::nil().into());
    let contacts = living::<Contact, ContactsRead>(app, cx, &draft.contact_ids).await?;
    let companies = living::<Company, CompaniesRead>(app, cx, &draft.company_ids).await?;
    let profile = Box::new(draft.begun(stage_id, app.clock.now()));
    let seen = Box::new(Seen { pipeline, contacts, companies, schema: Schema::default() });
    execute_attributed::<Deal>(app, cx, app.fresh(), Expected::New, DealCommand::Open { profile, seen }).await
}

/// Puts a deal into another stage, of its own pipeline or of another one.
///
/// # Errors
/// `deal.closed`, `deal.unknown_pipeline`, `deal.unknown_stage`, `deal.stage_retired`, and those of every command.
pub async fn move_deal(
    app: &App,
    cx: &Authorized<DealsWrite>,
    id: DealId,
    expected: Expected,
    pipeline_id: Option<PipelineId>,
    stage_id: StageId,
) -> Result<Outcome, AppError> {
    on_its_way(app, cx, id, expected, pipeline_id, |pipeline_id, pipeline, at| DealCommand::Move {
        pipeline_id,
        stage_id,
        pipeline,
        at,
    })
    .await
}

/// Says that a deal was won.
///
/// # Errors
/// `deal.closed`, `deal.unknown_reason`, and those of every command.
pub async fn win_deal(
    app: &App,
    cx: &Authorized<DealsWrite>,
    id: DealId,
    expected: Expected,
    reason: Option<Label>,
) -> Result<Outcome, AppError> {
    let win = |_, pipeline, at| DealCommand::Win { reason: reason.clone(), pipeline, at };
    on_its_way(app, cx, id, expected, None, win).await
}

/// Says that a deal was lost.
///
/// # Errors
/// `deal.closed`, `deal.reason_required`, `deal.unknown_reason`, and those of every command.
pub async fn lose_deal(
    app: &App,
    cx: &Authorized<DealsWrite>,
    id: DealId,
    expected: Expected,
    reason: Option<Label>,
) -> Result<Outcome, AppError> {
    let lose = |_, pipeline, at| DealCommand::Lose { reason: reason.clone(), pipeline, at };
    on_its_way(app, cx, id, expected, None, lose).await
}

/// Opens a deal again that was won or lost.
///
/// # Errors
/// `deal.unknown_pipeline`, and those of every command.
pub async fn reopen_deal(
    app: &App,
    cx: &Authorized<DealsWrite>,
    id: DealId,
    expected: Expected,
) -> Result<Outcome, AppError> {
    on_its_way(app, cx, id, expected, None, |_, pipeline, at| DealCommand::Reopen { pipeline, at }).await
}

/// Notes that a deal stays in its stage for longer than the stage is patient. Whether that was so, and not noted before.
///
/// # Errors
/// Those of every command.
pub async fn rot_deal(app: &App, cx: &Authorized<System>, id: DealId) -> Result<bool, AppError> {
    let Some(deal) = app.read::<Deal>(cx, id).await?.filter(|deal| !deal.state.deleted) else { return Ok(false) };
    let pipeline = pipeline(app, cx, deal.state.profile.pipeline_id).await?.map(Box::new);
    let rot = DealCommand::Rot { pipeline, at: app.now() };
    let outcome = app.execute::<Deal>(cx, id, Expected::Exactly(deal.version), rot).await?;
    Ok(outcome.receipts.iter().any(|receipt| receipt.version > deal.version))
}

/// A command that is decided on a pipeline: the one that is named, or the deal's own. Then the deal must be as it was seen,
/// since another pipeline has other stages and reasons.
async fn on_its_way(
    app: &App,
    cx: &Authorized<DealsWrite>,
    id: DealId,
    expected: Expected,
    named: Option<PipelineId>,
    command: impl Fn(PipelineId, Option<Box<Pipeline>>, DateTime<Utc>) -> DealCommand,
) -> Result<Outcome, AppError> {
    let (within, mut attempts) = (cx.on_behalf(), Attempts::new(expected));
    loop {
        let seen = app.read::<Deal>(&within, id).await?;
        let own = seen.as_ref().map(|deal| deal.state.profile.pipeline_id);
        // Where there is no deal, that is what is refused.
        let pipeline_id = named.or(own).unwrap_or_else(|| Uuid::nil().into());
        let as_seen = match (expected, seen) {
            (Expected::Any, Some(deal)) => Expected::Exactly(deal.version),
            _ => expected,
        };
        let pipeline = pipeline(app, &within, pipeline_id).await?.map(Box::new);
        match app.execute::<Deal>(cx, id, as_seen, command(pipeline_id, pipeline, app.clock.now())).await {
            Err(error) => attempts.again(error)?,
            outcome => return outcome,
        }
    }
}

/// Names people and companies in a deal.
///
/// # Errors
/// `deal.unknown_contact`, `deal.unknown_company` when the caller may not read one of them, `deal.too_many_contacts`,
/// `deal.too_many_companies`, and those of every command.
pub async fn link_deal(
    app: &App,
    cx: &Authorized<DealsWrite>,
    id: DealId,
    expected: Expected,
    contact_ids: BTreeSet<ContactId>,
    company_ids: BTreeSet<CompanyId>,
) -> Result<Outcome, AppError> {
    let contacts = living::<Contact, ContactsRead>(app, cx, &contact_ids).await?;
    let companies = living::<Company, CompaniesRead>(app, cx, &company_ids).await?;
    let people = DealCommand::LinkContacts { contact_ids, seen: contacts };
    let firms = DealCommand::LinkCompanies { company_ids, seen: companies };
    both(app, cx, id, expected, [people, firms]).await
}

/// Names people and companies in a deal no more.
///
/// # Errors
/// Those of every command.
pub async fn unlink_deal(
    app: &App,
    cx: &Authorized<DealsWrite>,
    id: DealId,
    expected: Expected,
    contact_ids: BTreeSet<ContactId>,
    company_ids: BTreeSet<CompanyId>,
) -> Result<Outcome, AppError> {
    let commands = [DealCommand::UnlinkContacts(contact_ids), DealCommand::UnlinkCompanies(company_ids)];
    both(app, cx, id, expected, commands).await
}

/// Both take effect or none; the outcome is the deal's at last.
async fn both(
    app: &App,
    cx: &Authorized<DealsWrite>,
    id: DealId,
    expected: Expected,
    commands: [DealCommand; 2],
) -> Result<Outcome, AppError> {
    let mut outcome =
        app.execute_all(cx, &commands.map(|command| Step::new::<Deal>(cx, id, expected, command))).await?;
    outcome.receipts.drain(..outcome.receipts.len().saturating_sub(1));
    Ok(outcome)
}

/// The stays in stages of a deal that the caller has read, the first one first, as its events tell them; and what time it is.
///
/// # Errors
/// [`AppError`]
pub async fn deal_stays(
    app: &App,
    cx: &Authorized<DealsRead>,
    deal: &Recorded<Deal>,
) -> Result<(Vec<Stay>, DateTime<Utc>), AppError> {
    let events = app.store.events(cx, deal.id).await?.into_iter();
    let events = events.map(|event| decode_event::<Deal>(&event.event_type, event.schema_version, event.data));
    let events: Vec<DealEvent> = events.collect::<Result<_, _>>().map_err(AppError::internal)?;
    Ok((stays(&events), app.clock.now()))
}

/// A pipeline of the organization. Who may write deals need not be able to read pipelines besides.
async fn pipeline(app: &App, within: &Authorized<System>, id: PipelineId) -> Result<Option<Pipeline>, AppError> {
    Ok(app.read::<Pipeline>(within, id).await?.map(|pipeline| pipeline.state))
}
