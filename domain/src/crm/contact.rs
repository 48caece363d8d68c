//! A person the company knows. The data subject of everything personal stored about them.

mod consent;
mod event;
mod key;
mod profile;
mod replacing;
#[cfg(feature = "testing")]
mod story;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use self::profile::MAX_OF_OTHERS;
pub use self::{
    consent::{Channel, Consent, ConsentStatus},
    event::ContactEvent,
    key::{ContactKey, ContactUpsert},
    profile::{ContactChange, ContactProfile, Employment, PointsChange},
};
use crate::{
    crm::custom_field::{Attributed, Schema, referred, reserved},
    ids::{CompanyId, ContactId},
    kernel::{Aggregate, Belonging, DomainError, ErrorKind, Invalid, Personal, Reference, UniqueKey},
    values::{AttributeKey, RecordRef, RecordType, Tag},
};

/// How many contacts may be part of one.
const MAX_ABSORBED: usize = 500;

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
    /// Of which contact this one is part. Counts as deleted, for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<ContactId>,
    /// Which contacts are part of this one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub absorbed: BTreeSet<ContactId>,
}

/// What can be asked of a contact.
#[derive(Clone)]
pub enum ContactCommand {
    /// Make the person known, with custom attributes as they may be.
    Create(Box<ContactProfile>, Schema),
    /// Change attributes; those not named stay.
    Change(Box<ContactChange>),
    /// Make the person known, or change attributes; and put labels on.
    Upsert(Box<ContactUpsert>),
    /// Put labels on.
    Tag(BTreeSet<Tag>),
    /// Take labels off.
    Untag(BTreeSet<Tag>),
    /// Say how the person belongs to a company.
    LinkCompany {
        /// The company.
        company_id: CompanyId,
        /// How.
        employment: Employment,
        /// Whether the company was seen: that it is there and within the caller's reach.
        seen: bool,
    },
    /// The person does not belong to a company.
    UnlinkCompany(CompanyId),
    /// Where a record is named, name the one of which it is part now. With a company goes the employment, unless there is one with
    /// the other company. Also where the contact is deleted.
    ReplaceRecord {
        /// The record that was taken in.
        record: RecordRef,
        /// The record of the same type that took it in.
        by: Uuid,
    },
    /// Take in another contact, which is the same person.
    Absorb {
        /// The other one.
        contact_id: ContactId,
        /// As it is; `None` when it is this one itself.
        contact: Option<Box<Contact>>,
    },
    /// Become part of another contact, which is the same person.
    MergeInto(ContactId),
    /// Delete softly.
    Delete,
    /// Bring back what was deleted.
    Restore,
    /// Erase everything personal, for good.
    Erase,
}

/// Why a command on a contact is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// It is part of another one.
    #[error("the contact is part of {0} now")]
    Merged(ContactId),
    /// It can't be part of itself.
    #[error("a contact can't be merged with itself")]
    MergedWithItself,
    /// Nobody becomes known without a name.
    #[error("a new contact needs a name")]
    Nameless,
    /// More labels than a contact can carry.
    #[error("a contact carries {} tags at most", Tag::MOST)]
    TooManyTags,
    /// A custom attribute is not as it may be.
    #[error("{0}")]
    Attribute(Invalid),
    /// More networks than a contact can be in.
    #[error("a contact is in {MAX_OF_OTHERS} networks at most")]
    TooManyHandles,
    /// More ids in other systems than a contact can have.
    #[error("a contact has {MAX_OF_OTHERS} external ids at most")]
    TooManyExternalIds,
    /// More companies than a contact can belong to.
    #[error("a contact belongs to {MAX_OF_OTHERS} companies at most")]
    TooManyCompanies,
    /// The company is not there, or beyond the caller's reach.
    #[error("there is no such company")]
    UnknownCompany,
    /// More contacts than can be one.
    #[error("{MAX_ABSORBED} contacts at most can be part of one")]
    TooManyAbsorbed,
    /// Too many addresses or numbers, or the same twice.
    #[error("addresses and numbers {0}")]
    Points(Invalid),
}

impl From<Invalid> for ContactError {
    fn from(invalid: Invalid) -> Self {
        Self::Points(invalid)
    }
}

impl DomainError for ContactError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists | Self::Deleted | Self::Erased | Self::Merged(_) => ErrorKind::Conflict,
            _ => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "contact.not_found",
            Self::AlreadyExists => "contact.already_exists",
            Self::Deleted => "contact.deleted",
            Self::Erased => "contact.erased",
            Self::Merged(_) => "contact.merged",
            Self::MergedWithItself => "contact.merged_with_itself",
            Self::Nameless => "contact.nameless",
            Self::TooManyTags => "contact.too_many_tags",
            Self::TooManyHandles => "contact.too_many_handles",
            Self::TooManyExternalIds => "contact.too_many_external_ids",
            Self::TooManyCompanies => "contact.too_many_companies",
            Self::UnknownCompany => "contact.unknown_company",
            Self::TooManyAbsorbed => "contact.too_many_absorbed",
            Self::Attribute(invalid) | Self::Points(invalid) => invalid.code,
        }
    }
}

impl Aggregate for Contact {
    const CONTEXT: &'static str = "crm";
    const TYPE: &'static str = "contact";
    const PLURAL: &'static str = "contacts";
    const BELONGS: bool = true;
    /// Until version 2 there was one e-mail address, telephone number and address at most.
    const STATE_VERSION: i16 = 2;
    type Id = ContactId;
    type Command = ContactCommand;
    type Event = ContactEvent;
    type Error = ContactError;

    fn decide(state: Option<&Self>, command: ContactCommand) -> Result<Vec<ContactEvent>, ContactError> {
        use ContactCommand::{
            Absorb, Change, Create, Delete, Erase, LinkCompany, MergeInto, ReplaceRecord, Restore, Tag, UnlinkCompany,
            Untag, Upsert,
        };
        match (state, command) {
            (None, Create(profile, schema)) => Ok(vec![ContactEvent::Created(Box::new(profile.defined(&schema)?))]),
            (None, Upsert(upsert)) => Ok(vec![ContactEvent::Created(Box::new(upsert.begun()?))]),
            (None, _) => Err(ContactError::NotFound),
            (Some(_), Create(..)) => Err(ContactError::AlreadyExists),
            // Nothing brings it back from there, and nobody asks what it names.
            (Some(contact), ReplaceRecord { .. }) if contact.erased || contact.merged_into.is_some() => Ok(vec![]),
            (Some(contact), ReplaceRecord { record, by }) => Ok(contact.profile.replaced(record, by)),
            (Some(contact), Delete | Erase) if contact.erased => Ok(vec![]),
            (Some(contact), _) if contact.erased => Err(ContactError::Erased),
            (Some(_), Erase) => Ok(vec![ContactEvent::Erased {}]),
            (Some(Self { merged_into: Some(winner), .. }), MergeInto(other)) if *winner == other => Ok(vec![]),
            (Some(Self { merged_into: Some(winner), .. }), _) => Err(ContactError::Merged(*winner)),
            (Some(contact), Delete) if contact.deleted => Ok(vec![]),
            (Some(contact), Restore) if contact.deleted => Ok(vec![ContactEvent::Restored {}]),
            (Some(contact), _) if contact.deleted => Err(ContactError::Deleted),
            (Some(contact), Change(change)) => contact.profile.changes(*change),
            (Some(contact), Upsert(upsert)) => {
                let mut events = contact.profile.changes(upsert.change)?;
                events.extend(contact.profile.tagged(&upsert.tags)?);
                Ok(events)
            }
            (Some(contact), Tag(tags)) => contact.profile.tagged(&tags),
            (Some(contact), Untag(tags)) => Ok(contact.profile.untagged(&tags)),
            (Some(contact), LinkCompany { company_id, employment, seen }) => {
                contact.profile.linked(company_id, employment, seen)
            }
            (Some(contact), UnlinkCompany(company_id)) => {
                let is_linked = contact.profile.companies.contains_key(&company_id);
                Ok(is_linked.then_some(ContactEvent::CompanyUnlinked { company_id }).into_iter().collect())
            }
            (Some(_), Absorb { contact: None, .. }) => Err(ContactError::MergedWithItself),
            (Some(contact), Absorb { contact_id, contact: Some(other) }) => contact.absorbs(contact_id, *other),
            (Some(_), MergeInto(into)) => Ok(vec![ContactEvent::Merged { into }]),
            (Some(_), Delete) => Ok(vec![ContactEvent::Deleted {}]),
            (Some(_), Restore) => Ok(vec![]),
        }
    }

    fn init(event: &ContactEvent) -> Option<Self> {
        match event {
            ContactEvent::Created(profile) => Some(Self {
                profile: (**profile).clone(),
                deleted: false,
                erased: false,
                merged_into: None,
                absorbed: BTreeSet::new(),
            }),
            _ => None,
        }
    }

    fn apply(&mut self, event: &ContactEvent) {
        match event {
            ContactEvent::Absorbed { contact_ids, .. } => self.absorbed.extend(contact_ids),
            ContactEvent::Merged { into } => self.merged_into = Some(*into),
            ContactEvent::Deleted {} => self.deleted = true,
            ContactEvent::Restored {} => self.deleted = false,
            ContactEvent::Erased {} => self.erased = true,
            _ => {}
        }
        // The profile has an arm for each event.
        self.profile.apply(event.clone());
    }

    fn schema_version(event_type: &str) -> i16 {
        event::schema_version(event_type)
    }

    fn upcast(event_type: &str, schema_version: i16, data: Value) -> Value {
        event::upcast(event_type, schema_version, data)
    }

    fn belongs(&self) -> Option<Belonging> {
        let ContactProfile { owner_id, project_id, .. } = self.profile;
        Some(Belonging { owner_id, project_id })
    }

    fn keys(&self) -> Vec<UniqueKey> {
        let emails = self.profile.emails.values().map(ContactKey::of_email);
        let external = self.profile.external_ids.iter().map(ContactKey::of_external_id);
        let value = |key: &AttributeKey| self.profile.attributes.get(key).and_then(Personal::known);
        let attributes = reserved("contact.attribute", &self.profile.unique_attributes, value);
        // Two spellings of an address are one key.
        emails.chain(external).chain(attributes).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn references(&self) -> Vec<Reference> {
        let companies = self.profile.companies.keys().map(|id| RecordRef::company(*id));
        let others = referred(self.profile.attributes.values().filter_map(Personal::known));
        companies.chain(others).map(Reference::from).collect()
    }

    fn is_deleted(&self) -> bool {
        self.deleted || self.erased || self.merged_into.is_some()
    }

    fn successor(&self) -> Option<ContactId> {
        self.merged_into
    }

    fn is_erased(&self) -> bool {
        self.erased
    }

    fn erasure() -> Option<ContactCommand> {
        Some(ContactCommand::Erase)
    }
}

impl Attributed for Contact {
    const RECORD_TYPE: RecordType = RecordType::Contact;

    fn asks(command: &mut ContactCommand) -> Option<(Vec<RecordRef>, &mut Schema)> {
        let change = match command {
            ContactCommand::Create(profile, schema) => {
                return Some((referred(profile.attributes.values().filter_map(Personal::known)), schema));
            }
            ContactCommand::Upsert(upsert) => &mut upsert.change,
            ContactCommand::Change(change) if !change.attributes.is_empty() => &mut **change,
            _ => return None,
        };
        Some((referred(change.attributes.values().flatten()), &mut change.schema))
    }
}

impl Contact {
    /// Takes in another one, with all that is part of it.
    fn absorbs(&self, contact_id: ContactId, other: Self) -> Result<Vec<ContactEvent>, ContactError> {
        if self.absorbed.contains(&contact_id) {
            return Ok(vec![]);
        }
        let contact_ids: BTreeSet<_> = other.absorbed.into_iter().chain([contact_id]).collect();
        if self.absorbed.len() + contact_ids.len() > MAX_ABSORBED {
            return Err(ContactError::TooManyAbsorbed);
        }
        let profile = Box::new(self.profile.and(other.profile)?);
        Ok(vec![ContactEvent::Absorbed { contact_ids, profile }])
    }
}
