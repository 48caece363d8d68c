//! The list of contacts.

use fairlead_application::{Recorded, list::Field};
use fairlead_domain::{
    crm::Contact,
    kernel::Personal,
    values::{AddressParts, AttributeValue},
};
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{StateProjection, search::Words};

/// Contacts as lists show them.
pub(crate) struct ContactList;

/// A row of `crm.contacts`.
#[derive(Clone, Debug, PartialEq, Serialize, DeriveEntityModel)]
#[sea_orm(schema_name = "crm", table_name = "contacts")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub subject_id: Uuid,
    pub version: i64,
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub tags: Vec<String>,
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

impl StateProjection for ContactList {
    type Aggregate = Contact;
    type Entity = Entity;
    const NAME: &'static str = "crm.contacts";
    const LOOKUP: Option<&'static str> = Some("crm.contact_ids");

    fn row(recorded: &Recorded<Contact>) -> Result<Model, serde_json::Error> {
        let profile = &recorded.state.profile;
        Ok(Model {
            tenant_id: recorded.tenant.into(),
            id: recorded.id,
            subject_id: recorded.id,
            version: recorded.version,
            name: profile.name.known().map(|name| name.as_str().to_lowercase()).unwrap_or_default(),
            email: profile.email.as_ref().and_then(Personal::known).map(|email| email.normalized()),
            phone: profile.phone.as_ref().and_then(Personal::known).map(|phone| phone.as_str().to_owned()),
            tags: profile.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            owner_id: profile.owner_id.map(Into::into),
            project_id: profile.project_id.map(Into::into),
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
            "email" => Column::Email,
            "phone" => Column::Phone,
            "tag" => Column::Tags,
            "owner" => Column::OwnerId,
            "project" => Column::ProjectId,
            _ => Column::CreatedAt,
        }
    }
}

/// What a contact is found by: everything that is known of the person, but for what is true or false alone. Attributes
/// come last, since there is a limit.
fn words(recorded: &Recorded<Contact>) -> Words {
    let profile = &recorded.state.profile;
    let name = profile.name.known().map(|name| name.as_str());
    let mut words = Words::of_name(recorded.tenant, name.unwrap_or_default());
    if let Some(email) = profile.email.as_ref().and_then(Personal::known) {
        words.add(email.as_str());
    }
    if let Some(phone) = profile.phone.as_ref().and_then(Personal::known) {
        words.add_phone(phone.as_str());
    }
    for tag in &profile.tags {
        words.add(tag.as_str());
    }
    if let Some(address) = profile.address.as_ref().and_then(Personal::known) {
        let AddressParts { street, city, region, postal_code, country } = address.parts();
        for part in [street, city, region, postal_code, country].iter().flatten() {
            words.add(part);
        }
    }
    for value in profile.attributes.values().filter_map(Personal::known) {
        match value {
            AttributeValue::Text(text) => words.add(text),
            AttributeValue::Number(number) => words.add(&number.to_string()),
            AttributeValue::Flag(_) => {}
        }
    }
    words
}
