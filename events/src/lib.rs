//! Fairlead's events, for those who read them: from the broker, from `/v1/events`, or from wherever they were put.
//!
//! [`Event::parse`] reads the envelope (`CloudEvents` 1.0 in structured mode), [`Event::decode`] the data, as the events of an
//! aggregate: whatever version they were published in, they come as the newest.
//!
//! ```
//! use fairlead_events::{Event, Personal, crm::{Contact, ContactEvent}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let message = br#"{
//! #     "specversion": "1.0", "id": "0199c1a2-7d3e-7c55-9a53-0f6b1f3f7a10", "source": "/fairlead", "type": "contact.renamed",
//! #     "subject": "0199c1a1-03b4-7e0a-8d4c-5f3f0a9c2b77", "time": "2026-03-04T05:06:07Z", "streamversion": 3,
//! #     "tenantid": "0199b000-1111-7222-8333-444455556666", "sequence": "1042", "incarnation": 1, "schemaversion": 1,
//! #     "actor": "user:ana", "data": { "name": "Ana Lima" } }"#;
//! let event = Event::parse(message)?;
//! if let ContactEvent::Renamed { name: Personal::Known(name) } = event.decode::<Contact>()?.data {
//!     assert_eq!(name.as_str(), "Ana Lima");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! It brings no database, no broker and no server with it. Who consumes from the broker takes `fairlead-consumer`, which is
//! built on this.

mod event;
mod payload;

pub use event::{Event, NoEvent};
pub use fairlead_domain::{
    crm, identity, ids,
    kernel::{Personal, PersonalOf},
    values,
};
pub use payload::{Json, Payload, Undecodable};
