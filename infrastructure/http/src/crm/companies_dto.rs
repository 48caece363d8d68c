//! Companies as JSON.

use std::collections::{BTreeMap, BTreeSet};

use fairlead_application::{Recorded, envelope::rfc3339};
use fairlead_domain::{
    crm::{Ancestry, Company, CompanyChange, CompanyProfile, Schema},
    ids::CompanyId,
    kernel::{Aggregate, Patch},
    values::{AttributeValue, DomainName, Label, LifecycleStage, PhoneNumber, Tag, Title, Website},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::values::{AddressBody, AttributeBody, AttributeOrNull, address, attributes, tags};
use crate::{
    document::closed::{self, True},
    problem::{Check, Problem},
    request::{List, Map, Member, Object},
};

/// Domains in one request at most; a company has no more.
const MAX_DOMAINS: usize = 20;
/// Tags in one request at most; a company carries no more.
const MAX_TAGS: usize = 100;
/// Custom attributes in one request at most. Twice what a company has, so that one patch can exchange them all.
const MAX_ATTRIBUTES: usize = 200;

/// A company that is to become known.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Lima Shipping",
    "industry": "Logistics",
    "employees": 140,
    "website": "https://lima.example",
    "phone": "+351 21 123 4567",
    "address": { "city": "Lisboa", "country": "PT" },
    "lifecycle_stage": "lead",
    "tags": ["harbour"],
    "attributes": { "tier": "gold" }
}))]
pub(super) struct NewCompany {
    /// What it is called; several may have the same name.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Names of hosts, each unique among the organization's companies. International ones are kept in punycode.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false, max_items = 20)]
    domains: List<String, MAX_DOMAINS>,
    /// Its line of business.
    #[schema(min_length = 1, max_length = 100)]
    industry: Option<String>,
    /// How many people work there.
    #[schema(minimum = 0)]
    employees: Option<u32>,
    /// By `http` or `https`.
    #[schema(max_length = 500)]
    website: Option<String>,
    /// In international form.
    #[schema(max_length = 40)]
    phone: Option<String>,
    /// Where it is seated.
    #[schema(value_type = Option<AddressBody>)]
    address: Option<Object<AddressBody>>,
    /// How far it has come on the way to being a customer.
    #[schema(value_type = Option<closed::LifecycleStage>)]
    lifecycle_stage: Option<LifecycleStage>,
    /// The company to which it belongs.
    parent_id: Option<Uuid>,
    /// The user who looks after it.
    owner_id: Option<Uuid>,
    /// The workspace to which it belongs.
    project_id: Option<Uuid>,
    /// Labels: letters, digits, `-`, `_`, `.` and `/`, kept in lower case.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false, max_items = 100)]
    tags: List<String, MAX_TAGS>,
    /// Custom attributes, 100 at most. Names match `[a-z][a-z0-9_]*`.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, AttributeBody>, required = false)]
    attributes: Map<Value, MAX_ATTRIBUTES>,
}

/// What can be changed of a company, with what one body says besides.
macro_rules! with_changes {
    ($(#[$meta:meta])* $name:ident { $($own:tt)* }) => {
        #[derive(Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$meta])*
        pub(super) struct $name {
            $($own)*
            /// Names of hosts, all of them.
            #[serde(default)]
            #[schema(value_type = Option<Vec<String>>, max_items = 20)]
            domains: Member<List<String, MAX_DOMAINS>>,
            /// Its line of business.
            #[serde(default)]
            #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
            industry: Member<String>,
            /// How many people work there.
            #[serde(default)]
            #[schema(value_type = Option<u32>, minimum = 0)]
            employees: Member<u32>,
            /// By `http` or `https`.
            #[serde(default)]
            #[schema(value_type = Option<String>, max_length = 500)]
            website: Member<String>,
            /// In international form.
            #[serde(default)]
            #[schema(value_type = Option<String>, max_length = 40)]
            phone: Member<String>,
            /// Where it is seated; replaced as a whole.
            #[serde(default)]
            #[schema(value_type = Option<AddressBody>)]
            address: Member<Object<AddressBody>>,
            /// How far it has come on the way to being a customer.
            #[serde(default)]
            #[schema(value_type = Option<closed::LifecycleStage>)]
            lifecycle_stage: Member<LifecycleStage>,
            /// The company to which it belongs: neither itself nor one that belongs to it.
            #[serde(default)]
            #[schema(value_type = Option<Uuid>)]
            parent_id: Member<Uuid>,
            /// The user who looks after it.
            #[serde(default)]
            #[schema(value_type = Option<Uuid>)]
            owner_id: Member<Uuid>,
            /// The workspace to which it belongs.
            #[serde(default)]
            #[schema(value_type = Option<Uuid>)]
            project_id: Member<Uuid>,
            /// Custom attributes to set, or with null to remove, 200 at most; those not named stay.
            #[serde(default)]
            #[schema(value_type = BTreeMap<String, AttributeOrNull>, required = false)]
            attributes: Map<Value, MAX_ATTRIBUTES>,
        }

        impl $name {
            /// What is to change, but for what this body says besides.
            fn change(self, check: &mut Check) -> Option<CompanyChange> {
                let domains = self.domains.optional_with(|names| domains(check, names));
                let industry = self.industry.optional(check, "/industry", |text| Label::new(&text));
                let employees = self.employees.optional(check, "/employees", Ok);
                let website = self.website.optional(check, "/website", |text| Website::new(&text));
                let phone = self.phone.optional(check, "/phone", |text| PhoneNumber::new(&text));
                let address = self.address.optional_with(|parts| address(check, "/address", parts));
                let lifecycle_stage = self.lifecycle_stage.optional(check, "/lifecycle_stage", Ok);
                let parent_id = self.parent_id.optional(check, "/parent_id", |id| Ok(CompanyId::from(id)));
                let owner_id = self.owner_id.optional(check, "/owner_id", |id| Ok(id.into()));
                let project_id = self.project_id.optional(check, "/project_id", |id| Ok(id.into()));
                let attributes = attributes(check, self.attributes, |value| match value {
                    Value::Null => Ok(None),
                    value => AttributeValue::new(value).map(Some),
                });
                Some(CompanyChange {
                    name: None,
                    domains: match domains? {
                        Patch::Keep => None,
                        Patch::Set(domains) => Some(domains.unwrap_or_default()),
                    },
                    industry: industry?,
                    employees: employees?,
                    website: website?,
                    phone: phone?,
                    address: address?,
                    lifecycle_stage: lifecycle_stage?,
                    parent_id: parent_id?,
                    ancestry: Ancestry::Unknown,
                    owner_id: owner_id?,
                    project_id: project_id?,
                    attributes: attributes?,
                    schema: Schema::default(),
                })
            }
        }
    };
}

with_changes! {
    /// A change of a company: what is missing stays, what is null is removed.
    #[schema(example = json!({ "phone": null, "lifecycle_stage": "customer", "attributes": { "tier": null } }))]
    CompanyPatch {
        /// What it is called. Can't be removed.
        #[serde(default)]
        #[schema(value_type = Option<String>, min_length = 1, max_length = 200, nullable = false)]
        name: Member<String>,
    }
}

with_changes! {
    /// A company that is to become known, or a change of one that is.
    #[schema(example = json!({ "name": "Lima Shipping", "lifecycle_stage": "customer", "tags": ["harbour"] }))]
    CompanyUpsert {
        /// What it is called; needed for one that is to become known.
        #[serde(default)]
        #[schema(value_type = Option<String>, min_length = 1, max_length = 200, nullable = false)]
        name: Member<String>,
        /// Labels to put on.
        #[serde(default)]
        #[schema(value_type = Vec<String>, required = false, max_items = 100)]
        tags: List<String, MAX_TAGS>,
    }
}

/// Which company is to be taken in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "loser_id": "0192b1c8-6a3e-7000-8000-000000000002" }))]
pub(super) struct Merging {
    /// The company that becomes a part of this one.
    pub(super) loser_id: Uuid,
}

/// A company.
#[derive(Serialize, ToSchema)]
#[schema(as = Company)]
pub(super) struct CompanyBody {
    id: Uuid,
    /// Grows with each change.
    #[schema(minimum = 1)]
    version: i64,
    name: String,
    /// In lower case and punycode.
    domains: Vec<String>,
    #[schema(required)]
    industry: Option<String>,
    #[schema(required, minimum = 0)]
    employees: Option<u32>,
    #[schema(required)]
    website: Option<String>,
    /// `+` and digits.
    #[schema(required)]
    phone: Option<String>,
    #[schema(required)]
    address: Option<AddressBody>,
    #[schema(required, value_type = Option<closed::LifecycleStage>)]
    lifecycle_stage: Option<LifecycleStage>,
    #[schema(required)]
    parent_id: Option<Uuid>,
    #[schema(required)]
    owner_id: Option<Uuid>,
    #[schema(required)]
    project_id: Option<Uuid>,
    tags: Vec<String>,
    #[schema(value_type = BTreeMap<String, AttributeBody>)]
    attributes: BTreeMap<String, Value>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// There, and true, when it is deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = True, required = false)]
    deleted: bool,
    /// There when it was merged: the company that took it in. Then it counts as deleted, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    merged_into: Option<Uuid>,
}

impl From<Recorded<Company>> for CompanyBody {
    fn from(recorded: Recorded<Company>) -> Self {
        let deleted = recorded.state.is_deleted();
        let Company { profile, merged_into, .. } = recorded.state;
        let attributes = profile.attributes.iter();
        Self {
            id: recorded.id,
            version: recorded.version,
            name: profile.name.as_str().to_owned(),
            domains: profile.domains.iter().map(|domain| domain.as_str().to_owned()).collect(),
            industry: profile.industry.map(|industry| industry.as_str().to_owned()),
            employees: profile.employees,
            website: profile.website.map(|website| website.as_str().to_owned()),
            phone: profile.phone.map(|phone| phone.as_str().to_owned()),
            address: profile.address.as_ref().map(AddressBody::from),
            lifecycle_stage: profile.lifecycle_stage,
            parent_id: profile.parent_id.map(Into::into),
            owner_id: profile.owner_id.map(Into::into),
            project_id: profile.project_id.map(Into::into),
            tags: profile.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            attributes: attributes.map(|(key, value)| (key.as_str().to_owned(), value.to_json())).collect(),
            created_at: rfc3339(recorded.created_at),
            updated_at: rfc3339(recorded.updated_at),
            deleted,
            merged_into: merged_into.map(Into::into),
        }
    }
}

impl TryFrom<NewCompany> for CompanyProfile {
    type Error = Problem;

    fn try_from(body: NewCompany) -> Result<Self, Problem> {
        let mut check = Check::default();
        let name = check.at("/name", Title::new(&body.name));
        let domains = domains(&mut check, body.domains);
        let industry = check.at("/industry", body.industry.map(|text| Label::new(&text)).transpose());
        let website = check.at("/website", body.website.map(|text| Website::new(&text)).transpose());
        let phone = check.at("/phone", body.phone.map(|text| PhoneNumber::new(&text)).transpose());
        let address = body.address.map_or(Some(None), |parts| address(&mut check, "/address", parts).map(Some));
        let tags = tags(&mut check, body.tags);
        let attributes = attributes(&mut check, body.attributes, AttributeValue::new);
        let profile = || {
            Some(Self {
                name: name?,
                domains: domains?,
                industry: industry?,
                employees: body.employees,
                website: website?,
                phone: phone?,
                address: address?,
                lifecycle_stage: body.lifecycle_stage,
                parent_id: body.parent_id.map(Into::into),
                owner_id: body.owner_id.map(Into::into),
                project_id: body.project_id.map(Into::into),
                tags: tags?,
                attributes: attributes?,
                unique_attributes: BTreeSet::new(),
            })
        };
        let profile = profile();
        check.finish(profile)
    }
}

impl TryFrom<CompanyPatch> for CompanyChange {
    type Error = Problem;

    fn try_from(mut body: CompanyPatch) -> Result<Self, Problem> {
        let mut check = Check::default();
        let name = std::mem::take(&mut body.name).required(&mut check, "/name", |text| Title::new(&text));
        let change = body.change(&mut check);
        let built = || Some(Self { name: name?, ..change? });
        let built = built();
        check.finish(built)
    }
}

impl CompanyUpsert {
    /// The change, and labels to put on.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn read(mut self) -> Result<(CompanyChange, BTreeSet<Tag>), Problem> {
        let mut check = Check::default();
        let name = std::mem::take(&mut self.name).required(&mut check, "/name", |text| Title::new(&text));
        let tags = tags(&mut check, std::mem::take(&mut self.tags));
        let change = self.change(&mut check);
        let built = || Some((CompanyChange { name: name?, ..change? }, tags?));
        let built = built();
        check.finish(built)
    }
}

/// Domains, or a fault for each that is not acceptable.
fn domains(check: &mut Check, List(names): List<String, MAX_DOMAINS>) -> Option<BTreeSet<DomainName>> {
    let names = names.iter().enumerate();
    let names = names.map(|(index, text)| check.at(format!("/domains/{index}"), DomainName::new(text)));
    names.collect::<Vec<_>>().into_iter().collect()
}
