//! What happens to a membership, and why something does not.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MAX_PROJECTS, MAX_ROLES, MembershipProfile, RoleRef};
use crate::{
    ids::{ProjectId, UserId},
    kernel::{DomainError, ErrorKind},
};

/// What happened to a membership. Names are public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the state, where they are explained")]
pub enum MembershipEvent {
    /// The user was asked in, or asked in again. The number is the invitation's: with the newest alone one comes in.
    #[serde(rename = "membership.invited")]
    Invited {
        number: u32,
        #[serde(flatten)]
        profile: MembershipProfile,
        invited_by: Option<UserId>,
        expires_at: DateTime<Utc>,
    },
    /// The user accepted the newest invitation.
    #[serde(rename = "membership.accepted")]
    Accepted {},
    /// The user became a member without being asked.
    #[serde(rename = "membership.joined")]
    Joined(MembershipProfile),
    /// The member may do other things: all roles, as they are now.
    #[serde(rename = "membership.roles_changed")]
    RolesChanged { roles: BTreeSet<RoleRef> },
    /// The member is limited to these projects, all of them, or to none in particular.
    #[serde(rename = "membership.limited")]
    Limited { projects: Option<BTreeSet<ProjectId>> },
    /// The user is a member no longer, or not invited any more. What the member might do until then stands here.
    #[serde(rename = "membership.removed")]
    Removed(MembershipProfile),
}

/// Why a command on a membership is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// There is none of this user.
    #[error("there is no such membership")]
    NotFound,
    /// The user needs no invitation.
    #[error("the user is a member already")]
    AlreadyActive,
    /// It was ended; only inviting the user again is possible.
    #[error("the membership was ended; invite the user again")]
    Removed,
    /// Another invitation was issued since, or this one never was.
    #[error("the invitation is not valid, or not any more")]
    InvitationInvalid,
    /// It was accepted too late.
    #[error("the invitation has expired; ask for another one")]
    InvitationExpired,
    /// A member who may do nothing is none.
    #[error("a member needs one role at least")]
    NoRole,
    /// More roles than a member can have.
    #[error("a member has {MAX_ROLES} roles at most")]
    TooManyRoles,
    /// More projects than a membership can be limited to.
    #[error("a membership is limited to {MAX_PROJECTS} projects at most")]
    TooManyProjects,
}

impl DomainError for MembershipError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyActive | Self::Removed | Self::InvitationInvalid | Self::InvitationExpired => {
                ErrorKind::Conflict
            }
            Self::NoRole | Self::TooManyRoles | Self::TooManyProjects => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "membership.not_found",
            Self::AlreadyActive => "membership.already_active",
            Self::Removed => "membership.removed",
            Self::InvitationInvalid => "membership.invitation_invalid",
            Self::InvitationExpired => "membership.invitation_expired",
            Self::NoRole => "membership.no_role",
            Self::TooManyRoles => "membership.too_many_roles",
            Self::TooManyProjects => "membership.too_many_projects",
        }
    }
}
