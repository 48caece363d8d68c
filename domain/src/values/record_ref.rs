use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::kernel::Reference;

/// A kind of record that something can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordType {
    /// A person.
    Contact,
    /// An organization that the company deals with.
    Company,
    /// A chance to sell something.
    Deal,
}

/// A record that something is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct RecordRef {
    /// What it is.
    #[serde(rename = "type")]
    pub record_type: RecordType,
    /// Which.
    pub id: Uuid,
}

impl RecordRef {
    /// A contact.
    pub fn contact(id: impl Into<Uuid>) -> Self {
        Self { record_type: RecordType::Contact, id: id.into() }
    }

    /// A company.
    pub fn company(id: impl Into<Uuid>) -> Self {
        Self { record_type: RecordType::Company, id: id.into() }
    }

    /// The person, if it is one.
    pub fn person(&self) -> Option<Uuid> {
        (self.record_type == RecordType::Contact).then_some(self.id)
    }
}

impl From<RecordRef> for Reference {
    fn from(record: RecordRef) -> Self {
        Self::new(record.record_type.name(), record.id)
    }
}

impl RecordType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Contact, Self::Company, Self::Deal];

    /// Their names, in the same order.
    pub const NAMES: [&'static str; 3] = ["contact", "company", "deal"];

    /// Its name, as it is written.
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
