//! What every aggregate must do, told by its story. `for_each_aggregate!` runs it over all of them.

use std::{collections::BTreeSet, fs, path::PathBuf, sync::Arc};

use fairlead_application::{
    Actor, App, AppError, Context, Expected, IdempotencyKey,
    access::{Access, Authorized, System as Everything},
    ports::{EventStore, IdGenerator, StoredEvent, System},
    recorded::{decode_event, refold},
};
use fairlead_domain::{
    ids::OrganizationId,
    kernel::{Belonging, ErrorKind, MARK, MARK_SUBJECT, marked, testing::Story},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::contracts::{Promised, root};

const NO_FOLD: &str = "the stored events fold to another state than the stored one: apply() and init() change the state, and \
                       decide() alone chooses events; does a type read back as something else than it was written?";
const OLD: &str = "old events decode forever; give what they lack #[serde(default)], or lift them in upcast()";

/// One aggregate against one store.
pub struct Conformance {
    app: App,
    store: Arc<dyn EventStore>,
    root: PathBuf,
}

fn caller(tenant: OrganizationId) -> Authorized<Everything> {
    Context::new(tenant, Actor::new("user:conformance"), Access::parse("*:*")).authorize().expect("all permissions")
}

/// A caller of a tenant that nobody used before.
fn stranger() -> Authorized<Everything> {
    caller(System.next().into())
}

/// The store finds by the state's members what the state says of itself.
fn says_to_whom_it_belongs<A: Story>(state: &A) {
    let belonging = state.belongs();
    let agree = "BELONGS says whether belongs() answers something; change one of them";
    assert_eq!(belonging.is_some(), A::BELONGS, "{}: {agree}", A::TYPE);
    if let Some(belonging) = belonging {
        let written: Belonging = serde_json::from_value(serde_json::to_value(state).unwrap()).unwrap();
        let how = "the store finds records by the members owner_id and project_id of the state's JSON; write there what \
                   belongs() answers";
        assert_eq!(written, belonging, "{}: {how}", A::TYPE);
    }
}

/// Whether a command can begin a stream: not only the first of a story can.
fn begins<A: Story>(command: &A::Command) -> bool {
    A::decide(None, command.clone()).is_ok()
}

/// Whether something is told about the person to whom the stream belongs. What is told about another is erased with the
/// other.
fn is_personal(marked: &Value) -> bool {
    match marked {
        Value::Object(members) if members.contains_key(MARK) => !members.contains_key(MARK_SUBJECT),
        Value::Object(members) => members.values().any(is_personal),
        Value::Array(values) => values.iter().any(is_personal),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

impl Conformance {
    /// Uses fresh tenants of the store.
    pub fn new(store: Arc<dyn EventStore>) -> Self {
        Self::below(root(), store)
    }

    /// The same, with fixtures and schemas below another folder than the project's.
    pub fn below(root: PathBuf, store: Arc<dyn EventStore>) -> Self {
        let app = App::new(store.clone(), Arc::new(System), Arc::new(System));
        Self { app, store, root }
    }

    /// Runs every clause for `A`.
    pub async fn check<A: Story>(&self) {
        self.lives_its_story::<A>().await;
        self.names_its_events_after_itself::<A>().await;
        self.has_a_fixture_of_every_event::<A>().await;
        self.keeps_its_contract::<A>().await;
        self.refuses_a_stale_command::<A>().await;
        self.answers_a_repeated_command_once::<A>().await;
        self.belongs_to_one_tenant::<A>().await;
        self.releases_keys_while_deleted::<A>().await;
        self.erases_for_good::<A>().await;
    }

    async fn lived<A: Story>(&self, cx: &Authorized<Everything>) -> Uuid {
        let id = System.next();
        for command in A::story() {
            let outcome = self.app.execute::<A>(cx, id.into(), Expected::Any, command).await;
            outcome.unwrap_or_else(|error| panic!("{}: a command of its story is refused: {error}", A::TYPE));
        }
        id
    }

    /// After each command the stored state is what the stored events fold to, and the version counts them.
    async fn lives_its_story<A: Story>(&self) {
        let (cx, id) = (stranger(), System.next());
        let mut known = Vec::new();
        for (n, command) in A::story().into_iter().enumerate() {
            let expected = if n == 0 { Expected::New } else { Expected::Any };
            let outcome = self.app.execute::<A>(&cx, id.into(), expected, command).await;
            let refused = "is refused; let each command of the story follow from those before it";
            let receipt = outcome.unwrap_or_else(|e| panic!("{}: command {n} {refused}: {e}", A::TYPE)).receipts[0];
            let recorded = self.app.read::<A>(&cx, id.into()).await.unwrap().expect("the stream");
            let events = self.store.events(&cx, id).await.unwrap();
            assert_eq!((receipt.version, recorded.version), (recorded.version, events.len() as i64));
            assert!(events.len() > known.len(), "{}: command {n} of the story changes nothing; leave it out", A::TYPE);
            assert_eq!(events[..known.len()], known[..], "{}: history changed", A::TYPE);
            let refolded = refold::<A>(events.clone()).unwrap();
            assert_eq!(refolded, recorded.state, "{}: {NO_FOLD}", A::TYPE);
            assert_eq!(
                (recorded.created_at, recorded.updated_at),
                (events[0].occurred_at, events.last().unwrap().occurred_at)
            );
            says_to_whom_it_belongs(&recorded.state);
            known = events;
        }
    }

    async fn names_its_events_after_itself<A: Story>(&self) {
        let cx = stranger();
        let id = self.lived::<A>(&cx).await;
        for event in self.store.events(&cx, id).await.unwrap() {
            let name = &event.event_type;
            let lower = |action: &str| !action.is_empty() && action.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            let named = name.strip_prefix(A::TYPE).and_then(|rest| rest.strip_prefix('.')).is_some_and(lower);
            let how = format!("call it {}.<what happened>, in lower case with underscores", A::TYPE);
            assert!(named, "{name}: {how}, by #[serde(rename)] of its variant");
            let how = "give its variant braces, `Deleted {}`, or a struct, so that fields can be added";
            assert!(event.data.is_object(), "{name}: its data are no object; {how}");
        }
    }

    /// Each event of the story has a committed fixture of the version in which it is written today, every fixture
    /// decodes, and one of today's version is written again as it stands.
    async fn has_a_fixture_of_every_event<A: Story>(&self) {
        let folder = self.root.join("domain/fixtures").join(A::TYPE);
        let cx = stranger();
        let id = self.lived::<A>(&cx).await;
        let mut seen = BTreeSet::new();
        let mut events = self.store.events(&cx, id).await.unwrap();
        if let Some(erasure) = A::erasure() {
            self.app.execute::<A>(&cx, id.into(), Expected::Any, erasure).await.expect("an erasure is accepted");
            events.extend(self.store.events(&cx, id).await.unwrap().split_off(events.len()));
        }
        for event in events {
            let path = folder.join(format!("{}.v{}.json", event.event_type, event.schema_version));
            if seen.insert(path.clone()) && !path.exists() {
                if std::env::var_os("FAIRLEAD_TEST_WRITE_FIXTURES").is_none() {
                    panic!(
                        "{} is missing: FAIRLEAD_TEST_WRITE_FIXTURES=1 make test ARGS='--test engine conforms' writes it; commit it",
                        path.display()
                    );
                }
                fs::create_dir_all(&folder).unwrap();
                let fixture =
                    json!({ "type": event.event_type, "schema_version": event.schema_version, "data": event.data });
                fs::write(&path, serde_json::to_string_pretty(&fixture).unwrap() + "\n").unwrap();
            }
        }
        for path in &seen {
            let (name, today) =
                path.to_str().and_then(|path| path.strip_suffix(".json")?.rsplit_once(".v")).expect("a name");
            for version in 1..today.parse::<i16>().expect("a version") {
                let older = PathBuf::from(format!("{name}.v{version}.json"));
                assert!(older.exists(), "{}: events of this version are stored somewhere; restore it", older.display());
            }
        }
        for file in fs::read_dir(&folder).expect("a folder of fixtures") {
            let path = file.unwrap().path();
            let fixture: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let (name, version) =
                (fixture["type"].as_str().unwrap(), fixture["schema_version"].as_i64().unwrap() as i16);
            let event = decode_event::<A>(name, version, fixture["data"].clone())
                .unwrap_or_else(|error| panic!("{}: {OLD}: {error}", path.display()));
            if version == A::schema_version(name) {
                assert!(
                    seen.contains(&path),
                    "{}: the story does not touch this event; add a command to it",
                    path.display()
                );
                let written = serde_json::to_value(&event).unwrap();
                assert_eq!(
                    written["data"],
                    fixture["data"],
                    "{}: the shape changed; keep it, or make it a new version: DEV_GUIDE.md, \"A change of an event\"",
                    path.display()
                );
            }
        }
    }

    /// Each event of the story has the shape that its committed schema promises, erased or not.
    async fn keeps_its_contract<A: Story>(&self) {
        let promised = Promised::read(&self.root.join("guides/contracts/events")).expect("schemas of events");
        let (cx, id) = (stranger(), System.next());
        for command in A::story() {
            self.app.execute::<A>(&cx, id.into(), Expected::Any, command).await.unwrap();
        }
        let mut events = self.store.events(&cx, id).await.unwrap();
        if let Some(erasure) = A::erasure() {
            self.app.execute::<A>(&cx, id.into(), Expected::Any, erasure).await.unwrap();
            events.extend(self.store.events(&cx, id).await.unwrap());
        }
        for event in events {
            let (name, version) = (&event.event_type, event.schema_version);
            let promise = promised.contracts().find(|other| (&other.event_type, other.version) == (name, version));
            let promise = promise
                .unwrap_or_else(|| panic!("{name} version {version} has no schema: run `make docs`, and commit it"));
            let validator = jsonschema::draft202012::new(&promise.schema).expect("a schema");
            let complaints: Vec<_> = validator.iter_errors(&event.data).map(|error| error.to_string()).collect();
            assert!(
                complaints.is_empty(),
                "{name}: its schema promises another shape (does a type write itself by hand?): {complaints:?}"
            );
        }
    }

    async fn refuses_a_stale_command<A: Story>(&self) {
        let (cx, id) = (stranger(), System.next());
        let mut story = A::story().into_iter();
        let creation = story.next().expect("a first command");
        self.app.execute::<A>(&cx, id.into(), Expected::New, creation.clone()).await.unwrap();
        let present = self.app.read::<A>(&cx, id.into()).await.unwrap().unwrap();
        let next = story.find(|command| !begins::<A>(command)).unwrap_or(creation);
        let demanded = present.version + 1;
        let stale = self.app.execute::<A>(&cx, id.into(), Expected::Exactly(demanded), next.clone()).await;
        let is_stale = matches!(stale, Err(AppError::Stale { actual, .. }) if actual == present.version);
        assert!(is_stale, "{}: a command for another version than the present one is stale, not {stale:?}", A::TYPE);
        let missing = self.app.execute::<A>(&cx, System.next().into(), Expected::Any, next).await;
        let how = format!("`(None, _) => Err(…::NotFound)` with the code {}.not_found", A::TYPE);
        let Err(AppError::Refused { kind, code, .. }) = missing else {
            panic!("{}: a command on a record that is not there is refused: {how}; {missing:?}", A::TYPE)
        };
        assert_eq!((kind, code.split('.').next()), (ErrorKind::NotFound, Some(A::TYPE)), "{how}");
        assert_eq!(self.app.read::<A>(&cx, id.into()).await.unwrap().unwrap(), present);
    }

    async fn answers_a_repeated_command_once<A: Story>(&self) {
        let tenant = System.next().into();
        let (plain, id) = (caller(tenant), System.next());
        for (n, command) in A::story().into_iter().enumerate() {
            let mut cx = Context::new(tenant, Actor::new("user:conformance"), Access::parse("*:*"));
            cx.idempotency = Some(IdempotencyKey { key: n.to_string(), fingerprint: [1; 32] });
            let cx = cx.authorize::<Everything>().unwrap();
            let expected = if n == 0 { Expected::New } else { Expected::Any };
            let first = self.app.execute::<A>(&cx, id.into(), expected, command.clone()).await.unwrap();
            let version = self.app.read::<A>(&plain, id.into()).await.unwrap().unwrap().version;
            let again = self.app.execute::<A>(&cx, id.into(), expected, command.clone()).await.unwrap();
            assert!(
                !first.replayed && again.replayed,
                "{}: command {n}: a repeated request is not decided again",
                A::TYPE
            );
            let same = (again.receipts, again.token) == (first.receipts, first.token);
            assert!(same, "{}: command {n}: a repeated request gets its first answer", A::TYPE);
            assert_eq!(self.app.read::<A>(&plain, id.into()).await.unwrap().unwrap().version, version);
            let mut other = (*cx).clone();
            other.idempotency = Some(IdempotencyKey { key: n.to_string(), fingerprint: [2; 32] });
            let other = other.authorize::<Everything>().unwrap();
            let reused = self.app.execute::<A>(&other, id.into(), expected, command).await;
            assert!(matches!(reused, Err(AppError::KeyReused)), "{reused:?}");
        }
    }

    async fn belongs_to_one_tenant<A: Story>(&self) {
        let (cx, other) = (stranger(), stranger());
        let id = self.lived::<A>(&cx).await;
        let before = self.app.read::<A>(&cx, id.into()).await.unwrap();
        assert_eq!(self.app.read::<A>(&other, id.into()).await.unwrap(), None);
        for command in A::story().into_iter().filter(|command| !begins::<A>(command)) {
            let outcome = self.app.execute::<A>(&other, id.into(), Expected::Any, command).await;
            let unseen = matches!(outcome, Err(AppError::Refused { kind: ErrorKind::NotFound, .. }));
            assert!(unseen, "{}: in another organization there is no such record, not {outcome:?}", A::TYPE);
        }
        // The same values are free in another tenant, and the same id too.
        let creation = A::story().swap_remove(0);
        self.app.execute::<A>(&other, id.into(), Expected::New, creation).await.unwrap();
        assert_eq!(self.app.read::<A>(&cx, id.into()).await.unwrap(), before);
    }

    /// A deleted stream's keys are free for others; restoring claims them again, and fails when they are taken.
    async fn releases_keys_while_deleted<A: Story>(&self) {
        let (Some(deletion), Some(restoration)) = (A::deletion(), A::restoration()) else { return };
        let cx = stranger();
        let creation = A::story().swap_remove(0);
        let (first, second) = (System.next(), System.next());
        self.app.execute::<A>(&cx, first.into(), Expected::New, creation.clone()).await.unwrap();
        let state = self.app.read::<A>(&cx, first.into()).await.unwrap().unwrap().state;
        let keyed = !state.keys().is_empty();
        let taken = self.app.execute::<A>(&cx, second.into(), Expected::New, creation.clone()).await;
        let how = "what keys() of the first state answers is taken, and nothing else";
        assert_eq!(matches!(taken, Err(AppError::Taken { .. })), keyed, "{}: {how}: {taken:?}", A::TYPE);
        self.app.execute::<A>(&cx, first.into(), Expected::Any, deletion.clone()).await.unwrap();
        let deleted = self.app.read::<A>(&cx, first.into()).await.unwrap().unwrap().state;
        assert!(deleted.is_deleted(), "{}: after deletion() of its story is_deleted() answers true", A::TYPE);
        if keyed {
            self.app.execute::<A>(&cx, second.into(), Expected::New, creation).await.unwrap();
            let back = self.app.execute::<A>(&cx, first.into(), Expected::Any, restoration.clone()).await;
            let is_taken = matches!(back, Err(AppError::Taken { .. }));
            assert!(is_taken, "{}: restoring claims the keys again, which are taken meanwhile: {back:?}", A::TYPE);
            self.app.execute::<A>(&cx, second.into(), Expected::Any, deletion).await.unwrap();
        }
        self.app.execute::<A>(&cx, first.into(), Expected::Any, restoration).await.unwrap();
        let back = self.app.read::<A>(&cx, first.into()).await.unwrap().unwrap().state;
        assert_eq!(back, state, "{}: what is restored is as it was", A::TYPE);
    }

    /// What has personal fields can be erased: its events read as erased and fold to the stored state, which holds nothing
    /// personal; it counts as deleted, releases its keys, and refuses everything but being erased again.
    async fn erases_for_good<A: Story>(&self) {
        let cx = stranger();
        let id = self.lived::<A>(&cx).await;
        let before = self.store.events(&cx, id).await.unwrap();
        let personal = |event: &StoredEvent| {
            let event = decode_event::<A>(&event.event_type, event.schema_version, event.data.clone()).unwrap();
            is_personal(&marked(|| serde_json::to_value(&event)).unwrap())
        };
        let personal: Vec<_> = before.iter().map(personal).collect();
        let Some(erasure) = A::erasure() else {
            let how = "its events hold Personal<…>: add an event `erased`, a command for it, erasure() and is_erased()";
            assert!(!personal.contains(&true), "{}: {how}", A::TYPE);
            return;
        };
        let state = self.app.read::<A>(&cx, id.into()).await.unwrap().unwrap().state;
        self.app.execute::<A>(&cx, id.into(), Expected::Any, erasure.clone()).await.unwrap();
        let erased = self.app.read::<A>(&cx, id.into()).await.unwrap().unwrap();
        let how = "after erasure() is_erased() and is_deleted() answer true, and before it is_erased() does not";
        assert!(erased.state.is_erased() && erased.state.is_deleted() && !state.is_erased(), "{}: {how}", A::TYPE);
        let left = is_personal(&marked(|| serde_json::to_value(&erased.state)).unwrap());
        assert!(!left, "{}: the erased state still holds something personal; take it out in apply()", A::TYPE);
        let events = self.store.events(&cx, id).await.unwrap();
        assert_eq!(refold::<A>(events.clone()).unwrap(), erased.state, "{}: {NO_FOLD}", A::TYPE);
        for ((old, new), personal) in before.iter().zip(&events).zip(personal) {
            let erased = new.data.to_string().contains(r#"{"erased":true}"#);
            assert_eq!(erased, personal, "{}: what was personal reads as erased", old.event_type);
            assert_eq!((old.id, old.data == new.data), (new.id, !personal));
        }
        let again = self.app.execute::<A>(&cx, id.into(), Expected::Any, erasure).await.unwrap();
        assert_eq!(again.receipts[0].version, erased.version, "{}: erased is erased", A::TYPE);
        if let Some(restoration) = A::restoration() {
            let refused = self.app.execute::<A>(&cx, id.into(), Expected::Any, restoration).await;
            let code = format!("{}.erased", A::TYPE);
            let refused = refused.map_err(|error| error.code()).map(|_| ());
            assert_eq!(refused, Err(code), "{}: nothing brings back what was erased", A::TYPE);
        }
        let creation = A::story().swap_remove(0);
        self.app.execute::<A>(&cx, System.next().into(), Expected::New, creation).await.expect("the keys are free");
    }
}
