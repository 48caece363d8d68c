//! What is said of contacts.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use fairlead_domain::{
    crm::{Channel, Consent, ConsentStatus, ContactChange, ContactKey, Employment, Schema},
    kernel::Invalid,
    values::{
        AttributeValue, Email, ExternalId, Handle, Label, Language, LifecycleStage, PersonName, PhoneNumber,
        SystemName, Tag, TimeZone,
    },
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::values::{
    AddressBody, AddressPointBody, AttributeOrNull, ExternalIdBody, TextPointBody, address, address_point, attributes,
    day, points_change, tags, text_point,
};
use crate::{
    document::closed,
    problem::{Check, Problem, member},
    request::{List, Map, Member, Object},
};

/// Tags in one request at most; a contact carries no more.
const MAX_TAGS: usize = 100;
/// Custom attributes in one request at most. Twice what a contact has, so that one patch can exchange them all.
const MAX_ATTRIBUTES: usize = 200;
/// Addresses or numbers of one kind in one request at most; one more than a contact has, so that it is told that in words.
const MAX_POINTS: usize = 21;
/// Networks and external ids in one request at most.
const MAX_OF_OTHERS: usize = 100;

/// What a person said to being reached, or null.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the document")]
pub(super) enum ConsentStatusOrNull {
    Status(closed::ConsentStatus),
    Null,
}

/// What can be said of a contact, with what one body says besides.
macro_rules! with_details {
    ($(#[$meta:meta])* $name:ident { $($own:tt)* }) => {
        #[derive(Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$meta])*
        pub(super) struct $name {
            $($own)*
            /// The primary e-mail address, which takes the present one's place; null when there is to be none. Each is unique among the
            /// organization's contacts, without regard to case.
            #[serde(default)]
            #[schema(value_type = Option<String>, format = Email, max_length = 254)]
            email: Member<String>,
            /// All e-mail addresses, instead of `email`; 20 at most.
            #[serde(default)]
            #[schema(value_type = Option<Vec<TextPointBody>>, max_items = 20, nullable = false)]
            emails: Member<List<TextPointBody, MAX_POINTS>>,
            /// The primary telephone number, in international form; null when there is to be none.
            #[serde(default)]
            #[schema(value_type = Option<String>, max_length = 40)]
            phone: Member<String>,
            /// All telephone numbers, instead of `phone`; 20 at most.
            #[serde(default)]
            #[schema(value_type = Option<Vec<TextPointBody>>, max_items = 20, nullable = false)]
            phones: Member<List<TextPointBody, MAX_POINTS>>,
            /// The primary address, as a whole; null when there is to be none.
            #[serde(default)]
            #[schema(value_type = Option<AddressBody>)]
            address: Member<Object<AddressBody>>,
            /// All addresses, instead of `address`; 20 at most.
            #[serde(default)]
            #[schema(value_type = Option<Vec<AddressPointBody>>, max_items = 20, nullable = false)]
            addresses: Member<List<AddressPointBody, MAX_POINTS>>,
            /// What the person does.
            #[serde(default)]
            #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
            job_title: Member<String>,
            /// The day of birth.
            #[serde(default)]
            #[schema(value_type = Option<String>, format = Date)]
            birthday: Member<String>,
            /// The language in which to write: a language tag (RFC 5646).
            #[serde(default)]
            #[schema(value_type = Option<String>, min_length = 2, max_length = 39)]
            language: Member<String>,
            /// A name of the IANA Time Zone Database.
            #[serde(default)]
            #[schema(value_type = Option<String>, max_length = 64)]
            time_zone: Member<String>,
            /// How far the person has come on the way to being a customer.
            #[serde(default)]
            #[schema(value_type = Option<closed::LifecycleStage>)]
            lifecycle_stage: Member<LifecycleStage>,
            /// By what the person became known.
            #[serde(default)]
            #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
            source: Member<String>,
            /// What the person is called in networks, by network (`[a-z][a-z0-9_]*`), or null to remove; those not named stay.
            #[serde(default)]
            #[schema(value_type = BTreeMap<String, Option<String>>, required = false)]
            handles: Map<Option<String>, MAX_OF_OTHERS>,
            /// What other systems call the person: all of it, 50 at most. Each is unique among the organization's contacts.
            #[serde(default)]
            #[schema(value_type = Option<Vec<ExternalIdBody>>, max_items = 50, nullable = false)]
            external_ids: Member<List<Object<ExternalIdBody>, MAX_OF_OTHERS>>,
            /// What the person said to being reached, by channel (`email`, `phone`, `sms`, `messaging`, `post`), or null when that is not
            /// known; those not named stay.
            #[serde(default)]
            #[schema(value_type = BTreeMap<String, ConsentStatusOrNull>, required = false)]
            consents: BTreeMap<Channel, Option<ConsentStatus>>,
            /// The user who looks after the person.
            #[serde(default)]
            #[schema(value_type = Option<Uuid>)]
            owner_id: Member<Uuid>,
            /// The workspace to which the contact belongs.
            #[serde(default)]
            #[schema(value_type = Option<Uuid>)]
            project_id: Member<Uuid>,
            /// Custom attributes to set, or with null to remove; those not named stay. A contact has 100 at most; names match
            /// `[a-z][a-z0-9_]*`.
            #[serde(default)]
            #[schema(value_type = BTreeMap<String, AttributeOrNull>, required = false)]
            attributes: Map<Value, MAX_ATTRIBUTES>,
        }

        impl $name {
            /// What is said, but for what this body says besides. `now` is when it is said.
            fn details(self, check: &mut Check, now: DateTime<Utc>) -> Option<ContactChange> {
                let emails = points_change(check, ["email", "emails"], (self.email, self.emails),
                    |check, text| check.at("/email", Email::new(&text)), text_point(Email::new));
                let phones = points_change(check, ["phone", "phones"], (self.phone, self.phones),
                    |check, text| check.at("/phone", PhoneNumber::new(&text)), text_point(PhoneNumber::new));
                let addresses = points_change(check, ["address", "addresses"], (self.address, self.addresses),
                    |check, body| address(check, "/address", body), address_point);
                let job_title = self.job_title.optional(check, "/job_title", |text| Label::new(&text));
                let birthday = self.birthday.optional(check, "/birthday", |text| day(&text));
                let language = self.language.optional(check, "/language", |text| Language::new(&text));
                let time_zone = self.time_zone.optional(check, "/time_zone", |text| TimeZone::new(&text));
                let lifecycle_stage = self.lifecycle_stage.optional(check, "/lifecycle_stage", Ok);
                let source = self.source.optional(check, "/source", |text| Label::new(&text));
                let handles = handles(check, self.handles);
                let external_ids = external_ids(check, self.external_ids);
                let consent = |(channel, status): (_, Option<_>)| (channel, status.map(|status| Consent { status, at: now }));
                let owner_id = self.owner_id.optional(check, "/owner_id", |id| Ok(id.into()));
                let project_id = self.project_id.optional(check, "/project_id", |id| Ok(id.into()));
                let attributes = attributes(check, self.attributes, |value| match value {
                    Value::Null => Ok(None),
                    value => AttributeValue::new(value).map(Some),
                });
                Some(ContactChange {
                    name: None,
                    emails: emails?,
                    phones: phones?,
                    addresses: addresses?,
                    job_title: job_title?,
                    birthday: birthday?,
                    language: language?,
                    time_zone: time_zone?,
                    lifecycle_stage: lifecycle_stage?,
                    source: source?,
                    handles: handles?,
                    external_ids: external_ids?,
                    consents: self.consents.into_iter().map(consent).collect(),
                    owner_id: owner_id?,
                    project_id: project_id?,
                    attributes: attributes?,
                    schema: Schema::default(),
                })
            }
        }
    };
}

with_details! {
    /// A contact that is to become known.
    #[schema(example = json!({
        "name": "Ana Lima",
        "email": "ana@example.com",
        "phone": "+351 21 123 4567",
        "address": { "street": "Rua Augusta 1", "city": "Lisboa", "postal_code": "1100-048", "country": "PT" },
        "job_title": "Engineer",
        "lifecycle_stage": "lead",
        "tags": ["vip"],
        "attributes": { "shoe_size": 38, "newsletter": true }
    }))]
    NewContact {
        /// What the person is called.
        #[schema(min_length = 1, max_length = 200)]
        name: String,
        /// Labels: letters, digits, `-`, `_`, `.` and `/`, kept in lower case.
        #[serde(default)]
        #[schema(value_type = Vec<String>, required = false, max_items = 100)]
        tags: List<String, MAX_TAGS>,
    }
}

with_details! {
    /// A change of a contact: what is missing stays, what is null is removed.
    #[schema(example = json!({ "phone": null, "attributes": { "shoe_size": 39, "newsletter": null } }))]
    ContactPatch {
        /// What the person is called. Can't be removed.
        #[serde(default)]
        #[schema(value_type = Option<String>, min_length = 1, max_length = 200, nullable = false)]
        name: Member<String>,
    }
}

with_details! {
    /// A contact that is to become known, or a change of one that is.
    #[schema(example = json!({ "name": "Ana Lima", "lifecycle_stage": "customer", "tags": ["shop"] }))]
    ContactUpsert {
        /// What the person is called; needed for one who is to become known.
        #[serde(default)]
        #[schema(value_type = Option<String>, min_length = 1, max_length = 200, nullable = false)]
        name: Member<String>,
        /// Labels to put on.
        #[serde(default)]
        #[schema(value_type = Vec<String>, required = false, max_items = 100)]
        tags: List<String, MAX_TAGS>,
    }
}

impl NewContact {
    /// What the contact is to be, and its labels.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn read(mut self, now: DateTime<Utc>) -> Result<(ContactChange, BTreeSet<Tag>), Problem> {
        let mut check = Check::default();
        let name = check.at("/name", PersonName::new(&self.name));
        let tags = tags(&mut check, std::mem::take(&mut self.tags));
        let details = self.details(&mut check, now);
        let built = || Some((ContactChange { name: Some(name?), ..details? }, tags?));
        let built = built();
        check.finish(built)
    }
}

impl ContactPatch {
    /// The change.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn read(mut self, now: DateTime<Utc>) -> Result<ContactChange, Problem> {
        let mut check = Check::default();
        let name = std::mem::take(&mut self.name).required(&mut check, "/name", |text| PersonName::new(&text));
        let details = self.details(&mut check, now);
        let built = || Some(ContactChange { name: name?, ..details? });
        let built = built();
        check.finish(built)
    }
}

impl ContactUpsert {
    /// The change, and labels to put on.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn read(mut self, now: DateTime<Utc>) -> Result<(ContactChange, BTreeSet<Tag>), Problem> {
        let mut check = Check::default();
        let name = std::mem::take(&mut self.name).required(&mut check, "/name", |text| PersonName::new(&text));
        let tags = tags(&mut check, std::mem::take(&mut self.tags));
        let details = self.details(&mut check, now);
        let built = || Some((ContactChange { name: name?, ..details? }, tags?));
        let built = built();
        check.finish(built)
    }
}

fn handles<const MAX: usize>(
    check: &mut Check,
    Map(handles): Map<Option<String>, MAX>,
) -> Option<BTreeMap<SystemName, Option<Handle>>> {
    let handles = handles.into_iter().map(|(network, handle)| {
        let handle = handle.map(|text| Handle::new(&text)).transpose();
        check.at(member("/handles", &network), SystemName::new(&network).and_then(|network| Ok((network, handle?))))
    });
    // Through a list, so that a fault does not hide those after it.
    handles.collect::<Vec<_>>().into_iter().collect()
}

fn external_ids<const MAX: usize>(
    check: &mut Check,
    ids: Member<List<Object<ExternalIdBody>, MAX>>,
) -> Option<Option<BTreeSet<ExternalId>>> {
    let Some(List(ids)) = ids.required(check, "/external_ids", Ok)? else { return Some(None) };
    let ids = ids.iter().enumerate().map(|(n, Object(id))| id.checked(check, &format!("/external_ids/{n}")));
    ids.collect::<Vec<_>>().into_iter().collect::<Option<_>>().map(Some)
}

/// By what a contact is looked for: one of these.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ana@example.com" }))]
pub(super) struct UpsertBy {
    /// An e-mail address, whatever its case.
    #[schema(format = Email, max_length = 254, nullable = false)]
    email: Option<String>,
    /// What another system calls the person.
    #[schema(value_type = Option<ExternalIdBody>, nullable = false)]
    external_id: Option<Object<ExternalIdBody>>,
}

impl UpsertBy {
    /// The key.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn key(self) -> Result<ContactKey, Problem> {
        let mut check = Check::default();
        let key = match (self.email, self.external_id) {
            (Some(text), None) => check.at("/email", Email::new(&text)).map(ContactKey::Email),
            (None, Some(Object(id))) => id.checked(&mut check, "/external_id").map(ContactKey::ExternalId),
            _ => check.at("", Err(Invalid::new("upsert.one_key", "must have email or external_id, one of them"))),
        };
        check.finish(key)
    }
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

impl TryFrom<Tags> for BTreeSet<Tag> {
    type Error = Problem;

    fn try_from(body: Tags) -> Result<Self, Problem> {
        let mut check = Check::default();
        let tags = tags(&mut check, body.tags);
        check.finish(tags)
    }
}

/// How a person belongs to a company.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "company_id": "0199c1a1-03b4-7e0a-8d4c-5f3f0a9c2b77", "role": "Engineer", "since": "2020-03-01" }))]
pub(super) struct CompanyLink {
    /// The company.
    pub(super) company_id: Uuid,
    /// As what.
    #[schema(min_length = 1, max_length = 100)]
    role: Option<String>,
    /// The first day.
    #[schema(format = Date)]
    since: Option<String>,
    /// The last day.
    #[schema(format = Date)]
    until: Option<String>,
}

/// A company to which a person does not belong.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "company_id": "0199c1a1-03b4-7e0a-8d4c-5f3f0a9c2b77" }))]
pub(super) struct CompanyUnlink {
    /// The company.
    pub(super) company_id: Uuid,
}

/// The contact that becomes part of another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "loser_id": "0199c1a1-03b4-7e0a-8d4c-5f3f0a9c2b77" }))]
pub(super) struct ContactMerge {
    /// The contact.
    pub(super) loser_id: Uuid,
}

impl CompanyLink {
    /// In which way.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn employment(self) -> Result<Employment, Problem> {
        let mut check = Check::default();
        let role = check.at("/role", self.role.map(|text| Label::new(&text)).transpose());
        let since = check.at("/since", self.since.map(|text| day(&text)).transpose());
        let until = check.at("/until", self.until.map(|text| day(&text)).transpose());
        let built = || Some(Employment { role: role?, since: since?, until: until? });
        let built = built();
        check.finish(built)
    }
}
