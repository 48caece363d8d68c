//! Use cases: the one path every command takes, the queries of each context, and the ports that the infrastructure
//! must provide.

pub mod access;
pub mod administration;
mod app;
mod asked;
pub mod backlog;
pub mod batch;
pub mod consistency;
mod context;
pub mod crm;
pub mod envelope;
mod error;
pub mod export;
pub mod health;
pub mod history;
pub mod identity;
mod lately;
pub mod list;
pub mod live;
pub mod log;
#[cfg(feature = "testing")]
pub mod memory;
pub mod policy;
pub mod ports;
mod reading;
pub mod recorded;
pub mod registry;
pub mod signing;
mod step;
pub mod subscription;
pub mod trace;
pub mod verify;
mod work;

pub use app::App;
pub use asked::{Asked, Target, Wanted};
pub use context::{Actor, Context, IdempotencyKey, TraceParent};
pub use error::AppError;
pub use recorded::Recorded;
pub use step::{Expected, Outcome, Receipt, Refusal, Step, StepAnswer};
pub use work::Turn;
