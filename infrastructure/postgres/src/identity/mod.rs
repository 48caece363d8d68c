//! What access depends on: changes of records, told to those who keep what follows from them; keys' last uses; and the
//! audit log.

mod access_log;
mod audit;
mod changes;
mod key_uses;

pub use access_log::AccessKeeper;
pub use audit::AuditLog;
pub use changes::Changes;
pub use key_uses::PostgresKeyUses;

crate::projection::declare_read_models! {
    states: [],
    events: [AuditLog],
}
