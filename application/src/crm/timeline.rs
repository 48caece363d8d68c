//! What happened to a record, as people read it.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_domain::{crm::Contact, kernel::Aggregate};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    AppError, Context, Recorded,
    access::{Authorized, Reveals},
};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineEntry {
    /// The event.
    pub event_id: Uuid,
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

/// What the infrastructure must provide.
#[async_trait]
pub trait TimelinePort: Send + Sync {
    /// The last entries of a record before a position, the newest first. Waits for the write in the context.
    ///
    /// # Errors
    /// [`AppError::NotYetVisible`], [`AppError::Parked`], [`AppError::Unavailable`].
    async fn page(
        &self,
        cx: &Context,
        record: Uuid,
        before: Option<i64>,
        limit: u16,
    ) -> Result<Vec<TimelineEntry>, AppError>;
}

/// Timelines, for those who may read the record.
#[derive(Clone)]
pub struct Timelines(Arc<dyn TimelinePort>);

impl Timelines {
    /// Timelines over their port.
    pub fn new(port: Arc<dyn TimelinePort>) -> Self {
        Self(port)
    }

    /// A contact's, which the caller has read, see [`TimelinePort::page`]. Empty when it is beyond the caller's reach.
    ///
    /// # Errors
    /// As there.
    pub async fn contact(
        &self,
        cx: &Authorized<impl Reveals<Contact>>,
        contact: &Recorded<Contact>,
        before: Option<i64>,
        limit: u16,
    ) -> Result<Vec<TimelineEntry>, AppError> {
        if !cx.reach().covers(contact.state.belongs()) {
            return Ok(Vec::new());
        }
        self.0.page(cx, contact.id, before, limit).await
    }
}
