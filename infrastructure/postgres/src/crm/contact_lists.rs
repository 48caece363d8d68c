//! The list of contact lists.

use fairlead_application::{Recorded, list::Field};
use fairlead_domain::crm::ContactList;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use super::contact_list_members::contacts_of_list;
use crate::{Beside, StateProjection};

/// Contact lists as lists show them.
pub(crate) struct ContactListList;

/// A row of `crm.contact_lists`.
#[derive(Clone, Debug, PartialEq, Serialize, DeriveEntityModel)]
#[sea_orm(schema_name = "crm", table_name = "contact_lists")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub subject_id: Uuid,
    pub version: i64,
    pub name: String,
    pub owner_id: Option<Uuid>,
    pub project_id: Option<Uuid>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub state: Json,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl StateProjection for ContactListList {
    type Aggregate = ContactList;
    type Entity = Entity;
    const NAME: &'static str = "crm.contact_lists";

    fn row(recorded: &Recorded<ContactList>) -> Result<Model, serde_json::Error> {
        let profile = &recorded.state.profile;
        Ok(Model {
            tenant_id: recorded.tenant.into(),
            id: recorded.id,
            subject_id: recorded.id,
            version: recorded.version,
            name: profile.name.normalized(),
            owner_id: profile.owner_id.map(Into::into),
            project_id: profile.project_id.map(Into::into),
            created_at: recorded.created_at,
            updated_at: recorded.updated_at,
            state: serde_json::to_value(&recorded.state)?,
        })
    }

    fn column(field: &Field) -> Column {
        match &*field.name {
            "updated" => Column::UpdatedAt,
            "name" => Column::Name,
            "owner" => Column::OwnerId,
            "project" => Column::ProjectId,
            _ => Column::CreatedAt,
        }
    }

    fn beside(field: &Field) -> Option<Beside> {
        (field.name == "contact").then(contacts_of_list)
    }
}
