//! Events of the past, from `domain/fixtures`.

use std::fs;

use fairlead_application::{
    envelope::SequencedEvent,
    ports::{Metadata, StoredEvent},
};
use serde_json::Value;
use uuid::Uuid;

use crate::contracts::root;

/// Every fixture, by its file's name.
///
/// # Panics
/// One can't be read.
pub fn fixtures() -> Vec<(String, Value)> {
    let aggregates =
        fs::read_dir(root().join("domain/fixtures")).expect("fixtures").flatten().map(|entry| entry.path());
    let files =
        aggregates.filter(|path| path.is_dir()).flat_map(|folder| fs::read_dir(folder).expect("a folder").flatten());
    let files =
        files.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    files
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON"))
        })
        .collect()
}

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
