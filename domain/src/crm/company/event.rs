//! What happens to a company.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CompanyProfile;
use crate::{
    ids::{CompanyId, ProjectId, UserId},
    values::{
        Address, AttributeKey, AttributeValue, DomainName, Label, LifecycleStage, PhoneNumber, Tag, Title, Website,
    },
};

/// What happened to a company. Names are public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the profile, where they are explained")]
pub enum CompanyEvent {
    /// The company became known.
    #[serde(rename = "company.created")]
    Created(Box<CompanyProfile>),
    /// The name changed.
    #[serde(rename = "company.renamed")]
    Renamed { name: Title },
    /// It has other domains; these are all.
    #[serde(rename = "company.domains_changed")]
    DomainsChanged { domains: BTreeSet<DomainName> },
    /// The line of business changed, or was removed.
    #[serde(rename = "company.industry_changed")]
    IndustryChanged { industry: Option<Label> },
    /// The number of people who work there changed, or was removed.
    #[serde(rename = "company.employees_changed")]
    EmployeesChanged { employees: Option<u32> },
    /// The website changed, or was removed.
    #[serde(rename = "company.website_changed")]
    WebsiteChanged { website: Option<Website> },
    /// The telephone number changed, or was removed.
    #[serde(rename = "company.phone_changed")]
    PhoneChanged { phone: Option<PhoneNumber> },
    /// The address changed, or was removed.
    #[serde(rename = "company.address_changed")]
    AddressChanged { address: Option<Address> },
    /// It came to another stage on the way to being a customer.
    #[serde(rename = "company.lifecycle_stage_changed")]
    LifecycleStageChanged { lifecycle_stage: Option<LifecycleStage> },
    /// It belongs to another company, or to none.
    #[serde(rename = "company.parent_changed")]
    ParentChanged { parent_id: Option<CompanyId> },
    /// Another user looks after it, or nobody does.
    #[serde(rename = "company.owner_changed")]
    OwnerChanged { owner_id: Option<UserId> },
    /// It moved to another workspace, or out of all.
    #[serde(rename = "company.project_changed")]
    ProjectChanged { project_id: Option<ProjectId> },
    /// A custom attribute got a value.
    #[serde(rename = "company.attribute_set")]
    AttributeSet {
        key: AttributeKey,
        value: AttributeValue,
        /// Whether no other living company may have the value.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unique: bool,
    },
    /// A custom attribute was removed.
    #[serde(rename = "company.attribute_removed")]
    AttributeRemoved { key: AttributeKey },
    /// Labels were put on.
    #[serde(rename = "company.tagged")]
    Tagged { tags: BTreeSet<Tag> },
    /// Labels were taken off.
    #[serde(rename = "company.untagged")]
    Untagged { tags: BTreeSet<Tag> },
    /// It took another company in, and is known so now: with what it lacked itself.
    #[serde(rename = "company.absorbed")]
    Absorbed { company_id: CompanyId, profile: Box<CompanyProfile> },
    /// It became a part of another company. Counts as deleted, for good.
    #[serde(rename = "company.merged")]
    Merged { into: CompanyId },
    /// The company was deleted softly.
    #[serde(rename = "company.deleted")]
    Deleted {},
    /// The company was brought back.
    #[serde(rename = "company.restored")]
    Restored {},
}
