//! To whom a record belongs within its organization.

use serde::{Deserialize, Serialize};

use crate::ids::{ProjectId, UserId};

/// Whose a record is. Written and read as members of the record's state, whatever else is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belonging {
    /// The user who looks after it.
    #[serde(default)]
    pub owner_id: Option<UserId>,
    /// The workspace in which it stands.
    #[serde(default)]
    pub project_id: Option<ProjectId>,
}
