//! One stream's events, held against the stream.

use chrono::{DateTime, TimeDelta, Utc};
use fairlead_application::{
    consistency::ConsistencyToken,
    ports::{Metadata, StoredEvent, StoredStream, SubjectKey},
    recorded::DecodeError,
    verify::{Compared, Fault, History, Noted, Place},
};
use serde_json::{Value, json, value::to_raw_value};
use uuid::Uuid;

const STREAM: Uuid = Uuid::from_u128(1);

fn at(version: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(version)
}

fn event(version: i64, event_type: &str, data: Value) -> StoredEvent {
    let actor = "user:ana".to_owned();
    let metadata = Metadata { actor, correlation_id: None, causation_id: None, hops: 0, traceparent: None };
    let id = Uuid::from_u128(version.unsigned_abs().into());
    StoredEvent {
        id,
        version,
        event_type: event_type.to_owned(),
        schema_version: 1,
        data,
        metadata,
        occurred_at: at(version),
    }
}

fn created(name: Value) -> StoredEvent {
    let data = json!({ "name": name, "email": "Ana@example.com", "tags": [], "attributes": {} });
    event(1, "contact.created", data)
}

fn renamed(version: i64) -> StoredEvent {
    event(version, "contact.renamed", json!({ "name": "Bo" }))
}

fn stored(version: i64, state: &Value) -> StoredStream {
    StoredStream {
        id: STREAM,
        aggregate: "contact".to_owned(),
        version,
        state_version: 2,
        state: to_raw_value(state).unwrap(),
        created_at: at(1),
        updated_at: at(version),
        token: ConsistencyToken { incarnation: 1, xid: 1, slots: 1 },
        key: SubjectKey::Unknown,
    }
}

fn state(name: &str) -> Value {
    json!({ "name": name, "emails": [{ "value": "Ana@example.com", "primary": true }], "job_title": null, "owner_id": null,
            "project_id": null, "tags": [], "attributes": {}, "deleted": false, "erased": false })
}

fn noted() -> Noted {
    let keys = [("contact.email".to_owned(), "ana@example.com".to_owned())].into();
    Noted { keys, ..Noted::default() }
}

/// What is wrong with a stream of these events, each at the position given, all of which the last tick has seen.
fn compared(events: &[(StoredEvent, Option<i64>)], stored: &StoredStream) -> Compared {
    let mut history = History::new(&stored.aggregate, STREAM);
    for (event, position) in events {
        history.take(event.clone(), Place { position: *position, due: true }).unwrap();
    }
    history.compare(stored, false, &noted()).unwrap()
}

#[test]
fn what_is_as_told_is_right_however_the_store_writes_it() {
    let events = [(created(json!("Ana")), Some(1)), (renamed(2), Some(2))];
    let mut state = state("Bo");
    assert_eq!(compared(&events, &stored(2, &state)), Compared { faults: vec![], stale: false, readable: true });
    // A member that has a default may be missing, where a program that did not know it yet has stored the state.
    state.as_object_mut().unwrap().remove("job_title");
    assert_eq!(compared(&events, &stored(2, &state)).faults, []);
    state["surplus"] = json!(1);
    assert_eq!(compared(&events, &stored(2, &state)).faults, [Fault::State(vec!["/surplus".to_owned()])]);
    let mut old = stored(2, &json!("whatever"));
    old.state_version = 0;
    assert_eq!(compared(&events, &old), Compared { faults: vec![], stale: true, readable: true });
}

#[test]
fn versions_and_positions_have_to_follow_one_another() {
    let (first, stored) = (created(json!("Ana")), stored(3, &state("Bo")));
    let faults = |events: &[(StoredEvent, Option<i64>)]| compared(events, &stored).faults;
    assert_eq!(faults(&[(first.clone(), Some(1)), (renamed(3), Some(2))]), [Fault::Gap { from: 2, to: 2 }]);
    let in_order = (renamed(2), Some(4));
    assert_eq!(faults(&[(first.clone(), Some(1)), in_order.clone(), (renamed(3), Some(3))]), [Fault::Disorder(3)]);
    assert_eq!(faults(&[(first.clone(), None), in_order.clone(), (renamed(3), Some(5))]), [Fault::NotPlaced(1)]);
    let twice = [(first.clone(), Some(1)), in_order.clone(), (renamed(2), Some(6)), (renamed(3), Some(7))];
    assert_eq!(faults(&twice), [Fault::PlacedTwice(2)]);
    let short = faults(&[(first, Some(1)), in_order]);
    assert_eq!(short, [Fault::Version { stored: 3, last: 2 }, Fault::Column("updated_at")]);
    assert_eq!(faults(&[]), [Fault::NoEvents]);
}

#[test]
fn what_cannot_be_folded_is_told_and_nothing_is_concluded_from_it() {
    let stream = stored(2, &state("Bo"));
    let headless = [(event(1, "contact.deleted", json!({})), Some(1)), (renamed(2), Some(2))];
    assert_eq!(compared(&headless, &stream).faults, [Fault::Headless]);
    let broken = [(created(json!("Ana")), Some(1)), (event(2, "contact.renamed", json!({})), Some(2))];
    let outcome = compared(&broken, &stream);
    assert!(matches!(&*outcome.faults, [Fault::Unreadable { version: 2, .. }]) && !outcome.readable);
    let mut newer = created(json!("Ana"));
    newer.schema_version = 9;
    let taken = History::new("contact", STREAM).take(newer, Place { position: None, due: false });
    assert!(matches!(taken, Err(DecodeError::Newer { .. })));
}

#[test]
fn an_erased_person_is_told_of_nowhere() {
    let erased = json!({ "erased": true });
    let gone = event(2, "contact.erased", json!({}));
    let mut first = created(erased.clone());
    first.data["email"] = erased.clone();
    // Collections read as empty when they are erased.
    first.data["tags"] = erased.clone();
    let state = json!({ "name": erased, "emails": [], "job_title": null, "owner_id": null,
                        "project_id": null, "tags": [], "attributes": {}, "deleted": false, "erased": true });
    let faults = |first: StoredEvent, state: &Value| {
        let mut history = History::new("contact", STREAM);
        for (event, position) in [(first, 1), (gone.clone(), 2)] {
            history.take(event, Place { position: Some(position), due: true }).unwrap();
        }
        history.compare(&stored(2, state), true, &Noted::default()).unwrap().faults
    };
    assert_eq!(faults(first.clone(), &state), []);
    first.data["email"] = json!("ana@example.com");
    assert_eq!(faults(first.clone(), &state), [Fault::Told { version: 1, pointer: "/emails".to_owned() }]);
    first.data["email"] = json!({ "erased": true });
    let mut unscrubbed = state.clone();
    unscrubbed["name"] = json!("Ana");
    assert_eq!(faults(first, &unscrubbed), [Fault::State(vec!["/name".to_owned()])]);
}
