//! Value objects: values that can only be built valid, and that `Debug` hides when they are about a person.
//!
//! What was valid when it was written stays readable: deserialization, which only ever reads what the engine stored,
//! does not ask again, so a rule can be tightened without making history unreadable.

mod address;
mod attachment;
mod attribute;
mod currency;
mod description;
mod domain_name;
mod email;
mod external;
mod grant;
mod label;
mod language;
mod lifecycle_stage;
mod money;
mod origin;
mod percent;
mod person_name;
mod phone_number;
mod point;
mod prose;
mod record_ref;
mod reference;
mod subject;
mod tag;
mod text;
mod time_zone;
mod title;
mod website;

pub use address::{Address, AddressParts};
pub use attachment::{FileName, FileUrl, MediaType, Sha256};
pub use attribute::{AttributeKey, AttributeValue};
pub use currency::Currency;
pub use description::Description;
pub use domain_name::DomainName;
pub use email::Email;
pub use external::{ExternalSubject, Provider};
pub use grant::{Grant, Over, Permission};
pub use label::Label;
pub use language::Language;
pub use lifecycle_stage::LifecycleStage;
pub use money::Money;
pub use origin::Origin;
pub use percent::Percent;
pub use person_name::PersonName;
pub use phone_number::PhoneNumber;
pub use point::{Point, Points};
pub use prose::Prose;
pub use record_ref::{RecordRef, RecordType};
pub use reference::{ExternalId, Handle, SystemName};
pub use subject::Subject;
pub use tag::Tag;
pub use time_zone::TimeZone;
pub use title::Title;
pub use website::Website;
