//! Customer relations: the people a company knows.

mod contact;

pub use contact::{
    Channel, Consent, ConsentStatus, Contact, ContactChange, ContactCommand, ContactError, ContactEvent, ContactKey,
    ContactProfile, ContactUpsert, Employment, PointsChange,
};
