//! Customer relations: the people a company knows.

mod contact;

pub use contact::{Contact, ContactChange, ContactCommand, ContactError, ContactEvent, ContactProfile};
