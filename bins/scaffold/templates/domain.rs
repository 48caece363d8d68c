//! @A @noun.

#[cfg(feature = "testing")]
mod story;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{ProjectId, SpecimenId, UserId},
    kernel::{Aggregate, Belonging, DomainError, ErrorKind, Patch, UniqueKey},
    values::{Description, Label},
};

/// @A @noun's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Specimen {
    /// What is known about it.
    #[serde(flatten)]
    pub profile: SpecimenProfile,
    /// Softly deleted: kept, but out of sight, and its name free for others.
    #[serde(default)]
    pub deleted: bool,
}

/// What is known about @a @noun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpecimenProfile {
    /// What it is called. Unique among the living @nouns of an organization, without regard to case.
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

/// What can be asked of @a @noun.
#[derive(Clone)]
pub enum SpecimenCommand {
    /// Begin it.
    Create(SpecimenProfile),
    /// Change attributes; those not named stay.
    Change(SpecimenChange),
    /// Delete softly.
    Delete,
    /// Bring back what was deleted.
    Restore,
}

/// A change of attributes, in the sense of JSON merge patch (RFC 7396).
#[derive(Clone, Default)]
pub struct SpecimenChange {
    /// A new name.
    pub name: Option<Label>,
    /// A new description.
    pub description: Patch<Description>,
    /// A new owner.
    pub owner_id: Patch<UserId>,
    /// Another workspace.
    pub project_id: Patch<ProjectId>,
}

/// What happened to @a @noun. Names are public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the profile, where they are explained")]
pub enum SpecimenEvent {
    /// It was begun.
    #[serde(rename = "specimen.created")]
    Created(SpecimenProfile),
    /// The name changed.
    #[serde(rename = "specimen.renamed")]
    Renamed { name: Label },
    /// The description changed, or was removed.
    #[serde(rename = "specimen.described")]
    Described { description: Option<Description> },
    /// Another user looks after it, or nobody does.
    #[serde(rename = "specimen.owner_changed")]
    OwnerChanged { owner_id: Option<UserId> },
    /// It moved to another workspace, or out of all.
    #[serde(rename = "specimen.project_changed")]
    ProjectChanged { project_id: Option<ProjectId> },
    /// It was deleted softly.
    #[serde(rename = "specimen.deleted")]
    Deleted {},
    /// It was brought back.
    #[serde(rename = "specimen.restored")]
    Restored {},
}

/// Why a command on @a @noun is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpecimenError {
    /// There is none with this id.
    #[error("there is no such @noun")]
    NotFound,
    /// The id is in use.
    #[error("the @noun exists already")]
    AlreadyExists,
    /// It was deleted; only restoring is possible.
    #[error("the @noun is deleted; restore it first")]
    Deleted,
}

impl DomainError for SpecimenError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists | Self::Deleted => ErrorKind::Conflict,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "specimen.not_found",
            Self::AlreadyExists => "specimen.already_exists",
            Self::Deleted => "specimen.deleted",
        }
    }
}

impl Aggregate for Specimen {
    const CONTEXT: &'static str = "@context";
    const TYPE: &'static str = "specimen";
    const PLURAL: &'static str = "specimens";
    const BELONGS: bool = true;
    type Id = SpecimenId;
    type Command = SpecimenCommand;
    type Event = SpecimenEvent;
    type Error = SpecimenError;

    fn decide(state: Option<&Self>, command: SpecimenCommand) -> Result<Vec<SpecimenEvent>, SpecimenError> {
        use SpecimenCommand::{Change, Create, Delete, Restore};
        match (state, command) {
            (None, Create(profile)) => Ok(vec![SpecimenEvent::Created(profile)]),
            (None, _) => Err(SpecimenError::NotFound),
            (Some(_), Create(_)) => Err(SpecimenError::AlreadyExists),
            (Some(specimen), Delete) if specimen.deleted => Ok(vec![]),
            (Some(specimen), Restore) if specimen.deleted => Ok(vec![SpecimenEvent::Restored {}]),
            (Some(specimen), _) if specimen.deleted => Err(SpecimenError::Deleted),
            (Some(specimen), Change(change)) => Ok(specimen.profile.changes(change)),
            (Some(_), Delete) => Ok(vec![SpecimenEvent::Deleted {}]),
            (Some(_), Restore) => Ok(vec![]),
        }
    }

    fn init(event: &SpecimenEvent) -> Option<Self> {
        match event {
            SpecimenEvent::Created(profile) => Some(Self { profile: profile.clone(), deleted: false }),
            _ => None,
        }
    }

    fn apply(&mut self, event: &SpecimenEvent) {
        let profile = &mut self.profile;
        match event.clone() {
            SpecimenEvent::Created(created) => *profile = created,
            SpecimenEvent::Renamed { name } => profile.name = name,
            SpecimenEvent::Described { description } => profile.description = description,
            SpecimenEvent::OwnerChanged { owner_id } => profile.owner_id = owner_id,
            SpecimenEvent::ProjectChanged { project_id } => profile.project_id = project_id,
            SpecimenEvent::Deleted {} => self.deleted = true,
            SpecimenEvent::Restored {} => self.deleted = false,
        }
    }

    fn belongs(&self) -> Option<Belonging> {
        Some(Belonging { owner_id: self.profile.owner_id, project_id: self.profile.project_id })
    }

    fn keys(&self) -> Vec<UniqueKey> {
        vec![UniqueKey::new("specimen.name", self.profile.name.normalized())]
    }

    fn is_deleted(&self) -> bool {
        self.deleted
    }
}

impl SpecimenProfile {
    /// One event for each thing that differs.
    fn changes(&self, change: SpecimenChange) -> Vec<SpecimenEvent> {
        use SpecimenEvent::{Described, OwnerChanged, ProjectChanged, Renamed};
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
