//! Events as they happen: what is needed to follow the end of the log.

use std::collections::HashMap;

use async_trait::async_trait;
use fairlead_domain::kernel::Belonging;
use uuid::Uuid;

use crate::{
    envelope::{Place, SequencedEvent},
    log::LogError,
};

/// Port: follows the end of the log, above all tenants. Held by one reader a process.
#[async_trait]
pub trait Tail: Send + Sync {
    /// Where the log ends; position 0 when it is empty.
    ///
    /// # Errors
    /// [`LogError::Unavailable`] or [`LogError::Internal`].
    async fn end(&self) -> Result<Place, LogError>;

    /// The stretch behind a position, `limit` places at most; `None` when there is nothing yet. Holds the events of
    /// these tenants, or of all.
    ///
    /// # Errors
    /// [`LogError::Unavailable`] or [`LogError::Internal`].
    async fn read(&self, after: i64, limit: u32, tenants: Option<&[Uuid]>) -> Result<Option<Stretch>, LogError>;

    /// To whom records belong now: of the streams of tenants, those that there are.
    ///
    /// # Errors
    /// [`LogError::Unavailable`] or [`LogError::Internal`].
    async fn belongings(&self, streams: &[TenantStream]) -> Result<HashMap<TenantStream, Belonging>, LogError>;

    /// Waits until the log may have grown since the last call.
    async fn grown(&mut self);
}

/// A tenant and one of its streams.
pub type TenantStream = (Uuid, Uuid);

/// Part of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// The events that were asked for, in order.
    pub events: Vec<SequencedEvent>,
    /// The last place in it, whosever that is.
    pub reached: Place,
}
