//! What happened to a record, as people read it.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_domain::{
    crm::{Activity, Company, Contact, Deal},
    kernel::Aggregate,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    AppError, Context, Recorded,
    access::{Authorized, Extent, Reveals},
    registry::AGGREGATES,
};

/// What has timelines.
const RECORDS: [&str; 3] = [Contact::TYPE, Company::TYPE, Deal::TYPE];

/// What is told in timelines of other records, by name: a line here shows an aggregate of whatever context, once the timelines
/// were built anew.
const OTHERS: [(&str, Tie); 2] = [(Activity::TYPE, Tie::Tells), (Deal::TYPE, Tie::Names)];

/// How an aggregate's history comes to stand in the timelines of other records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// Each event names the records that it is about, and stands in their timelines for good.
    Tells,
    /// The record [names](Aggregate::references) the others in its present state: its whole history is shown as long as it does.
    Names,
}

/// Whether an event of this type is told in timelines: in that of its own record at least.
pub fn is_told(event_type: &str) -> bool {
    let told = |name| RECORDS.contains(&name) || OTHERS.iter().any(|(other, _)| *other == name);
    event_type.split_once('.').is_some_and(|(name, _)| told(name))
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineEntry {
    /// The event.
    pub event_id: Uuid,
    /// The record to which it happened: the one whose timeline it is, one that it took in, or one that is about it.
    pub record_id: Uuid,
    /// Its name.
    pub event_type: String,
    /// Its place in the global order.
    pub position: i64,
    /// The record's version after it.
    pub version: i64,
    /// When.
    pub occurred_at: DateTime<Utc>,
    /// Who did it.
    pub actor: String,
    /// What happened, in full.
    pub data: Value,
}

/// A stretch of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineQuery<'a> {
    /// Whose.
    pub record: Uuid,
    /// Of which records that were merged into it the history is shown, too.
    pub merged: Extent<'a>,
    /// What is shown besides: no aggregate of which nothing is.
    pub others: Vec<Others<'a>>,
    /// Ends before this position.
    pub before: Option<i64>,
    /// How many entries at most.
    pub limit: u16,
}

/// Of which other aggregate something is shown in a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Others<'a> {
    /// The aggregate's name.
    pub aggregate: &'static str,
    /// How its records are tied to the one whose timeline it is.
    pub tie: Tie,
    /// Of which of its records.
    pub within: Extent<'a>,
}

/// What the infrastructure must provide.
#[async_trait]
pub trait TimelinePort: Send + Sync {
    /// The last entries before a position, the newest first. Waits for the write in the context.
    ///
    /// # Errors
    /// [`AppError::NotYetVisible`], [`AppError::Parked`], [`AppError::Unavailable`].
    async fn page(&self, cx: &Context, query: &TimelineQuery<'_>) -> Result<Vec<TimelineEntry>, AppError>;
}

/// Timelines, for those who may read the record.
#[derive(Clone)]
pub struct Timelines(Arc<dyn TimelinePort>);

impl Timelines {
    /// Timelines over their port.
    pub fn new(port: Arc<dyn TimelinePort>) -> Self {
        Self(port)
    }

    /// That of a record which the caller has read, see [`TimelinePort::page`]. Empty when it is beyond the caller's reach; events
    /// of other records stand there as far as the caller may read those.
    ///
    /// # Errors
    /// As there.
    pub async fn record<A: Aggregate>(
        &self,
        cx: &Authorized<impl Reveals<A>>,
        record: &Recorded<A>,
        before: Option<i64>,
        limit: u16,
    ) -> Result<Vec<TimelineEntry>, AppError> {
        if !cx.reach().covers(record.state.belongs()) {
            return Ok(Vec::new());
        }
        let named = OTHERS.iter().filter_map(|(name, tie)| Some((AGGREGATES.iter().find(|i| i.name == *name)?, *tie)));
        let reached: Vec<_> =
            named.filter_map(|(info, tie)| Some((info, tie, cx.access.reach(&info.read_permission())?))).collect();
        let others = reached.iter().map(|(info, tie, reach)| Others {
            aggregate: info.name,
            tie: *tie,
            within: reach.extent(info.belongs),
        });
        let query = TimelineQuery {
            record: record.id,
            merged: cx.reach().extent(A::BELONGS),
            others: others.filter(|others| others.within != Extent::Nothing).collect(),
            before,
            limit,
        };
        self.0.page(cx, &query).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_there() {
        let known = |name: &str| AGGREGATES.iter().any(|info| info.name == name);
        assert!(RECORDS.into_iter().chain(OTHERS.map(|(name, _)| name)).all(known));
        assert!(is_told("deal.moved") && is_told("activity.created") && !is_told("role.created") && !is_told("deal"));
    }
}
