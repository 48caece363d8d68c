//! What every event store must do. `store_contract_tests!` runs it against one.

mod beside;
mod related;

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use fairlead_application::{
    Actor, Context, IdempotencyKey, Receipt, Refusal, StepAnswer,
    access::Access,
    ports::{
        Append, Appended, Clock, EventStore, IdGenerator, NewEvent, PersonalField, StoreError, StreamAppend,
        SubjectKey, System, TakenClaim,
    },
};
use fairlead_domain::kernel::{ErrorKind, UniqueKey};
use serde_json::{json, value::to_raw_value};
use uuid::Uuid;

pub use self::{
    beside::{keeps_secrets_beside_streams, lists_living_streams, tells_who_holds_a_key},
    related::{finds_who_refers_to_a_record, finds_who_was_told_about},
};

/// Makes a test of each clause, against the store that the async expression makes. Its first value is kept alive.
#[macro_export]
macro_rules! store_contract_tests {
    ($make:expr) => {
        $crate::store_contract_tests!(@each $make;
            stores_and_loads, keeps_history, refuses_a_stale_version, refuses_a_stream_that_exists,
            stores_all_streams_or_none, names_every_stream_in_the_way, names_every_claim_in_the_way, reserves_keys_in_a_tenant,
            tells_who_holds_a_key, releases_before_it_claims, answers_a_key_again, opens_what_is_personal,
            reads_the_erased_as_erased, records_nothing_about_the_erased,
            records_a_command_that_changed_nothing, keeps_secrets_beside_streams, lists_living_streams, finds_who_refers_to_a_record,
            finds_who_was_told_about, keeps_tenants_apart, lets_one_of_many_writers_win, lets_one_of_many_duplicates_work);
    };
    (@each $make:expr; $($clause:ident),+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $clause() {
            let (_alive, store) = $make.await;
            $crate::store_contract::$clause(store).await;
        }
    )+};
}

type Store = Arc<dyn EventStore>;

/// A caller of a fresh tenant.
pub fn caller() -> Context {
    Context::new(System.next().into(), Actor::new("user:tester"), Access::default())
}

fn keyed(cx: &Context, key: &str, fingerprint: u8) -> Context {
    let mut cx = cx.clone();
    cx.idempotency = Some(IdempotencyKey { key: key.to_owned(), fingerprint: [fingerprint; 32] });
    cx
}

fn now() -> DateTime<Utc> {
    System.now().trunc_subsecs(6)
}

fn change(id: Uuid, expected: i64, events: usize) -> StreamAppend {
    let event = |n: usize| NewEvent {
        id: System.next(),
        event_type: "thing.happened".to_owned(),
        schema_version: 1,
        data: json!({ "n": n }),
        personal: vec![],
    };
    StreamAppend {
        id,
        aggregate: "thing",
        expected,
        state_version: 1,
        state: to_raw_value(&json!({ "count": events })).unwrap(),
        deleted: false,
        erases: false,
        key: SubjectKey::Unknown,
        released: vec![],
        claimed: vec![],
        unreferred: vec![],
        referred: vec![],
        events: (0..events).map(event).collect(),
        secrets: vec![],
    }
}

fn append(mut streams: Vec<StreamAppend>) -> Append {
    streams.sort_by_key(|stream| stream.id);
    let version = |stream: &StreamAppend| stream.expected + i64::try_from(stream.events.len()).unwrap();
    let receipts =
        streams.iter().map(|stream| Receipt { id: stream.id, version: version(stream), made: false }.into()).collect();
    Append { occurred_at: now(), streams, receipts, seen: None }
}

async fn versions(store: &Store, cx: &Context, ids: &[Uuid]) -> Vec<i64> {
    let mut streams = store.load(cx, ids).await.unwrap().streams;
    streams.sort_by_key(|stream| ids.iter().position(|id| *id == stream.id));
    streams.iter().map(|stream| stream.version).collect()
}

fn claiming(mut stream: StreamAppend, keys: &[&str]) -> StreamAppend {
    stream.claimed = keys.iter().map(|key| UniqueKey::new("thing.name", *key)).collect();
    stream
}

fn releasing(mut stream: StreamAppend, keys: &[&str]) -> StreamAppend {
    stream.released = keys.iter().map(|key| UniqueKey::new("thing.name", *key)).collect();
    stream
}

/// What was appended is loaded, with its times.
pub async fn stores_and_loads(store: Store) {
    let (cx, id) = (caller(), System.next());
    let first = append(vec![change(id, 0, 2)]);
    let (created, receipts) = (first.occurred_at, first.receipts.clone());
    let Appended::Stored(token) = store.append(&cx, first).await.unwrap() else { panic!("stored") };
    let loaded = store.load(&cx, &[id, System.next()]).await.unwrap();
    let [stream] = &loaded.streams[..] else { panic!("one stream") };
    assert_eq!((stream.id, stream.aggregate.as_str(), stream.version), (id, "thing", 2));
    assert_eq!(StepAnswer::from(Receipt { id: stream.id, version: stream.version, made: false }), receipts[0]);
    assert_eq!(stream.state.get().replace(' ', ""), r#"{"count":2}"#);
    assert_eq!((stream.created_at, stream.updated_at, stream.token), (created, created, token));
    let second = append(vec![change(id, 2, 1)]);
    let updated = second.occurred_at;
    store.append(&cx, second).await.unwrap();
    let stream = store.load(&cx, &[id]).await.unwrap().streams.remove(0);
    assert_eq!((stream.version, stream.created_at, stream.updated_at), (3, created, updated));
    assert!(stream.token.xid > token.xid);
}

/// Events come back in order, as they were, with who did it.
pub async fn keeps_history(store: Store) {
    let (mut cx, id) = (caller(), System.next());
    cx.correlation_id = Some(System.next());
    cx.causation_id = Some(System.next());
    store.append(&cx, append(vec![change(id, 0, 2)])).await.unwrap();
    store.append(&cx, append(vec![change(id, 2, 1)])).await.unwrap();
    let events = store.events(&cx, id).await.unwrap();
    assert_eq!(events.iter().map(|event| event.version).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(events.iter().map(|event| event.data["n"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1, 0]);
    assert_eq!(events[0].metadata, (&cx).into());
    assert_eq!(store.events(&cx, System.next()).await.unwrap(), []);
}

/// A version that is not the stream's changes nothing.
pub async fn refuses_a_stale_version(store: Store) {
    let (cx, id) = (caller(), System.next());
    store.append(&cx, append(vec![change(id, 0, 2)])).await.unwrap();
    for expected in [1, 3] {
        let outcome = store.append(&cx, append(vec![change(id, expected, 1)])).await;
        assert!(matches!(&outcome, Err(StoreError::Stale { streams }) if *streams == [id]), "{outcome:?}");
    }
    let missing = store.append(&cx, append(vec![change(System.next(), 1, 1)])).await;
    assert!(matches!(missing, Err(StoreError::Stale { .. })), "{missing:?}");
    assert_eq!(versions(&store, &cx, &[id]).await, [2]);
    // Sent twice at once, the same claim is stale the second time, not taken by itself.
    store.append(&cx, append(vec![claiming(change(id, 2, 1), &["k"])])).await.unwrap();
    let again = store.append(&cx, append(vec![claiming(change(id, 2, 1), &["k"])])).await;
    assert!(matches!(again, Err(StoreError::Stale { .. })), "{again:?}");
}

/// Version 0 means that there is no stream.
pub async fn refuses_a_stream_that_exists(store: Store) {
    let (cx, id) = (caller(), System.next());
    store.append(&cx, append(vec![change(id, 0, 1)])).await.unwrap();
    let again = store.append(&cx, append(vec![change(id, 0, 1)])).await;
    assert!(matches!(again, Err(StoreError::Stale { .. })), "{again:?}");
}

/// Several streams change together or not at all, the key's answer included.
pub async fn stores_all_streams_or_none(store: Store) {
    let (cx, a, b) = (caller(), System.next(), System.next());
    store.append(&cx, append(vec![change(a, 0, 1), change(b, 0, 2)])).await.unwrap();
    assert_eq!(versions(&store, &cx, &[a, b]).await, [1, 2]);
    let keyed = keyed(&cx, "k", 1);
    let outcome = store.append(&keyed, append(vec![change(a, 1, 1), change(b, 1, 1)])).await;
    assert!(matches!(outcome, Err(StoreError::Stale { .. })), "{outcome:?}");
    assert_eq!(versions(&store, &cx, &[a, b]).await, [1, 2]);
    assert!(store.load(&keyed, &[]).await.unwrap().answer.is_none());
}

/// What is stale is named, all of it and nothing else, so that the rest can be appended without it.
pub async fn names_every_stream_in_the_way(store: Store) {
    let (cx, ids) = (caller(), [(); 6].map(|()| System.next()));
    let [old, moved, exists, missing, fresh, alien] = ids;
    store.append(&cx, append(vec![change(old, 0, 1), change(moved, 0, 2), change(exists, 0, 1)])).await.unwrap();
    let other = StreamAppend { aggregate: "other", ..change(alien, 0, 1) };
    store.append(&cx, append(vec![other])).await.unwrap();
    let all = [(old, 1), (moved, 1), (exists, 0), (missing, 1), (fresh, 0), (alien, 1)];
    let batch = all.map(|(id, expected)| change(id, expected, 1));
    let outcome = store.append(&cx, append(batch.into())).await;
    let mut stale = vec![moved, exists, missing, alien];
    stale.sort_unstable();
    assert!(matches!(&outcome, Err(StoreError::Stale { streams }) if *streams == stale), "{outcome:?}");
    assert_eq!(versions(&store, &cx, &ids).await, [1, 2, 1, 1]);
    store.append(&cx, append(vec![change(old, 1, 3), change(fresh, 0, 2)])).await.unwrap();
    assert_eq!(versions(&store, &cx, &[old, fresh]).await, [4, 2]);
    let events = store.events(&cx, old).await.unwrap();
    assert_eq!(events.iter().map(|event| event.version).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

/// Taken keys are named with who claims them, and of two who claim the same one, the second.
pub async fn names_every_claim_in_the_way(store: Store) {
    let (cx, owner) = (caller(), System.next());
    store.append(&cx, append(vec![claiming(change(owner, 0, 1), &["a", "b"])])).await.unwrap();
    let mut ids = [(); 4].map(|()| System.next());
    ids.sort_unstable();
    let [one, two, first, second] = ids;
    let claims = [(one, &["a", "x"][..]), (two, &["b"]), (first, &["same"]), (second, &["same"])];
    let batch = claims.map(|(id, keys)| claiming(change(id, 0, 1), keys));
    let outcome = store.append(&cx, append(batch.into())).await;
    let expected = [one, two, second].map(|stream| TakenClaim { stream, scope: "thing.name".to_owned() });
    assert!(matches!(&outcome, Err(StoreError::Taken { claims }) if *claims == expected), "{outcome:?}");
    assert_eq!(outcome.unwrap_err().streams(), [one, two, second]);
    let rest = vec![claiming(change(first, 0, 1), &["same"]), claiming(change(second, 0, 1), &["x"])];
    store.append(&cx, append(rest)).await.unwrap();
    assert_eq!(versions(&store, &cx, &ids).await, [1, 1]);
}

/// A key belongs to one stream of a tenant.
pub async fn reserves_keys_in_a_tenant(store: Store) {
    let (cx, id) = (caller(), System.next());
    store.append(&cx, append(vec![claiming(change(id, 0, 1), &["a", "b"])])).await.unwrap();
    let other = System.next();
    let taken = store.append(&cx, append(vec![claiming(change(other, 0, 1), &["c", "b"])])).await;
    let expected = [TakenClaim { stream: other, scope: "thing.name".to_owned() }];
    assert!(matches!(&taken, Err(StoreError::Taken { claims }) if *claims == expected), "{taken:?}");
    assert_eq!(versions(&store, &cx, &[other]).await, [0; 0]);
    store.append(&caller(), append(vec![claiming(change(other, 0, 1), &["b"])])).await.unwrap();
    store.append(&cx, append(vec![releasing(change(id, 1, 1), &["b"])])).await.unwrap();
    store.append(&cx, append(vec![claiming(change(other, 0, 1), &["c", "b"])])).await.unwrap();
}

/// Two streams of one command can exchange their keys, and a stream can't release what is another's.
pub async fn releases_before_it_claims(store: Store) {
    let (cx, a, b) = (caller(), System.next(), System.next());
    let streams = vec![claiming(change(a, 0, 1), &["a"]), claiming(change(b, 0, 1), &["b"])];
    store.append(&cx, append(streams)).await.unwrap();
    let swapped = vec![
        releasing(claiming(change(a, 1, 1), &["b"]), &["a"]),
        releasing(claiming(change(b, 1, 1), &["a"]), &["b"]),
    ];
    store.append(&cx, append(swapped)).await.unwrap();
    let twice = vec![claiming(change(a, 2, 1), &["new"]), claiming(change(b, 2, 1), &["new"])];
    let outcome = store.append(&cx, append(twice)).await;
    assert!(matches!(outcome, Err(StoreError::Taken { .. })), "{outcome:?}");
}

/// The same key gets the first answer, and nothing is stored again.
pub async fn answers_a_key_again(store: Store) {
    let (cx, id) = (caller(), System.next());
    let keyed_cx = keyed(&cx, "k", 1);
    let first = append(vec![change(id, 0, 1)]);
    let receipts = first.receipts.clone();
    let Appended::Stored(token) = store.append(&keyed_cx, first).await.unwrap() else { panic!("stored") };
    let again = store.append(&keyed_cx, append(vec![change(System.next(), 0, 1)])).await.unwrap();
    let Appended::Answered(answer) = again else { panic!("answered") };
    assert_eq!((answer.fingerprint, &answer.receipts, answer.token), ([1; 32], &receipts, token));
    let loaded = store.load(&keyed_cx, &[id]).await.unwrap();
    assert_eq!(loaded.answer, Some(answer));
    let other_actor = Context::new(cx.tenant(), Actor::new("user:other"), Access::default());
    assert!(store.load(&keyed(&other_actor, "k", 1), &[]).await.unwrap().answer.is_none());
    assert!(store.load(&keyed(&caller(), "k", 1), &[]).await.unwrap().answer.is_none());
}

/// An event about the person to whom the stream belongs, and about another one.
fn telling(id: Uuid, expected: i64, other: Uuid) -> StreamAppend {
    let field = |pointer: &str, subject| PersonalField { pointer: pointer.to_owned(), subject };
    let mut stream = change(id, expected, 1);
    stream.events[0].data = json!({ "n": 1, "name": "Ana", "other": { "a/b": [{ "name": "Bo", "age": 7 }, null] } });
    stream.events[0].personal = vec![field("/name", None), field("/other/a~1b/0", Some(other))];
    stream
}

async fn told(store: &Store, cx: &Context, id: Uuid) -> serde_json::Value {
    store.events(cx, id).await.unwrap().last().unwrap().data.clone()
}

/// What is personal reads as it was written, whoever it is about.
pub async fn opens_what_is_personal(store: Store) {
    let (cx, id, other) = (caller(), System.next(), System.next());
    let first = telling(id, 0, other);
    let data = first.events[0].data.clone();
    store.append(&cx, append(vec![first])).await.unwrap();
    assert_eq!(told(&store, &cx, id).await, data);
    // With the key that was loaded, without, and by the other person's own stream.
    let key = store.load(&cx, &[id]).await.unwrap().streams.remove(0).key;
    store.append(&cx, append(vec![StreamAppend { key, ..telling(id, 1, other) }])).await.unwrap();
    store.append(&cx, append(vec![telling(id, 2, other)])).await.unwrap();
    store.append(&cx, append(vec![telling(other, 0, id)])).await.unwrap();
    let events = store.events(&cx, id).await.unwrap();
    assert!(events.len() == 3 && events.iter().all(|event| event.data == data));
    assert_eq!(told(&store, &cx, other).await, data);
}

/// Erasing a person reaches every stream, and nobody else.
pub async fn reads_the_erased_as_erased(store: Store) {
    let (cx, id, other) = (caller(), System.next(), System.next());
    store.append(&cx, append(vec![telling(id, 0, other), telling(other, 0, id)])).await.unwrap();
    let erasing = StreamAppend { erases: true, ..change(id, 1, 1) };
    store.append(&cx, append(vec![erasing])).await.unwrap();
    let erased = json!({ "erased": true });
    let events = store.events(&cx, id).await.unwrap();
    assert_eq!((&events[0].data["name"], &events[0].data["n"]), (&erased, &json!(1)));
    assert_eq!(events[0].data["other"]["a/b"][0]["name"], "Bo");
    let of_other = told(&store, &cx, other).await;
    assert_eq!((&of_other["name"], &of_other["other"]["a/b"][0]), (&json!("Ana"), &erased));
    // The same id is another person in another tenant.
    let elsewhere = caller();
    store.append(&elsewhere, append(vec![telling(id, 0, other)])).await.unwrap();
    assert_eq!(told(&store, &elsewhere, id).await["name"], "Ana");
}

/// About a person who was erased nothing personal can be stored, and anything else can.
pub async fn records_nothing_about_the_erased(store: Store) {
    let (cx, id, other) = (caller(), System.next(), System.next());
    let erasing = StreamAppend { erases: true, ..telling(id, 0, other) };
    store.append(&cx, append(vec![erasing])).await.unwrap();
    assert_eq!(told(&store, &cx, id).await["name"], json!({ "erased": true }));
    let key = store.load(&cx, &[id]).await.unwrap().streams.remove(0).key;
    for key in [key, SubjectKey::Unknown] {
        let outcome = store.append(&cx, append(vec![StreamAppend { key, ..telling(id, 1, other) }])).await;
        assert!(matches!(&outcome, Err(StoreError::Erased { subjects }) if *subjects == [id]), "{outcome:?}");
    }
    let outcome = store.append(&cx, append(vec![telling(other, 0, id)])).await;
    assert!(matches!(&outcome, Err(StoreError::Erased { subjects }) if *subjects == [id]), "{outcome:?}");
    store.append(&cx, append(vec![change(id, 1, 1), change(other, 0, 1)])).await.unwrap();
    assert_eq!(versions(&store, &cx, &[id, other]).await, [2, 1]);
}

/// "It is so already" is an answer too, and refers to the write that made it so.
pub async fn records_a_command_that_changed_nothing(store: Store) {
    let (cx, id) = (caller(), System.next());
    let Appended::Stored(written) = store.append(&cx, append(vec![change(id, 0, 1)])).await.unwrap() else {
        panic!("stored")
    };
    let keyed = keyed(&cx, "k", 9);
    let refusal = Refusal { kind: ErrorKind::Conflict, code: "thing.done".to_owned(), detail: "no".to_owned() };
    let receipts = vec![Receipt { id, version: 1, made: true }.into(), StepAnswer::Refused(refusal)];
    let nothing = Append { occurred_at: now(), streams: vec![], receipts: receipts.clone(), seen: Some(written) };
    let stored = store.append(&keyed, nothing).await.unwrap();
    assert!(matches!(stored, Appended::Stored(token) if token == written), "{stored:?}");
    let answer = store.load(&keyed, &[]).await.unwrap().answer.unwrap();
    assert_eq!((answer.receipts, answer.token), (receipts, written));
}

/// Another tenant sees nothing, changes nothing, and may use the same ids.
pub async fn keeps_tenants_apart(store: Store) {
    let (cx, other, id) = (caller(), caller(), System.next());
    store.append(&cx, append(vec![change(id, 0, 1)])).await.unwrap();
    assert!(store.load(&other, &[id]).await.unwrap().streams.is_empty());
    assert!(store.events(&other, id).await.unwrap().is_empty());
    let outcome = store.append(&other, append(vec![change(id, 1, 1)])).await;
    assert!(matches!(outcome, Err(StoreError::Stale { .. })), "{outcome:?}");
    store.append(&other, append(vec![change(id, 0, 3)])).await.unwrap();
    assert_eq!(versions(&store, &cx, &[id]).await, [1]);
}

/// Of many who write at once, one wins and the others are stale.
pub async fn lets_one_of_many_writers_win(store: Store) {
    let (cx, a, b) = (caller(), System.next(), System.next());
    store.append(&cx, append(vec![change(a, 0, 1), change(b, 0, 1)])).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (store, cx) = (store.clone(), cx.clone());
        writers.spawn(async move { store.append(&cx, append(vec![change(b, 1, 1), change(a, 1, 1)])).await });
    }
    let outcomes = writers.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(StoreError::Stale { .. }))), "{outcomes:?}");
    assert_eq!(versions(&store, &cx, &[a, b]).await, [2, 2]);
}

/// Of many with one key, one works and the others get its answer.
pub async fn lets_one_of_many_duplicates_work(store: Store) {
    let cx = keyed(&caller(), "k", 1);
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (store, cx) = (store.clone(), cx.clone());
        writers.spawn(async move { store.append(&cx, append(vec![change(System.next(), 0, 1)])).await.unwrap() });
    }
    let outcomes = writers.join_all().await;
    let answers: Vec<_> = outcomes.iter().filter(|outcome| matches!(outcome, Appended::Answered(_))).collect();
    assert_eq!(answers.len(), 7);
}
