//! Others who are quicker: when a command is decided again, and when not.

use fairlead_application::{AppError, Expected};
use fairlead_domain::{
    crm::{Contact, ContactChange, ContactCommand, ContactProfile, PointsChange, Schema},
    values::{Email, PersonName},
};

use crate::{
    note::{Note, NoteCommand},
    store::{Stage, caller, code, id, keyed, versions},
};

type Plain = Note<1, 1>;

fn write(text: &str) -> NoteCommand {
    NoteCommand::Write(text.to_owned())
}

/// A stage with the note 1, which holds "a".
async fn opened() -> Stage {
    let stage = Stage::new();
    stage.app.execute::<Plain>(&caller(1), id(1), Expected::New, NoteCommand::Open("a")).await.unwrap();
    stage
}

#[tokio::test]
async fn a_command_that_came_too_late_is_decided_on_what_is_there_now() {
    let (stage, cx) = (opened().await, caller(1));
    stage.rival::<Plain>(&cx, id(1), write("rival"));
    let outcome = stage.app.execute::<Plain>(&cx, id(1), Expected::Any, write("b")).await;
    assert_eq!(versions(&outcome), [3]);
    stage.rival::<Plain>(&cx, id(1), NoteCommand::Close);
    let outcome = stage.app.execute::<Plain>(&cx, id(1), Expected::Any, write("c")).await;
    assert_eq!(code(&outcome), "note.closed");
}

#[tokio::test]
async fn ten_attempts_are_made_and_no_more() {
    let (stage, cx) = (opened().await, caller(1));
    stage.deadlock(9);
    let outcome = stage.app.execute::<Plain>(&cx, id(1), Expected::Any, write("b")).await;
    assert_eq!((versions(&outcome), stage.trips()), (vec![2], (10, 11)));
    stage.deadlock(10);
    let outcome = stage.app.execute::<Plain>(&cx, id(1), Expected::Any, write("c")).await;
    assert!(matches!(outcome, Err(AppError::Contended)), "{outcome:?}");
    assert_eq!(stage.trips(), (20, 21));
    assert_eq!(stage.state::<Plain>(&cx, id(1)).await.unwrap().1.text, "b");
}

#[tokio::test]
async fn a_deadlock_of_a_new_stream_is_tried_again_after_loading() {
    let (stage, cx) = (Stage::new(), caller(1));
    stage.deadlock(1);
    let outcome = stage.app.execute::<Plain>(&cx, id(1), Expected::New, NoteCommand::Open("a")).await;
    assert_eq!((versions(&outcome), stage.trips()), (vec![1], (1, 2)));
}

#[tokio::test]
async fn a_demanded_version_that_is_not_there_is_refused_without_writing() {
    let (stage, cx) = (opened().await, caller(1));
    for demanded in [0, 2] {
        let outcome = stage.app.execute::<Plain>(&cx, id(1), Expected::Exactly(demanded), write("b")).await;
        let Err(AppError::Stale { demanded: said, actual }) = outcome else { panic!("{outcome:?}") };
        assert_eq!((said, actual), (demanded, 1));
    }
    assert_eq!(stage.trips().1, 1);
    assert_eq!(versions(&stage.app.execute::<Plain>(&cx, id(1), Expected::Exactly(1), write("b")).await), [2]);
}

#[tokio::test]
async fn a_demanded_version_that_a_rival_changes_is_stale_and_not_written_over() {
    let (stage, cx) = (opened().await, caller(1));
    stage.rival::<Plain>(&cx, id(1), write("rival"));
    let outcome = stage.app.execute::<Plain>(&cx, id(1), Expected::Exactly(1), write("b")).await;
    let Err(AppError::Stale { demanded, actual }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((demanded, actual), (1, 2));
    assert_eq!(stage.state::<Plain>(&cx, id(1)).await.unwrap().1.text, "rival");
}

#[tokio::test]
async fn a_demanded_version_of_what_is_not_there_is_not_found() {
    let (stage, cx) = (Stage::new(), caller(1));
    let outcome = stage.app.execute::<Plain>(&cx, id(1), Expected::Exactly(1), write("b")).await;
    assert_eq!(code(&outcome), "note.not_found");
}

#[tokio::test]
async fn a_rival_with_the_same_key_does_the_work_for_both() {
    let (stage, cx) = (opened().await, keyed(1, "k", 1));
    stage.rival::<Plain>(&cx, id(1), write("b"));
    let outcome = stage.app.execute::<Plain>(&cx, id(1), Expected::Any, write("b")).await.unwrap();
    assert!(outcome.replayed);
    assert_eq!(outcome.receipts[0].version, 2);
    assert_eq!(stage.state::<Plain>(&cx, id(1)).await.unwrap().0, 2);
}

#[tokio::test]
async fn a_rival_with_the_same_key_for_another_request_wins() {
    let stage = opened().await;
    stage.rival::<Plain>(&keyed(1, "k", 2), id(1), write("rival"));
    let outcome = stage.app.execute::<Plain>(&keyed(1, "k", 1), id(1), Expected::Any, write("b")).await;
    assert_eq!(code(&outcome), "idempotency.key_reused");
}

/// A request that was sent twice must not collide with itself.
#[tokio::test]
async fn a_rival_that_gives_the_same_stream_the_same_key_is_no_conflict() {
    let (stage, cx) = (Stage::new(), caller(1));
    let creation =
        ContactCommand::Create(Box::new(ContactProfile::named(PersonName::new("Ana").unwrap())), Schema::default());
    stage.app.execute::<Contact>(&cx, id(1), Expected::New, creation).await.unwrap();
    let emails = PointsChange::Primary(Some(Email::new("ana@example.com").unwrap()));
    let change = ContactCommand::Change(Box::new(ContactChange { emails, ..ContactChange::default() }));
    stage.rival::<Contact>(&cx, id(1), change.clone());
    let outcome = stage.app.execute::<Contact>(&cx, id(1), Expected::Any, change).await;
    assert_eq!(versions(&outcome), [2]);
}

#[tokio::test]
async fn a_taken_key_is_not_tried_again() {
    let (stage, cx) = (opened().await, caller(1));
    stage.rival::<Plain>(&cx, id(2), NoteCommand::Open("#title"));
    let outcome = stage.app.execute::<Plain>(&cx, id(1), Expected::Any, write("#title")).await;
    assert_eq!((code(&outcome).as_str(), stage.trips()), ("note.title_taken", (1, 2)));
}
