//! Stretches of streams.

use uuid::Uuid;

/// How a stream can be related to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Something about the person was ever told there, to whom the stream does not belong.
    TellsOf,
    /// Its state refers to the record.
    RefersTo,
}

/// A stretch of the streams of one aggregate that are related to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelatedQuery {
    /// How.
    pub relation: Relation,
    /// The record, or the person.
    pub record: Uuid,
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
