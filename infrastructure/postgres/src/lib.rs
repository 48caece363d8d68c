//! PostgreSQL: event store, sequencer and subscriptions by tokio-postgres, since a command's round trips are dear;
//! projections and queries by sea-orm.

mod administration;
mod append;
mod backlog;
mod beside;
mod connect;
mod coverage;
mod crm;
mod erasure_journal;
mod event_log;
mod event_store;
mod export;
mod filter;
mod health;
mod history;
mod identity;
mod leases;
mod list;
mod listener;
mod lookup;
mod maintenance;
mod multirange;
mod nudge;
mod policies;
mod pool;
mod projection;
mod purge;
mod recent;
mod runner;
mod search;
mod sequencer;
mod standing;
mod subscriptions;
mod tail;
mod tenant;
mod vault;
mod verify;
mod work;

pub use administration::PostgresAdministration;
pub use backlog::BacklogKeeper;
pub use beside::Beside;
pub use connect::{ConnectError, Databases, app_databases, engine_databases};
pub use crm::{AGENDA, AGENDA_OF_ALL, ActivityAgenda, ContactTwins, DealBoards, RecordTimeline, RottingDeals};
pub use erasure_journal::{Erasure, ErasureJournal, read_erasures};
pub use event_log::PostgresLog;
pub use event_store::PostgresStore;
pub use health::PostgresHealth;
pub use identity::{AccessKeeper, AuditLog, Changes, PostgresKeyUses};
pub use list::{ListedColumn, listed_columns, lists};
pub use listener::{Listener, Wakeups};
pub use maintenance::Maintenance;
pub use nudge::{Nudge, Nudger};
pub use policies::Policies;
pub use projection::{EventProjection, Projections, StateProjection, read_models};
pub use purge::{EndedAgain, KnownOrganization, PurgeKeeper, Purges};
pub use sequencer::{Adoption, Sequencer, SequencerStatus, adopt, sequencer_status};
pub use standing::{Limits, Observer};
pub use subscriptions::{PostgresSubscriptions, SubscriptionKeeper};
pub use tail::PostgresTail;
pub use vault::{
    InstallationKeys, InvalidKeys, KeyStatus, PostgresSigningKeys, Rotation, VaultError, key_status, rewrap_keys,
    rotate_tenant_keys,
};
pub use verify::PostgresVerifier;
