//! How a role is named: one of those that are there from the start, or one that an organization defined.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ids::RoleId, kernel::Invalid};

/// A role that every organization has, and nobody can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BuiltInRole {
    /// Whose the organization is.
    Owner,
    /// Runs it.
    Admin,
    /// Works in it.
    Editor,
    /// Looks on.
    Viewer,
}

impl BuiltInRole {
    /// All of them, the mightiest first.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::Editor, Self::Viewer];

    /// The name under which the role is referred to, which no other role can have.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Editor => "editor",
            Self::Viewer => "viewer",
        }
    }

    /// The role of this name, in lower case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// A role: `"owner"`, or the id of a custom one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum RoleRef {
    /// One that is there from the start.
    BuiltIn(BuiltInRole),
    /// One that the organization defined.
    Custom(RoleId),
}

impl RoleRef {
    /// The role to which an organization's owners belong.
    pub const OWNER: Self = Self::BuiltIn(BuiltInRole::Owner);
}

impl From<BuiltInRole> for RoleRef {
    fn from(role: BuiltInRole) -> Self {
        Self::BuiltIn(role)
    }
}

impl From<RoleId> for RoleRef {
    fn from(id: RoleId) -> Self {
        Self::Custom(id)
    }
}

impl From<RoleRef> for String {
    fn from(role: RoleRef) -> Self {
        role.to_string()
    }
}

impl fmt::Display for RoleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(role) => f.write_str(role.name()),
            Self::Custom(id) => id.fmt(f),
        }
    }
}

impl FromStr for RoleRef {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if let Some(role) = BuiltInRole::named(text) {
            return Ok(Self::BuiltIn(role));
        }
        let id = text.parse().map_err(|_| {
            Invalid::new(
                "role.invalid",
                "must be owner, admin, editor, viewer, or the id of a role of the organization",
            )
        })?;
        Ok(Self::Custom(id))
    }
}

impl TryFrom<String> for RoleRef {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}
