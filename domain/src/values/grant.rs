//! What somebody may do, and over what.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::Invalid;

/// Stands for every resource, or for every action.
const ANY: &str = "*";

/// A right, or a pattern of rights: `contacts:read`, `contacts:*`, `*:read`, `*:*`. Each part is `[a-z][a-z0-9_]*` or `*`, 64
/// characters at most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Permission(String);

impl Permission {
    /// Checks a pattern.
    ///
    /// # Errors
    /// `permission.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        match text.split_once(':') {
            Some((resource, action)) if is_part(resource) && is_part(action) => Ok(Self(text.to_owned())),
            _ => Err(Invalid::new(
                "permission.invalid",
                "must have the form resource:action, each part [a-z][a-z0-9_]* of 64 characters at most, or *",
            )),
        }
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// To what the right is, or `*`.
    pub fn resource(&self) -> &str {
        self.parts().0
    }

    /// What may be done, or `*`.
    pub fn action(&self) -> &str {
        self.parts().1
    }

    /// Whether the right to do `action` with `resource` is among those that the pattern stands for.
    pub fn covers(&self, resource: &str, action: &str) -> bool {
        let (own_resource, own_action) = self.parts();
        (own_resource == ANY || own_resource == resource) && (own_action == ANY || own_action == action)
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_once(':').unwrap_or_default()
    }
}

fn is_part(text: &str) -> bool {
    let is_name = text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    is_name || text == ANY
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Over which records a right is granted. What is granted later in this list is contained in what is granted before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// Over all records of the organization.
    All,
    /// Over the records of the projects of which the holder is a member.
    Projects,
    /// Over the records that belong to the holder.
    Own,
}

/// Rights, and over what they are granted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Grant {
    /// Which rights.
    pub permission: Permission,
    /// Over which records.
    pub over: Over,
}
