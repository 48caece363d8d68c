//! Events as the world outside sees them.

use chrono::{DateTime, Utc};
use fairlead_application::{
    envelope::{SequencedEvent, rfc3339},
    ports::{Metadata, StoredEvent},
};
use serde_json::{Value, json};

use crate::store::id;

const AT: &str = "2026-11-21T12:00:00.000001Z";

fn at() -> DateTime<Utc> {
    AT.parse().unwrap()
}

/// An event with everything that is optional.
pub(crate) fn event() -> SequencedEvent {
    SequencedEvent {
        position: 9_007_199_254_740_993,
        incarnation: 2,
        tenant: id(1),
        stream: id(2),
        event: StoredEvent {
            id: id(3),
            version: 4,
            event_type: "contact.renamed".to_owned(),
            schema_version: 1,
            data: json!({ "name": "Ana" }),
            metadata: Metadata {
                actor: "user:ana".to_owned(),
                correlation_id: Some(id(5)),
                causation_id: Some(id(6)),
                hops: 0,
                traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            },
            occurred_at: at(),
        },
    }
}

/// An event with nothing that is optional.
fn bare() -> SequencedEvent {
    let mut event = event();
    event.event.metadata.correlation_id = None;
    event.event.metadata.causation_id = None;
    event.event.metadata.traceparent = None;
    event
}

#[test]
fn an_envelope_is_public_contract() {
    let uuid = |n: u8| format!("00000000-0000-0000-0000-{n:012}");
    let mut expected = json!({
        "specversion": "1.0",
        "id": uuid(3),
        "source": "/fairlead",
        "type": "contact.renamed",
        "subject": uuid(2),
        "time": AT,
        "datacontenttype": "application/json",
            "dataschema": "urn:fairlead:schema:contact.renamed:v1",
        "tenantid": uuid(1),
        "streamversion": 4,
        "sequence": "9007199254740993",
        "incarnation": 2,
        "schemaversion": 1,
        "actor": "user:ana",
        "data": { "name": "Ana" },
    });
    assert_eq!(bare().envelope(), expected);
    expected["correlationid"] = json!(uuid(5));
    expected["causationid"] = json!(uuid(6));
    expected["traceparent"] = json!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_eq!(event().envelope(), expected);
}

/// `CloudEvents` 1.0: required attributes are non-empty strings; names are of lower-case letters and digits, and not
/// longer than 20 characters; values of attributes are texts, truth values or numbers of 32 bits, and never null.
#[test]
fn an_envelope_is_a_cloudevent() {
    for event in [event(), bare()] {
        let envelope = event.envelope();
        for required in ["specversion", "id", "source", "type"] {
            assert!(envelope[required].as_str().is_some_and(|text| !text.is_empty()), "{required}");
        }
        for (name, value) in envelope.as_object().unwrap() {
            let well_formed = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
            assert!(well_formed && (1..=20).contains(&name.len()), "{name}");
            let simple = match value {
                Value::String(_) | Value::Bool(_) => true,
                Value::Number(number) => number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
                _ => name == "data",
            };
            assert!(simple, "{name}: {value}");
        }
    }
}

#[test]
fn a_time_is_written_in_utc_with_microseconds() {
    for (text, written) in [
        ("2026-11-21T12:00:00Z", "2026-11-21T12:00:00.000000Z"),
        ("2026-11-21T12:00:00.123456Z", "2026-11-21T12:00:00.123456Z"),
        ("2026-11-21T14:00:00.5+02:00", "2026-11-21T12:00:00.500000Z"),
    ] {
        assert_eq!(rfc3339(text.parse().unwrap()), written);
    }
}
