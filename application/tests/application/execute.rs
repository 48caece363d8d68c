//! One command: what it stores, what it answers, and that it is answered once.

use chrono::{TimeZone, Utc};
use fairlead_application::{
    Actor, AppError, Context, Expected, TraceParent,
    access::{Access, System as Everything},
    crm::{ContactsRead, ContactsWrite},
    ports::EventStore,
};
use fairlead_domain::{
    crm::{Contact, ContactCommand, ContactProfile, Schema},
    values::PersonName,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    note::{Note, NoteCommand},
    store::{Stage, authorized, caller, code, id, keyed, versions},
};

type Plain = Note<1, 1>;

fn write(text: &str) -> NoteCommand {
    NoteCommand::Write(text.to_owned())
}

#[tokio::test]
async fn what_is_new_takes_one_trip_and_what_exists_two() {
    let (stage, cx) = (Stage::new(), caller(1));
    let opened = stage.app.execute::<Plain>(&cx, id(1), Expected::New, NoteCommand::Open("a")).await;
    assert_eq!((versions(&opened), stage.trips()), (vec![1], (0, 1)));
    let written = stage.app.execute::<Plain>(&cx, id(1), Expected::Any, write("b")).await;
    assert_eq!((versions(&written), stage.trips()), (vec![2], (1, 2)));
    let tokens = [opened, written].map(|outcome| outcome.unwrap().token.unwrap().xid);
    assert!(tokens[0] < tokens[1]);
}

#[tokio::test]
async fn each_event_of_a_decision_counts() {
    let (stage, cx) = (Stage::new(), caller(1));
    stage.app.execute::<Plain>(&cx, id(1), Expected::New, NoteCommand::Open("a")).await.unwrap();
    let outcome = stage.app.execute::<Plain>(&cx, id(1), Expected::Any, NoteCommand::Rewrite("b", "c")).await;
    assert_eq!(versions(&outcome), [3]);
    let (version, note) = stage.state::<Plain>(&cx, id(1)).await.unwrap();
    assert_eq!((version, note.text.as_str()), (3, "c"));
}

#[tokio::test]
async fn an_event_tells_who_did_it_when_and_in_the_course_of_what() {
    let stage = Stage::new();
    let mut cx = Context::new(id(1), Actor::new("user:ana"), Access::parse("*:*"));
    cx.correlation_id = Some(id(7));
    cx.causation_id = Some(id(8));
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    cx.trace_parent = Some(TraceParent::parse(trace).unwrap());
    let cx = authorized(cx);
    stage.app.execute::<Plain>(&cx, id(5), Expected::New, NoteCommand::Open("a")).await.unwrap();
    let events = stage.store.events(&cx, id(5)).await.unwrap();
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!((event.event_type.as_str(), event.version, event.schema_version), ("note.written", 1, 1));
    assert_eq!((event.id, &event.data), (id(1), &json!({ "text": "a" })));
    assert_eq!(event.occurred_at, Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap());
    let expected = json!({
        "actor": "user:ana",
        "correlation_id": id::<Uuid>(7),
        "causation_id": id::<Uuid>(8),
        "traceparent": trace,
    });
    assert_eq!(serde_json::to_value(&event.metadata).unwrap(), expected);
}

#[tokio::test]
async fn a_refusal_is_the_aggregate_s_and_stores_nothing() {
    let (stage, cx) = (Stage::new(), keyed(1, "k", 1));
    let outcome = stage.app.execute::<Plain>(&cx, id(1), Expected::Any, write("a")).await;
    assert_eq!((code(&outcome).as_str(), stage.trips()), ("note.not_found", (1, 0)));
    // Refusals are not recorded: the same key may succeed later.
    stage.app.execute::<Plain>(&caller(1), id(1), Expected::New, NoteCommand::Open("x")).await.unwrap();
    assert_eq!(versions(&stage.app.execute::<Plain>(&cx, id(1), Expected::Any, write("a")).await), [2]);
}

#[tokio::test]
async fn new_on_an_existing_id_is_refused_as_the_aggregate_refuses_it() {
    let (stage, cx) = (Stage::new(), caller(1));
    stage.app.execute::<Plain>(&cx, id(1), Expected::New, NoteCommand::Open("a")).await.unwrap();
    let outcome = stage.app.execute::<Plain>(&cx, id(1), Expected::New, NoteCommand::Open("b")).await;
    assert_eq!(code(&outcome), "note.already_exists");
    assert_eq!(stage.state::<Plain>(&cx, id(1)).await.unwrap().1.text, "a");
}

#[tokio::test]
async fn what_is_so_already_is_not_written() {
    let (stage, cx) = (Stage::new(), caller(1));
    let opened = stage.app.execute::<Plain>(&cx, id(1), Expected::New, NoteCommand::Open("a")).await.unwrap();
    let outcome = stage.app.execute::<Plain>(&cx, id(1), Expected::Exactly(1), write("a")).await;
    assert_eq!((versions(&outcome), stage.trips()), (vec![1], (1, 1)));
    // Whoever reads after it sees the write that made it so.
    assert_eq!(outcome.unwrap().token, opened.token);
}

#[tokio::test]
async fn what_is_so_already_is_recorded_under_its_key() {
    let (stage, cx) = (Stage::new(), keyed(1, "k", 1));
    stage.app.execute::<Plain>(&caller(1), id(1), Expected::New, NoteCommand::Open("a")).await.unwrap();
    let first = stage.app.execute::<Plain>(&cx, id(1), Expected::Any, write("a")).await.unwrap();
    assert!(!first.replayed);
    stage.app.execute::<Plain>(&caller(1), id(1), Expected::Any, write("b")).await.unwrap();
    let again = stage.app.execute::<Plain>(&cx, id(1), Expected::Any, write("a")).await.unwrap();
    assert!(again.replayed);
    assert_eq!((&again.receipts, again.token), (&first.receipts, first.token));
    // The answer came from the record: "b" still stands.
    assert_eq!(stage.state::<Plain>(&cx, id(1)).await.unwrap().1.text, "b");
}

#[tokio::test]
async fn a_repeated_key_is_answered_even_where_the_aggregate_would_refuse() {
    let stage = Stage::new();
    for (key, expected, command) in
        [("open", Expected::New, NoteCommand::Open("a")), ("close", Expected::Any, NoteCommand::Close)]
    {
        let cx = keyed(1, key, 1);
        let first = stage.app.execute::<Plain>(&cx, id(1), expected, command.clone()).await.unwrap();
        let again = stage.app.execute::<Plain>(&cx, id(1), expected, command.clone()).await.unwrap();
        assert!(!first.replayed && again.replayed, "{key}");
        assert_eq!((first.receipts, first.token), (again.receipts, again.token));
        let plain = stage.app.execute::<Plain>(&caller(1), id(1), expected, command).await;
        assert!(matches!(plain, Err(AppError::Refused { .. })), "{plain:?}");
    }
}

#[tokio::test]
async fn a_key_used_for_another_request_is_refused() {
    let stage = Stage::new();
    stage.app.execute::<Plain>(&keyed(1, "k", 1), id(1), Expected::New, NoteCommand::Open("a")).await.unwrap();
    for (expected, command) in [(Expected::New, NoteCommand::Open("a")), (Expected::Any, write("b"))] {
        let outcome = stage.app.execute::<Plain>(&keyed(1, "k", 2), id(1), expected, command).await;
        assert_eq!(code(&outcome), "idempotency.key_reused");
    }
    assert_eq!(stage.state::<Plain>(&caller(1), id(1)).await.unwrap().0, 1);
}

#[tokio::test]
async fn a_key_is_the_callers_own() {
    let stage = Stage::new();
    stage.app.execute::<Plain>(&keyed(1, "k", 1), id(1), Expected::New, NoteCommand::Open("a")).await.unwrap();
    let mut other = Context::new(id(1), Actor::new("user:other"), Access::parse("*:*"));
    other.idempotency.clone_from(&keyed(1, "k", 1).idempotency);
    for cx in [authorized(other), keyed(2, "k", 1)] {
        let outcome = stage.app.execute::<Plain>(&cx, id(2), Expected::New, NoteCommand::Open("a")).await.unwrap();
        assert!(!outcome.replayed);
    }
}

#[tokio::test]
async fn a_stream_of_another_kind_is_not_found() {
    let (stage, cx) = (Stage::new(), caller(1));
    let profile = ContactProfile::named(PersonName::new("Ana").unwrap());
    let creation = ContactCommand::Create(Box::new(profile), Schema::default());
    stage.app.execute::<Contact>(&cx, id(1), Expected::New, creation).await.unwrap();
    assert_eq!(stage.state::<Plain>(&cx, id(1)).await, None);
    for expected in [Expected::Any, Expected::Exactly(1)] {
        let outcome = stage.app.execute::<Plain>(&cx, id(1), expected, write("a")).await;
        assert_eq!(code(&outcome), "note.not_found");
    }
    // Nor can one be opened there.
    assert!(stage.app.execute::<Plain>(&cx, id(1), Expected::Any, NoteCommand::Open("a")).await.is_err());
    assert!(stage.state::<Contact>(&cx, id(1)).await.is_some());
}

#[tokio::test]
async fn a_tenant_s_stream_is_not_found_by_another() {
    let stage = Stage::new();
    stage.app.execute::<Plain>(&caller(1), id(1), Expected::New, NoteCommand::Open("a")).await.unwrap();
    assert_eq!(stage.state::<Plain>(&caller(2), id(1)).await, None);
    let outcome = stage.app.execute::<Plain>(&caller(2), id(1), Expected::Any, write("b")).await;
    assert_eq!(code(&outcome), "note.not_found");
}

#[tokio::test]
async fn a_state_of_64_kib_is_taken_and_one_byte_more_is_not() {
    let (stage, cx) = (Stage::new(), caller(1));
    stage.app.execute::<Plain>(&cx, id(1), Expected::New, NoteCommand::Open("")).await.unwrap();
    let empty = stage.state::<Plain>(&cx, id(1)).await.unwrap().1;
    let room = 64 * 1024 - serde_json::to_string(&empty).unwrap().len();
    let outcome = stage.app.execute::<Plain>(&cx, id(1), Expected::Any, write(&"x".repeat(room + 1))).await;
    let Err(error @ AppError::StateTooLarge { size, limit }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((error.code().as_str(), size, limit), ("state.too_large", 65_537, 65_536));
    assert_eq!(stage.state::<Plain>(&cx, id(1)).await.unwrap(), (1, empty));
    let outcome = stage.app.execute::<Plain>(&cx, id(1), Expected::Any, write(&"x".repeat(room))).await;
    assert_eq!(versions(&outcome), [2]);
}

#[tokio::test]
async fn fresh_ids_come_from_their_port() {
    let app = Stage::new().app;
    assert_eq!((app.fresh::<Uuid>(), app.fresh::<Uuid>()), (id(1), id(2)));
}

#[test]
fn a_permission_must_be_granted_and_is_named_when_it_is_not() {
    let cx = |scopes| Context::new(id(1), Actor::new("user:ana"), Access::parse(scopes));
    assert!(cx("contacts:read").authorize::<ContactsRead>().is_ok());
    let refused = cx("contacts:read").authorize::<ContactsWrite>().unwrap_err();
    assert!(matches!(refused, AppError::Forbidden { permission: "contacts:write" }), "{refused:?}");
    assert!(cx("contacts:*").authorize::<ContactsWrite>().is_ok());
    assert!(cx("contacts:*").authorize::<Everything>().is_err());
}

#[test]
fn work_that_nobody_asked_for_names_its_policy() {
    let cx = Context::system(id(3), "policy:welcome");
    assert_eq!((cx.tenant(), cx.actor().as_str()), (id(3), "policy:welcome"));
    assert!((*cx).clone().authorize::<ContactsWrite>().is_ok());
}
