//! The list of deals.

use fairlead_application::{Recorded, list::Field};
use fairlead_domain::{
    crm::Deal,
    values::{AttributeKey, AttributeValue},
};
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{StateProjection, search::Words};

/// Deals as lists show them.
pub(crate) struct DealList;

/// A row of `crm.deals`.
#[derive(Clone, Debug, PartialEq, Serialize, DeriveEntityModel)]
#[sea_orm(schema_name = "crm", table_name = "deals")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub subject_id: Uuid,
    pub version: i64,
    pub name: String,
    pub status: String,
    pub pipeline_id: Uuid,
    pub stage_id: Uuid,
    pub stage_entered_at: DateTimeUtc,
    pub value: Option<i64>,
    pub currency: Option<String>,
    pub expected_close: Option<Date>,
    pub closed_at: Option<DateTimeUtc>,
    pub reason: Option<String>,
    pub source: Option<String>,
    pub contact_ids: Vec<Uuid>,
    pub company_ids: Vec<Uuid>,
    pub tags: Vec<String>,
    pub owner_id: Option<Uuid>,
    pub project_id: Option<Uuid>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub state: Json,
    pub words: String,
    pub rotted: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl StateProjection for DealList {
    type Aggregate = Deal;
    type Entity = Entity;
    const NAME: &'static str = "crm.deals";
    const LOOKUP: Option<&'static str> = Some("crm.deal_ids");
    const VALUES: Option<&'static str> = Some("crm.deal_values");

    fn row(recorded: &Recorded<Deal>) -> Result<Model, serde_json::Error> {
        let Deal { profile, status, closed_at, reason, stage_entered_at, rotted, .. } = &recorded.state;
        Ok(Model {
            tenant_id: recorded.tenant.into(),
            id: recorded.id,
            subject_id: recorded.id,
            version: recorded.version,
            name: profile.name.normalized(),
            status: status.name().to_owned(),
            pipeline_id: profile.pipeline_id.into(),
            stage_id: profile.stage_id.into(),
            stage_entered_at: *stage_entered_at,
            value: profile.value.map(|value| value.minor()),
            currency: profile.value.map(|value| value.currency().code().to_lowercase()),
            expected_close: profile.expected_close,
            closed_at: *closed_at,
            reason: reason.as_ref().map(|reason| reason.normalized()),
            source: profile.source.as_ref().map(|source| source.normalized()),
            contact_ids: profile.contact_ids.iter().copied().map(Uuid::from).collect(),
            company_ids: profile.company_ids.iter().copied().map(Uuid::from).collect(),
            tags: profile.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            owner_id: profile.owner_id.map(Into::into),
            project_id: profile.project_id.map(Into::into),
            created_at: recorded.created_at,
            updated_at: recorded.updated_at,
            state: serde_json::to_value(&recorded.state)?,
            words: words(recorded).to_tsvector(),
            rotted: *rotted,
        })
    }

    fn attributes(state: &Deal) -> Vec<(&AttributeKey, &AttributeValue)> {
        state.profile.attributes.iter().collect()
    }

    fn column(field: &Field) -> Column {
        match &*field.name {
            "updated" => Column::UpdatedAt,
            "name" => Column::Name,
            "value" => Column::Value,
            "expected_close" => Column::ExpectedClose,
            "closed" => Column::ClosedAt,
            "status" => Column::Status,
            "pipeline" => Column::PipelineId,
            "stage" => Column::StageId,
            "currency" => Column::Currency,
            "source" => Column::Source,
            "reason" => Column::Reason,
            "contact" => Column::ContactIds,
            "company" => Column::CompanyIds,
            "tag" => Column::Tags,
            "owner" => Column::OwnerId,
            "project" => Column::ProjectId,
            _ => Column::CreatedAt,
        }
    }
}

/// What a deal is found by. Attributes come last, since there is a limit.
fn words(recorded: &Recorded<Deal>) -> Words {
    let Deal { profile, reason, .. } = &recorded.state;
    let mut words = Words::of_name(recorded.tenant, profile.name.as_str());
    for label in [&profile.source, reason].into_iter().flatten() {
        words.add(label.as_str());
    }
    for tag in &profile.tags {
        words.add(tag.as_str());
    }
    words.add_attributes(profile.attributes.values());
    words
}
