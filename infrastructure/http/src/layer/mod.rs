//! What happens around every handler.

mod frame;
mod measure;
mod note;
mod routes;
mod security;
mod surplus;
mod unmatched;

pub(crate) use frame::frame;
pub(crate) use note::note;
pub(crate) use routes::Routes;
pub use security::BadOrigin;
pub(crate) use security::Origins;
pub(crate) use surplus::surplus;
pub(crate) use unmatched::unmatched;
