//! Contacts as they are shown.

use std::collections::BTreeMap;

use fairlead_application::{
    Recorded,
    crm::{Duplicate, Reason},
    envelope::rfc3339,
};
use fairlead_domain::{
    crm::Contact,
    kernel::Aggregate,
    values::{AttributeValue, Email, PhoneNumber},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::values::{
    AddressBody, AddressPointBody, AttributeOrNull, ExternalIdBody, TextPointBody, address_points, known, text_points,
};
use crate::document::closed::{ConsentStatus, LifecycleStage, True};

/// A contact. What is personal is null, or missing, when it was erased.
#[derive(Serialize, ToSchema)]
#[schema(as = Contact)]
pub(super) struct ContactBody {
    id: Uuid,
    /// Grows with each change.
    #[schema(minimum = 1)]
    version: i64,
    /// Null when it was erased.
    #[schema(required)]
    name: Option<String>,
    /// The primary one.
    #[schema(required)]
    email: Option<String>,
    /// All of them, the primary one first.
    emails: Vec<TextPointBody>,
    /// The primary one: `+` and digits.
    #[schema(required)]
    phone: Option<String>,
    /// All of them, the primary one first.
    phones: Vec<TextPointBody>,
    /// The primary one.
    #[schema(required)]
    address: Option<AddressBody>,
    /// All of them, the primary one first.
    addresses: Vec<AddressPointBody>,
    #[schema(required)]
    job_title: Option<String>,
    #[schema(required, format = Date)]
    birthday: Option<String>,
    /// A language tag (RFC 5646).
    #[schema(required)]
    language: Option<String>,
    /// A name of the IANA database.
    #[schema(required)]
    time_zone: Option<String>,
    #[schema(required, value_type = Option<LifecycleStage>)]
    lifecycle_stage: Option<&'static str>,
    /// By what the person became known.
    #[schema(required)]
    source: Option<String>,
    /// What the person is called in networks.
    handles: BTreeMap<String, Option<String>>,
    /// What other systems call the person.
    external_ids: Vec<ExternalIdBody>,
    /// What the person said to being reached, by channel.
    consents: BTreeMap<&'static str, ConsentBody>,
    /// For which companies the person works or worked.
    companies: Vec<EmploymentBody>,
    #[schema(required)]
    owner_id: Option<Uuid>,
    #[schema(required)]
    project_id: Option<Uuid>,
    tags: Vec<String>,
    #[schema(value_type = BTreeMap<String, AttributeOrNull>)]
    attributes: BTreeMap<String, Option<Value>>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// Of which contact this one is part, for good. Then it counts as deleted, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    merged_into: Option<Uuid>,
    /// Which contacts are part of this one.
    absorbed: Vec<Uuid>,
    /// There, and true, when the contact is deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = True, required = false)]
    deleted: bool,
    /// There, and true, when everything personal was erased, for good. Then it counts as deleted, too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = True, required = false)]
    erased: bool,
}

/// What a person said to being reached.
#[derive(Serialize, ToSchema)]
#[schema(as = Consent)]
struct ConsentBody {
    #[schema(value_type = ConsentStatus)]
    status: &'static str,
    /// Since when.
    #[schema(format = DateTime)]
    at: String,
}

/// How a person belongs to a company.
#[derive(Serialize, ToSchema)]
#[schema(as = Employment)]
struct EmploymentBody {
    company_id: Uuid,
    /// As what.
    #[schema(required)]
    role: Option<String>,
    /// The first day.
    #[schema(required, format = Date)]
    since: Option<String>,
    /// The last day.
    #[schema(required, format = Date)]
    until: Option<String>,
}

/// A contact that may be the same person.
#[derive(Serialize, ToSchema)]
#[schema(as = Duplicate)]
pub(super) struct DuplicateBody {
    /// As it is.
    contact: ContactBody,
    /// How likely, from 0 to 1, by the reasons. For an order; nothing is merged by itself.
    #[schema(minimum = 0, maximum = 1)]
    score: f64,
    /// Why.
    reasons: Vec<ReasonBody>,
}

/// What two contacts have in common.
#[derive(Serialize, ToSchema)]
#[schema(as = DuplicateReason)]
struct ReasonBody {
    reason: ReasonKind,
    /// What it is that both have: a mailbox, the last digits of a number, the words of a name, how similar names are from 0 to 1, a
    /// company.
    value: String,
}

/// What it is that both have.
#[derive(Serialize, ToSchema)]
#[schema(as = DuplicateReasonKind)]
#[serde(rename_all = "snake_case")]
enum ReasonKind {
    Email,
    Phone,
    Name,
    SimilarName,
    Company,
}

impl From<Duplicate> for DuplicateBody {
    fn from(duplicate: Duplicate) -> Self {
        let reason = |reason| match reason {
            Reason::Email(mailbox) => ReasonBody { reason: ReasonKind::Email, value: mailbox },
            Reason::Phone(digits) => ReasonBody { reason: ReasonKind::Phone, value: digits },
            Reason::Name(words) => ReasonBody { reason: ReasonKind::Name, value: words },
            Reason::SimilarName(alike) => ReasonBody { reason: ReasonKind::SimilarName, value: format!("{alike:.2}") },
            Reason::Company(id) => ReasonBody { reason: ReasonKind::Company, value: id.to_string() },
        };
        Self {
            contact: duplicate.contact.into(),
            score: (f64::from(duplicate.score) * 100.0).round() / 100.0,
            reasons: duplicate.reasons.into_iter().map(reason).collect(),
        }
    }
}

impl From<Recorded<Contact>> for ContactBody {
    fn from(recorded: Recorded<Contact>) -> Self {
        let deleted = recorded.state.is_deleted();
        let Contact { profile, erased, merged_into, absorbed, .. } = recorded.state;
        let text = |text: &str| text.to_owned();
        let consents = profile.consents.iter().map(|(channel, consent)| {
            (channel.name(), ConsentBody { status: consent.status.name(), at: rfc3339(consent.at) })
        });
        let companies = profile.companies.iter().map(|(company, employment)| {
            let known = employment.known();
            EmploymentBody {
                company_id: (*company).into(),
                role: known.and_then(|employment| employment.role.as_ref()).map(|role| text(role.as_str())),
                since: known.and_then(|employment| employment.since).map(|day| day.to_string()),
                until: known.and_then(|employment| employment.until).map(|day| day.to_string()),
            }
        });
        let handles = profile.handles.iter();
        let handles = handles
            .map(|(network, handle)| (text(network.as_str()), handle.known().map(|handle| text(handle.as_str()))));
        let attributes = profile.attributes.iter();
        let attributes =
            attributes.map(|(key, value)| (text(key.as_str()), value.known().map(AttributeValue::to_json)));
        Self {
            id: recorded.id,
            version: recorded.version,
            name: profile.name.known().map(|name| text(name.as_str())),
            email: profile.emails.primary().map(|email| text(email.as_str())),
            emails: text_points(&profile.emails, Email::as_str),
            phone: profile.phones.primary().map(|phone| text(phone.as_str())),
            phones: text_points(&profile.phones, PhoneNumber::as_str),
            address: profile.addresses.primary().map(AddressBody::from),
            addresses: address_points(&profile.addresses),
            job_title: known(profile.job_title.as_ref()).map(|title| text(title.as_str())),
            birthday: known(profile.birthday.as_ref()).map(ToString::to_string),
            language: known(profile.language.as_ref()).map(|language| text(language.as_str())),
            time_zone: known(profile.time_zone.as_ref()).map(|zone| text(zone.as_str())),
            lifecycle_stage: profile.lifecycle_stage.map(|stage| stage.name()),
            source: profile.source.as_ref().map(|source| text(source.as_str())),
            handles: handles.collect(),
            external_ids: profile.external_ids.iter().map(ExternalIdBody::from).collect(),
            consents: consents.collect(),
            companies: companies.collect(),
            owner_id: profile.owner_id.map(Into::into),
            project_id: profile.project_id.map(Into::into),
            tags: profile.tags.iter().map(|tag| text(tag.as_str())).collect(),
            attributes: attributes.collect(),
            created_at: rfc3339(recorded.created_at),
            updated_at: rfc3339(recorded.updated_at),
            merged_into: merged_into.map(Into::into),
            absorbed: absorbed.into_iter().map(Into::into).collect(),
            deleted,
            erased,
        }
    }
}

#[cfg(test)]
mod tests {
    use fairlead_domain::{
        crm::{ContactEvent, ContactProfile},
        kernel::Personal,
        values::{AttributeKey, PersonName},
    };
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_erased_is_null_or_missing() {
        let mut profile = ContactProfile::named(PersonName::new("Ana").unwrap());
        profile.name = Personal::Erased;
        profile.job_title = Some(Personal::Erased);
        profile.companies.insert(Uuid::from_u128(1).into(), Personal::Erased);
        profile.attributes.insert(AttributeKey::new("size").unwrap(), Personal::Erased);
        let at = "2026-01-02T03:04:05.678901Z".parse().unwrap();
        let state = Contact::init(&ContactEvent::Created(Box::new(profile))).unwrap();
        let tenant = Uuid::nil().into();
        let recorded = Recorded { tenant, id: Uuid::nil(), version: 1, state, created_at: at, updated_at: at };
        let body = serde_json::to_value(ContactBody::from(recorded)).unwrap();
        for field in ["name", "email", "phone", "address", "job_title", "birthday"] {
            assert_eq!(body.get(field), Some(&Value::Null), "{field}");
        }
        assert_eq!((&body["emails"], &body["attributes"]), (&json!([]), &json!({ "size": null })));
        assert_eq!(body["companies"][0]["role"], Value::Null);
        assert_eq!(body["created_at"], "2026-01-02T03:04:05.678901Z");
    }
}
