//! What access depends on: changes of records, told to those who keep what follows from them; and keys' last uses.

mod changes;
mod key_uses;

pub use changes::Changes;
pub use key_uses::PostgresKeyUses;
