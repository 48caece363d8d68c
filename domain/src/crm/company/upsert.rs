//! A company that is known by its domain, or comes to be.

use std::collections::BTreeSet;

use super::{Company, CompanyChange, CompanyError, CompanyEvent, CompanyProfile};
use crate::{
    kernel::{Aggregate, UniqueKey},
    values::{DomainName, Tag},
};

/// What is to be known of the company that has a domain.
#[derive(Clone)]
pub struct CompanyUpsert {
    /// By what it was looked for.
    pub by: DomainName,
    /// What is to be so.
    pub change: CompanyChange,
    /// Labels to put on.
    pub tags: BTreeSet<Tag>,
}

impl Company {
    /// A domain, as it is reserved.
    pub fn domain_key(domain: &DomainName) -> UniqueKey {
        UniqueKey::new("company.domain", domain.as_str())
    }
}

impl CompanyUpsert {
    /// A company that becomes known by it, and has the domain.
    pub(super) fn begun(self) -> Result<CompanyEvent, CompanyError> {
        let Self { by, mut change, tags } = self;
        let profile = CompanyProfile::named(change.name.clone().ok_or(CompanyError::Nameless)?);
        let (attributes, schema) = (std::mem::take(&mut change.attributes), change.schema.clone());
        let mut events = profile.changes(change)?;
        events.extend(profile.tagged(&tags)?);
        let mut company = Company { profile, deleted: false, merged_into: None };
        events.iter().for_each(|event| company.apply(event));
        let mut profile = Box::new(company.profile);
        profile.domains.insert(by);
        profile.attributes = attributes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        profile.within_limits()?;
        Ok(CompanyEvent::Created(profile.defined(&schema)?))
    }

    /// What differs of one that is known.
    pub(super) fn changes(self, profile: &CompanyProfile) -> Result<Vec<CompanyEvent>, CompanyError> {
        let mut events = profile.changes(self.change)?;
        events.extend(profile.tagged(&self.tags)?);
        Ok(events)
    }
}
