//! What one record says of another by naming it.

use uuid::Uuid;

/// Another record that a record names: a deal its contacts, a company its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// What it is: an aggregate's name, or that of a part of one, such as `stage`.
    pub record_type: &'static str,
    /// Which.
    pub id: Uuid,
}

impl Reference {
    /// A reference to that record.
    pub fn new(record_type: &'static str, id: impl Into<Uuid>) -> Self {
        Self { record_type, id: id.into() }
    }
}
