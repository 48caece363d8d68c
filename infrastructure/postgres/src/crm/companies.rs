//! The list of companies.

use fairlead_application::{Recorded, list::Field};
use fairlead_domain::{
    crm::Company,
    values::{AddressParts, AttributeKey, AttributeValue},
};
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{StateProjection, search::Words};

/// Companies as lists show them.
pub(crate) struct CompanyList;

/// A row of `crm.companies`.
#[derive(Clone, Debug, PartialEq, Serialize, DeriveEntityModel)]
#[sea_orm(schema_name = "crm", table_name = "companies")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub subject_id: Uuid,
    pub version: i64,
    pub name: String,
    pub domains: Vec<String>,
    pub industry: Option<String>,
    pub lifecycle_stage: Option<String>,
    pub employees: Option<i64>,
    pub tags: Vec<String>,
    pub parent_id: Option<Uuid>,
    pub owner_id: Option<Uuid>,
    pub project_id: Option<Uuid>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub state: Json,
    pub words: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl StateProjection for CompanyList {
    type Aggregate = Company;
    type Entity = Entity;
    const NAME: &'static str = "crm.companies";
    const LOOKUP: Option<&'static str> = Some("crm.company_ids");
    const VALUES: Option<&'static str> = Some("crm.company_values");

    fn row(recorded: &Recorded<Company>) -> Result<Model, serde_json::Error> {
        let profile = &recorded.state.profile;
        Ok(Model {
            tenant_id: recorded.tenant.into(),
            id: recorded.id,
            subject_id: recorded.id,
            version: recorded.version,
            name: profile.name.normalized(),
            domains: profile.domains.iter().map(|domain| domain.as_str().to_owned()).collect(),
            industry: profile.industry.as_ref().map(|industry| industry.normalized()),
            lifecycle_stage: profile.lifecycle_stage.map(|stage| stage.name().to_owned()),
            employees: profile.employees.map(i64::from),
            tags: profile.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            parent_id: profile.parent_id.map(Into::into),
            owner_id: profile.owner_id.map(Into::into),
            project_id: profile.project_id.map(Into::into),
            created_at: recorded.created_at,
            updated_at: recorded.updated_at,
            state: serde_json::to_value(&recorded.state)?,
            words: words(recorded).to_tsvector(),
        })
    }

    fn attributes(state: &Company) -> Vec<(&AttributeKey, &AttributeValue)> {
        state.profile.attributes.iter().collect()
    }

    fn column(field: &Field) -> Column {
        match &*field.name {
            "updated" => Column::UpdatedAt,
            "name" => Column::Name,
            "domain" => Column::Domains,
            "employees" => Column::Employees,
            "lifecycle_stage" => Column::LifecycleStage,
            "industry" => Column::Industry,
            "tag" => Column::Tags,
            "parent" => Column::ParentId,
            "owner" => Column::OwnerId,
            "project" => Column::ProjectId,
            _ => Column::CreatedAt,
        }
    }
}

/// What a company is found by. Attributes come last, since there is a limit.
fn words(recorded: &Recorded<Company>) -> Words {
    let profile = &recorded.state.profile;
    let mut words = Words::of_name(recorded.tenant, profile.name.as_str());
    for domain in &profile.domains {
        words.add(domain.as_str());
    }
    if let Some(industry) = &profile.industry {
        words.add(industry.as_str());
    }
    if let Some(phone) = &profile.phone {
        words.add_phone(phone.as_str());
    }
    for tag in &profile.tags {
        words.add(tag.as_str());
    }
    if let Some(address) = &profile.address {
        let AddressParts { street, city, region, postal_code, country } = address.parts();
        for part in [street, city, region, postal_code, country].iter().flatten() {
            words.add(part);
        }
    }
    words.add_attributes(profile.attributes.values());
    words
}
