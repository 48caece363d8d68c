//! The list of pipelines.

use fairlead_application::{Recorded, list::Field};
use fairlead_domain::crm::Pipeline;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{StateProjection, search::Words};

/// Pipelines as lists show them.
pub(crate) struct PipelineList;

/// A row of `crm.pipelines`.
#[derive(Clone, Debug, PartialEq, Serialize, DeriveEntityModel)]
#[sea_orm(schema_name = "crm", table_name = "pipelines")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub subject_id: Uuid,
    pub version: i64,
    pub name: String,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub state: Json,
    pub words: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl StateProjection for PipelineList {
    type Aggregate = Pipeline;
    type Entity = Entity;
    const NAME: &'static str = "crm.pipelines";
    const LOOKUP: Option<&'static str> = Some("crm.pipeline_ids");

    fn row(recorded: &Recorded<Pipeline>) -> Result<Model, serde_json::Error> {
        Ok(Model {
            tenant_id: recorded.tenant.into(),
            id: recorded.id,
            subject_id: recorded.id,
            version: recorded.version,
            name: recorded.state.profile.name.normalized(),
            created_at: recorded.created_at,
            updated_at: recorded.updated_at,
            state: serde_json::to_value(&recorded.state)?,
            words: words(recorded).to_tsvector(),
        })
    }

    fn column(field: &Field) -> Column {
        match &*field.name {
            "updated" => Column::UpdatedAt,
            "name" => Column::Name,
            _ => Column::CreatedAt,
        }
    }
}

/// What a pipeline is found by.
fn words(recorded: &Recorded<Pipeline>) -> Words {
    let profile = &recorded.state.profile;
    let mut words = Words::of_name(recorded.tenant, profile.name.as_str());
    for stage in &profile.stages {
        words.add(stage.name.as_str());
    }
    if let Some(description) = &profile.description {
        words.add(description.as_str());
    }
    words
}
