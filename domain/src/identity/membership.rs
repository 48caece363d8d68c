//! A membership: what a user may do in an organization. Its stream's id is the user's, in the organization's tenant; what
//! the user is called and where they are reached is the directory's to know.

mod event;
#[cfg(feature = "testing")]
mod story;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RoleRef;
use crate::{
    ids::{ProjectId, UserId},
    kernel::Aggregate,
};

pub use event::{MembershipError, MembershipEvent};

/// How many roles a member may have.
const MAX_ROLES: usize = 20;
/// To how many projects a membership may be limited.
const MAX_PROJECTS: usize = 500;

/// A membership's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    /// What the member may do.
    #[serde(flatten)]
    pub profile: MembershipProfile,
    /// Who asked the user in last, if anybody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invited_by: Option<UserId>,
    /// How often the user was invited, which is the number of the newest invitation. Counts on over removals, so that no
    /// older link ever works again.
    #[serde(default)]
    pub invitations: u32,
    /// How far the membership has come.
    #[serde(flatten)]
    pub standing: MembershipStanding,
}

/// What a member may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MembershipProfile {
    /// The member's roles: one at least.
    pub roles: BTreeSet<RoleRef>,
    /// The projects to which all that the member reaches is limited; `None` for no such limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projects: Option<BTreeSet<ProjectId>>,
}

/// How far a membership has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum MembershipStanding {
    /// The user was asked in, and has not answered.
    Invited {
        /// Until when the newest invitation can be accepted.
        expires_at: DateTime<Utc>,
    },
    /// The user is a member.
    Active,
    /// The user is a member no longer, or is not invited any more.
    Removed,
}

/// What can be asked of a membership.
#[derive(Clone)]
pub enum MembershipCommand {
    /// Ask the user in; ask again, with another link, who has not answered.
    Invite {
        /// What the user may do as a member.
        profile: MembershipProfile,
        /// Who asks.
        invited_by: Option<UserId>,
        /// Until when the invitation can be accepted.
        expires_at: DateTime<Utc>,
    },
    /// Accept an invitation.
    Accept {
        /// Which one: the newest alone can be accepted.
        number: u32,
        /// When.
        at: DateTime<Utc>,
    },
    /// Make the user a member without asking: the founder, or who has agreed in another way.
    Join(MembershipProfile),
    /// Let the member do other things.
    ChangeRoles(BTreeSet<RoleRef>),
    /// Limit the member to these projects, or to none in particular.
    LimitToProjects(Option<BTreeSet<ProjectId>>),
    /// End the membership, or take back the invitation.
    Remove,
}

impl Aggregate for Membership {
    const CONTEXT: &'static str = "identity";
    const TYPE: &'static str = "membership";
    const PLURAL: &'static str = "memberships";
    type Id = UserId;
    type Command = MembershipCommand;
    type Event = MembershipEvent;
    type Error = MembershipError;

    fn decide(state: Option<&Self>, command: MembershipCommand) -> Result<Vec<MembershipEvent>, MembershipError> {
        use MembershipCommand::{Accept, ChangeRoles, Invite, Join, LimitToProjects, Remove};
        use MembershipStanding::{Active, Invited, Removed};
        match (state.map(|membership| (membership, membership.standing)), command) {
            (Some((_, Active)), Invite { .. }) => Err(MembershipError::AlreadyActive),
            (present, Invite { profile, invited_by, expires_at }) => {
                let number = present.map_or(0, |(membership, _)| membership.invitations).saturating_add(1);
                profile.check()?;
                Ok(vec![MembershipEvent::Invited { number, profile, invited_by, expires_at }])
            }
            (Some((membership, Active)), Join(profile)) if membership.profile == profile => Ok(vec![]),
            (Some((_, Active)), Join(_)) => Err(MembershipError::AlreadyActive),
            (_, Join(profile)) => {
                profile.check()?;
                Ok(vec![MembershipEvent::Joined(profile)])
            }
            (None, _) => Err(MembershipError::NotFound),
            (Some((_, Removed)), Remove) => Ok(vec![]),
            (Some((_, Removed)), _) => Err(MembershipError::Removed),
            (Some((membership, _)), Accept { number, .. }) if number != membership.invitations => {
                Err(MembershipError::InvitationInvalid)
            }
            (Some((_, Invited { expires_at })), Accept { at, .. }) if at >= expires_at => {
                Err(MembershipError::InvitationExpired)
            }
            (Some((_, Invited { .. })), Accept { .. }) => Ok(vec![MembershipEvent::Accepted {}]),
            (Some((_, Active)), Accept { .. }) => Ok(vec![]),
            (Some((membership, _)), ChangeRoles(roles)) => membership.profile.with_roles(roles),
            (Some((membership, _)), LimitToProjects(projects)) => membership.profile.limited_to(projects),
            (Some((membership, _)), Remove) => Ok(vec![MembershipEvent::Removed(membership.profile.clone())]),
        }
    }

    fn init(event: &MembershipEvent) -> Option<Self> {
        match event {
            MembershipEvent::Invited { profile, .. } | MembershipEvent::Joined(profile) => {
                let standing = MembershipStanding::Active;
                let mut membership = Self { profile: profile.clone(), invited_by: None, invitations: 0, standing };
                membership.apply(event);
                Some(membership)
            }
            _ => None,
        }
    }

    fn apply(&mut self, event: &MembershipEvent) {
        match event.clone() {
            MembershipEvent::Invited { number, profile, invited_by, expires_at } => {
                let standing = MembershipStanding::Invited { expires_at };
                *self = Self { profile, invited_by, invitations: number, standing };
            }
            MembershipEvent::Joined(profile) => {
                self.profile = profile;
                self.standing = MembershipStanding::Active;
            }
            MembershipEvent::Accepted {} => self.standing = MembershipStanding::Active,
            MembershipEvent::RolesChanged { roles } => self.profile.roles = roles,
            MembershipEvent::Limited { projects } => self.profile.projects = projects,
            MembershipEvent::Removed(_) => self.standing = MembershipStanding::Removed,
        }
    }

    fn is_deleted(&self) -> bool {
        self.standing == MembershipStanding::Removed
    }
}

impl Membership {
    /// Whether the user is a member now.
    pub fn is_active(&self) -> bool {
        self.standing == MembershipStanding::Active
    }
}

impl MembershipProfile {
    fn check(&self) -> Result<(), MembershipError> {
        check_roles(&self.roles)?;
        check_projects(self.projects.as_ref())
    }

    fn with_roles(&self, roles: BTreeSet<RoleRef>) -> Result<Vec<MembershipEvent>, MembershipError> {
        if roles == self.roles {
            return Ok(vec![]);
        }
        check_roles(&roles)?;
        Ok(vec![MembershipEvent::RolesChanged { roles }])
    }

    fn limited_to(&self, projects: Option<BTreeSet<ProjectId>>) -> Result<Vec<MembershipEvent>, MembershipError> {
        if projects == self.projects {
            return Ok(vec![]);
        }
        check_projects(projects.as_ref())?;
        Ok(vec![MembershipEvent::Limited { projects }])
    }
}

fn check_roles(roles: &BTreeSet<RoleRef>) -> Result<(), MembershipError> {
    match roles.len() {
        0 => Err(MembershipError::NoRole),
        count if count > MAX_ROLES => Err(MembershipError::TooManyRoles),
        _ => Ok(()),
    }
}

fn check_projects(projects: Option<&BTreeSet<ProjectId>>) -> Result<(), MembershipError> {
    let count = projects.map_or(0, BTreeSet::len);
    if count > MAX_PROJECTS { Err(MembershipError::TooManyProjects) } else { Ok(()) }
}
