//! Read models of the `crm` context.

mod contacts;
mod timeline;

use contacts::ContactList;
pub use timeline::ContactTimeline;

crate::projection::declare_read_models! {
    states: [ContactList],
    events: [ContactTimeline],
}
