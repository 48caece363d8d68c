//! Whether what is stored is what the events tell: states, unique keys, the global order, read models.
//!
//! What is compared with what is decided here; reading it is a matter of the infrastructure.

mod difference;
mod folding;
mod history;

use async_trait::async_trait;
use fairlead_domain::ids::OrganizationId;

pub use self::{
    difference::{Difference, Fault, RowFault, differing},
    history::{Compared, History, Noted, Place},
};
use crate::{log::LogError, recorded::DecodeError};

/// Reads everything that is stored, at one moment.
#[async_trait]
pub trait Verifier: Send + Sync {
    /// Compares all streams, or one tenant's, and what is derived from them.
    ///
    /// # Errors
    /// [`VerifyError`]; what was found until then has been reported.
    async fn verify(
        &self,
        organization: Option<OrganizationId>,
        report: &mut dyn Report,
    ) -> Result<Summary, VerifyError>;
}

/// Hears what is found while it goes on.
pub trait Report: Send {
    /// Something differs.
    fn found(&mut self, difference: Difference);

    /// So many streams are done, of how many.
    fn progressed(&mut self, streams: u64, of: u64);
}

/// What was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Streams.
    pub streams: u64,
    /// Events.
    pub events: u64,
    /// States stored in an older shape, which are folded anew when they are read: stale, but not wrong.
    pub stale: u64,
    /// How many differences were reported.
    pub differences: u64,
    /// The read models.
    pub read_models: Vec<ReadModelSummary>,
}

/// What was looked at in a read model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadModelSummary {
    /// Its name.
    pub name: &'static str,
    /// Streams whose rows were compared.
    pub compared: u64,
    /// Streams with events that it has not handled yet: not compared.
    pub behind: u64,
    /// Streams that it has set aside: not compared.
    pub parked: u64,
}

/// Why not everything was looked at.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The database.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Something was stored by a newer program, which alone can tell.
    #[error("{0}; verify with the newer program")]
    Newer(DecodeError),
}
