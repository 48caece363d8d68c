//! A list of contacts that people fill by hand: whom to invite, whom to call.

mod members;
#[cfg(feature = "testing")]
mod story;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::members::{MAX_MEMBERS, MEMBERS_OF_EVENT};
use crate::{
    ids::{ContactId, ContactListId, ProjectId, UserId},
    kernel::{Aggregate, Belonging, DomainError, ErrorKind, Patch, Referral, UniqueKey},
    values::{Description, Label},
};

/// A contact list's state. Who is on it stands in its events, and in a read model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContactList {
    /// What is known about it.
    #[serde(flatten)]
    pub profile: ContactListProfile,
    /// Softly deleted: kept, but out of sight, and its name free for others.
    #[serde(default)]
    pub deleted: bool,
}

/// What is known about a contact list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContactListProfile {
    /// What it is called. Unique among the living contact lists of an organization, without regard to case.
    pub name: Label,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// Who in the company looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
    /// The workspace to which it belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
}

/// What can be asked of a contact list.
#[derive(Clone)]
pub enum ContactListCommand {
    /// Begin it.
    Create(ContactListProfile),
    /// Change attributes; those not named stay.
    Change(ContactListChange),
    /// Put contacts on it.
    AddMembers {
        /// Whom.
        contact_ids: BTreeSet<ContactId>,
        /// Which of them were seen, and may be read by whoever adds them.
        seen: BTreeSet<ContactId>,
    },
    /// Take contacts off it.
    RemoveMembers(BTreeSet<ContactId>),
    /// Put the contact on it that took in another one, which is on it and comes off. Of a deleted list, too: it may be restored.
    ReplaceMember {
        /// The contact that was taken in.
        loser: ContactId,
        /// The contact that took it in.
        winner: ContactId,
    },
    /// Delete softly.
    Delete,
    /// Bring back what was deleted.
    Restore,
}

/// A change of attributes, in the sense of JSON merge patch (RFC 7396).
#[derive(Clone, Default)]
pub struct ContactListChange {
    /// A new name.
    pub name: Option<Label>,
    /// A new description.
    pub description: Patch<Description>,
    /// A new owner.
    pub owner_id: Patch<UserId>,
    /// Another workspace.
    pub project_id: Patch<ProjectId>,
}

/// What happened to a contact list. Names are public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the profile, where they are explained")]
pub enum ContactListEvent {
    /// It was begun.
    #[serde(rename = "contact_list.created")]
    Created(ContactListProfile),
    /// The name changed.
    #[serde(rename = "contact_list.renamed")]
    Renamed { name: Label },
    /// The description changed, or was removed.
    #[serde(rename = "contact_list.described")]
    Described { description: Option<Description> },
    /// Another user looks after it, or nobody does.
    #[serde(rename = "contact_list.owner_changed")]
    OwnerChanged { owner_id: Option<UserId> },
    /// It moved to another workspace, or out of all.
    #[serde(rename = "contact_list.project_changed")]
    ProjectChanged { project_id: Option<ProjectId> },
    /// Contacts are on it from now on, each of them told once, in ascending order; some may have been before. Of many, several
    /// events tell.
    #[serde(rename = "contact_list.members_added")]
    MembersAdded { contact_ids: BTreeSet<ContactId> },
    /// Contacts are not on it from now on, each of them told once, in ascending order; some may not have been before. Of many,
    /// several events tell.
    #[serde(rename = "contact_list.members_removed")]
    MembersRemoved { contact_ids: BTreeSet<ContactId> },
    /// A contact was merged into another one, which is on the list in its place.
    #[serde(rename = "contact_list.member_replaced")]
    MemberReplaced { loser_id: ContactId, winner_id: ContactId },
    /// It was deleted softly.
    #[serde(rename = "contact_list.deleted")]
    Deleted {},
    /// It was brought back.
    #[serde(rename = "contact_list.restored")]
    Restored {},
}

/// Why a command on a contact list is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContactListError {
    /// There is none with this id.
    #[error("there is no such contact list")]
    NotFound,
    /// The id is in use.
    #[error("the contact list exists already")]
    AlreadyExists,
    /// It was deleted; only restoring is possible.
    #[error("the contact list is deleted; restore it first")]
    Deleted,
    /// More contacts than one command adds or removes.
    #[error("{MAX_MEMBERS} contacts at most are added or removed at once")]
    TooManyMembers,
    /// Contacts are not there, or beyond the caller's reach.
    #[error("{count} of the contacts can't be added, since they are not there; the first is {first}")]
    UnknownContacts {
        /// How many.
        count: usize,
        /// The one with the lowest id.
        first: ContactId,
    },
}

impl DomainError for ContactListError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists | Self::Deleted => ErrorKind::Conflict,
            Self::TooManyMembers | Self::UnknownContacts { .. } => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "contact_list.not_found",
            Self::AlreadyExists => "contact_list.already_exists",
            Self::Deleted => "contact_list.deleted",
            Self::TooManyMembers => "contact_list.too_many_members",
            Self::UnknownContacts { .. } => "contact_list.unknown_contacts",
        }
    }
}

impl Aggregate for ContactList {
    const CONTEXT: &'static str = "crm";
    const TYPE: &'static str = "contact_list";
    const PLURAL: &'static str = "contact_lists";
    const BELONGS: bool = true;
    type Id = ContactListId;
    type Command = ContactListCommand;
    type Event = ContactListEvent;
    type Error = ContactListError;

    fn decide(state: Option<&Self>, command: ContactListCommand) -> Result<Vec<ContactListEvent>, ContactListError> {
        use ContactListCommand::{AddMembers, Change, Create, Delete, RemoveMembers, ReplaceMember, Restore};
        match (state, command) {
            (None, Create(profile)) => Ok(vec![ContactListEvent::Created(profile)]),
            (None, _) => Err(ContactListError::NotFound),
            (Some(_), Create(_)) => Err(ContactListError::AlreadyExists),
            (Some(_), ReplaceMember { loser, winner }) if loser == winner => Ok(vec![]),
            (Some(_), ReplaceMember { loser, winner }) => {
                Ok(vec![ContactListEvent::MemberReplaced { loser_id: loser, winner_id: winner }])
            }
            (Some(list), Delete) if list.deleted => Ok(vec![]),
            (Some(list), Restore) if list.deleted => Ok(vec![ContactListEvent::Restored {}]),
            (Some(list), _) if list.deleted => Err(ContactListError::Deleted),
            (Some(list), Change(change)) => Ok(list.profile.changes(change)),
            (Some(_), AddMembers { contact_ids, seen }) => members::added(&contact_ids, &seen),
            (Some(_), RemoveMembers(contact_ids)) => members::removed(&contact_ids),
            (Some(_), Delete) => Ok(vec![ContactListEvent::Deleted {}]),
            (Some(_), Restore) => Ok(vec![]),
        }
    }

    fn init(event: &ContactListEvent) -> Option<Self> {
        match event {
            ContactListEvent::Created(profile) => Some(Self { profile: profile.clone(), deleted: false }),
            _ => None,
        }
    }

    fn apply(&mut self, event: &ContactListEvent) {
        let profile = &mut self.profile;
        match event.clone() {
            ContactListEvent::Created(created) => *profile = created,
            ContactListEvent::Renamed { name } => profile.name = name,
            ContactListEvent::Described { description } => profile.description = description,
            ContactListEvent::OwnerChanged { owner_id } => profile.owner_id = owner_id,
            ContactListEvent::ProjectChanged { project_id } => profile.project_id = project_id,
            ContactListEvent::MembersAdded { .. }
            | ContactListEvent::MembersRemoved { .. }
            | ContactListEvent::MemberReplaced { .. } => {}
            ContactListEvent::Deleted {} => self.deleted = true,
            ContactListEvent::Restored {} => self.deleted = false,
        }
    }

    fn belongs(&self) -> Option<Belonging> {
        Some(Belonging { owner_id: self.profile.owner_id, project_id: self.profile.project_id })
    }

    fn keys(&self) -> Vec<UniqueKey> {
        vec![UniqueKey::new("contact_list.name", self.profile.name.normalized())]
    }

    fn referrals(event: &ContactListEvent) -> Vec<Referral> {
        members::referrals(event)
    }

    fn is_deleted(&self) -> bool {
        self.deleted
    }
}

impl ContactListProfile {
    /// One event for each thing that differs.
    fn changes(&self, change: ContactListChange) -> Vec<ContactListEvent> {
        use ContactListEvent::{Described, OwnerChanged, ProjectChanged, Renamed};
        let mut events = Vec::new();
        events.extend(change.name.filter(|name| *name != self.name).map(|name| Renamed { name }));
        let description = change.description.differing(self.description.as_ref());
        events.extend(description.map(|description| Described { description }));
        events.extend(change.owner_id.differing(self.owner_id.as_ref()).map(|owner_id| OwnerChanged { owner_id }));
        let project = change.project_id.differing(self.project_id.as_ref());
        events.extend(project.map(|project_id| ProjectChanged { project_id }));
        events
    }
}
