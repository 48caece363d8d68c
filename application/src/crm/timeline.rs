//! What happened to a record, as people read it.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_domain::{crm::Activity, kernel::Aggregate};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    AppError, Context, Recorded,
    access::{Authorized, Extent, Reveals},
    registry::AGGREGATES,
};

/// What tells of records besides themselves: aggregates whose events name the records that they are about.
const OTHERS: [&str; 1] = [Activity::TYPE];

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineEntry {
    /// The event.
    pub event_id: Uuid,
    /// The record to which it happened: the one whose timeline it is, or one that is about it.
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
    /// Of which other aggregates events are shown, and of which of their records.
    pub others: Vec<(&'static str, Extent<'a>)>,
    /// Ends before this position.
    pub before: Option<i64>,
    /// How many entries at most.
    pub limit: u16,
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
        self.of(cx, record.id, before, limit).await
    }

    async fn of(
        &self,
        cx: &Context,
        record: Uuid,
        before: Option<i64>,
        limit: u16,
    ) -> Result<Vec<TimelineEntry>, AppError> {
        let others = AGGREGATES.iter().filter(|info| OTHERS.contains(&info.name));
        let reached: Vec<_> =
            others.filter_map(|info| Some((info, cx.access.reach(&info.read_permission())?))).collect();
        let others = reached.iter().map(|(info, reach)| (info.name, reach.extent(info.belongs))).collect();
        self.0.page(cx, &TimelineQuery { record, others, before, limit }).await
    }
}
