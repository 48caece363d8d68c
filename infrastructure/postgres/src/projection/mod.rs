//! Projections: read models that follow the log, each on its own subscription.
//!
//! A state projection has one row for each living stream, computed from the stream's present; an event projection keeps
//! what it makes of each event. Both write their rows and their checkpoint in one transaction.

mod event;
mod projecting;
mod rebuild;
mod state;
mod upsert;
mod values;

use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::Object;
use fairlead_application::{log::LogError, recorded::DecodeError, subscription::Entry};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::error;
use uuid::Uuid;

pub use self::{event::EventProjection, state::StateProjection};
pub(crate) use self::{event::EventRows, state::StateRows};
use self::{projecting::Projecting, rebuild::Rebuilder};
use crate::{
    PostgresSubscriptions, connect::log_error, crm, event_store::is_transient, identity, runner, vault::Vault,
};

/// Declares the read models of a context: what workers keep up, and what can be listed of it.
macro_rules! declare_read_models {
    (states: [$($state:ty),* $(,)?], events: [$($events:ty),* $(,)?] $(,)?) => {
        /// The context's read models.
        pub(crate) fn projections(vault: &$crate::vault::Vault) -> Vec<std::sync::Arc<dyn $crate::projection::Projection>> {
            vec![
                $(std::sync::Arc::new($crate::projection::StateRows::<$state>::new(vault.clone())),)*
                $(std::sync::Arc::new($crate::projection::EventRows::<$events>::new(vault.clone())),)*
            ]
        }

        /// The columns behind the context's lists.
        pub(crate) fn listed_columns() -> Vec<$crate::list::ListedColumn> {
            let columns: &[Vec<_>] = &[$($crate::list::columns_of::<$state>()),*];
            columns.concat()
        }

        /// The context's lists.
        pub(crate) fn lists(_databases: &$crate::Databases) -> fairlead_application::list::AllLists {
            fairlead_application::list::AllLists::default()
                $(.with($crate::list::ReadModel::<$state>::new(_databases.clone())))*
        }
    };
}
pub(crate) use declare_read_models;

/// A read model and how it follows the log.
#[async_trait]
pub(crate) trait Projection: Send + Sync + 'static {
    /// The subscription's name: `crm.contacts`.
    fn name(&self) -> &'static str;

    /// The table, with its schema.
    fn table(&self) -> &'static str;

    /// A table that is kept up beside it, whose rows belong to streams.
    fn beside(&self) -> Option<&'static str> {
        None
    }

    /// Which of some streams have other rows beside the read model than they ought to.
    async fn differing_beside(&self, _: &Object, _: &[(Uuid, Uuid)]) -> Result<Vec<(Uuid, Uuid)>, ProjectionError> {
        Ok(Vec::new())
    }

    /// Brings a table up to some entries, in the client's transaction. The table is the read model, or one that is being
    /// built beside it.
    async fn project(&self, client: &Object, table: &str, entries: &[Entry]) -> Result<(), ProjectionError>;

    /// Deletes the rows that tell about a person.
    async fn forget(&self, client: &Object, table: &str, tenant: Uuid, person: Uuid) -> Result<(), ProjectionError>;

    /// Deletes the row of a record that told about a person who was erased, where the row is made of the record's present. Where
    /// rows are made of events, they were made anew with the person's erasure.
    async fn forget_words(&self, _: &Object, _: &str, _: Uuid, _: Uuid) -> Result<(), ProjectionError> {
        Ok(())
    }

    /// The aggregate whose streams hold everything that the rows are computed from; `None` when it takes the events.
    fn scanned(&self) -> Option<&'static str>;

    /// Writes the rows of some streams' present; only asked of those that are scanned.
    async fn project_streams(
        &self,
        client: &Object,
        table: &str,
        streams: &[(Uuid, Uuid)],
    ) -> Result<(), ProjectionError>;

    /// The columns that tell one row from another.
    fn key(&self) -> &'static str;

    /// Whether a row is what the newest of several events has made of it.
    fn newest_wins(&self) -> bool {
        false
    }

    /// Whether rows may be made of streams of this aggregate.
    fn is_made_of(&self, aggregate: &str) -> bool {
        self.scanned().is_none_or(|scanned| scanned == aggregate)
    }

    /// For how many entries the rows can be asked for at once.
    fn read_at_once(&self) -> usize {
        1_000
    }

    /// Which rows may be missing, since they had their time: a condition on the row `e` that there would be.
    fn expired(&self) -> &'static str {
        "false"
    }

    /// The rows that there have to be of some streams with these entries, all that they have: what projecting writes. JSON
    /// objects of columns.
    async fn rows(
        &self,
        client: &Object,
        streams: &[(Uuid, Uuid)],
        entries: &[Entry],
    ) -> Result<Vec<Value>, ProjectionError>;
}

/// Why entries were not projected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectionError {
    /// Worth another try as it is.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The database refuses what is written: it would again.
    #[error("{}", told(.0))]
    Refused(tokio_postgres::Error),
    /// What is stored can't be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("a row can't be written: {0}")]
    Row(#[from] serde_json::Error),
}

impl From<tokio_postgres::Error> for ProjectionError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(code) if !is_transient(code) => Self::Refused(error),
            _ => log_error(error).into(),
        }
    }
}

/// What the database said, without the values that it refused: they may be personal.
fn told(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(
        || error.to_string(),
        |error| format!("{} ({})", error.code().code(), error.constraint().or(error.column()).unwrap_or("refused")),
    )
}

/// Every read model there is.
pub(crate) fn projections(vault: &Vault) -> Vec<Arc<dyn Projection>> {
    [crm::projections(vault), identity::projections(vault)].concat()
}

/// The names of all read models, which are those of their subscriptions.
pub fn read_models() -> Vec<&'static str> {
    projections(&Vault::default()).iter().map(|projection| projection.name()).collect()
}

/// Keeps every read model up with the log, and builds those anew for which that is demanded.
pub struct Projections {
    subscriptions: PostgresSubscriptions,
}

impl Projections {
    /// Read models in the engine's database.
    pub fn new(subscriptions: PostgresSubscriptions) -> Self {
        Self { subscriptions }
    }

    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut running = JoinSet::new();
        let projections = || projections(&self.subscriptions.databases().vault);
        for projection in projections() {
            let handler = Projecting::live(projection);
            running.spawn(runner::run(self.subscriptions.clone(), handler, stop.clone()));
        }
        running.spawn(Rebuilder::new(self.subscriptions.clone(), projections()).run(stop));
        while let Some(ended) = running.join_next().await {
            if let Err(error) = ended {
                error!(%error, "a projection failed");
            }
        }
    }
}
