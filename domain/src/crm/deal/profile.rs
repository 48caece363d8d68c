//! What is known about a deal, and what differs when it changes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{DealChange, DealError, DealEvent, MAX_COMPANIES, MAX_CONTACTS, Seen, journey::check_stage};
use crate::{
    crm::custom_field::{AttributeChange, Schema, replaced},
    ids::{CompanyId, ContactId, PipelineId, ProjectId, StageId, UserId},
    kernel::Patch,
    values::{AttributeKey, AttributeValue, Label, Money, RecordRef, RecordType, Tag, Title},
};

/// What is known about a deal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DealProfile {
    /// What it is called. Several may have the same name.
    pub name: Title,
    /// The pipeline in which it is.
    pub pipeline_id: PipelineId,
    /// The stage in which it is, or was when it was won or lost.
    pub stage_id: StageId,
    /// When it was begun.
    pub opened_at: DateTime<Utc>,
    /// What it is worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Money>,
    /// The day on which it is expected to be won.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_close: Option<NaiveDate>,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Label>,
    /// Who looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
    /// The workspace to which it belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// The people whom it concerns.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub contact_ids: BTreeSet<ContactId>,
    /// The companies that it concerns.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub company_ids: BTreeSet<CompanyId>,
    /// Labels, each once.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<Tag>,
    /// What is to be noted beyond the fields above.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<AttributeKey, AttributeValue>,
    /// Those of its custom attributes whose value no other living deal of the organization may have.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unique_attributes: BTreeSet<AttributeKey>,
}

impl DealProfile {
    /// A deal of which nothing is known but where it begins.
    pub fn begun(name: Title, pipeline_id: PipelineId, stage_id: StageId, opened_at: DateTime<Utc>) -> Self {
        Self {
            name,
            pipeline_id,
            stage_id,
            opened_at,
            value: None,
            expected_close: None,
            source: None,
            owner_id: None,
            project_id: None,
            contact_ids: BTreeSet::new(),
            company_ids: BTreeSet::new(),
            tags: BTreeSet::new(),
            attributes: BTreeMap::new(),
            unique_attributes: BTreeSet::new(),
        }
    }

    pub(super) fn checked(self: Box<Self>, seen: &Seen) -> Result<Self, DealError> {
        check_stage(seen.pipeline.as_ref(), self.stage_id)?;
        check_value(self.value)?;
        if self.tags.len() > Tag::MOST {
            return Err(DealError::TooManyTags);
        }
        check_contacts(&self.contact_ids, &self.contact_ids, &seen.contacts)?;
        check_companies(&self.company_ids, &self.company_ids, &seen.companies)?;
        Ok(*self.defined(&seen.schema)?)
    }

    /// One event for each thing that differs.
    pub(super) fn changes(&self, change: DealChange) -> Result<Vec<DealEvent>, DealError> {
        use DealEvent::{ExpectedCloseChanged, OwnerChanged, ProjectChanged, Renamed, SourceChanged, ValueChanged};
        if let Patch::Set(value) = change.value {
            check_value(value)?;
        }
        let mut events = Vec::new();
        events.extend(change.name.filter(|name| *name != self.name).map(|name| Renamed { name }));
        events.extend(change.value.differing(self.value.as_ref()).map(|value| ValueChanged { value }));
        let close = change.expected_close.differing(self.expected_close.as_ref());
        events.extend(close.map(|expected_close| ExpectedCloseChanged { expected_close }));
        events.extend(change.source.differing(self.source.as_ref()).map(|source| SourceChanged { source }));
        events.extend(change.owner_id.differing(self.owner_id.as_ref()).map(|owner_id| OwnerChanged { owner_id }));
        let project = change.project_id.differing(self.project_id.as_ref());
        events.extend(project.map(|project_id| ProjectChanged { project_id }));
        let attributes = change.schema.changed(&self.attributes, &self.unique_attributes, change.attributes)?;
        events.extend(attributes.into_iter().map(attribute_event));
        Ok(events)
    }

    /// The same, with custom attributes as they may be.
    fn defined(mut self: Box<Self>, schema: &Schema) -> Result<Box<Self>, DealError> {
        schema.define(&mut self.attributes, &mut self.unique_attributes)?;
        Ok(self)
    }

    pub(super) fn tagged(&self, tags: &BTreeSet<Tag>) -> Result<Vec<DealEvent>, DealError> {
        let tags = Tag::added(&self.tags, tags).ok_or(DealError::TooManyTags)?;
        Ok(if tags.is_empty() { vec![] } else { vec![DealEvent::Tagged { tags }] })
    }

    pub(super) fn untagged(&self, tags: &BTreeSet<Tag>) -> Option<DealEvent> {
        let tags = Tag::taken(&self.tags, tags);
        (!tags.is_empty()).then_some(DealEvent::Untagged { tags })
    }

    pub(super) fn contacts_linked(
        &self,
        ids: BTreeSet<ContactId>,
        seen: &BTreeSet<ContactId>,
    ) -> Result<Vec<DealEvent>, DealError> {
        let contact_ids: BTreeSet<_> = ids.difference(&self.contact_ids).copied().collect();
        let after: BTreeSet<_> = self.contact_ids.union(&contact_ids).copied().collect();
        check_contacts(&after, &contact_ids, seen)?;
        Ok(if contact_ids.is_empty() { vec![] } else { vec![DealEvent::ContactsLinked { contact_ids }] })
    }

    pub(super) fn contacts_unlinked(&self, ids: BTreeSet<ContactId>) -> Option<DealEvent> {
        let contact_ids: BTreeSet<_> = ids.intersection(&self.contact_ids).copied().collect();
        (!contact_ids.is_empty()).then_some(DealEvent::ContactsUnlinked { contact_ids })
    }

    pub(super) fn companies_linked(
        &self,
        ids: BTreeSet<CompanyId>,
        seen: &BTreeSet<CompanyId>,
    ) -> Result<Vec<DealEvent>, DealError> {
        let company_ids: BTreeSet<_> = ids.difference(&self.company_ids).copied().collect();
        let after: BTreeSet<_> = self.company_ids.union(&company_ids).copied().collect();
        check_companies(&after, &company_ids, seen)?;
        Ok(if company_ids.is_empty() { vec![] } else { vec![DealEvent::CompaniesLinked { company_ids }] })
    }

    pub(super) fn companies_unlinked(&self, ids: BTreeSet<CompanyId>) -> Option<DealEvent> {
        let company_ids: BTreeSet<_> = ids.intersection(&self.company_ids).copied().collect();
        (!company_ids.is_empty()).then_some(DealEvent::CompaniesUnlinked { company_ids })
    }

    /// What differs once a record stands in another one's place.
    pub(super) fn replaced(&self, record: RecordRef, by: Uuid) -> Vec<DealEvent> {
        let mut events = Vec::new();
        if record.id != by {
            match record.record_type {
                RecordType::Contact => events.extend(self.contact_replaced(record.id.into(), by.into())),
                RecordType::Company => events.extend(self.company_replaced(record.id.into(), by.into())),
                RecordType::Deal => {}
            }
        }
        let attributes = replaced(self.attributes.iter(), record, by).into_iter();
        events.extend(attributes.map(attribute_event));
        events
    }

    fn contact_replaced(&self, contact_id: ContactId, by: ContactId) -> impl Iterator<Item = DealEvent> + use<> {
        let unlinked = self.contacts_unlinked(BTreeSet::from([contact_id]));
        let contact_ids = BTreeSet::from([by]);
        let linked = (unlinked.is_some() && !self.contact_ids.contains(&by))
            .then_some(DealEvent::ContactsLinked { contact_ids });
        unlinked.into_iter().chain(linked)
    }

    fn company_replaced(&self, company_id: CompanyId, by: CompanyId) -> impl Iterator<Item = DealEvent> + use<> {
        let unlinked = self.companies_unlinked(BTreeSet::from([company_id]));
        let company_ids = BTreeSet::from([by]);
        let linked = (unlinked.is_some() && !self.company_ids.contains(&by))
            .then_some(DealEvent::CompaniesLinked { company_ids });
        unlinked.into_iter().chain(linked)
    }
}

fn attribute_event(AttributeChange { key, value, unique }: AttributeChange) -> DealEvent {
    match value {
        Some(value) => DealEvent::AttributeSet { key, value, unique },
        None => DealEvent::AttributeRemoved { key },
    }
}

fn check_value(value: Option<Money>) -> Result<(), DealError> {
    if value.is_some_and(|value| value.minor() < 0) { Err(DealError::NegativeValue) } else { Ok(()) }
}

fn check_contacts(
    all: &BTreeSet<ContactId>,
    new: &BTreeSet<ContactId>,
    seen: &BTreeSet<ContactId>,
) -> Result<(), DealError> {
    if all.len() > MAX_CONTACTS {
        Err(DealError::TooManyContacts)
    } else if !new.is_subset(seen) {
        Err(DealError::UnknownContact)
    } else {
        Ok(())
    }
}

fn check_companies(
    all: &BTreeSet<CompanyId>,
    new: &BTreeSet<CompanyId>,
    seen: &BTreeSet<CompanyId>,
) -> Result<(), DealError> {
    if all.len() > MAX_COMPANIES {
        Err(DealError::TooManyCompanies)
    } else if !new.is_subset(seen) {
        Err(DealError::UnknownCompany)
    } else {
        Ok(())
    }
}
