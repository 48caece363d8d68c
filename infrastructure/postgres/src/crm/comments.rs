//! The comments of activities.

use fairlead_application::{Recorded, list::Field};
use fairlead_domain::crm::Comment;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::StateProjection;

/// Comments as lists show them.
pub(crate) struct CommentList;

/// A row of `crm.comments`.
#[derive(Clone, Debug, PartialEq, Serialize, DeriveEntityModel)]
#[sea_orm(schema_name = "crm", table_name = "comments")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub subject_id: Uuid,
    pub version: i64,
    pub activity_id: Uuid,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub state: Json,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl StateProjection for CommentList {
    type Aggregate = Comment;
    type Entity = Entity;
    const NAME: &'static str = "crm.comments";

    fn row(recorded: &Recorded<Comment>) -> Result<Model, serde_json::Error> {
        let profile = &recorded.state.profile;
        Ok(Model {
            tenant_id: recorded.tenant.into(),
            id: recorded.id,
            subject_id: profile.text.subject,
            version: recorded.version,
            activity_id: profile.activity_id.into(),
            created_at: recorded.created_at,
            updated_at: recorded.updated_at,
            state: serde_json::to_value(&recorded.state)?,
        })
    }

    fn column(field: &Field) -> Column {
        match &*field.name {
            "updated" => Column::UpdatedAt,
            "activity" => Column::ActivityId,
            _ => Column::CreatedAt,
        }
    }
}
