//! Taking data out: all that an organization has, and all that is known about one person.

mod contact;
mod organization;
mod person;

use std::sync::Arc;

use async_trait::async_trait;
use fairlead_domain::{ids::UserId, kernel::Aggregate};
use serde_json::{Value, json};
use uuid::Uuid;

pub use self::organization::Export;
use crate::{
    App, AppError, Context, Recorded,
    crm::Timelines,
    envelope::{Place, rfc3339},
    history::{History, HistoryPort},
    identity::Directory,
    list::AllLists,
    ports::StoredStream,
};

/// The form of what is taken out, raised when readers have to be changed.
const FORMAT: u32 = 1;

/// A stream, deleted or not.
#[derive(Debug, Clone)]
pub struct AnyStream {
    /// Its present.
    pub stream: StoredStream,
    /// Whether it is softly deleted.
    pub deleted: bool,
}

/// Port: reads whatever there is of a tenant.
#[async_trait]
pub trait ExportPort: Send + Sync {
    /// Where the log ends at present.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    async fn end(&self, cx: &Context) -> Result<Place, AppError>;

    /// The tenant's streams of all kinds behind one of them, in ascending order of id, `limit` at most.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    async fn records(&self, cx: &Context, after: Option<Uuid>, limit: u16) -> Result<Vec<AnyStream>, AppError>;

    /// The sessions of a user that have ended.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    async fn ended_sessions(&self, cx: &Context, user: UserId) -> Result<Vec<Uuid>, AppError>;
}

/// What exports read from.
#[derive(Clone)]
pub struct ExportParts {
    /// The present.
    pub app: App,
    /// Whatever there is.
    pub records: Arc<dyn ExportPort>,
    /// What happened.
    pub history: Arc<dyn HistoryPort>,
    /// Who belongs where.
    pub directory: Arc<dyn Directory>,
    /// What happened to records, as people read it.
    pub timelines: Timelines,
    /// Which records are about others.
    pub lists: AllLists,
}

/// Takes data out. Secrets are never among it.
#[derive(Clone)]
pub struct Exports(ExportParts);

impl Exports {
    /// Exports over their ports.
    pub fn new(parts: ExportParts) -> Self {
        Self(parts)
    }

    fn history(&self) -> History {
        History::new(self.0.history.clone())
    }
}

/// A record as it is taken out, whatever the aggregate.
fn shown<A: Aggregate>(recorded: Recorded<A>) -> Result<Value, AppError> {
    let Recorded { tenant, id, version, state, created_at, updated_at } = recorded;
    let state = serde_json::to_value(&state).map_err(AppError::internal)?;
    Ok(record(A::TYPE, &Recorded { tenant, id, version, state, created_at, updated_at }))
}

/// A record as it is taken out.
fn record(aggregate: &str, recorded: &Recorded<Value>) -> Value {
    json!({
        "aggregate": aggregate,
        "id": recorded.id,
        "version": recorded.version,
        "created_at": rfc3339(recorded.created_at),
        "updated_at": rfc3339(recorded.updated_at),
        "state": recorded.state,
    })
}
