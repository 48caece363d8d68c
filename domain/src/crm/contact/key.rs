//! By what a contact is known to be the one that is meant.

use std::collections::BTreeSet;

use super::{ContactChange, ContactError, ContactProfile};
use crate::{
    kernel::UniqueKey,
    values::{Email, ExternalId, Points, Tag},
};

/// What one living contact of an organization has at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactKey {
    /// An e-mail address, whatever its case.
    Email(Email),
    /// What another system calls the person.
    ExternalId(ExternalId),
}

impl ContactKey {
    /// As it is reserved.
    pub fn reserved(&self) -> UniqueKey {
        match self {
            Self::Email(email) => Self::of_email(email),
            Self::ExternalId(id) => Self::of_external_id(id),
        }
    }

    pub(super) fn of_email(email: &Email) -> UniqueKey {
        UniqueKey::new("contact.email", email.normalized())
    }

    pub(super) fn of_external_id(id: &ExternalId) -> UniqueKey {
        UniqueKey::new("contact.external_id", id.to_key())
    }
}

/// What is to be known of whoever has a key.
#[derive(Clone)]
pub struct ContactUpsert {
    /// By what the contact was looked for.
    pub by: ContactKey,
    /// What is to be so.
    pub change: ContactChange,
    /// Labels to put on.
    pub tags: BTreeSet<Tag>,
}

impl ContactUpsert {
    /// The profile of somebody who becomes known by it, and has the key.
    pub(super) fn begun(self) -> Result<ContactProfile, ContactError> {
        let schema = self.change.schema.clone();
        let mut profile = ContactProfile::begun(self.change, self.tags)?;
        match self.by {
            ContactKey::Email(email) => {
                if profile.emails.values().all(|other| other.normalized() != email.normalized()) {
                    profile.emails = profile.emails.and(&Points::one(email))?;
                }
            }
            ContactKey::ExternalId(id) => drop(profile.external_ids.insert(id)),
        }
        profile.defined(&schema)
    }
}
