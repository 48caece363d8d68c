//! An API key: with what a program acts, within an organization. The secret itself is kept elsewhere, as a hash.

mod event;
#[cfg(feature = "testing")]
mod story;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{ApiKeyId, ProjectId},
    kernel::Aggregate,
    values::{Label, Permission},
};

pub use event::{ApiKeyError, ApiKeyEvent};

/// How many permissions a key may have.
const MAX_PERMISSIONS: usize = 100;
/// To how many projects a key may be limited.
const MAX_PROJECTS: usize = 500;

/// A key's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// What the key is, and lets do.
    #[serde(flatten)]
    pub profile: ApiKeyProfile,
    /// Which secret is the present one: 1 is the first, and each rotation counts one up.
    pub generation: u32,
    /// The secret before the present one, while it works beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousGeneration>,
    /// No secret works any more, for good.
    #[serde(default)]
    pub revoked: bool,
}

/// What a key is, and lets do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeyProfile {
    /// What it is called, for people.
    pub name: Label,
    /// What may be done with it: one right at least.
    pub permissions: BTreeSet<Permission>,
    /// The projects to which all that it reaches is limited; `None` for no such limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projects: Option<BTreeSet<ProjectId>>,
    /// From when on it does not work any more; `None` for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// Who issued it, as the metadata of events names actors: `user:…`.
    pub issued_by: String,
}

/// A secret that was followed by another, and works for a while beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousGeneration {
    /// Which one.
    pub generation: u32,
    /// From when on it does not work any more.
    pub until: DateTime<Utc>,
}

/// What can be asked of a key.
#[derive(Clone)]
pub enum ApiKeyCommand {
    /// Issue it.
    Issue(Box<ApiKeyProfile>),
    /// Give it another secret.
    Rotate {
        /// When.
        at: DateTime<Utc>,
        /// Until when the present secret works beside the new one; `None` for no longer.
        overlap_until: Option<DateTime<Utc>>,
    },
    /// Call it something else.
    Rename {
        /// The new name.
        name: Label,
    },
    /// Let it work no longer, for good.
    Revoke,
}

impl Aggregate for ApiKey {
    const CONTEXT: &'static str = "identity";
    const TYPE: &'static str = "api_key";
    const PLURAL: &'static str = "api_keys";
    type Id = ApiKeyId;
    type Command = ApiKeyCommand;
    type Event = ApiKeyEvent;
    type Error = ApiKeyError;

    fn decide(state: Option<&Self>, command: ApiKeyCommand) -> Result<Vec<ApiKeyEvent>, ApiKeyError> {
        use ApiKeyCommand::{Issue, Rename, Revoke, Rotate};
        match (state, command) {
            (None, Issue(profile)) => {
                profile.check()?;
                Ok(vec![ApiKeyEvent::Issued(profile)])
            }
            (None, _) => Err(ApiKeyError::NotFound),
            (Some(_), Issue(_)) => Err(ApiKeyError::AlreadyExists),
            (Some(key), Revoke) if key.revoked => Ok(vec![]),
            (Some(key), _) if key.revoked => Err(ApiKeyError::Revoked),
            (Some(_), Revoke) => Ok(vec![ApiKeyEvent::Revoked {}]),
            (Some(key), Rotate { at, .. }) if key.profile.expired(at) => Err(ApiKeyError::Expired),
            (Some(key), Rotate { at, overlap_until }) => {
                let generation = key.generation.saturating_add(1);
                Ok(vec![ApiKeyEvent::Rotated { generation, overlap_until: overlap_until.filter(|until| *until > at) }])
            }
            (Some(key), Rename { name }) if name == key.profile.name => Ok(vec![]),
            (Some(_), Rename { name }) => Ok(vec![ApiKeyEvent::Renamed { name }]),
        }
    }

    fn init(event: &ApiKeyEvent) -> Option<Self> {
        match event {
            ApiKeyEvent::Issued(profile) => {
                Some(Self { profile: (**profile).clone(), generation: 1, previous: None, revoked: false })
            }
            _ => None,
        }
    }

    fn apply(&mut self, event: &ApiKeyEvent) {
        match event.clone() {
            ApiKeyEvent::Issued(profile) => self.profile = *profile,
            ApiKeyEvent::Rotated { generation, overlap_until } => {
                let before = self.generation;
                self.previous = overlap_until.map(|until| PreviousGeneration { generation: before, until });
                self.generation = generation;
            }
            ApiKeyEvent::Renamed { name } => self.profile.name = name,
            ApiKeyEvent::Revoked {} => {
                self.previous = None;
                self.revoked = true;
            }
        }
    }

    fn is_deleted(&self) -> bool {
        self.revoked
    }
}

impl ApiKey {
    /// Whether the secret of this generation works at this moment.
    pub fn accepts(&self, generation: u32, now: DateTime<Utc>) -> bool {
        let present = generation == self.generation;
        let overlaps = self.previous.is_some_and(|previous| previous.generation == generation && now < previous.until);
        !self.revoked && !self.profile.expired(now) && (present || overlaps)
    }
}

impl ApiKeyProfile {
    fn expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|expires_at| now >= expires_at)
    }

    fn check(&self) -> Result<(), ApiKeyError> {
        if self.permissions.is_empty() {
            Err(ApiKeyError::NoPermission)
        } else if self.permissions.len() > MAX_PERMISSIONS {
            Err(ApiKeyError::TooManyPermissions)
        } else if self.projects.as_ref().is_some_and(|projects| projects.len() > MAX_PROJECTS) {
            Err(ApiKeyError::TooManyProjects)
        } else {
            Ok(())
        }
    }
}
