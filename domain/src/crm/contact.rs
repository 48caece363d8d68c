//! A person the company knows. The data subject of everything personal stored about them.

#[cfg(feature = "testing")]
mod story;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    ids::{ContactId, ProjectId, UserId},
    kernel::{Aggregate, Belonging, DomainError, ErrorKind, Patch, Personal, UniqueKey},
    values::{Address, AttributeKey, AttributeValue, Email, PersonName, PhoneNumber, Tag},
};

/// How many tags a contact may carry.
const MAX_TAGS: usize = 100;
/// How many custom attributes a contact may have.
const MAX_ATTRIBUTES: usize = 100;

/// A contact's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// What is known about the person.
    #[serde(flatten)]
    pub profile: ContactProfile,
    /// Softly deleted: kept, but out of sight, and its e-mail free for others.
    #[serde(default)]
    pub deleted: bool,
    /// Erased: nothing personal is left, and nothing can be added. Counts as deleted, for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
}

/// What is known about a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContactProfile {
    /// What the person is called.
    pub name: Personal<PersonName>,
    /// Unique among the living contacts of an organization, without regard to case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal<Email>>,
    /// Where the person can be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Personal<PhoneNumber>>,
    /// Where the person lives or works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Personal<Address>>,
    /// Who in the company looks after the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
    /// The workspace to which the contact belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// Labels, each once. Personal, since a label can say anything about the person.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "crate::kernel::personal_or_default")]
    #[schemars(with = "Personal<BTreeSet<Tag>>")]
    pub tags: BTreeSet<Tag>,
    /// What the company wishes to note beyond the fields above. All of it counts as personal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<AttributeKey, Personal<AttributeValue>>,
}

/// What can be asked of a contact.
#[derive(Clone)]
pub enum ContactCommand {
    /// Make the person known.
    Create(Box<ContactProfile>),
    /// Change attributes; those not named stay.
    Change(Box<ContactChange>),
    /// Put labels on.
    Tag(BTreeSet<Tag>),
    /// Take labels off.
    Untag(BTreeSet<Tag>),
    /// Delete softly.
    Delete,
    /// Bring back what was deleted.
    Restore,
    /// Erase everything personal, for good.
    Erase,
}

/// A change of attributes, in the sense of JSON merge patch (RFC 7396).
#[derive(Clone, Default)]
pub struct ContactChange {
    /// A new name.
    pub name: Option<PersonName>,
    /// A new e-mail address.
    pub email: Patch<Email>,
    /// A new telephone number.
    pub phone: Patch<PhoneNumber>,
    /// A new address, as a whole.
    pub address: Patch<Address>,
    /// A new owner.
    pub owner_id: Patch<UserId>,
    /// Another workspace.
    pub project_id: Patch<ProjectId>,
    /// Custom attributes to set, or with `None` to remove.
    pub attributes: BTreeMap<AttributeKey, Option<AttributeValue>>,
}

/// What happened to a contact. Names are public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the profile, where they are explained")]
pub enum ContactEvent {
    /// The person became known.
    #[serde(rename = "contact.created")]
    Created(Box<ContactProfile>),
    /// The name changed.
    #[serde(rename = "contact.renamed")]
    Renamed { name: Personal<PersonName> },
    /// The e-mail address changed, or was removed.
    #[serde(rename = "contact.email_changed")]
    EmailChanged { email: Option<Personal<Email>> },
    /// The telephone number changed, or was removed.
    #[serde(rename = "contact.phone_changed")]
    PhoneChanged { phone: Option<Personal<PhoneNumber>> },
    /// The address changed, or was removed.
    #[serde(rename = "contact.address_changed")]
    AddressChanged { address: Option<Personal<Address>> },
    /// Another user looks after the person, or nobody does.
    #[serde(rename = "contact.owner_changed")]
    OwnerChanged { owner_id: Option<UserId> },
    /// The contact moved to another workspace, or out of all.
    #[serde(rename = "contact.project_changed")]
    ProjectChanged { project_id: Option<ProjectId> },
    /// A custom attribute got a value.
    #[serde(rename = "contact.attribute_set")]
    AttributeSet { key: AttributeKey, value: Personal<AttributeValue> },
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

/// Why a command on a contact is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContactError {
    /// There is none with this id.
    #[error("there is no such contact")]
    NotFound,
    /// The id is in use.
    #[error("the contact exists already")]
    AlreadyExists,
    /// It was deleted; only restoring is possible.
    #[error("the contact is deleted; restore it first")]
    Deleted,
    /// It was erased; nothing brings it back.
    #[error("the contact was erased, for good")]
    Erased,
    /// More labels than a contact can carry.
    #[error("a contact carries {MAX_TAGS} tags at most")]
    TooManyTags,
    /// More custom attributes than a contact can have.
    #[error("a contact has {MAX_ATTRIBUTES} custom attributes at most")]
    TooManyAttributes,
}

impl DomainError for ContactError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists | Self::Deleted | Self::Erased => ErrorKind::Conflict,
            Self::TooManyTags | Self::TooManyAttributes => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "contact.not_found",
            Self::AlreadyExists => "contact.already_exists",
            Self::Deleted => "contact.deleted",
            Self::Erased => "contact.erased",
            Self::TooManyTags => "contact.too_many_tags",
            Self::TooManyAttributes => "contact.too_many_attributes",
        }
    }
}

impl Aggregate for Contact {
    const CONTEXT: &'static str = "crm";
    const TYPE: &'static str = "contact";
    const PLURAL: &'static str = "contacts";
    const BELONGS: bool = true;
    type Id = ContactId;
    type Command = ContactCommand;
    type Event = ContactEvent;
    type Error = ContactError;

    fn decide(state: Option<&Self>, command: ContactCommand) -> Result<Vec<ContactEvent>, ContactError> {
        use ContactCommand::{Change, Create, Delete, Erase, Restore, Tag, Untag};
        match (state, command) {
            (None, Create(profile)) => profile.checked().map(|profile| vec![ContactEvent::Created(profile)]),
            (None, _) => Err(ContactError::NotFound),
            (Some(_), Create(_)) => Err(ContactError::AlreadyExists),
            (Some(contact), Delete | Erase) if contact.erased => Ok(vec![]),
            (Some(contact), _) if contact.erased => Err(ContactError::Erased),
            (Some(_), Erase) => Ok(vec![ContactEvent::Erased {}]),
            (Some(contact), Delete) if contact.deleted => Ok(vec![]),
            (Some(contact), Restore) if contact.deleted => Ok(vec![ContactEvent::Restored {}]),
            (Some(contact), _) if contact.deleted => Err(ContactError::Deleted),
            (Some(contact), Change(change)) => contact.profile.changes(*change),
            (Some(contact), Tag(tags)) => contact.profile.tagged(tags),
            (Some(contact), Untag(tags)) => Ok(contact.profile.untagged(tags).into_iter().collect()),
            (Some(_), Delete) => Ok(vec![ContactEvent::Deleted {}]),
            (Some(_), Restore) => Ok(vec![]),
        }
    }

    fn init(event: &ContactEvent) -> Option<Self> {
        match event {
            ContactEvent::Created(profile) => {
                Some(Self { profile: (**profile).clone(), deleted: false, erased: false })
            }
            _ => None,
        }
    }

    fn apply(&mut self, event: &ContactEvent) {
        let profile = &mut self.profile;
        match event.clone() {
            ContactEvent::Created(created) => *profile = *created,
            ContactEvent::Renamed { name } => profile.name = name,
            ContactEvent::EmailChanged { email } => profile.email = email,
            ContactEvent::PhoneChanged { phone } => profile.phone = phone,
            ContactEvent::AddressChanged { address } => profile.address = address,
            ContactEvent::OwnerChanged { owner_id } => profile.owner_id = owner_id,
            ContactEvent::ProjectChanged { project_id } => profile.project_id = project_id,
            ContactEvent::AttributeSet { key, value } => drop(profile.attributes.insert(key, value)),
            ContactEvent::AttributeRemoved { key } => drop(profile.attributes.remove(&key)),
            ContactEvent::Tagged { tags } => profile.tags.extend(tags),
            ContactEvent::Untagged { tags } => profile.tags.retain(|tag| !tags.contains(tag)),
            ContactEvent::Deleted {} => self.deleted = true,
            ContactEvent::Restored {} => self.deleted = false,
            ContactEvent::Erased {} => {
                profile.erase();
                self.erased = true;
            }
        }
    }

    fn schema_version(event_type: &str) -> i16 {
        if matches!(event_type, "contact.tagged" | "contact.untagged") { 2 } else { 1 }
    }

    fn upcast(event_type: &str, schema_version: i16, mut data: Value) -> Value {
        match (event_type, schema_version) {
            ("contact.tagged" | "contact.untagged", 1) => json!({ "tags": [data["tag"].take()] }),
            _ => data,
        }
    }

    fn belongs(&self) -> Option<Belonging> {
        Some(Belonging { owner_id: self.profile.owner_id, project_id: self.profile.project_id })
    }

    fn keys(&self) -> Vec<UniqueKey> {
        let email = self.profile.email.as_ref().and_then(Personal::known);
        email.map(|email| UniqueKey::new("contact.email", email.normalized())).into_iter().collect()
    }

    fn is_deleted(&self) -> bool {
        self.deleted || self.erased
    }

    fn is_erased(&self) -> bool {
        self.erased
    }

    fn erasure() -> Option<ContactCommand> {
        Some(ContactCommand::Erase)
    }
}

impl ContactProfile {
    /// A profile of which only the name is known.
    pub fn named(name: PersonName) -> Self {
        Self {
            name: name.into(),
            email: None,
            phone: None,
            address: None,
            owner_id: None,
            project_id: None,
            tags: BTreeSet::new(),
            attributes: BTreeMap::new(),
        }
    }

    /// Leaves what is about the company: who looked after the person, and in which workspace.
    fn erase(&mut self) {
        let Self { owner_id, project_id, .. } = *self;
        *self = Self {
            name: Personal::Erased,
            email: None,
            phone: None,
            address: None,
            owner_id,
            project_id,
            tags: BTreeSet::new(),
            attributes: BTreeMap::new(),
        };
    }

    fn checked(self: Box<Self>) -> Result<Box<Self>, ContactError> {
        if self.tags.len() > MAX_TAGS {
            Err(ContactError::TooManyTags)
        } else if self.attributes.len() > MAX_ATTRIBUTES {
            Err(ContactError::TooManyAttributes)
        } else {
            Ok(self)
        }
    }

    /// One event for each thing that differs.
    fn changes(&self, change: ContactChange) -> Result<Vec<ContactEvent>, ContactError> {
        use ContactEvent::{AddressChanged, EmailChanged, OwnerChanged, PhoneChanged, ProjectChanged, Renamed};
        let mut events = Vec::new();
        let name = change.name.map(Personal::from).filter(|name| *name != self.name);
        events.extend(name.map(|name| Renamed { name }));
        events.extend(change.email.differing(self.email.as_ref()).map(|email| EmailChanged { email }));
        events.extend(change.phone.differing(self.phone.as_ref()).map(|phone| PhoneChanged { phone }));
        events.extend(change.address.differing(self.address.as_ref()).map(|address| AddressChanged { address }));
        events.extend(change.owner_id.differing(self.owner_id.as_ref()).map(|owner_id| OwnerChanged { owner_id }));
        let project = change.project_id.differing(self.project_id.as_ref());
        events.extend(project.map(|project_id| ProjectChanged { project_id }));
        let mut count = self.attributes.len();
        for (key, value) in change.attributes {
            match (self.attributes.get(&key), value.map(Personal::from)) {
                (None, None) => {}
                (Some(_), None) => {
                    count -= 1;
                    events.push(ContactEvent::AttributeRemoved { key });
                }
                (Some(present), Some(value)) if *present == value => {}
                (present, Some(value)) => {
                    count += usize::from(present.is_none());
                    events.push(ContactEvent::AttributeSet { key, value });
                }
            }
        }
        if count > MAX_ATTRIBUTES { Err(ContactError::TooManyAttributes) } else { Ok(events) }
    }

    fn tagged(&self, tags: BTreeSet<Tag>) -> Result<Vec<ContactEvent>, ContactError> {
        let tags: BTreeSet<_> = tags.into_iter().filter(|tag| !self.tags.contains(tag)).collect();
        if self.tags.len() + tags.len() > MAX_TAGS {
            return Err(ContactError::TooManyTags);
        }
        Ok(if tags.is_empty() { vec![] } else { vec![ContactEvent::Tagged { tags }] })
    }

    fn untagged(&self, tags: BTreeSet<Tag>) -> Option<ContactEvent> {
        let tags: BTreeSet<_> = tags.into_iter().filter(|tag| self.tags.contains(tag)).collect();
        (!tags.is_empty()).then_some(ContactEvent::Untagged { tags })
    }
}
