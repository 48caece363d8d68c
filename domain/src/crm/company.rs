//! A company with which there is, or may be, business. No person: nothing about it is personal.

mod error;
mod event;
mod merging;
mod profile;
#[cfg(feature = "testing")]
mod story;
mod upsert;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::{
    error::CompanyError,
    event::CompanyEvent,
    merging::{Absorption, Kinship},
    profile::CompanyProfile,
    upsert::CompanyUpsert,
};
use crate::{
    crm::custom_field::{Attributed, Schema, note_unique, referred, reserved},
    ids::{CompanyId, ProjectId, UserId},
    kernel::{Aggregate, Belonging, Patch, Reference, UniqueKey},
    values::{
        Address, AttributeKey, AttributeValue, DomainName, Label, LifecycleStage, PhoneNumber, RecordRef, RecordType,
        Tag, Title, Website,
    },
};

/// How many domains a company may have.
const MAX_DOMAINS: usize = 20;

impl Company {
    /// How many companies may stand above one.
    pub const MAX_LEVELS: usize = 20;
}

/// A company's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Company {
    /// What is known about it.
    #[serde(flatten)]
    pub profile: CompanyProfile,
    /// Softly deleted: kept, but out of sight, and its domains free for others.
    #[serde(default)]
    pub deleted: bool,
    /// The company that took it in. Counts as deleted, for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<CompanyId>,
}

/// What can be asked of a company.
#[derive(Clone)]
pub enum CompanyCommand {
    /// Make it known, with custom attributes as they may be. Where it is to stand is judged for the parent that the profile names.
    Create(Box<CompanyProfile>, Ancestry, Schema),
    /// Change attributes; those not named stay.
    Change(Box<CompanyChange>),
    /// Change the company that has a domain, or make one known that has it.
    Upsert(Box<CompanyUpsert>),
    /// Put labels on.
    Tag(BTreeSet<Tag>),
    /// Take labels off.
    Untag(BTreeSet<Tag>),
    /// Take another company in, which is merged in the same transaction.
    Absorb(Box<Absorption>),
    /// Become a part of another company, which absorbs it in the same transaction.
    Merge {
        /// That company.
        into: CompanyId,
    },
    /// Where it belongs to a company, belong to the one that took that in; also where it is deleted.
    ReplaceParent {
        /// The company that was taken in.
        parent_id: CompanyId,
        /// The company that took it in; `None` when that one belongs to this.
        by: Option<CompanyId>,
    },
    /// Where custom attributes refer to a record, have them refer to the one of which it is part now; also where it is deleted.
    ReplaceRecord {
        /// The record that was taken in.
        record: RecordRef,
        /// The record of the same type that took it in.
        by: Uuid,
    },
    /// Delete softly.
    Delete,
    /// Bring back what was deleted.
    Restore,
}

/// A change of attributes, in the sense of JSON merge patch (RFC 7396).
#[derive(Clone, Default)]
pub struct CompanyChange {
    /// A new name.
    pub name: Option<Title>,
    /// Other domains, all of them.
    pub domains: Option<BTreeSet<DomainName>>,
    /// Another line of business.
    pub industry: Patch<Label>,
    /// Another number of people.
    pub employees: Patch<u32>,
    /// Another website.
    pub website: Patch<Website>,
    /// A new telephone number.
    pub phone: Patch<PhoneNumber>,
    /// A new address, as a whole.
    pub address: Patch<Address>,
    /// How far it has come.
    pub lifecycle_stage: Patch<LifecycleStage>,
    /// Another company to which it belongs.
    pub parent_id: Patch<CompanyId>,
    /// How that company stands to it.
    pub ancestry: Ancestry,
    /// A new owner.
    pub owner_id: Patch<UserId>,
    /// Another workspace.
    pub project_id: Patch<ProjectId>,
    /// Custom attributes to set, or with `None` to remove.
    pub attributes: BTreeMap<AttributeKey, Option<AttributeValue>>,
    /// What they may be.
    pub schema: Schema,
}

/// How a company that is to be the parent stands to the child, as was seen before the command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ancestry {
    /// It was not seen, or is not there.
    #[default]
    Unknown,
    /// It may be the parent.
    Sound,
    /// It is the child itself, or stands below it.
    Circular,
    /// More than [`Company::MAX_LEVELS`] would stand above the child.
    TooDeep,
}

impl Aggregate for Company {
    const CONTEXT: &'static str = "crm";
    const TYPE: &'static str = "company";
    const PLURAL: &'static str = "companies";
    const BELONGS: bool = true;
    type Id = CompanyId;
    type Command = CompanyCommand;
    type Event = CompanyEvent;
    type Error = CompanyError;

    fn decide(state: Option<&Self>, command: CompanyCommand) -> Result<Vec<CompanyEvent>, CompanyError> {
        use CompanyCommand::{
            Absorb, Change, Create, Delete, Merge, ReplaceParent, ReplaceRecord, Restore, Tag, Untag, Upsert,
        };
        match (state, command) {
            (None, Create(profile, ancestry, schema)) => {
                profile.checked(ancestry, &schema).map(|profile| vec![CompanyEvent::Created(profile)])
            }
            (None, Upsert(upsert)) => Ok(vec![upsert.begun()?]),
            (None, _) => Err(CompanyError::NotFound),
            (Some(_), Create(..)) => Err(CompanyError::AlreadyExists),
            // Nothing brings back what was merged, and nobody asks for its parent.
            (Some(company), ReplaceParent { parent_id, by }) => {
                let is_below = company.merged_into.is_none() && company.profile.parent_id == Some(parent_id);
                let moved = is_below && by != Some(parent_id);
                Ok(moved.then_some(CompanyEvent::ParentChanged { parent_id: by }).into_iter().collect())
            }
            (Some(company), ReplaceRecord { .. }) if company.merged_into.is_some() => Ok(vec![]),
            (Some(company), ReplaceRecord { record, by }) => Ok(company.profile.replaced(record, by)),
            (Some(Self { merged_into: Some(into), .. }), Merge { into: again }) if *into == again => Ok(vec![]),
            (Some(Self { merged_into: Some(into), .. }), _) => Err(CompanyError::Merged { into: *into }),
            (Some(company), Delete) if company.deleted => Ok(vec![]),
            (Some(company), Restore) if company.deleted => Ok(vec![CompanyEvent::Restored {}]),
            (Some(company), _) if company.deleted => Err(CompanyError::Deleted),
            (Some(company), Change(change)) => company.profile.changes(*change),
            (Some(company), Upsert(upsert)) => upsert.changes(&company.profile),
            (Some(company), Tag(tags)) => company.profile.tagged(&tags),
            (Some(company), Untag(tags)) => Ok(company.profile.untagged(&tags).into_iter().collect()),
            (Some(company), Absorb(absorption)) => company.profile.absorbs(*absorption),
            (Some(_), Merge { into }) => Ok(vec![CompanyEvent::Merged { into }]),
            (Some(_), Delete) => Ok(vec![CompanyEvent::Deleted {}]),
            (Some(_), Restore) => Ok(vec![]),
        }
    }

    fn init(event: &CompanyEvent) -> Option<Self> {
        match event {
            CompanyEvent::Created(profile) => {
                Some(Self { profile: (**profile).clone(), deleted: false, merged_into: None })
            }
            _ => None,
        }
    }

    fn apply(&mut self, event: &CompanyEvent) {
        let profile = &mut self.profile;
        match event.clone() {
            CompanyEvent::Created(created) => *profile = *created,
            CompanyEvent::Renamed { name } => profile.name = name,
            CompanyEvent::DomainsChanged { domains } => profile.domains = domains,
            CompanyEvent::IndustryChanged { industry } => profile.industry = industry,
            CompanyEvent::EmployeesChanged { employees } => profile.employees = employees,
            CompanyEvent::WebsiteChanged { website } => profile.website = website,
            CompanyEvent::PhoneChanged { phone } => profile.phone = phone,
            CompanyEvent::AddressChanged { address } => profile.address = address,
            CompanyEvent::LifecycleStageChanged { lifecycle_stage } => profile.lifecycle_stage = lifecycle_stage,
            CompanyEvent::ParentChanged { parent_id } => profile.parent_id = parent_id,
            CompanyEvent::OwnerChanged { owner_id } => profile.owner_id = owner_id,
            CompanyEvent::ProjectChanged { project_id } => profile.project_id = project_id,
            CompanyEvent::AttributeSet { key, value, unique } => {
                note_unique(&mut profile.unique_attributes, &key, unique);
                profile.attributes.insert(key, value);
            }
            CompanyEvent::AttributeRemoved { key } => {
                note_unique(&mut profile.unique_attributes, &key, false);
                profile.attributes.remove(&key);
            }
            CompanyEvent::Tagged { tags } => profile.tags.extend(tags),
            CompanyEvent::Untagged { tags } => profile.tags.retain(|tag| !tags.contains(tag)),
            CompanyEvent::Absorbed { profile: both, .. } => *profile = *both,
            CompanyEvent::Merged { into } => self.merged_into = Some(into),
            CompanyEvent::Deleted {} => self.deleted = true,
            CompanyEvent::Restored {} => self.deleted = false,
        }
    }

    fn belongs(&self) -> Option<Belonging> {
        Some(Belonging { owner_id: self.profile.owner_id, project_id: self.profile.project_id })
    }

    fn keys(&self) -> Vec<UniqueKey> {
        let CompanyProfile { domains, attributes, unique_attributes, .. } = &self.profile;
        let domains = domains.iter().map(Self::domain_key);
        domains.chain(reserved("company.attribute", unique_attributes, |key| attributes.get(key))).collect()
    }

    fn references(&self) -> Vec<Reference> {
        let parent = self.profile.parent_id.map(RecordRef::company);
        let others = referred(self.profile.attributes.values());
        parent.into_iter().chain(others).map(Reference::from).collect()
    }

    fn is_deleted(&self) -> bool {
        self.deleted || self.merged_into.is_some()
    }

    fn successor(&self) -> Option<CompanyId> {
        self.merged_into
    }
}

impl Attributed for Company {
    const RECORD_TYPE: RecordType = RecordType::Company;

    fn asks(command: &mut CompanyCommand) -> Option<(Vec<RecordRef>, &mut Schema)> {
        let change = match command {
            CompanyCommand::Create(profile, _, schema) => return Some((referred(profile.attributes.values()), schema)),
            CompanyCommand::Upsert(upsert) => &mut upsert.change,
            CompanyCommand::Change(change) if !change.attributes.is_empty() => &mut **change,
            _ => return None,
        };
        Some((referred(change.attributes.values().flatten()), &mut change.schema))
    }
}

impl CompanyCommand {
    /// The company that is to be the parent, and the place for how it stands to the child; `None` when the command is about something
    /// else.
    pub fn parent(&mut self) -> Option<(CompanyId, &mut Ancestry)> {
        let change = match self {
            Self::Create(profile, ancestry, _) => return profile.parent_id.map(|parent| (parent, ancestry)),
            Self::Upsert(upsert) => &mut upsert.change,
            Self::Change(change) => &mut **change,
            _ => return None,
        };
        match change.parent_id {
            Patch::Set(Some(parent)) => Some((parent, &mut change.ancestry)),
            _ => None,
        }
    }
}
