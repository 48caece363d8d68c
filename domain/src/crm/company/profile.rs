//! What is known about a company, and what differs when it changes.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Ancestry, CompanyChange, CompanyError, CompanyEvent, MAX_DOMAINS};
use crate::{
    crm::custom_field::{AttributeChange, Schema, check_count, replaced},
    ids::{CompanyId, ProjectId, UserId},
    values::{
        Address, AttributeKey, AttributeValue, DomainName, Label, LifecycleStage, PhoneNumber, RecordRef, Tag, Title,
        Website,
    },
};

/// What is known about a company.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CompanyProfile {
    /// What it is called. Several may have the same name.
    pub name: Title,
    /// Its domains in the Internet, each unique among the living companies of an organization.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub domains: BTreeSet<DomainName>,
    /// Its line of business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub industry: Option<Label>,
    /// How many people work there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employees: Option<u32>,
    /// Where it is to be found in the web.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<Website>,
    /// Where it can be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<PhoneNumber>,
    /// Where it is seated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// How far it has come on the way to being a customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle_stage: Option<LifecycleStage>,
    /// The company to which it belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<CompanyId>,
    /// Who looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
    /// The workspace to which it belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// Labels, each once.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<Tag>,
    /// What is to be noted beyond the fields above.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<AttributeKey, AttributeValue>,
    /// Those of its custom attributes whose value no other living company of the organization may have.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unique_attributes: BTreeSet<AttributeKey>,
}

impl CompanyProfile {
    /// A profile of which only the name is known.
    pub fn named(name: Title) -> Self {
        Self {
            name,
            domains: BTreeSet::new(),
            industry: None,
            employees: None,
            website: None,
            phone: None,
            address: None,
            lifecycle_stage: None,
            parent_id: None,
            owner_id: None,
            project_id: None,
            tags: BTreeSet::new(),
            attributes: BTreeMap::new(),
            unique_attributes: BTreeSet::new(),
        }
    }

    pub(super) fn checked(self: Box<Self>, ancestry: Ancestry, schema: &Schema) -> Result<Box<Self>, CompanyError> {
        check_parent(self.parent_id, ancestry)?;
        self.within_limits()?;
        self.defined(schema)
    }

    pub(super) fn within_limits(&self) -> Result<(), CompanyError> {
        if self.domains.len() > MAX_DOMAINS {
            Err(CompanyError::TooManyDomains)
        } else if self.tags.len() > Tag::MOST {
            Err(CompanyError::TooManyTags)
        } else {
            Ok(check_count(self.attributes.len())?)
        }
    }

    /// One event for each thing that differs.
    pub(super) fn changes(&self, change: CompanyChange) -> Result<Vec<CompanyEvent>, CompanyError> {
        use CompanyEvent::{
            AddressChanged, DomainsChanged, EmployeesChanged, IndustryChanged, LifecycleStageChanged, OwnerChanged,
            ParentChanged, PhoneChanged, ProjectChanged, Renamed, WebsiteChanged,
        };
        let mut events = Vec::new();
        events.extend(change.name.filter(|name| *name != self.name).map(|name| Renamed { name }));
        if let Some(domains) = change.domains.filter(|domains| *domains != self.domains) {
            if domains.len() > MAX_DOMAINS {
                return Err(CompanyError::TooManyDomains);
            }
            events.push(DomainsChanged { domains });
        }
        let industry = change.industry.differing(self.industry.as_ref());
        events.extend(industry.map(|industry| IndustryChanged { industry }));
        let employees = change.employees.differing(self.employees.as_ref());
        events.extend(employees.map(|employees| EmployeesChanged { employees }));
        events.extend(change.website.differing(self.website.as_ref()).map(|website| WebsiteChanged { website }));
        events.extend(change.phone.differing(self.phone.as_ref()).map(|phone| PhoneChanged { phone }));
        events.extend(change.address.differing(self.address.as_ref()).map(|address| AddressChanged { address }));
        let stage = change.lifecycle_stage.differing(self.lifecycle_stage.as_ref());
        events.extend(stage.map(|lifecycle_stage| LifecycleStageChanged { lifecycle_stage }));
        if let Some(parent_id) = change.parent_id.differing(self.parent_id.as_ref()) {
            check_parent(parent_id, change.ancestry)?;
            events.push(ParentChanged { parent_id });
        }
        events.extend(change.owner_id.differing(self.owner_id.as_ref()).map(|owner_id| OwnerChanged { owner_id }));
        let project = change.project_id.differing(self.project_id.as_ref());
        events.extend(project.map(|project_id| ProjectChanged { project_id }));
        let attributes = change.schema.changed(&self.attributes, &self.unique_attributes, change.attributes)?;
        events.extend(attributes.into_iter().map(attribute_event));
        Ok(events)
    }

    /// The same, with custom attributes as they may be.
    pub(super) fn defined(mut self: Box<Self>, schema: &Schema) -> Result<Box<Self>, CompanyError> {
        schema.define(&mut self.attributes, &mut self.unique_attributes)?;
        Ok(self)
    }

    pub(super) fn tagged(&self, tags: &BTreeSet<Tag>) -> Result<Vec<CompanyEvent>, CompanyError> {
        let tags = Tag::added(&self.tags, tags).ok_or(CompanyError::TooManyTags)?;
        Ok(if tags.is_empty() { vec![] } else { vec![CompanyEvent::Tagged { tags }] })
    }

    pub(super) fn untagged(&self, tags: &BTreeSet<Tag>) -> Option<CompanyEvent> {
        let tags = Tag::taken(&self.tags, tags);
        (!tags.is_empty()).then_some(CompanyEvent::Untagged { tags })
    }

    /// What differs once a record stands in another one's place to which custom attributes refer.
    pub(super) fn replaced(&self, record: RecordRef, by: Uuid) -> Vec<CompanyEvent> {
        replaced(self.attributes.iter(), record, by).into_iter().map(attribute_event).collect()
    }
}

fn attribute_event(AttributeChange { key, value, unique }: AttributeChange) -> CompanyEvent {
    match value {
        Some(value) => CompanyEvent::AttributeSet { key, value, unique },
        None => CompanyEvent::AttributeRemoved { key },
    }
}

fn check_parent(parent: Option<CompanyId>, ancestry: Ancestry) -> Result<(), CompanyError> {
    match (parent, ancestry) {
        (None, _) | (Some(_), Ancestry::Sound) => Ok(()),
        (Some(_), Ancestry::Unknown) => Err(CompanyError::UnknownParent),
        (Some(_), Ancestry::Circular) => Err(CompanyError::Circular),
        (Some(_), Ancestry::TooDeep) => Err(CompanyError::TooDeep),
    }
}
