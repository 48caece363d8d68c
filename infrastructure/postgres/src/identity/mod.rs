//! What access depends on: changes of records, told to those who keep what follows from them; keys' last uses; and the
//! audit log.

mod access_log;
mod audit;
mod changes;
mod key_uses;

use std::sync::Arc;

pub use access_log::AccessKeeper;
pub use audit::AuditLog;
pub use changes::Changes;
pub use key_uses::PostgresKeyUses;

use crate::{
    projection::{EventRows, Projection},
    vault::Vault,
};

/// The context's read models.
pub(crate) fn projections(vault: &Vault) -> Vec<Arc<dyn Projection>> {
    vec![Arc::new(EventRows::<AuditLog>::new(vault.clone()))]
}
