//! What `Debug` may not show: it ends in logs.

use std::fmt::Debug;

use fairlead_application::{
    envelope::SequencedEvent,
    list::{Filter, Listed, Literal, Position},
    ports::{Append, NewEvent, NewSecret, StoredEvent, StoredStream, StreamAppend, SubjectKey},
};
use fairlead_domain::{crm::Contact, kernel::UniqueKey};
use serde_json::{json, value::to_raw_value};

use crate::{
    envelope::event,
    store::{Noon, id},
};

#[track_caller]
fn shows_nothing_personal(value: &impl Debug, name: &str) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(!text.to_lowercase().contains("secret"), "{text}");
        assert!(text.contains(name), "{text} does not say {name}");
    }
}

#[test]
fn a_stored_event_hides_its_data() {
    let stored = StoredEvent { data: json!({ "name": "Secret" }), ..event().event };
    shows_nothing_personal(&stored, "contact.renamed");
    shows_nothing_personal(&SequencedEvent { event: stored, ..event() }, "contact.renamed");
}

#[test]
fn a_stored_stream_hides_its_state() {
    let stream = StoredStream {
        id: id(1),
        aggregate: "contact".to_owned(),
        version: 1,
        state_version: 1,
        state: to_raw_value("secret").unwrap(),
        created_at: event().event.occurred_at,
        updated_at: event().event.occurred_at,
        token: "1.2.3".parse().unwrap(),
        key: SubjectKey::Wrapped { wrapped: b"secret".to_vec(), tenant_key: 1 },
    };
    shows_nothing_personal(&stream, "contact");
}

#[test]
fn an_append_hides_states_events_and_keys() {
    let key = || vec![UniqueKey::new("contact.email", "secret@example.com")];
    let happened = NewEvent {
        id: id(2),
        event_type: "contact.renamed".to_owned(),
        schema_version: 1,
        data: json!({ "name": "Secret" }),
        personal: vec![],
    };
    let stream = StreamAppend {
        id: id(1),
        aggregate: "contact",
        expected: 0,
        state_version: 1,
        state: to_raw_value("secret").unwrap(),
        deleted: false,
        erases: false,
        key: SubjectKey::Unknown,
        released: key(),
        claimed: key(),
        unreferred: vec![],
        referred: vec![],
        events: vec![happened],
        secrets: vec![NewSecret { name: "password", value: Some(b"secret".to_vec().into()) }],
    };
    let append = Append {
        occurred_at: fairlead_application::ports::Clock::now(&Noon),
        streams: vec![stream],
        receipts: vec![],
        seen: None,
    };
    shows_nothing_personal(&append, "contact.renamed");
}

#[test]
fn a_filter_and_a_page_s_end_hide_what_is_looked_for() {
    let filter = Filter::parse("email:secret@example.com name:~secret", Contact::FIELDS).unwrap();
    shows_nothing_personal(&filter, "email");
    shows_nothing_personal(&Position { value: Some(Literal::Text("secret".into())), id: id(1) }, "Text");
    shows_nothing_personal(&Literal::Id(id(1)), "00000001");
    shows_nothing_personal(&Literal::Instant(event().event.occurred_at), "2026");
}
