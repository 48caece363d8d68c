//! PostgreSQL: event store, sequencer and subscriptions by tokio-postgres, since a command's round trips are dear;
//! projections and queries by sea-orm.

mod connect;
mod coverage;
mod crm;
mod event_log;
mod event_store;
mod health;
mod list;
mod listener;
mod maintenance;
mod nudge;
mod projection;
mod sequencer;
mod tenant;

pub use connect::{ConnectError, Databases, app_databases, engine_databases};
pub use crm::ContactList;
pub use event_log::PostgresLog;
pub use event_store::PostgresStore;
pub use health::PostgresHealth;
pub use list::ReadModel;
pub use listener::{Listener, Wakeups};
pub use maintenance::Maintenance;
pub use nudge::{Nudge, Nudger};
pub use projection::{Projector, StateProjection};
pub use sequencer::{Adoption, Sequencer, SequencerStatus, adopt, sequencer_status};
