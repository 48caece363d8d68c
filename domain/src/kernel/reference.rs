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

/// What an event tells of a reference that the state does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Referral {
    /// The stream refers to the record from then on; it may have done so before.
    Begins(Reference),
    /// The stream refers to the record no more; it may not have done so.
    Ends(Reference),
}

impl Referral {
    /// The record, and whether the stream refers to it.
    pub fn split(self) -> (Reference, bool) {
        match self {
            Self::Begins(reference) => (reference, true),
            Self::Ends(reference) => (reference, false),
        }
    }
}
