//! Read models of the `crm` context.

mod contacts;

pub use contacts::ContactList;
