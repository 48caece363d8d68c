//! A project: a workspace inside an organization.

#[cfg(feature = "testing")]
mod story;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::ProjectId,
    kernel::{Aggregate, DomainError, ErrorKind, UniqueKey},
    values::Label,
};

/// A project's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// What it is called. Unique among the projects of an organization that are not archived, without regard to case.
    pub name: Label,
    /// Whether it is the one that the organization has from the start, which stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_default: bool,
    /// Kept, but out of sight, and its name free for others.
    #[serde(default)]
    pub archived: bool,
}

/// What can be asked of a project.
#[derive(Clone)]
pub enum ProjectCommand {
    /// Begin it.
    Create {
        /// What it is called.
        name: Label,
        /// Whether it is the organization's first one, which stays.
        is_default: bool,
    },
    /// Call it something else.
    Rename {
        /// The new name.
        name: Label,
    },
    /// Put it away.
    Archive,
    /// Bring back what was put away.
    Restore,
}

/// What happened to a project. Names are public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the state, where they are explained")]
pub enum ProjectEvent {
    /// It was begun.
    #[serde(rename = "project.created")]
    Created { name: Label, is_default: bool },
    /// The name changed.
    #[serde(rename = "project.renamed")]
    Renamed { name: Label },
    /// It was put away.
    #[serde(rename = "project.archived")]
    Archived {},
    /// It was brought back.
    #[serde(rename = "project.restored")]
    Restored {},
}

/// Why a command on a project is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    /// There is none with this id.
    #[error("there is no such project")]
    NotFound,
    /// The id is in use.
    #[error("the project exists already")]
    AlreadyExists,
    /// It was put away; only restoring is possible.
    #[error("the project is archived; restore it first")]
    Archived,
    /// Every organization has one project at least.
    #[error("the default project can't be archived")]
    IsDefault,
}

impl DomainError for ProjectError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists | Self::Archived | Self::IsDefault => ErrorKind::Conflict,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "project.not_found",
            Self::AlreadyExists => "project.already_exists",
            Self::Archived => "project.archived",
            Self::IsDefault => "project.is_default",
        }
    }
}

impl Aggregate for Project {
    const CONTEXT: &'static str = "identity";
    const TYPE: &'static str = "project";
    const PLURAL: &'static str = "projects";
    type Id = ProjectId;
    type Command = ProjectCommand;
    type Event = ProjectEvent;
    type Error = ProjectError;

    fn decide(state: Option<&Self>, command: ProjectCommand) -> Result<Vec<ProjectEvent>, ProjectError> {
        use ProjectCommand::{Archive, Create, Rename, Restore};
        match (state, command) {
            (None, Create { name, is_default }) => Ok(vec![ProjectEvent::Created { name, is_default }]),
            (None, _) => Err(ProjectError::NotFound),
            (Some(_), Create { .. }) => Err(ProjectError::AlreadyExists),
            (Some(project), Archive) if project.archived => Ok(vec![]),
            (Some(project), Restore) if project.archived => Ok(vec![ProjectEvent::Restored {}]),
            (Some(project), Rename { .. }) if project.archived => Err(ProjectError::Archived),
            (Some(project), Archive) if project.is_default => Err(ProjectError::IsDefault),
            (Some(_), Archive) => Ok(vec![ProjectEvent::Archived {}]),
            (Some(_), Restore) => Ok(vec![]),
            (Some(project), Rename { name }) if name == project.name => Ok(vec![]),
            (Some(_), Rename { name }) => Ok(vec![ProjectEvent::Renamed { name }]),
        }
    }

    fn init(event: &ProjectEvent) -> Option<Self> {
        match event {
            ProjectEvent::Created { name, is_default } => {
                Some(Self { name: name.clone(), is_default: *is_default, archived: false })
            }
            _ => None,
        }
    }

    fn apply(&mut self, event: &ProjectEvent) {
        match event.clone() {
            ProjectEvent::Created { name, is_default } => *self = Self { name, is_default, archived: false },
            ProjectEvent::Renamed { name } => self.name = name,
            ProjectEvent::Archived {} => self.archived = true,
            ProjectEvent::Restored {} => self.archived = false,
        }
    }

    fn keys(&self) -> Vec<UniqueKey> {
        vec![UniqueKey::new("project.name", self.name.normalized())]
    }

    fn is_deleted(&self) -> bool {
        self.archived
    }
}
