use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{line, text_value};
use crate::kernel::Invalid;

text_value! {
    /// The short name of another system, or of a network: `[a-z][a-z0-9_]*`, 63 characters at most.
    SystemName
}

impl SystemName {
    /// Checks a name.
    ///
    /// # Errors
    /// `system.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let well_formed = text.len() <= 63
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("system.invalid", "must match [a-z][a-z0-9_]* and have 63 characters at most"))
        }
    }
}

text_value! {
    /// How somebody is called in another system or network: one line of 1 to 200 characters.
    Handle
}

impl Handle {
    /// Trims and checks a name.
    ///
    /// # Errors
    /// `handle.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        line(text, 200, "handle.invalid").map(Self)
    }
}

/// What another system calls a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ExternalId {
    /// The system.
    pub source: SystemName,
    /// The record's id there.
    pub id: Handle,
}

impl ExternalId {
    /// The two as one text, in which no two pairs are the same: a system's name holds no colon.
    pub fn to_key(&self) -> String {
        format!("{}:{}", self.source.as_str(), self.id.as_str())
    }
}
