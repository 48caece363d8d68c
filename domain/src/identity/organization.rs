//! An organization: the tenant to which every record belongs. Its stream's id is the tenant's.

#[cfg(feature = "testing")]
mod story;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{OrganizationId, UserId},
    kernel::{Aggregate, DomainError, ErrorKind},
    values::{Description, Label},
};

/// How many owners an organization may have.
const MAX_OWNERS: usize = 100;

/// An organization's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Organization {
    /// What it is called.
    pub name: Label,
    /// Whose it is: one at least.
    pub owners: BTreeSet<UserId>,
    /// Why and that it may not be used, by decision of the installation's operators. Outlasts closing and reopening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// When its owners closed it; it can be reopened until it is purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<DateTime<Utc>>,
    /// Everything in it was deleted, for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub purged: bool,
}

/// Why an organization may not be used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suspension {
    /// The operators' words, as the organization's people are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Description>,
}

/// Whether an organization can be used; the weightiest reason against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationStatus {
    /// It can.
    Active,
    /// Not until the operators let it.
    Suspended,
    /// Not until its owners reopen it.
    Closed,
    /// Never again.
    Purged,
}

/// What can be asked of an organization.
#[derive(Clone)]
pub enum OrganizationCommand {
    /// Found it.
    Register {
        /// What it is called.
        name: Label,
        /// Its first owner.
        owner: UserId,
    },
    /// Call it something else.
    Rename {
        /// The new name.
        name: Label,
    },
    /// Share it with another owner.
    AddOwner(UserId),
    /// Take it from an owner who is not the last.
    RemoveOwner(UserId),
    /// Let nobody use it for now.
    Suspend {
        /// Why, as its people are told.
        reason: Option<Description>,
    },
    /// Let it be used again.
    Resume,
    /// Give it up.
    Close {
        /// When.
        at: DateTime<Utc>,
    },
    /// Take it up again.
    Reopen,
    /// Record that all that was in it is being deleted.
    Purge,
}

/// What happened to an organization. Names are public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the state, where they are explained")]
pub enum OrganizationEvent {
    /// It was founded.
    #[serde(rename = "organization.registered")]
    Registered { name: Label, owner: UserId },
    /// The name changed.
    #[serde(rename = "organization.renamed")]
    Renamed { name: Label },
    /// Another user owns it too.
    #[serde(rename = "organization.owner_added")]
    OwnerAdded { owner: UserId },
    /// A user owns it no longer.
    #[serde(rename = "organization.owner_removed")]
    OwnerRemoved { owner: UserId },
    /// Operators took it out of use, or changed their reason.
    #[serde(rename = "organization.suspended")]
    Suspended { reason: Option<Description> },
    /// Operators let it be used again.
    #[serde(rename = "organization.resumed")]
    Resumed {},
    /// Its owners gave it up.
    #[serde(rename = "organization.closed")]
    Closed { at: DateTime<Utc> },
    /// Its owners took it up again.
    #[serde(rename = "organization.reopened")]
    Reopened {},
    /// Everything in it is deleted, for good.
    #[serde(rename = "organization.purged")]
    Purged {},
}

/// Why a command on an organization is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrganizationError {
    /// There is none with this id.
    #[error("there is no such organization")]
    NotFound,
    /// The id is in use.
    #[error("the organization exists already")]
    AlreadyExists,
    /// The operators took it out of use.
    #[error("the organization is suspended")]
    Suspended,
    /// Its owners gave it up.
    #[error("the organization is closed; reopen it first")]
    Closed,
    /// Only what is closed can be purged.
    #[error("the organization is not closed")]
    NotClosed,
    /// Everything in it was deleted.
    #[error("the organization was deleted, for good")]
    Purged,
    /// Somebody must own it.
    #[error("the last owner can't go; add another one first")]
    LastOwner,
    /// More owners than an organization can have.
    #[error("an organization has {MAX_OWNERS} owners at most")]
    TooManyOwners,
}

impl DomainError for OrganizationError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists | Self::Suspended | Self::Closed | Self::NotClosed | Self::Purged | Self::LastOwner => {
                ErrorKind::Conflict
            }
            Self::TooManyOwners => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "organization.not_found",
            Self::AlreadyExists => "organization.already_exists",
            Self::Suspended => "organization.suspended",
            Self::Closed => "organization.closed",
            Self::NotClosed => "organization.not_closed",
            Self::Purged => "organization.purged",
            Self::LastOwner => "organization.last_owner",
            Self::TooManyOwners => "organization.too_many_owners",
        }
    }
}

impl Aggregate for Organization {
    const CONTEXT: &'static str = "identity";
    const TYPE: &'static str = "organization";
    const PLURAL: &'static str = "organizations";
    type Id = OrganizationId;
    type Command = OrganizationCommand;
    type Event = OrganizationEvent;
    type Error = OrganizationError;

    fn decide(state: Option<&Self>, command: OrganizationCommand) -> Result<Vec<OrganizationEvent>, OrganizationError> {
        use OrganizationCommand::{AddOwner, Close, Purge, Register, RemoveOwner, Rename, Reopen, Resume, Suspend};
        use OrganizationStatus::{Active, Closed, Purged, Suspended};
        let Some(organization) = state else {
            return match command {
                Register { name, owner } => Ok(vec![OrganizationEvent::Registered { name, owner }]),
                _ => Err(OrganizationError::NotFound),
            };
        };
        match (organization.status(), command) {
            (_, Register { .. }) => Err(OrganizationError::AlreadyExists),
            (Purged, Purge) => Ok(vec![]),
            (Purged, _) => Err(OrganizationError::Purged),
            (Closed, Purge) => Ok(vec![OrganizationEvent::Purged {}]),
            (_, Purge) => Err(OrganizationError::NotClosed),
            (Closed, Close { .. }) => Ok(vec![]),
            (_, Close { at }) => Ok(vec![OrganizationEvent::Closed { at }]),
            (Closed, Reopen) => Ok(vec![OrganizationEvent::Reopened {}]),
            (_, Reopen) => Ok(vec![]),
            (_, Resume) => Ok(organization.suspension.iter().map(|_| OrganizationEvent::Resumed {}).collect()),
            (Closed, _) => Err(OrganizationError::Closed),
            (_, Suspend { reason }) => Ok(organization.suspended(reason).into_iter().collect()),
            (Suspended, _) => Err(OrganizationError::Suspended),
            (Active, Rename { name }) if name == organization.name => Ok(vec![]),
            (Active, Rename { name }) => Ok(vec![OrganizationEvent::Renamed { name }]),
            (Active, AddOwner(owner)) => organization.shared_with(owner),
            (Active, RemoveOwner(owner)) => organization.taken_from(owner),
        }
    }

    fn init(event: &OrganizationEvent) -> Option<Self> {
        match event {
            OrganizationEvent::Registered { name, owner } => Some(Self {
                name: name.clone(),
                owners: BTreeSet::from([*owner]),
                suspension: None,
                closed_at: None,
                purged: false,
            }),
            _ => None,
        }
    }

    fn apply(&mut self, event: &OrganizationEvent) {
        match event.clone() {
            OrganizationEvent::Registered { name, owner } => {
                self.name = name;
                self.owners = BTreeSet::from([owner]);
            }
            OrganizationEvent::Renamed { name } => self.name = name,
            OrganizationEvent::OwnerAdded { owner } => drop(self.owners.insert(owner)),
            OrganizationEvent::OwnerRemoved { owner } => drop(self.owners.remove(&owner)),
            OrganizationEvent::Suspended { reason } => self.suspension = Some(Suspension { reason }),
            OrganizationEvent::Resumed {} => self.suspension = None,
            OrganizationEvent::Closed { at } => self.closed_at = Some(at),
            OrganizationEvent::Reopened {} => self.closed_at = None,
            OrganizationEvent::Purged {} => self.purged = true,
        }
    }

    fn is_deleted(&self) -> bool {
        self.purged
    }
}

impl Organization {
    /// Whether it can be used, and else the weightiest reason against it.
    pub fn status(&self) -> OrganizationStatus {
        if self.purged {
            OrganizationStatus::Purged
        } else if self.closed_at.is_some() {
            OrganizationStatus::Closed
        } else if self.suspension.is_some() {
            OrganizationStatus::Suspended
        } else {
            OrganizationStatus::Active
        }
    }

    fn suspended(&self, reason: Option<Description>) -> Option<OrganizationEvent> {
        let already = self.suspension.as_ref().is_some_and(|suspension| suspension.reason == reason);
        (!already).then_some(OrganizationEvent::Suspended { reason })
    }

    fn shared_with(&self, owner: UserId) -> Result<Vec<OrganizationEvent>, OrganizationError> {
        if self.owners.contains(&owner) {
            Ok(vec![])
        } else if self.owners.len() >= MAX_OWNERS {
            Err(OrganizationError::TooManyOwners)
        } else {
            Ok(vec![OrganizationEvent::OwnerAdded { owner }])
        }
    }

    fn taken_from(&self, owner: UserId) -> Result<Vec<OrganizationEvent>, OrganizationError> {
        if !self.owners.contains(&owner) {
            Ok(vec![])
        } else if self.owners.len() == 1 {
            Err(OrganizationError::LastOwner)
        } else {
            Ok(vec![OrganizationEvent::OwnerRemoved { owner }])
        }
    }
}
