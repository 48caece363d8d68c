//! A role that an organization defined for itself: rights of its own, and those of the roles it inherits from.

mod event;
#[cfg(feature = "testing")]
mod story;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BuiltInRole, RoleRef};
use crate::{
    ids::RoleId,
    kernel::{Aggregate, Patch, UniqueKey},
    values::{Description, Grant, Label},
};

pub use event::{RoleError, RoleEvent};

/// How many grants a role may have of its own.
const MAX_GRANTS: usize = 200;
/// From how many roles a role may inherit.
const MAX_INHERITED: usize = 10;

/// A role's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// What the role is, and lets do.
    #[serde(flatten)]
    pub profile: RoleProfile,
    /// Softly deleted: lets do nothing any more, and its name is free for others.
    #[serde(default)]
    pub deleted: bool,
}

/// What a role is, and lets do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoleProfile {
    /// What it is called. Unique among the living roles of an organization, without regard to case.
    pub name: Label,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// What it lets do by itself.
    #[serde(default)]
    pub grants: BTreeSet<Grant>,
    /// The roles that let do what this one lets do too. Circles are possible; who follows them has to stop.
    #[serde(default)]
    pub inherits: BTreeSet<RoleRef>,
}

/// What can be asked of a role. Where it may refer to others it is told its own id, since it can't inherit from itself.
#[derive(Clone)]
pub enum RoleCommand {
    /// Begin it.
    Define {
        /// The role's own id.
        id: RoleId,
        /// What it is, and lets do.
        profile: Box<RoleProfile>,
    },
    /// Change attributes; those not named stay.
    Change {
        /// The role's own id.
        id: RoleId,
        /// What changes.
        change: Box<RoleChange>,
    },
    /// Delete softly.
    Delete,
    /// Bring back what was deleted.
    Restore,
}

/// A change of attributes, in the sense of JSON merge patch (RFC 7396).
#[derive(Clone, Default)]
pub struct RoleChange {
    /// A new name.
    pub name: Option<Label>,
    /// A new description.
    pub description: Patch<Description>,
    /// Other grants, all of them.
    pub grants: Option<BTreeSet<Grant>>,
    /// Other roles to inherit from, all of them.
    pub inherits: Option<BTreeSet<RoleRef>>,
}

impl Aggregate for Role {
    const CONTEXT: &'static str = "identity";
    const TYPE: &'static str = "role";
    const PLURAL: &'static str = "roles";
    type Id = RoleId;
    type Command = RoleCommand;
    type Event = RoleEvent;
    type Error = RoleError;

    fn decide(state: Option<&Self>, command: RoleCommand) -> Result<Vec<RoleEvent>, RoleError> {
        use RoleCommand::{Change, Define, Delete, Restore};
        match (state, command) {
            (None, Define { id, profile }) => {
                check_name(&profile.name)?;
                check_grants(&profile.grants)?;
                check_inherited(id, &profile.inherits)?;
                Ok(vec![RoleEvent::Defined(profile)])
            }
            (None, _) => Err(RoleError::NotFound),
            (Some(_), Define { .. }) => Err(RoleError::AlreadyExists),
            (Some(role), Delete) if role.deleted => Ok(vec![]),
            (Some(role), Restore) if role.deleted => Ok(vec![RoleEvent::Restored {}]),
            (Some(role), Change { .. }) if role.deleted => Err(RoleError::Deleted),
            (Some(role), Change { id, change }) => role.profile.changes(id, *change),
            (Some(_), Delete) => Ok(vec![RoleEvent::Deleted {}]),
            (Some(_), Restore) => Ok(vec![]),
        }
    }

    fn init(event: &RoleEvent) -> Option<Self> {
        match event {
            RoleEvent::Defined(profile) => Some(Self { profile: (**profile).clone(), deleted: false }),
            _ => None,
        }
    }

    fn apply(&mut self, event: &RoleEvent) {
        let profile = &mut self.profile;
        match event.clone() {
            RoleEvent::Defined(defined) => *profile = *defined,
            RoleEvent::Renamed { name } => profile.name = name,
            RoleEvent::Described { description } => profile.description = description,
            RoleEvent::GrantsChanged { grants } => profile.grants = grants,
            RoleEvent::InheritanceChanged { inherits } => profile.inherits = inherits,
            RoleEvent::Deleted {} => self.deleted = true,
            RoleEvent::Restored {} => self.deleted = false,
        }
    }

    fn keys(&self) -> Vec<UniqueKey> {
        vec![UniqueKey::new("role.name", self.profile.name.normalized())]
    }

    fn is_deleted(&self) -> bool {
        self.deleted
    }
}

impl RoleProfile {
    /// One event for each thing that differs.
    fn changes(&self, id: RoleId, change: RoleChange) -> Result<Vec<RoleEvent>, RoleError> {
        let mut events = Vec::new();
        if let Some(name) = change.name.filter(|name| *name != self.name) {
            check_name(&name)?;
            events.push(RoleEvent::Renamed { name });
        }
        let description = change.description.differing(self.description.as_ref());
        events.extend(description.map(|description| RoleEvent::Described { description }));
        if let Some(grants) = change.grants.filter(|grants| *grants != self.grants) {
            check_grants(&grants)?;
            events.push(RoleEvent::GrantsChanged { grants });
        }
        if let Some(inherits) = change.inherits.filter(|inherits| *inherits != self.inherits) {
            check_inherited(id, &inherits)?;
            events.push(RoleEvent::InheritanceChanged { inherits });
        }
        Ok(events)
    }
}

fn check_name(name: &Label) -> Result<(), RoleError> {
    if BuiltInRole::named(&name.normalized()).is_some() { Err(RoleError::NameReserved) } else { Ok(()) }
}

fn check_grants(grants: &BTreeSet<Grant>) -> Result<(), RoleError> {
    if grants.len() > MAX_GRANTS { Err(RoleError::TooManyGrants) } else { Ok(()) }
}

fn check_inherited(id: RoleId, inherits: &BTreeSet<RoleRef>) -> Result<(), RoleError> {
    if inherits.contains(&RoleRef::Custom(id)) {
        Err(RoleError::InheritsItself)
    } else if inherits.contains(&RoleRef::OWNER) {
        Err(RoleError::InheritsOwner)
    } else if inherits.len() > MAX_INHERITED {
        Err(RoleError::TooManyInherited)
    } else {
        Ok(())
    }
}
