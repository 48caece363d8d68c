//! Several steps in one command: all take effect or none.

use fairlead_application::{
    AppError, Expected, Step, access::Authorized, access::System as Everything, ports::EventStore,
};
use uuid::Uuid;

use crate::{
    note::{Note, NoteCommand},
    store::{Stage, caller, code, id, keyed, versions},
};

type Plain = Note<1, 1>;

fn step(cx: &Authorized<Everything>, n: u128, command: NoteCommand) -> Step {
    Step::new::<Plain>(cx, id(n), Expected::Any, command)
}

fn write(text: &str) -> NoteCommand {
    NoteCommand::Write(text.to_owned())
}

async fn opened(texts: &[&'static str]) -> Stage {
    let stage = Stage::new();
    for (n, text) in (1..).zip(texts) {
        stage.app.execute::<Plain>(&caller(1), id(n), Expected::New, NoteCommand::Open(text)).await.unwrap();
    }
    stage
}

async fn texts(stage: &Stage, ids: std::ops::RangeInclusive<u128>) -> Vec<Option<String>> {
    let mut texts = Vec::new();
    for n in ids {
        texts.push(stage.state::<Plain>(&caller(1), id(n)).await.map(|(_, note)| note.text));
    }
    texts
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn several_streams_change_in_one_append() {
    let (stage, cx) = (opened(&["a", "b"]).await, caller(1));
    let before = stage.trips();
    let steps =
        [step(&cx, 2, write("B")), step(&cx, 3, NoteCommand::Open("C")), step(&cx, 1, NoteCommand::Rewrite("x", "A"))];
    let outcome = stage.app.execute_all(&cx, &steps).await;
    assert_eq!(versions(&outcome), [2, 1, 3]);
    let ids: Vec<Uuid> = outcome.unwrap().receipts.iter().map(|receipt| receipt.id).collect();
    assert_eq!(ids, [2, 3, 1].map(Uuid::from_u128), "receipts are in the order of the steps");
    assert_eq!(stage.trips(), (before.0 + 1, before.1 + 1));
    assert_eq!(texts(&stage, 1..=3).await, [some("A"), some("B"), some("C")]);
}

#[tokio::test]
async fn a_step_that_is_refused_undoes_those_before_it() {
    let (stage, cx) = (opened(&["a"]).await, keyed(1, "k", 1));
    let outcome = stage.app.execute_all(&cx, &[step(&cx, 1, write("A")), step(&cx, 2, write("B"))]).await;
    assert_eq!(code(&outcome), "note.not_found");
    assert_eq!(texts(&stage, 1..=2).await, [some("a"), None]);
    assert_eq!(stage.trips().1, 1);
}

#[tokio::test]
async fn a_step_whose_key_is_taken_undoes_those_before_it() {
    let (stage, cx) = (opened(&["a", "#taken"]).await, caller(1));
    let steps = [step(&cx, 1, write("A")), step(&cx, 3, NoteCommand::Open("#taken"))];
    let outcome = stage.app.execute_all(&cx, &steps).await;
    assert!(matches!(&outcome, Err(AppError::Taken { scope }) if scope == "note.title"), "{outcome:?}");
    assert_eq!(texts(&stage, 1..=3).await, [some("a"), some("#taken"), None]);
}

#[tokio::test]
async fn a_rival_on_one_stream_has_all_steps_decided_again() {
    let (stage, cx) = (opened(&["a", "b"]).await, caller(1));
    stage.rival::<Plain>(&cx, id(2), write("rival"));
    let outcome = stage.app.execute_all(&cx, &[step(&cx, 1, write("A")), step(&cx, 2, write("B"))]).await;
    assert_eq!(versions(&outcome), [2, 3]);
    stage.rival::<Plain>(&cx, id(2), NoteCommand::Close);
    let outcome = stage.app.execute_all(&cx, &[step(&cx, 1, write("AA")), step(&cx, 2, write("BB"))]).await;
    assert_eq!(code(&outcome), "note.closed");
    assert_eq!(texts(&stage, 1..=2).await, [some("A"), some("B")]);
}

#[tokio::test]
async fn a_step_sees_what_the_one_before_it_did_to_the_same_stream() {
    let (stage, cx) = (opened(&["a"]).await, caller(1));
    let steps = [step(&cx, 1, write("b")), step(&cx, 1, write("b")), step(&cx, 1, NoteCommand::Close)];
    assert_eq!(versions(&stage.app.execute_all(&cx, &steps).await), [2, 2, 3]);
    let (version, note) = stage.state::<Plain>(&cx, id(1)).await.unwrap();
    assert_eq!((version, note.text.as_str(), note.closed), (3, "b", true));
    let names: Vec<_> =
        stage.store.events(&cx, id(1)).await.unwrap().into_iter().map(|event| event.event_type).collect();
    assert_eq!(names, ["note.written", "note.written", "note.closed"]);
}

#[tokio::test]
async fn a_new_stream_can_be_changed_at_once() {
    let (stage, cx) = (Stage::new(), caller(1));
    let steps = [
        Step::new::<Plain>(&cx, id(1), Expected::New, NoteCommand::Open("#a")),
        Step::new::<Plain>(&cx, id(1), Expected::New, write("#b")),
    ];
    assert_eq!(versions(&stage.app.execute_all(&cx, &steps).await), [1, 2]);
    assert_eq!(stage.trips(), (0, 1));
    // Only the last title is reserved.
    assert_eq!(versions(&stage.app.execute_all(&cx, &[step(&cx, 2, NoteCommand::Open("#a"))]).await), [1]);
    let outcome = stage.app.execute_all(&cx, &[step(&cx, 3, NoteCommand::Open("#b"))]).await;
    assert_eq!(code(&outcome), "note.title_taken");
}

#[tokio::test]
async fn two_streams_can_exchange_their_keys() {
    let (stage, cx) = (opened(&["#a", "#b"]).await, caller(1));
    let outcome = stage.app.execute_all(&cx, &[step(&cx, 1, write("#b")), step(&cx, 2, write("#a"))]).await;
    assert_eq!(versions(&outcome), [2, 2]);
    let outcome = stage.app.execute_all(&cx, &[step(&cx, 3, NoteCommand::Open("#a"))]).await;
    assert_eq!(code(&outcome), "note.title_taken");
}

#[tokio::test]
async fn each_step_may_demand_a_version() {
    let (stage, cx) = (opened(&["a", "b"]).await, caller(1));
    let second = |demanded| Step::new::<Plain>(&cx, id(2), Expected::Exactly(demanded), write("B"));
    let outcome = stage.app.execute_all(&cx, &[step(&cx, 1, write("A")), second(2)]).await;
    assert_eq!(code(&outcome), "version.stale");
    assert_eq!(texts(&stage, 1..=2).await, [some("a"), some("b")]);
    assert_eq!(versions(&stage.app.execute_all(&cx, &[step(&cx, 1, write("A")), second(1)]).await), [2, 2]);
}

#[tokio::test]
async fn several_steps_have_one_answer_under_their_key() {
    let (stage, cx) = (Stage::new(), keyed(1, "k", 1));
    let steps = [step(&cx, 1, NoteCommand::Open("a")), step(&cx, 2, NoteCommand::Open("b"))];
    let first = stage.app.execute_all(&cx, &steps).await.unwrap();
    let again = stage.app.execute_all(&cx, &steps).await.unwrap();
    assert!(!first.replayed && again.replayed);
    assert_eq!((first.receipts, first.token), (again.receipts, again.token));
}

#[tokio::test]
async fn steps_that_change_nothing_answer_with_the_last_write_to_their_streams() {
    let (stage, cx) = (opened(&["a", "b"]).await, caller(1));
    let written = stage.app.execute_all(&cx, &[step(&cx, 1, write("A"))]).await.unwrap();
    for order in [[(1, "A"), (2, "b")], [(2, "b"), (1, "A")]] {
        let steps = order.map(|(n, text)| step(&cx, n, write(text)));
        let outcome = stage.app.execute_all(&cx, &steps).await.unwrap();
        assert_eq!(outcome.token, written.token);
    }
}

#[tokio::test]
async fn a_step_that_another_tenant_was_permitted_is_refused() {
    let (stage, cx, other) = (opened(&["a"]).await, caller(1), caller(2));
    let before = stage.trips();
    let outcome = stage.app.execute_all(&cx, &[step(&cx, 1, write("A")), step(&other, 1, write("B"))]).await;
    assert_eq!(code(&outcome), "service.internal");
    assert_eq!(code(&stage.app.execute_all(&other, &[step(&cx, 1, write("A"))]).await), "service.internal");
    assert_eq!(stage.trips(), before, "the store is not even asked");
}
