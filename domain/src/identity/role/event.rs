//! What happens to a role, and why something does not.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MAX_GRANTS, MAX_INHERITED, RoleProfile, RoleRef};
use crate::{
    kernel::{DomainError, ErrorKind},
    values::{Description, Grant, Label},
};

/// What happened to a role. Names are public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the profile, where they are explained")]
pub enum RoleEvent {
    /// It was begun.
    #[serde(rename = "role.defined")]
    Defined(Box<RoleProfile>),
    /// The name changed.
    #[serde(rename = "role.renamed")]
    Renamed { name: Label },
    /// The description changed, or was removed.
    #[serde(rename = "role.described")]
    Described { description: Option<Description> },
    /// It lets do other things: all grants, as they are now.
    #[serde(rename = "role.grants_changed")]
    GrantsChanged { grants: BTreeSet<Grant> },
    /// It inherits from other roles: all of them, as they are now.
    #[serde(rename = "role.inheritance_changed")]
    InheritanceChanged { inherits: BTreeSet<RoleRef> },
    /// It was deleted softly.
    #[serde(rename = "role.deleted")]
    Deleted {},
    /// It was brought back.
    #[serde(rename = "role.restored")]
    Restored {},
}

/// Why a command on a role is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// There is none with this id.
    #[error("there is no such role")]
    NotFound,
    /// The id is in use.
    #[error("the role exists already")]
    AlreadyExists,
    /// It was deleted; only restoring is possible.
    #[error("the role is deleted; restore it first")]
    Deleted,
    /// The name is that of a role which every organization has.
    #[error("owner, admin, editor and viewer are there already")]
    NameReserved,
    /// A role can't be its own parent.
    #[error("a role can't inherit from itself")]
    InheritsItself,
    /// Who owns an organization stands with the organization.
    #[error("a role can't inherit from owner")]
    InheritsOwner,
    /// More grants than a role can have.
    #[error("a role has {MAX_GRANTS} grants at most")]
    TooManyGrants,
    /// More roles than one can inherit from.
    #[error("a role inherits from {MAX_INHERITED} roles at most")]
    TooManyInherited,
}

impl DomainError for RoleError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists | Self::Deleted => ErrorKind::Conflict,
            Self::NameReserved
            | Self::InheritsItself
            | Self::InheritsOwner
            | Self::TooManyGrants
            | Self::TooManyInherited => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "role.not_found",
            Self::AlreadyExists => "role.already_exists",
            Self::Deleted => "role.deleted",
            Self::NameReserved => "role.name_reserved",
            Self::InheritsItself => "role.inherits_itself",
            Self::InheritsOwner => "role.inherits_owner",
            Self::TooManyGrants => "role.too_many_grants",
            Self::TooManyInherited => "role.too_many_inherited",
        }
    }
}
