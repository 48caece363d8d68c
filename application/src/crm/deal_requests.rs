//! What is asked of deals, and what it takes to decide it: pipelines, contacts, companies and custom fields, for all at once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use fairlead_domain::{
    crm::{Company, Contact, Deal, DealChange, DealCommand, DealProfile, Pipeline, Schema, Seen},
    ids::{CompanyId, ContactId, PipelineId, ProjectId, StageId, UserId},
    values::{AttributeKey, AttributeValue, Label, Money, Tag, Title},
};
use uuid::Uuid;

use super::{
    companies::CompaniesRead,
    contacts::ContactsRead,
    custom_fields::{schema, told},
    facts::{PAGE, living},
};
use crate::{
    App, AppError, Asked, Target, Turn, Wanted,
    access::{Authorized, Permits, System},
};

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
    /// A deal of which nothing is known but where it is to be.
    pub fn new(name: Title, pipeline_id: PipelineId) -> Self {
        Self {
            name,
            pipeline_id,
            stage_id: None,
            value: None,
            expected_close: None,
            source: None,
            owner_id: None,
            project_id: None,
            contact_ids: BTreeSet::new(),
            company_ids: BTreeSet::new(),
            tags: BTreeSet::new(),
            attributes: BTreeMap::new(),
        }
    }

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

/// People and companies that a deal names, or is to name.
#[derive(Debug, Clone, Default)]
pub struct DealLinks {
    /// People.
    pub contact_ids: BTreeSet<ContactId>,
    /// Companies.
    pub company_ids: BTreeSet<CompanyId>,
}

/// Something that is asked of a deal.
#[derive(Clone)]
pub enum DealRequest {
    /// Open it. Refused with `deal.unknown_pipeline`, `deal.unknown_stage`, `deal.stage_retired`, `deal.unknown_contact`,
    /// `deal.unknown_company`.
    Open(Box<DealDraft>),
    /// Put it into another stage. Refused with `deal.closed`, `deal.unknown_pipeline`, `deal.unknown_stage`, `deal.stage_retired`.
    Move {
        /// The stage's pipeline; its own if missing.
        pipeline_id: Option<PipelineId>,
        /// The stage.
        stage_id: StageId,
    },
    /// It was won. Refused with `deal.closed`, `deal.unknown_reason`.
    Win {
        /// Why.
        reason: Option<Label>,
    },
    /// It was lost. Refused with `deal.closed`, `deal.reason_required`, `deal.unknown_reason`.
    Lose {
        /// Why.
        reason: Option<Label>,
    },
    /// It may be won again. Refused with `deal.unknown_pipeline`.
    Reopen,
    /// Name people and companies. Refused with `deal.unknown_contact`, `deal.unknown_company` when the caller may not read one of
    /// them, `deal.too_many_contacts`, `deal.too_many_companies`.
    Link(DealLinks),
    /// Name them no more.
    Unlink(DealLinks),
    /// A command that has to know nothing but what custom attributes may be.
    Command(DealCommand),
}

impl From<DealCommand> for DealRequest {
    fn from(command: DealCommand) -> Self {
        Self::Command(command)
    }
}

impl From<DealChange> for DealRequest {
    fn from(change: DealChange) -> Self {
        DealCommand::Change(Box::new(change)).into()
    }
}

/// What it takes to decide what is asked of deals.
#[derive(Debug)]
pub struct DealFacts {
    now: DateTime<Utc>,
    /// Those that were looked for. Who may write deals need not be able to read pipelines besides.
    pipelines: BTreeMap<PipelineId, Option<Pipeline>>,
    contacts: BTreeSet<ContactId>,
    companies: BTreeSet<CompanyId>,
    schema: Schema,
}

impl Asked for DealRequest {
    type Of = Deal;
    type Facts = DealFacts;

    async fn facts<P: Permits<Deal>>(
        app: &App,
        cx: &Authorized<P>,
        all: &[Wanted<Self>],
    ) -> Result<DealFacts, AppError> {
        let (now, within) = (app.now(), cx.on_behalf());
        let (contacts, companies): (Vec<_>, Vec<_>) = all.iter().filter_map(|wanted| wanted.asked.names()).unzip();
        let contacts = contacts.into_iter().flatten().copied().collect();
        let companies = companies.into_iter().flatten().copied().collect();
        let attributed = all.iter().filter_map(|wanted| wanted.asked.attributed(now)).collect();
        Ok(DealFacts {
            now,
            pipelines: pipelines(app, &within, all).await?,
            contacts: living::<Contact, ContactsRead>(app, cx, &contacts).await?,
            companies: living::<Company, CompaniesRead>(app, cx, &companies).await?,
            schema: schema::<Deal>(app, cx, attributed).await?,
        })
    }

    fn commands(self, facts: &DealFacts, _: &Turn<'_>, deal: Option<&Deal>) -> Result<Vec<DealCommand>, AppError> {
        let (own, at) = (deal.map(|deal| deal.profile.pipeline_id), facts.now);
        // Where there is no deal, that is what is refused.
        let nowhere = || Uuid::nil().into();
        Ok(vec![match self {
            Self::Open(draft) => facts.open(*draft)?,
            Self::Move { pipeline_id, stage_id } => {
                let pipeline = facts.pipeline(pipeline_id.or(own))?;
                let pipeline_id = pipeline_id.or(own).unwrap_or_else(nowhere);
                DealCommand::Move { pipeline_id, stage_id, pipeline, at }
            }
            Self::Win { reason } => DealCommand::Win { reason, pipeline: facts.pipeline(own)?, at },
            Self::Lose { reason } => DealCommand::Lose { reason, pipeline: facts.pipeline(own)?, at },
            Self::Reopen => DealCommand::Reopen { pipeline: facts.pipeline(own)?, at },
            Self::Link(DealLinks { contact_ids, company_ids }) => {
                let (contacts, companies) = (both(&contact_ids, &facts.contacts), both(&company_ids, &facts.companies));
                let people = DealCommand::LinkContacts { contact_ids, seen: contacts };
                return Ok(vec![people, DealCommand::LinkCompanies { company_ids, seen: companies }]);
            }
            Self::Unlink(DealLinks { contact_ids, company_ids }) => {
                let people = DealCommand::UnlinkContacts(contact_ids);
                return Ok(vec![people, DealCommand::UnlinkCompanies(company_ids)]);
            }
            Self::Command(command) => told::<Deal>(command, &facts.schema),
        }])
    }
}

impl DealRequest {
    /// The people and companies that the deal comes to name.
    fn names(&self) -> Option<(&BTreeSet<ContactId>, &BTreeSet<CompanyId>)> {
        match self {
            Self::Open(draft) => Some((&draft.contact_ids, &draft.company_ids)),
            Self::Link(links) => Some((&links.contact_ids, &links.company_ids)),
            _ => None,
        }
    }

    /// Whether the pipeline matters in which the deal is.
    fn is_about_its_way(&self) -> bool {
        match self {
            Self::Move { pipeline_id: None, .. } | Self::Win { .. } | Self::Lose { .. } | Self::Reopen => true,
            Self::Open(_) | Self::Move { .. } | Self::Link(_) | Self::Unlink(_) | Self::Command(_) => false,
        }
    }

    /// The pipeline that is named.
    fn pipeline(&self) -> Option<PipelineId> {
        match self {
            Self::Open(draft) => Some(draft.pipeline_id),
            Self::Move { pipeline_id, .. } => *pipeline_id,
            _ => None,
        }
    }

    /// A command that may set custom attributes.
    fn attributed(&self, now: DateTime<Utc>) -> Option<DealCommand> {
        match self {
            Self::Open(draft) => {
                let profile = Box::new((**draft).clone().begun(Uuid::nil().into(), now));
                Some(DealCommand::Open { profile, seen: Box::default() })
            }
            Self::Command(command) => Some(command.clone()),
            _ => None,
        }
    }
}

impl DealFacts {
    /// A pipeline, if there is one of which anything is asked.
    fn pipeline(&self, id: Option<PipelineId>) -> Result<Option<Box<Pipeline>>, AppError> {
        let Some(id) = id else { return Ok(None) };
        // A deal that has come to another pipeline since was not looked up with that one.
        Ok(self.pipelines.get(&id).ok_or(AppError::Unforeseen)?.clone().map(Box::new))
    }

    fn open(&self, draft: DealDraft) -> Result<DealCommand, AppError> {
        let pipeline = self.pipeline(Some(draft.pipeline_id))?.map(|pipeline| *pipeline);
        let first = pipeline.as_ref().and_then(|pipeline| pipeline.profile.stages.first()).map(|stage| stage.id);
        // Where there is no pipeline, that is what is refused.
        let stage_id = draft.stage_id.or(first).unwrap_or_else(|| Uuid::nil().into());
        let (contacts, companies) =
            (both(&draft.contact_ids, &self.contacts), both(&draft.company_ids, &self.companies));
        let seen = Box::new(Seen { pipeline, contacts, companies, schema: Schema::default() });
        let profile = Box::new(draft.begun(stage_id, self.now));
        Ok(told::<Deal>(DealCommand::Open { profile, seen }, &self.schema))
    }
}

/// What is in both.
fn both<Id: Ord + Copy>(some: &BTreeSet<Id>, others: &BTreeSet<Id>) -> BTreeSet<Id> {
    some.intersection(others).copied().collect()
}

/// The pipelines that are named, and those in which deals are of which something is asked that depends on it: also for a deal that
/// is moved first, since where to is named.
async fn pipelines(
    app: &App,
    within: &Authorized<System>,
    all: &[Wanted<DealRequest>],
) -> Result<BTreeMap<PipelineId, Option<Pipeline>>, AppError> {
    let on_their_way = all.iter().filter(|wanted| wanted.asked.is_about_its_way());
    let deals: BTreeSet<Uuid> = on_their_way
        .filter_map(|wanted| match &wanted.target {
            Target::Record(id) => Some(*id),
            Target::New | Target::Holder(_) => None,
        })
        .collect();
    let deals: Vec<_> = deals.into_iter().collect();
    let mut wanted: BTreeSet<PipelineId> = all.iter().filter_map(|wanted| wanted.asked.pipeline()).collect();
    for deals in deals.chunks(PAGE) {
        let deals = app.read_all::<Deal>(within, deals).await?;
        wanted.extend(deals.iter().map(|deal| deal.state.profile.pipeline_id));
    }
    let ids: Vec<Uuid> = wanted.iter().map(|id| (*id).into()).collect();
    let mut pipelines: BTreeMap<_, _> = wanted.into_iter().map(|id| (id, None)).collect();
    for ids in ids.chunks(PAGE) {
        let read = app.read_all::<Pipeline>(within, ids).await?;
        pipelines.extend(read.into_iter().map(|pipeline| (pipeline.id.into(), Some(pipeline.state))));
    }
    Ok(pipelines)
}
