//! Two companies that turn out to be one: the winner takes the loser in.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CompanyError, CompanyEvent, CompanyProfile};
use crate::{
    ids::{CompanyId, ProjectId, UserId},
    values::{Address, AttributeKey, AttributeValue, DomainName, Label, LifecycleStage, PhoneNumber, Tag, Website},
};

/// A company that is to be taken in, as was seen before the command.
#[derive(Debug, Clone)]
pub struct Absorption {
    /// Which one.
    pub company_id: CompanyId,
    /// What is known about it; `None` when it is not there.
    pub profile: Option<CompanyProfile>,
    /// How it stands to the company that takes it in.
    pub kinship: Kinship,
}

/// How the company that is to be taken in stands to the one that takes it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinship {
    /// Neither above nor below it.
    Apart,
    /// It belongs to it, over however many others.
    Below,
    /// The other way round.
    Above,
    /// It is the same company.
    Same,
    /// It was taken in before.
    Merged,
    /// Too many companies stand above one of them to be sure.
    Unclear,
}

/// What a company takes over from one that it takes in: what it lacks itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CompanyGains {
    /// The company that was taken in.
    pub company_id: CompanyId,
    /// Domains.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub domains: BTreeSet<DomainName>,
    /// A line of business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub industry: Option<Label>,
    /// How many people work there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employees: Option<u32>,
    /// A website.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<Website>,
    /// A telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<PhoneNumber>,
    /// An address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// A stage on the way to being a customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle_stage: Option<LifecycleStage>,
    /// A parent: where it had none, or where the company that was taken in stood above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<CompanyId>,
    /// Somebody who looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
    /// A workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<Tag>,
    /// Custom attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<AttributeKey, AttributeValue>,
}

impl CompanyProfile {
    /// Takes another company in. Where that one stands above, this one comes to its place, since all that belongs to the
    /// other will belong to this one.
    pub(super) fn absorbs(&self, absorption: Absorption) -> Result<Vec<CompanyEvent>, CompanyError> {
        let Absorption { company_id, profile, kinship } = absorption;
        let inherits = match kinship {
            Kinship::Same => return Err(CompanyError::MergedWithItself),
            Kinship::Unclear => return Err(CompanyError::TooDeep),
            Kinship::Merged => return Ok(vec![]),
            Kinship::Apart => self.parent_id.is_none(),
            // What belongs to this company is no parent of it.
            Kinship::Below => false,
            Kinship::Above => true,
        };
        let loser = profile.ok_or(CompanyError::UnknownLoser)?;
        let mut events = Vec::new();
        if kinship == Kinship::Above && loser.parent_id.is_none() {
            events.push(CompanyEvent::ParentChanged { parent_id: None });
        }
        let gains = self.gains(company_id, loser, inherits);
        let mut after = self.clone();
        after.take_over(gains.clone());
        after.within_limits()?;
        events.push(CompanyEvent::Absorbed(Box::new(gains)));
        Ok(events)
    }

    fn gains(&self, company_id: CompanyId, loser: Self, inherits: bool) -> CompanyGains {
        let mut attributes = loser.attributes;
        attributes.retain(|key, _| !self.attributes.contains_key(key));
        CompanyGains {
            company_id,
            domains: loser.domains.difference(&self.domains).cloned().collect(),
            industry: loser.industry.filter(|_| self.industry.is_none()),
            employees: loser.employees.filter(|_| self.employees.is_none()),
            website: loser.website.filter(|_| self.website.is_none()),
            phone: loser.phone.filter(|_| self.phone.is_none()),
            address: loser.address.filter(|_| self.address.is_none()),
            lifecycle_stage: loser.lifecycle_stage.filter(|_| self.lifecycle_stage.is_none()),
            parent_id: loser.parent_id.filter(|_| inherits),
            owner_id: loser.owner_id.filter(|_| self.owner_id.is_none()),
            project_id: loser.project_id.filter(|_| self.project_id.is_none()),
            tags: loser.tags.difference(&self.tags).cloned().collect(),
            attributes,
        }
    }

    pub(super) fn take_over(&mut self, gains: CompanyGains) {
        self.domains.extend(gains.domains);
        self.industry = gains.industry.or(self.industry.take());
        self.employees = gains.employees.or(self.employees);
        self.website = gains.website.or(self.website.take());
        self.phone = gains.phone.or(self.phone.take());
        self.address = gains.address.or(self.address.take());
        self.lifecycle_stage = gains.lifecycle_stage.or(self.lifecycle_stage);
        self.parent_id = gains.parent_id.or(self.parent_id);
        self.owner_id = gains.owner_id.or(self.owner_id);
        self.project_id = gains.project_id.or(self.project_id);
        self.tags.extend(gains.tags);
        self.attributes.extend(gains.attributes);
    }
}
