//! Contacts as JSON.

use std::collections::{BTreeMap, BTreeSet};

use fairlead_application::{Recorded, envelope::rfc3339};
use fairlead_domain::{
    crm::{Contact, ContactChange, ContactProfile},
    kernel::{Aggregate, Personal},
    values::{AttributeValue, Email, PersonName, PhoneNumber, Tag},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::values::{AddressBody, AttributeBody, AttributeOrNull, address, attributes, known, tags};
use crate::{
    document::closed::True,
    problem::{Check, Problem},
    request::{List, Map, Member, Object},
};

/// Tags in one request at most; a contact carries no more.
const MAX_TAGS: usize = 100;
/// Custom attributes in one request at most. Twice what a contact has, so that one patch can exchange them all.
const MAX_ATTRIBUTES: usize = 200;

/// A contact that is to become known.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Ana Lima",
    "email": "ana@example.com",
    "phone": "+351 21 123 4567",
    "address": { "street": "Rua Augusta 1", "city": "Lisboa", "postal_code": "1100-048", "country": "PT" },
    "tags": ["vip"],
    "attributes": { "shoe_size": 38, "newsletter": true }
}))]
pub(super) struct NewContact {
    /// What the person is called.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Unique among the organization's contacts, without regard to case.
    #[schema(format = Email, max_length = 254)]
    email: Option<String>,
    /// In international form.
    #[schema(max_length = 40)]
    phone: Option<String>,
    /// Where the person lives or works.
    #[schema(value_type = Option<AddressBody>)]
    address: Option<Object<AddressBody>>,
    /// The user who looks after the person.
    owner_id: Option<Uuid>,
    /// The workspace to which the contact belongs.
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

/// A change of a contact: what is missing stays, what is null is removed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "phone": null, "attributes": { "shoe_size": 39, "newsletter": null } }))]
pub(super) struct ContactPatch {
    /// What the person is called. Can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, nullable = false)]
    name: Member<String>,
    /// Unique among the organization's contacts, without regard to case.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Email, max_length = 254)]
    email: Member<String>,
    /// In international form.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 40)]
    phone: Member<String>,
    /// Where the person lives or works; replaced as a whole.
    #[serde(default)]
    #[schema(value_type = Option<AddressBody>)]
    address: Member<Object<AddressBody>>,
    /// The user who looks after the person.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    owner_id: Member<Uuid>,
    /// The workspace to which the contact belongs.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    project_id: Member<Uuid>,
    /// Custom attributes to set, or with null to remove, 200 at most; those not named stay.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, AttributeOrNull>, required = false)]
    attributes: Map<Value, MAX_ATTRIBUTES>,
}

/// Labels to put on or to take off.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "tags": ["vip", "newsletter"] }))]
pub(super) struct Tags {
    /// Letters, digits, `-`, `_`, `.` and `/`, kept in lower case.
    #[schema(value_type = Vec<String>, max_items = 100)]
    tags: List<String, MAX_TAGS>,
}

/// A contact.
#[derive(Serialize, ToSchema)]
#[schema(as = Contact)]
pub(super) struct ContactBody {
    id: Uuid,
    /// Grows with each change.
    #[schema(minimum = 1)]
    version: i64,
    /// Null when it was erased, as all that is personal.
    #[schema(required)]
    name: Option<String>,
    #[schema(required)]
    email: Option<String>,
    /// `+` and digits.
    #[schema(required)]
    phone: Option<String>,
    #[schema(required)]
    address: Option<AddressBody>,
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
    /// There, and true, when the contact is deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = True, required = false)]
    deleted: bool,
    /// There, and true, when everything personal was erased, for good. Then it counts as deleted, too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = True, required = false)]
    erased: bool,
}

impl From<Recorded<Contact>> for ContactBody {
    fn from(recorded: Recorded<Contact>) -> Self {
        let deleted = recorded.state.is_deleted();
        let Contact { profile, erased, .. } = recorded.state;
        let attributes = profile.attributes.iter();
        Self {
            id: recorded.id,
            version: recorded.version,
            name: profile.name.known().map(|name| name.as_str().to_owned()),
            email: known(profile.email.as_ref()).map(|email| email.as_str().to_owned()),
            phone: known(profile.phone.as_ref()).map(|phone| phone.as_str().to_owned()),
            address: known(profile.address.as_ref()).map(AddressBody::from),
            owner_id: profile.owner_id.map(Into::into),
            project_id: profile.project_id.map(Into::into),
            tags: profile.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            attributes: attributes
                .map(|(key, value)| (key.as_str().to_owned(), value.known().map(AttributeValue::to_json)))
                .collect(),
            created_at: rfc3339(recorded.created_at),
            updated_at: rfc3339(recorded.updated_at),
            deleted,
            erased,
        }
    }
}

impl TryFrom<NewContact> for ContactProfile {
    type Error = Problem;

    fn try_from(body: NewContact) -> Result<Self, Problem> {
        let mut check = Check::default();
        let name = check.at("/name", PersonName::new(&body.name));
        let email = check.at("/email", body.email.map(|text| Email::new(&text)).transpose());
        let phone = check.at("/phone", body.phone.map(|text| PhoneNumber::new(&text)).transpose());
        let address = body.address.map_or(Some(None), |parts| address(&mut check, parts).map(Some));
        let tags = tags(&mut check, body.tags);
        let attributes =
            attributes(&mut check, body.attributes, |value| AttributeValue::new(value).map(Personal::from));
        let profile = || {
            Some(Self {
                name: name?.into(),
                email: email?.map(Personal::from),
                phone: phone?.map(Personal::from),
                address: address?.map(Personal::from),
                owner_id: body.owner_id.map(Into::into),
                project_id: body.project_id.map(Into::into),
                tags: tags?,
                attributes: attributes?,
            })
        };
        let profile = profile();
        check.finish(profile)
    }
}

impl TryFrom<ContactPatch> for ContactChange {
    type Error = Problem;

    fn try_from(body: ContactPatch) -> Result<Self, Problem> {
        let mut check = Check::default();
        let name = body.name.required(&mut check, "/name", |text| PersonName::new(&text));
        let email = body.email.optional(&mut check, "/email", |text| Email::new(&text));
        let phone = body.phone.optional(&mut check, "/phone", |text| PhoneNumber::new(&text));
        let address = body.address.optional_with(|parts| address(&mut check, parts));
        let owner_id = body.owner_id.optional(&mut check, "/owner_id", |id| Ok(id.into()));
        let project_id = body.project_id.optional(&mut check, "/project_id", |id| Ok(id.into()));
        let attributes = attributes(&mut check, body.attributes, |value| match value {
            Value::Null => Ok(None),
            value => AttributeValue::new(value).map(Some),
        });
        let change = || {
            Some(Self {
                name: name?,
                email: email?,
                phone: phone?,
                address: address?,
                owner_id: owner_id?,
                project_id: project_id?,
                attributes: attributes?,
            })
        };
        let change = change();
        check.finish(change)
    }
}

impl TryFrom<Tags> for BTreeSet<Tag> {
    type Error = Problem;

    fn try_from(body: Tags) -> Result<Self, Problem> {
        let mut check = Check::default();
        let tags = tags(&mut check, body.tags);
        check.finish(tags)
    }
}

#[cfg(test)]
mod tests {
    use fairlead_domain::values::AttributeKey;

    use super::*;

    #[test]
    fn what_was_erased_is_null() {
        let mut profile = ContactProfile::named(PersonName::new("Ana").unwrap());
        profile.name = Personal::Erased;
        profile.email = Some(Personal::Erased);
        profile.phone = Some(Personal::Erased);
        profile.address = Some(Personal::Erased);
        profile.attributes.insert(AttributeKey::new("size").unwrap(), Personal::Erased);
        let at = "2026-01-02T03:04:05.678901Z".parse().unwrap();
        let recorded = Recorded {
            tenant: Uuid::nil().into(),
            id: Uuid::nil(),
            version: 1,
            state: Contact { profile, deleted: false, erased: false },
            created_at: at,
            updated_at: at,
        };
        let body = serde_json::to_value(ContactBody::from(recorded)).unwrap();
        for field in ["name", "email", "phone", "address"] {
            assert_eq!(body.get(field), Some(&Value::Null), "{field}");
        }
        assert_eq!(body["attributes"], serde_json::json!({ "size": null }));
        assert_eq!(body["created_at"], "2026-01-02T03:04:05.678901Z");
    }
}
