//! Events of the past, from `domain/fixtures`.

use fairlead_application::{
    envelope::SequencedEvent,
    ports::{Metadata, StoredEvent},
};
use serde_json::Value;
use uuid::Uuid;

/// The event of a fixture as it is published: at position 7, as the third of stream 2 of tenant 1.
///
/// # Panics
/// The fixture lacks something.
pub fn published(fixture: &Value, metadata: Metadata) -> SequencedEvent {
    let event = StoredEvent {
        id: Uuid::from_u128(3),
        version: 3,
        event_type: fixture["type"].as_str().expect("a name").to_owned(),
        schema_version: fixture["schema_version"].as_i64().expect("a version").try_into().expect("a small one"),
        data: fixture["data"].clone(),
        metadata,
        occurred_at: "2026-03-04T05:06:07.000008Z".parse().expect("a time"),
    };
    SequencedEvent { position: 7, incarnation: 1, tenant: Uuid::from_u128(1), stream: Uuid::from_u128(2), event }
}
