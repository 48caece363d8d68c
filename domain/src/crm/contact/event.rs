//! What happens to a contact.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Channel, Consent, ContactProfile, Employment};
use crate::{
    crm::custom_field::note_unique,
    ids::{CompanyId, ContactId, ProjectId, UserId},
    kernel::Personal,
    values::{
        Address, AttributeKey, AttributeValue, Email, ExternalId, Handle, Label, Language, LifecycleStage, PersonName,
        PhoneNumber, Points, SystemName, Tag, TimeZone,
    },
};

/// What happened to a contact. Names are public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the profile, where they are explained")]
pub enum ContactEvent {
    /// The person became known. Until version 2 there was one e-mail address, telephone number and address at most.
    #[serde(rename = "contact.created")]
    Created(Box<ContactProfile>),
    /// The name changed.
    #[serde(rename = "contact.renamed")]
    Renamed { name: Personal<PersonName> },
    /// The e-mail addresses are these now. Until version 2 there was one at most.
    #[serde(rename = "contact.email_changed")]
    EmailChanged {
        #[serde(with = "crate::kernel::personal_or_default")]
        #[schemars(with = "Personal<Points<Email>>")]
        emails: Points<Email>,
    },
    /// The telephone numbers are these now. Until version 2 there was one at most.
    #[serde(rename = "contact.phone_changed")]
    PhoneChanged {
        #[serde(with = "crate::kernel::personal_or_default")]
        #[schemars(with = "Personal<Points<PhoneNumber>>")]
        phones: Points<PhoneNumber>,
    },
    /// The addresses are these now. Until version 2 there was one at most.
    #[serde(rename = "contact.address_changed")]
    AddressChanged {
        #[serde(with = "crate::kernel::personal_or_default")]
        #[schemars(with = "Personal<Points<Address>>")]
        addresses: Points<Address>,
    },
    /// The person does something else, or it is not known what.
    #[serde(rename = "contact.job_title_changed")]
    JobTitleChanged { job_title: Option<Personal<Label>> },
    /// The day of birth changed, or was removed.
    #[serde(rename = "contact.birthday_changed")]
    BirthdayChanged { birthday: Option<Personal<NaiveDate>> },
    /// The language in which to write changed, or was removed.
    #[serde(rename = "contact.language_changed")]
    LanguageChanged { language: Option<Personal<Language>> },
    /// The time zone changed, or was removed.
    #[serde(rename = "contact.time_zone_changed")]
    TimeZoneChanged { time_zone: Option<Personal<TimeZone>> },
    /// The person has come to another stage, or to none.
    #[serde(rename = "contact.lifecycle_stage_changed")]
    LifecycleStageChanged { lifecycle_stage: Option<LifecycleStage> },
    /// By what the person became known was corrected, or removed.
    #[serde(rename = "contact.source_changed")]
    SourceChanged { source: Option<Label> },
    /// The person's name in a network changed, or was removed.
    #[serde(rename = "contact.handle_changed")]
    HandleChanged { network: SystemName, handle: Option<Personal<Handle>> },
    /// What other systems call the person: these now.
    #[serde(rename = "contact.external_ids_changed")]
    ExternalIdsChanged {
        #[serde(with = "crate::kernel::personal_or_default")]
        #[schemars(with = "Personal<BTreeSet<ExternalId>>")]
        external_ids: BTreeSet<ExternalId>,
    },
    /// The person said yes or no to being reached by a channel, or what was said is not known any more.
    #[serde(rename = "contact.consent_changed")]
    ConsentChanged { channel: Channel, consent: Option<Consent> },
    /// The person belongs to a company, or does so otherwise than before.
    #[serde(rename = "contact.company_linked")]
    CompanyLinked { company_id: CompanyId, employment: Personal<Employment> },
    /// The person has nothing to do with a company, and never had.
    #[serde(rename = "contact.company_unlinked")]
    CompanyUnlinked { company_id: CompanyId },
    /// Another user looks after the person, or nobody does.
    #[serde(rename = "contact.owner_changed")]
    OwnerChanged { owner_id: Option<UserId> },
    /// The contact moved to another workspace, or out of all.
    #[serde(rename = "contact.project_changed")]
    ProjectChanged { project_id: Option<ProjectId> },
    /// A custom attribute got a value.
    #[serde(rename = "contact.attribute_set")]
    AttributeSet {
        key: AttributeKey,
        value: Personal<AttributeValue>,
        /// Whether no other living contact may have the value.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unique: bool,
    },
    /// A custom attribute was removed.
    #[serde(rename = "contact.attribute_removed")]
    AttributeRemoved { key: AttributeKey },
    /// Labels were put on. Until version 2 an event held one.
    #[serde(rename = "contact.tagged")]
    Tagged {
        #[serde(with = "crate::kernel::personal_or_default")]
        #[schemars(with = "Personal<BTreeSet<Tag>>")]
        tags: BTreeSet<Tag>,
    },
    /// Labels were taken off. Until version 2 an event held one.
    #[serde(rename = "contact.untagged")]
    Untagged {
        #[serde(with = "crate::kernel::personal_or_default")]
        #[schemars(with = "Personal<BTreeSet<Tag>>")]
        tags: BTreeSet<Tag>,
    },
    /// Another contact was found to be the same person, and is part of this one, which is known so now.
    #[serde(rename = "contact.absorbed")]
    Absorbed { contact_ids: BTreeSet<ContactId>, profile: Box<ContactProfile> },
    /// The contact was found to be the same person as another, and is part of that one. For good.
    #[serde(rename = "contact.merged")]
    Merged { into: ContactId },
    /// The contact was deleted softly.
    #[serde(rename = "contact.deleted")]
    Deleted {},
    /// The contact was brought back.
    #[serde(rename = "contact.restored")]
    Restored {},
    /// Everything personal was erased.
    #[serde(rename = "contact.erased")]
    Erased {},
}

impl ContactProfile {
    /// Changes what is known as an event says; of other events nothing.
    pub(super) fn apply(&mut self, event: ContactEvent) {
        match event {
            ContactEvent::Created(profile) | ContactEvent::Absorbed { profile, .. } => *self = *profile,
            ContactEvent::Renamed { name } => self.name = name,
            ContactEvent::EmailChanged { emails } => self.emails = emails,
            ContactEvent::PhoneChanged { phones } => self.phones = phones,
            ContactEvent::AddressChanged { addresses } => self.addresses = addresses,
            ContactEvent::JobTitleChanged { job_title } => self.job_title = job_title,
            ContactEvent::BirthdayChanged { birthday } => self.birthday = birthday,
            ContactEvent::LanguageChanged { language } => self.language = language,
            ContactEvent::TimeZoneChanged { time_zone } => self.time_zone = time_zone,
            ContactEvent::LifecycleStageChanged { lifecycle_stage } => self.lifecycle_stage = lifecycle_stage,
            ContactEvent::SourceChanged { source } => self.source = source,
            ContactEvent::HandleChanged { network, handle: Some(handle) } => drop(self.handles.insert(network, handle)),
            ContactEvent::HandleChanged { network, handle: None } => drop(self.handles.remove(&network)),
            ContactEvent::ExternalIdsChanged { external_ids } => self.external_ids = external_ids,
            ContactEvent::ConsentChanged { channel, consent: Some(consent) } => {
                self.consents.insert(channel, consent);
            }
            ContactEvent::ConsentChanged { channel, consent: None } => drop(self.consents.remove(&channel)),
            ContactEvent::CompanyLinked { company_id, employment } => {
                self.companies.insert(company_id, employment);
            }
            ContactEvent::CompanyUnlinked { company_id } => drop(self.companies.remove(&company_id)),
            ContactEvent::OwnerChanged { owner_id } => self.owner_id = owner_id,
            ContactEvent::ProjectChanged { project_id } => self.project_id = project_id,
            ContactEvent::AttributeSet { key, value, unique } => {
                note_unique(&mut self.unique_attributes, &key, unique);
                self.attributes.insert(key, value);
            }
            ContactEvent::AttributeRemoved { key } => {
                note_unique(&mut self.unique_attributes, &key, false);
                self.attributes.remove(&key);
            }
            ContactEvent::Tagged { tags } => self.tags.extend(tags),
            ContactEvent::Untagged { tags } => self.tags.retain(|tag| !tags.contains(tag)),
            ContactEvent::Erased {} => self.erase(),
            ContactEvent::Merged { .. } | ContactEvent::Deleted {} | ContactEvent::Restored {} => {}
        }
    }
}

/// The version in which an event of this type is written.
pub(super) fn schema_version(event_type: &str) -> i16 {
    match event_type {
        "contact.created"
        | "contact.email_changed"
        | "contact.phone_changed"
        | "contact.address_changed"
        | "contact.tagged"
        | "contact.untagged" => 2,
        _ => 1,
    }
}

/// Lifts the data of an older event.
pub(super) fn upcast(event_type: &str, schema_version: i16, mut data: Value) -> Value {
    match (event_type, schema_version) {
        ("contact.tagged" | "contact.untagged", 1) => json!({ "tags": [data["tag"].take()] }),
        ("contact.email_changed", 1) => json!({ "emails": points(data["email"].take()) }),
        ("contact.phone_changed", 1) => json!({ "phones": points(data["phone"].take()) }),
        ("contact.address_changed", 1) => json!({ "addresses": points(data["address"].take()) }),
        ("contact.created", 1) => {
            for (one, all) in [("email", "emails"), ("phone", "phones"), ("address", "addresses")] {
                if let Some(value) = data.as_object_mut().and_then(|data| data.remove(one)) {
                    data[all] = points(value);
                }
            }
            data
        }
        _ => data,
    }
}

/// One of several, where there could be one alone. What was erased stays so.
fn points(value: Value) -> Value {
    if value.is_null() {
        json!([])
    } else if value == json!({ "erased": true }) {
        value
    } else {
        json!([{ "value": value, "primary": true }])
    }
}
