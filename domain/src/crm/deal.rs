//! A piece of business on its way through a pipeline, until it is won or lost.

mod command;
mod error;
mod event;
mod journey;
mod profile;
#[cfg(feature = "testing")]
mod story;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    command::{DealChange, DealCommand, Seen},
    error::DealError,
    event::DealEvent,
    journey::{Stay, TimeInStage, stays},
    profile::DealProfile,
};
use crate::{
    crm::custom_field::{Attributed, Schema, note_unique, referred, reserved},
    ids::{DealId, StageId},
    kernel::{Aggregate, Belonging, Reference, UniqueKey},
    values::{Label, RecordRef, RecordType},
};

/// How many contacts a deal may name.
const MAX_CONTACTS: usize = 50;
/// How many companies a deal may name.
const MAX_COMPANIES: usize = 20;

/// A deal's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deal {
    /// What is known about it.
    #[serde(flatten)]
    pub profile: DealProfile,
    /// Whether it was won or lost.
    pub status: DealStatus,
    /// When it was won or lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<DateTime<Utc>>,
    /// Why it was won or lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Since when it is in its stage.
    pub stage_entered_at: DateTime<Utc>,
    /// How often, and for how long, it was in each stage. The time in the present stage is added when it leaves it.
    pub stages: BTreeMap<StageId, TimeInStage>,
    /// Whether it was told that it stays in its stage for too long, since it entered it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rotted: bool,
    /// Softly deleted: kept, but out of sight.
    #[serde(default)]
    pub deleted: bool,
}

/// How a deal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DealStatus {
    /// It may be won.
    Open,
    /// It was won.
    Won,
    /// It was lost.
    Lost,
}

impl DealStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Open, Self::Won, Self::Lost];

    /// Their names, in the same order.
    pub const NAMES: [&'static str; 3] = ["open", "won", "lost"];

    /// Its name, as it is written.
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl Aggregate for Deal {
    const CONTEXT: &'static str = "crm";
    const TYPE: &'static str = "deal";
    const PLURAL: &'static str = "deals";
    const BELONGS: bool = true;
    type Id = DealId;
    type Command = DealCommand;
    type Event = DealEvent;
    type Error = DealError;

    fn decide(state: Option<&Self>, command: DealCommand) -> Result<Vec<DealEvent>, DealError> {
        use DealCommand::{
            Change, Delete, LeaveStage, LinkCompanies, LinkContacts, Lose, Move, Open, Reopen, ReplaceRecord, Restore,
            Rot, Tag, UnlinkCompanies, UnlinkContacts, Untag, Win,
        };
        match (state, command) {
            (None, Open { profile, seen }) => {
                profile.checked(&seen).map(|profile| vec![DealEvent::Opened(Box::new(profile))])
            }
            (None, _) => Err(DealError::NotFound),
            (Some(_), Open { .. }) => Err(DealError::AlreadyExists),
            // What is deleted may be restored, and is to name then whom it would name.
            (Some(deal), ReplaceRecord { record, by }) => Ok(deal.profile.replaced(record, by)),
            (Some(deal), LeaveStage { stage_id, to, at }) => Ok(deal.leaves(stage_id, to, at).into_iter().collect()),
            (Some(deal), Delete) if deal.deleted => Ok(vec![]),
            (Some(deal), Restore) if deal.deleted => Ok(vec![DealEvent::Restored {}]),
            (Some(deal), _) if deal.deleted => Err(DealError::Deleted),
            (Some(deal), Change(change)) => deal.profile.changes(*change),
            (Some(deal), Move { pipeline_id, stage_id, pipeline, at }) => {
                deal.moves(pipeline_id, stage_id, pipeline.as_deref(), at)
            }
            (Some(deal), Win { reason, pipeline, at }) => deal.wins(reason, pipeline.as_deref(), at),
            (Some(deal), Lose { reason, pipeline, at }) => deal.loses(reason, pipeline.as_deref(), at),
            (Some(deal), Reopen { pipeline, at }) => deal.reopens(pipeline.as_deref(), at),
            (Some(deal), Rot { pipeline, at }) => Ok(deal.rots(pipeline.as_deref(), at).into_iter().collect()),
            (Some(deal), LinkContacts { contact_ids, seen }) => deal.profile.contacts_linked(contact_ids, &seen),
            (Some(deal), UnlinkContacts(ids)) => Ok(deal.profile.contacts_unlinked(ids).into_iter().collect()),
            (Some(deal), LinkCompanies { company_ids, seen }) => deal.profile.companies_linked(company_ids, &seen),
            (Some(deal), UnlinkCompanies(ids)) => Ok(deal.profile.companies_unlinked(ids).into_iter().collect()),
            (Some(deal), Tag(tags)) => deal.profile.tagged(&tags),
            (Some(deal), Untag(tags)) => Ok(deal.profile.untagged(&tags).into_iter().collect()),
            (Some(_), Delete) => Ok(vec![DealEvent::Deleted {}]),
            (Some(_), Restore) => Ok(vec![]),
        }
    }

    fn init(event: &DealEvent) -> Option<Self> {
        match event {
            DealEvent::Opened(profile) => {
                let mut deal = Self {
                    profile: (**profile).clone(),
                    status: DealStatus::Open,
                    closed_at: None,
                    reason: None,
                    stage_entered_at: profile.opened_at,
                    stages: BTreeMap::new(),
                    rotted: false,
                    deleted: false,
                };
                deal.enter(profile.opened_at);
                Some(deal)
            }
            _ => None,
        }
    }

    fn apply(&mut self, event: &DealEvent) {
        let profile = &mut self.profile;
        match event.clone() {
            DealEvent::Opened(opened) => *profile = *opened,
            DealEvent::Renamed { name } => profile.name = name,
            DealEvent::ValueChanged { value } => profile.value = value,
            DealEvent::ExpectedCloseChanged { expected_close } => profile.expected_close = expected_close,
            DealEvent::SourceChanged { source } => profile.source = source,
            DealEvent::OwnerChanged { owner_id } => profile.owner_id = owner_id,
            DealEvent::ProjectChanged { project_id } => profile.project_id = project_id,
            DealEvent::AttributeSet { key, value, unique } => {
                note_unique(&mut profile.unique_attributes, &key, unique);
                profile.attributes.insert(key, value);
            }
            DealEvent::AttributeRemoved { key } => {
                note_unique(&mut profile.unique_attributes, &key, false);
                profile.attributes.remove(&key);
            }
            DealEvent::Tagged { tags } => profile.tags.extend(tags),
            DealEvent::Untagged { tags } => profile.tags.retain(|tag| !tags.contains(tag)),
            DealEvent::ContactsLinked { contact_ids } => profile.contact_ids.extend(contact_ids),
            DealEvent::ContactsUnlinked { contact_ids } => profile.contact_ids.retain(|id| !contact_ids.contains(id)),
            DealEvent::CompaniesLinked { company_ids } => profile.company_ids.extend(company_ids),
            DealEvent::CompaniesUnlinked { company_ids } => profile.company_ids.retain(|id| !company_ids.contains(id)),
            DealEvent::StageChanged { pipeline_id, stage_id, at, .. } => {
                self.leave(at);
                (self.profile.pipeline_id, self.profile.stage_id) = (pipeline_id, stage_id);
                self.enter(at);
            }
            DealEvent::Won { reason, at } => self.close(DealStatus::Won, reason, at),
            DealEvent::Lost { reason, at } => self.close(DealStatus::Lost, reason, at),
            DealEvent::Reopened { stage_id, at } => {
                (self.status, self.closed_at, self.reason) = (DealStatus::Open, None, None);
                self.profile.stage_id = stage_id;
                self.enter(at);
            }
            DealEvent::Rotted { .. } => self.rotted = true,
            DealEvent::Deleted {} => self.deleted = true,
            DealEvent::Restored {} => self.deleted = false,
        }
    }

    fn belongs(&self) -> Option<Belonging> {
        Some(Belonging { owner_id: self.profile.owner_id, project_id: self.profile.project_id })
    }

    fn keys(&self) -> Vec<UniqueKey> {
        let DealProfile { attributes, unique_attributes, .. } = &self.profile;
        reserved("deal.attribute", unique_attributes, |key| attributes.get(key)).collect()
    }

    fn references(&self) -> Vec<Reference> {
        let DealProfile { contact_ids, company_ids, stage_id, attributes, .. } = &self.profile;
        let others = referred(attributes.values()).into_iter().map(Reference::from);
        let contacts = contact_ids.iter().map(|id| Reference::new("contact", *id));
        let companies = company_ids.iter().map(|id| Reference::new("company", *id));
        // What was won or lost is in no stage.
        let stage = (self.status == DealStatus::Open).then(|| Reference::new("stage", *stage_id));
        contacts.chain(companies).chain(others).chain(stage).collect()
    }

    fn is_deleted(&self) -> bool {
        self.deleted
    }
}

impl Attributed for Deal {
    const RECORD_TYPE: RecordType = RecordType::Deal;

    fn asks(command: &mut DealCommand) -> Option<(Vec<RecordRef>, &mut Schema)> {
        match command {
            DealCommand::Open { profile, seen } => Some((referred(profile.attributes.values()), &mut seen.schema)),
            DealCommand::Change(change) if !change.attributes.is_empty() => {
                Some((referred(change.attributes.values().flatten()), &mut change.schema))
            }
            _ => None,
        }
    }
}
