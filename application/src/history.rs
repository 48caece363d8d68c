//! History: what happened in a tenant, told to those who may read it.

use std::sync::Arc;

use async_trait::async_trait;
use fairlead_domain::kernel::{Aggregate, Belonging, ErrorKind};
use uuid::Uuid;

use crate::{
    AppError, Context,
    access::{Authorized, Extent, Permission, Reach, Reveals},
    envelope::{Place, SequencedEvent},
    ports::StoredEvent,
    registry::{AGGREGATES, AggregateInfo, aggregate_of},
};

/// Read the log of what happened: the events of those aggregates that the caller may read besides.
#[derive(Debug, Clone, Copy)]
pub struct EventsRead;

impl Permission for EventsRead {
    const NAME: &'static str = "events:read";
}

/// Which events of a log are wanted by somebody who may have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// None of whose records are all out of reach.
    aggregates: Vec<(&'static AggregateInfo, Reach)>,
    event_type: Option<String>,
}

impl Wanted {
    /// What the caller may read of what it asks for. An event shows what a state shows, so it takes the same permission, and
    /// is shown as far as both permissions reach.
    pub fn by(cx: &Authorized<EventsRead>, aggregate: Option<&str>, event_type: Option<&str>) -> Self {
        let asked = AGGREGATES.iter().filter(|info| aggregate.is_none_or(|name| name == info.name));
        let reached = asked.filter_map(|info| {
            let reach = cx.access.reach(&info.read_permission())?.and(cx.reach());
            (reach.extent(info.belongs) != Extent::Nothing).then_some((info, reach))
        });
        Self { aggregates: reached.collect(), event_type: event_type.map(str::to_owned) }
    }

    /// Every event, for who may take everything out.
    pub(crate) fn everything() -> Self {
        Self { aggregates: AGGREGATES.iter().map(|info| (info, Reach::EVERYTHING)).collect(), event_type: None }
    }

    /// Whether no event is left out.
    pub fn is_everything(&self) -> bool {
        self.event_type.is_none() && self.aggregates.len() == AGGREGATES.len() && !self.is_partial()
    }

    /// Whether of some aggregate the events of some records alone are wanted.
    pub fn is_partial(&self) -> bool {
        self.aggregates().any(|(_, extent)| extent != Extent::Everything)
    }

    /// Whether an event of this type, of a record that now belongs like this, is among them.
    pub fn takes(&self, event_type: &str, belonging: Option<Belonging>) -> bool {
        let of_type = self.event_type.as_ref().is_none_or(|wanted| wanted == event_type);
        of_type && aggregate_of(event_type).and_then(|info| self.extent(info)).is_some_and(|it| it.covers(belonging))
    }

    fn extent(&self, aggregate: &AggregateInfo) -> Option<Extent<'_>> {
        let mut aggregates = self.aggregates.iter();
        aggregates.find(|(info, _)| info.name == aggregate.name).map(|(info, reach)| reach.extent(info.belongs))
    }

    /// The names of the aggregates, and of which of their records events are wanted.
    pub fn aggregates(&self) -> impl Iterator<Item = (&'static str, Extent<'_>)> {
        self.aggregates.iter().map(|(info, reach)| (info.name, reach.extent(info.belongs)))
    }

    /// The one type that is wanted; all when `None`.
    pub fn event_type(&self) -> Option<&str> {
        self.event_type.as_deref()
    }
}

/// A stretch of a tenant's log that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// Begins behind this position.
    pub after: i64,
    /// Ends with this one, or with the log.
    pub until: Option<i64>,
    /// How many events at most.
    pub limit: u16,
    /// Which.
    pub wanted: Wanted,
}

/// A stretch of a tenant's log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogPage {
    /// The wanted events, oldest first.
    pub events: Vec<SequencedEvent>,
    /// Up to here everything was looked at: where the next page begins.
    pub reached: i64,
    /// Whether there may be more. So even when this page is not full: only so many events are looked through at a time.
    pub more: bool,
}

/// A stretch of one stream's events.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordPage {
    /// The events, oldest first.
    pub events: Vec<StoredEvent>,
    /// Whether there are more.
    pub more: bool,
}

/// What a reader missed since it was last there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// So many events of the tenant, counted up to the limit that was asked for.
    Missed(u32),
    /// It can't be told: the place is none of this log, since the database began a new life meanwhile.
    Unknown,
}

/// Port: reads events as a tenant. Reached only through [`History`], which demands the permission.
#[async_trait]
pub trait HistoryPort: Send + Sync {
    /// A stretch of the tenant's log. Waits until the log holds the write that the context names.
    ///
    /// # Errors
    /// [`AppError::NotYetVisible`], [`AppError::Unavailable`], [`AppError::Internal`].
    async fn log(&self, cx: &Context, query: &LogQuery) -> Result<LogPage, AppError>;

    /// The events of a stream after a version, `limit` at most; `None` when the tenant has no such aggregate within.
    /// Deleted ones have a history too.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    async fn record(
        &self,
        cx: &Context,
        aggregate: &'static str,
        within: Extent<'_>,
        stream: Uuid,
        after: i64,
        limit: u16,
    ) -> Result<Option<RecordPage>, AppError>;

    /// How many of the tenant's events come after a place; not counted beyond `limit`.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    async fn gap(&self, cx: &Context, after: Place, limit: u32) -> Result<Gap, AppError>;
}

/// How far back a reader that was away may be brought up to date as it comes back, in events of its tenant.
pub const CATCH_UP: u32 = 10_000;

/// The history of tenants, for those who may read it.
#[derive(Clone)]
pub struct History(Arc<dyn HistoryPort>);

impl History {
    /// Guards a port.
    pub fn new(port: Arc<dyn HistoryPort>) -> Self {
        Self(port)
    }

    /// A stretch of the tenant's log. What is wanted was made for the same caller.
    ///
    /// # Errors
    /// As [`HistoryPort::log`].
    pub async fn log(&self, cx: &Authorized<EventsRead>, query: &LogQuery) -> Result<LogPage, AppError> {
        if query.wanted.aggregates.is_empty() {
            return Ok(LogPage { events: Vec::new(), reached: query.after, more: false });
        }
        self.0.log(cx, query).await
    }

    /// The events of one record after a version; `None` when there is none within the caller's reach.
    ///
    /// # Errors
    /// As [`HistoryPort::record`].
    pub async fn record<A: Aggregate>(
        &self,
        cx: &Authorized<impl Reveals<A>>,
        id: A::Id,
        after: i64,
        limit: u16,
    ) -> Result<Option<RecordPage>, AppError> {
        match cx.reach().extent(A::BELONGS) {
            Extent::Nothing => Ok(None),
            within => self.0.record(cx, A::TYPE, within, id.into(), after, limit).await,
        }
    }

    /// Makes sure that a reader can go on behind a place.
    ///
    /// # Errors
    /// `events.too_far` when it missed more than [`CATCH_UP`] events, `events.new_life` when the place is none of this
    /// log; otherwise as [`HistoryPort::gap`].
    pub async fn resumable(&self, cx: &Authorized<EventsRead>, after: Place) -> Result<(), AppError> {
        let (code, detail) = match self.0.gap(cx, after, CATCH_UP + 1).await? {
            Gap::Missed(missed) if missed <= CATCH_UP => return Ok(()),
            Gap::Missed(_) => (
                "events.too_far",
                format!("more than {CATCH_UP} events were missed; read them at /v1/events?after={}", after.position),
            ),
            Gap::Unknown => (
                "events.new_life",
                "this id is none of this log, which began a new life; read it anew at /v1/events".to_owned(),
            ),
        };
        Err(AppError::Refused { kind: ErrorKind::Conflict, code, detail })
    }
}
