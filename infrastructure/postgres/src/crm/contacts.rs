//! The list of contacts.

use std::collections::BTreeSet;

use fairlead_application::{
    Recorded,
    list::{Field, words as words_of},
};
use fairlead_domain::{
    crm::{Contact, ContactProfile},
    kernel::Personal,
    values::{AddressParts, AttributeKey, AttributeValue, Email, Label},
};
use sea_orm::entity::prelude::*;
use serde::Serialize;

use super::contact_list_members::lists_of_contact;
use crate::{Beside, StateProjection, search::Words};

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
    pub job_title: Option<String>,
    pub lifecycle_stage: Option<String>,
    pub source: Option<String>,
    pub birthday: Option<Date>,
    pub language: Option<String>,
    pub emails: Vec<String>,
    pub phones: Vec<String>,
    pub tags: Vec<String>,
    pub countries: Vec<String>,
    pub consents: Vec<String>,
    pub external_ids: Vec<String>,
    pub company_ids: Vec<Uuid>,
    pub owner_id: Option<Uuid>,
    pub project_id: Option<Uuid>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub state: Json,
    pub parts: String,
    pub words: String,
    pub twins: Vec<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl StateProjection for ContactList {
    type Aggregate = Contact;
    type Entity = Entity;
    const NAME: &'static str = "crm.contacts";
    const LOOKUP: Option<&'static str> = Some("crm.contact_ids");
    const VALUES: Option<&'static str> = Some("crm.contact_values");

    fn row(recorded: &Recorded<Contact>) -> Result<Model, serde_json::Error> {
        let profile = &recorded.state.profile;
        let lower = |text: &str| text.to_lowercase();
        let name = profile.name.known().map(|name| lower(name.as_str())).unwrap_or_default();
        let emails: Vec<_> = profile.emails.values().map(Email::normalized).collect();
        let countries: BTreeSet<_> = profile.addresses.values().filter_map(|address| address.parts().country).collect();
        let consents =
            profile.consents.iter().map(|(channel, consent)| format!("{}:{}", channel.name(), consent.status.name()));
        Ok(Model {
            tenant_id: recorded.tenant.into(),
            id: recorded.id,
            subject_id: recorded.id,
            version: recorded.version,
            parts: [std::slice::from_ref(&name), &emails[..]].concat().join(" "),
            twins: twins(profile),
            name,
            job_title: known(profile.job_title.as_ref()).map(|title| title.normalized()),
            lifecycle_stage: profile.lifecycle_stage.map(|stage| stage.name().to_owned()),
            source: profile.source.as_ref().map(Label::normalized),
            birthday: known(profile.birthday.as_ref()).copied(),
            language: known(profile.language.as_ref()).map(|language| lower(language.as_str())),
            emails,
            phones: profile.phones.values().map(|phone| phone.as_str().to_owned()).collect(),
            tags: profile.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            countries: countries.iter().map(|country| lower(country)).collect(),
            consents: consents.collect(),
            external_ids: profile.external_ids.iter().map(|id| lower(&id.to_key())).collect(),
            company_ids: profile.companies.keys().map(|company| (*company).into()).collect(),
            owner_id: profile.owner_id.map(Into::into),
            project_id: profile.project_id.map(Into::into),
            created_at: recorded.created_at,
            updated_at: recorded.updated_at,
            state: serde_json::to_value(&recorded.state)?,
            words: words(recorded).to_tsvector(),
        })
    }

    fn attributes(state: &Contact) -> Vec<(&AttributeKey, &AttributeValue)> {
        state.profile.attributes.iter().filter_map(|(key, value)| Some((key, value.known()?))).collect()
    }

    fn column(field: &Field) -> Column {
        match &*field.name {
            "updated" => Column::UpdatedAt,
            "name" => Column::Name,
            "job_title" => Column::JobTitle,
            "lifecycle_stage" => Column::LifecycleStage,
            "source" => Column::Source,
            "birthday" => Column::Birthday,
            "language" => Column::Language,
            "email" => Column::Emails,
            "phone" => Column::Phones,
            "tag" => Column::Tags,
            "country" => Column::Countries,
            "consent" => Column::Consents,
            "external_id" => Column::ExternalIds,
            "company" => Column::CompanyIds,
            "owner" => Column::OwnerId,
            "project" => Column::ProjectId,
            _ => Column::CreatedAt,
        }
    }

    fn beside(field: &Field) -> Option<Beside> {
        (field.name == "list").then(lists_of_contact)
    }
}

/// What a contact is found by: everything that is known of the person, but for what is true or false alone. Attributes
/// come last, since there is a limit.
fn words(recorded: &Recorded<Contact>) -> Words {
    let profile = &recorded.state.profile;
    let name = profile.name.known().map(|name| name.as_str());
    let mut words = Words::of_name(recorded.tenant, name.unwrap_or_default());
    for email in profile.emails.values() {
        words.add(email.as_str());
    }
    for phone in profile.phones.values() {
        words.add_phone(phone.as_str());
    }
    for text in [known(profile.job_title.as_ref()), profile.source.as_ref()].into_iter().flatten() {
        words.add(text.as_str());
    }
    for handle in profile.handles.values().filter_map(Personal::known) {
        words.add(handle.as_str());
    }
    for id in &profile.external_ids {
        words.add(id.id.as_str());
    }
    for tag in &profile.tags {
        words.add(tag.as_str());
    }
    for address in profile.addresses.values() {
        let AddressParts { street, city, region, postal_code, country } = address.parts();
        for part in [street, city, region, postal_code, country].iter().flatten() {
            words.add(part);
        }
    }
    words.add_attributes(profile.attributes.values().filter_map(Personal::known));
    words
}

/// By what contacts are found that may be the same person: addresses without what providers pass over, the last digits of
/// numbers, and names whatever the order of their words.
fn twins(profile: &ContactProfile) -> Vec<String> {
    let emails = profile.emails.values().map(|email| format!("email:{}", mailbox(&email.normalized())));
    let phones = profile.phones.values().map(|phone| {
        let digits = phone.as_str().trim_start_matches('+');
        format!("phone:{}", &digits[digits.len().saturating_sub(9)..])
    });
    let name = profile.name.known().map(|name| {
        let words: BTreeSet<_> = words_of(name.as_str()).into_iter().collect();
        format!("name:{}", words.into_iter().collect::<Vec<_>>().join(" "))
    });
    emails.chain(phones).chain(name).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The mailbox behind an address: without a tag behind `+` (RFC 5233), and without dots where they mean nothing.
fn mailbox(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else { return address.to_owned() };
    let local = local.split('+').next().unwrap_or(local);
    match domain {
        "gmail.com" | "googlemail.com" => format!("{}@gmail.com", local.replace('.', "")),
        domain => format!("{local}@{domain}"),
    }
}

fn known<T>(value: Option<&Personal<T>>) -> Option<&T> {
    value.and_then(Personal::known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_whatever_providers_pass_over() {
        for (address, expected) in [
            ("ana@example.com", "ana@example.com"),
            ("ana+news@example.com", "ana@example.com"),
            ("a.n.a+x@gmail.com", "ana@gmail.com"),
            ("ana@googlemail.com", "ana@gmail.com"),
            ("a.na@example.com", "a.na@example.com"),
        ] {
            assert_eq!(mailbox(address), expected);
        }
    }
}
