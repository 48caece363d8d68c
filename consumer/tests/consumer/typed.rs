//! Typed events: older ones are lifted, newer ones wait for a newer program.

use async_trait::async_trait;
use fairlead_consumer::{Event, Failure, Handler, Transaction};
use fairlead_domain::kernel::{Aggregate, DomainError, ErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Running, Stage, event, until};

/// A note as a program knows it that writes events of shape `EVENTS`. Those of shape 1 had no author.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Note<const EVENTS: i16>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum NoteEvent {
    #[serde(rename = "note.written")]
    Written { author: String },
}

#[derive(Debug, thiserror::Error)]
#[error("no")]
struct NoteError;

impl DomainError for NoteError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn code(&self) -> &'static str {
        "note.no"
    }
}

impl<const EVENTS: i16> Aggregate for Note<EVENTS> {
    const CONTEXT: &'static str = "test";
    const TYPE: &'static str = "note";
    const PLURAL: &'static str = "notes";
    type Id = Uuid;
    type Command = ();
    type Event = NoteEvent;
    type Error = NoteError;

    fn decide(_state: Option<&Self>, (): ()) -> Result<Vec<NoteEvent>, NoteError> {
        Err(NoteError)
    }

    fn init(_event: &NoteEvent) -> Option<Self> {
        Some(Self)
    }

    fn apply(&mut self, _event: &NoteEvent) {}

    fn schema_version(_event_type: &str) -> i16 {
        EVENTS
    }

    fn upcast(_event_type: &str, schema_version: i16, mut data: Value) -> Value {
        if schema_version == 1 {
            data["author"] = json!("unknown");
        }
        data
    }
}

/// Writes down in `effects` that somebody wrote, and tells the test who.
struct Authors<const EVENTS: i16>(tokio::sync::mpsc::UnboundedSender<String>);

#[async_trait]
impl<const EVENTS: i16> Handler for Authors<EVENTS> {
    type Reads = Note<EVENTS>;

    async fn handle(&self, transaction: &Transaction<'_>, event: &Event<NoteEvent>) -> Result<(), Failure> {
        let sql = "insert into effects (tenant, stream, version, event) values ($1, $2, $3, $4)";
        let tenant = Uuid::from(event.tenant);
        transaction.execute(sql, &[&tenant, &event.stream, &event.version, &event.id]).await?;
        let NoteEvent::Written { author } = &event.data;
        self.0.send(author.clone())?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn older_events_are_lifted_and_newer_ones_wait_for_a_newer_program() {
    let stage = Stage::new().await;
    let (sender, mut authors) = tokio::sync::mpsc::unbounded_channel();
    let builder = || stage.builder().bind("crm.note.#");
    let (tenant, id) = (Uuid::now_v7(), Uuid::now_v7());
    let written = |version, schema, data| {
        let mut event = event(tenant, id, version, "note.written", data);
        event.event.schema_version = schema;
        event
    };
    let events = [
        written(1, 1, json!({})),
        written(2, 2, json!({ "author": "Ana" })),
        written(3, 3, json!({ "author": "Bo", "mood": "new" })),
        written(4, 2, json!({ "author": "Cy" })),
    ];
    let running = Running::start(builder().handler(Authors::<2>(sender.clone())).unwrap());
    stage.consuming().await;
    stage.publish_all(&events).await;
    until("the newer one and what follows are set aside", async || stage.held().await == 2).await;
    assert_eq!([authors.recv().await.unwrap(), authors.recv().await.unwrap()], ["unknown", "Ana"]);
    let held = &stage.operator().held(1).await.unwrap()[0];
    assert_eq!((held.reason.as_deref(), held.attempts, held.messages), (Some("unreadable"), 0, 2));
    assert!(held.error.as_ref().unwrap().contains("version 3"), "{held:?}");
    assert_eq!(held.dead_at, None, "a newer program will read it");
    running.stop().await;

    let running = Running::start(builder().handler(Authors::<3>(sender)).unwrap());
    stage.took_effect_once_and_in_order(&events).await;
    assert_eq!([authors.recv().await.unwrap(), authors.recv().await.unwrap()], ["Bo", "Cy"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_event_waits_and_one_without_its_shape_is_dead() {
    let stage = Stage::new().await;
    let (sender, _authors) = tokio::sync::mpsc::unbounded_channel();
    let running = Running::start(stage.builder().bind("crm.note.#").handler(Authors::<1>(sender)).unwrap());
    stage.consuming().await;
    let unknown = event(Uuid::now_v7(), Uuid::now_v7(), 1, "note.burnt", json!({}));
    let shapeless = event(Uuid::now_v7(), Uuid::now_v7(), 1, "note.written", json!({ "author": 7 }));
    stage.publish_all(&[unknown.clone(), shapeless.clone()]).await;
    until("both wait", async || stage.held().await == 2).await;
    stage.dead_letters(1).await;
    let held = stage.operator().held(10).await.unwrap();
    let reason = |id| held.iter().find(|held| held.event == id).unwrap();
    assert_eq!(reason(unknown.event.id).reason.as_deref(), Some("unreadable"));
    assert_eq!(reason(shapeless.event.id).reason.as_deref(), Some("rejected"));
    assert!(reason(unknown.event.id).dead_at.is_none() && reason(shapeless.event.id).dead_at.is_some());
    assert!(stage.effects().await.is_empty());
    running.stop().await;
}
