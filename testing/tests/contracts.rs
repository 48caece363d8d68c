//! The contract of events as it is committed, held against the Rust types, the fixtures and what was released.

#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::{collections::BTreeSet, fs};

use fairlead_application::ports::Metadata;
use fairlead_testing::{
    contracts::{Promised, committed, derived, released},
    fixtures::{fixtures, published},
};
use serde_json::{Value, json};
use uuid::Uuid;

fn promised() -> Promised {
    Promised::read(&committed().join("events")).unwrap()
}

#[test]
fn what_is_committed_is_what_the_types_promise() {
    let kept = promised().keeping(derived(), env!("CARGO_PKG_VERSION")).unwrap_or_else(|refused| panic!("{refused}"));
    for (name, text) in kept.files() {
        let path = committed().join(&name);
        assert!(
            fs::read_to_string(&path).ok().as_ref() == Some(&text),
            "guides/contracts/{name}: run `make docs`, and commit it"
        );
    }
}

/// Every version that was ever stored, not only today's, has a schema, and the fixture has the shape that it promises.
#[test]
fn every_fixture_has_its_schema_and_every_schema_a_fixture() {
    let promised = promised();
    let mut schemas: BTreeSet<_> = promised.contracts().map(|event| event.file_name()).collect();
    for (name, fixture) in fixtures() {
        assert!(
            schemas.remove(&name),
            "guides/contracts/events/{name} is missing: run `make docs`; what was published once stays"
        );
        let event = promised.contracts().find(|event| event.file_name() == name).unwrap();
        let validator = jsonschema::draft202012::new(&event.schema).unwrap();
        let complaints: Vec<_> = validator.iter_errors(&fixture["data"]).map(|error| error.to_string()).collect();
        assert!(complaints.is_empty(), "{name} has not the shape that its schema promises: {complaints:?}");
    }
    assert!(schemas.is_empty(), "{schemas:?}: published events have a fixture in domain/fixtures; restore it");
}

/// What was released is promised for good, whatever was committed since.
#[test]
fn what_was_released_is_kept() {
    let Some((release, released)) = released() else { return };
    let promised = promised();
    assert_eq!(promised.broken_since(&released), [""; 0], "released with {release}");
    let new = promised.contracts().filter(|event| released.contracts().all(|old| old.file_name() != event.file_name()));
    for event in new {
        let dated = event.schema["x-since"].as_str().unwrap_or_default();
        assert_ne!(format!("v{dated}"), release, "{} came after it: raise `version` in Cargo.toml", event.file_name());
    }
}

#[test]
fn what_was_released_is_compared_version_by_version() {
    let of = |schema: Value| {
        let mut promised = Promised::default();
        promised.add("contact.renamed.v1.json", &schema.to_string()).unwrap();
        promised
    };
    let name = json!({ "name": { "type": "string" } });
    let released = of(json!({ "type": "object", "properties": name, "required": ["name"] }));
    let more = json!({ "name": { "type": "string", "description": "now told" }, "nick": { "type": "string" } });
    let kept = of(json!({ "type": "object", "properties": more, "required": ["name"] }));
    assert_eq!(kept.broken_since(&released), [""; 0]);
    let broken = of(json!({ "type": "object", "properties": name, "required": [] }));
    assert_eq!(broken.broken_since(&released).len(), 1);
    assert!(
        Promised::default().broken_since(&released)[0].contains("contact.renamed.v1.json was released: restore it")
    );
}

/// The gate itself: a promise that the types don't keep is told, with what to do.
#[test]
fn a_broken_promise_is_refused() {
    let promised = promised();
    let text =
        serde_json::to_string(&json!({ "type": "object", "properties": { "name": { "type": "integer" } } })).unwrap();
    let refused = |name: &str| {
        let mut promised = promised.clone();
        promised.add(name, &text).unwrap();
        promised.keeping(derived(), "9.9.9").unwrap_err().to_string()
    };
    let told = refused("contact.renamed.v1.json");
    assert!(
        told.contains("contact.renamed: /name changed its type")
            && told.contains("raise the event in `schema_version`"),
        "{told}"
    );
    let mut moved = promised.clone();
    let mut schema = promised.contracts().find(|event| event.event_type == "contact.renamed").unwrap().schema.clone();
    schema["x-routing-key"] = json!("sales.contact.renamed");
    moved.add("contact.renamed.v1.json", &schema.to_string()).unwrap();
    let told = moved.keeping(derived(), "9.9.9").unwrap_err().to_string();
    assert!(told.contains("data changed its x-routing-key"), "{told}");
    assert!(refused("contact.baptized.v1.json").contains("contact.baptized: there is no such event any more"));
    assert!(
        refused("contact.renamed.v2.json").contains("contact.renamed: version 2 was promised, and it is written as 1")
    );
}

#[test]
fn new_events_are_dated_and_known_ones_keep_their_date() {
    let kept = promised().keeping(derived(), "9.9.9").unwrap();
    assert!(kept.contracts().all(|event| event.schema["x-since"] != "9.9.9"));
    let fresh = Promised::default().keeping(derived(), "9.9.9").unwrap();
    assert!(fresh.contracts().all(|event| event.schema["x-since"] == "9.9.9"));
}

/// Every event, in every version, as it is published, is one of the messages of the document.
#[test]
fn messages_are_as_the_asyncapi_document_says() {
    let document: Value = serde_json::from_slice(&fs::read(committed().join("asyncapi.json")).unwrap()).unwrap();
    let bare = Metadata {
        actor: "policy:welcome".into(),
        correlation_id: None,
        causation_id: None,
        hops: 0,
        traceparent: None,
    };
    let (correlation_id, causation_id) = (Some(Uuid::from_u128(4)), Some(Uuid::from_u128(5)));
    let traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    let full = Metadata { actor: "user:ana".into(), correlation_id, causation_id, hops: 1, traceparent };
    for (name, fixture) in fixtures() {
        let event_type = fixture["type"].as_str().unwrap();
        let payload = &document["components"]["messages"][event_type]["payload"];
        assert!(payload.is_object(), "{event_type} is no message of guides/contracts/asyncapi.json");
        let schema = json!({ "allOf": payload["allOf"], "components": document["components"] });
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        for metadata in [bare.clone(), full.clone()] {
            let is_full = metadata.causation_id.is_some();
            let mut message = published(&fixture, metadata).envelope();
            let complaints: Vec<_> = validator.iter_errors(&message).map(|error| error.to_string()).collect();
            assert!(complaints.is_empty(), "{name}: {complaints:?}");
            let known = &document["components"]["schemas"]["envelope"]["properties"];
            for attribute in message.as_object().unwrap().keys() {
                assert!(known[attribute].is_object(), "asyncapi.rs does not tell of the attribute {attribute}");
            }
            let told = known.as_object().unwrap().len();
            assert!(
                !is_full || message.as_object().unwrap().len() == told,
                "asyncapi.rs tells of an attribute that is not there"
            );
            message["schemaversion"] = json!(99);
            assert!(!validator.is_valid(&message), "{name}: a version that is not promised");
        }
        let address = &document["channels"][event_type]["address"];
        assert_eq!(address.as_str().map(str::to_owned), fairlead_application::registry::routing_key(event_type));
    }
}
