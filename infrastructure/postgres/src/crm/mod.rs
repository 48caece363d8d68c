//! Read models of the `crm` context.

mod companies;
mod contacts;
mod timeline;

use companies::CompanyList;
use contacts::ContactList;
pub use timeline::ContactTimeline;

crate::projection::declare_read_models! {
    states: [CompanyList, ContactList],
    events: [ContactTimeline],
}
