//! Read models of the `crm` context.

mod contacts;
mod timeline;

use std::sync::Arc;

pub use contacts::ContactList;
pub use timeline::ContactTimeline;

use crate::{
    projection::{EventRows, Projection, StateRows},
    vault::Vault,
};

/// The context's read models.
pub(crate) fn projections(vault: &Vault) -> Vec<Arc<dyn Projection>> {
    vec![
        Arc::new(StateRows::<ContactList>::new(vault.clone())),
        Arc::new(EventRows::<ContactTimeline>::new(vault.clone())),
    ]
}
