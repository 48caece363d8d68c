//! Which streams are related to a record: because they refer to it, or because they tell about it.

use fairlead_application::{
    Context,
    ports::{IdGenerator, RelatedQuery, Relation, StoreError, StreamAppend, System},
};
use uuid::Uuid;

use super::{Store, append, caller, change, keyed, telling};

fn referring(stream: StreamAppend, unreferred: &[Uuid], referred: &[Uuid]) -> StreamAppend {
    StreamAppend { unreferred: unreferred.to_vec(), referred: referred.to_vec(), ..stream }
}

fn fresh<const N: usize>() -> [Uuid; N] {
    let mut ids = [(); N].map(|()| System.next());
    ids.sort_unstable();
    ids
}

/// A page of two.
async fn related(store: &Store, cx: &Context, query: (Relation, Uuid), after: Option<Uuid>) -> Vec<Uuid> {
    let (relation, record) = query;
    store.related(cx, &RelatedQuery { relation, record, aggregate: "thing", after, limit: 2 }).await.unwrap()
}

/// Who refers to a record is found page by page, in its tenant alone, from the append that says so to the one that unsays it.
pub async fn finds_who_refers_to_a_record(store: Store) {
    let (cx, [a, b, c, alien], [record, other]) = (caller(), fresh(), fresh());
    let of = |record| (Relation::RefersTo, record);
    let things = vec![
        referring(change(c, 0, 1), &[], &[record]),
        referring(change(a, 0, 1), &[], &[record, other]),
        referring(StreamAppend { deleted: true, ..change(b, 0, 1) }, &[], &[record]),
        referring(StreamAppend { aggregate: "other", ..change(alien, 0, 1) }, &[], &[record]),
    ];
    store.append(&cx, append(things)).await.unwrap();
    assert_eq!(related(&store, &cx, of(record), None).await, [a, b]);
    assert_eq!(related(&store, &cx, of(record), Some(b)).await, [c]);
    assert_eq!(related(&store, &cx, of(other), None).await, [a]);
    assert!(related(&store, &caller(), of(record), None).await.is_empty());
    let elsewhere = caller();
    store.append(&elsewhere, append(vec![referring(change(a, 0, 1), &[], &[other])])).await.unwrap();

    let stale = store.append(&cx, append(vec![referring(change(a, 5, 1), &[record], &[])])).await;
    assert!(matches!(stale, Err(StoreError::Stale { .. })), "{stale:?}");
    assert_eq!(related(&store, &cx, of(record), None).await, [a, b], "what is not stored changes nothing");
    let keyed = keyed(&cx, "k", 1);
    store.append(&keyed, append(vec![referring(change(a, 1, 1), &[record, other], &[])])).await.unwrap();
    assert_eq!(related(&store, &cx, of(record), None).await, [b, c]);
    assert!(related(&store, &cx, of(other), None).await.is_empty());
    assert_eq!(related(&store, &elsewhere, of(other), None).await, [a]);
    store.append(&keyed, append(vec![referring(change(a, 2, 1), &[], &[other])])).await.unwrap();
    assert!(related(&store, &cx, of(other), None).await.is_empty(), "a repeated command changes nothing");
}

/// Where something was told about somebody else is found, whatever became of it.
pub async fn finds_who_was_told_about(store: Store) {
    let (cx, [id, other]) = (caller(), fresh());
    let of = |record| (Relation::TellsOf, record);
    store.append(&cx, append(vec![referring(telling(id, 0, other), &[], &[other])])).await.unwrap();
    assert_eq!(related(&store, &cx, of(other), None).await, [id]);
    assert!(related(&store, &cx, of(id), None).await.is_empty(), "what is told about oneself is no news");
    let erasing = StreamAppend { erases: true, ..change(other, 0, 1) };
    store.append(&cx, append(vec![erasing])).await.unwrap();
    assert_eq!(related(&store, &cx, of(other), None).await, [id]);
    assert!(related(&store, &caller(), of(other), None).await.is_empty());
}
