//! Stretches of streams.

use uuid::Uuid;

/// A stretch of the streams of one aggregate that tell about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AboutQuery {
    /// The person.
    pub subject: Uuid,
    /// The aggregate's name.
    pub aggregate: &'static str,
    /// Begins behind this stream.
    pub after: Option<Uuid>,
    /// How many at most.
    pub limit: u16,
}

/// A stretch of a tenant's streams of one aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisterQuery {
    /// The aggregate's name.
    pub aggregate: &'static str,
    /// Those alone whose state names this user as its `user_id`.
    pub user: Option<Uuid>,
    /// Begins behind this stream.
    pub after: Option<Uuid>,
    /// How many at most.
    pub limit: u16,
}
