//! States and events that an older or a newer program stored.

use std::sync::atomic::Ordering;

use fairlead_application::{AppError, Expected, Step, recorded::DecodeError};

use crate::{
    note::{Note, NoteCommand},
    store::{Stage, caller, code, id, versions},
};

fn write(text: &str) -> NoteCommand {
    NoteCommand::Write(text.to_owned())
}

/// A stage on which a program of these versions opened the note 1.
async fn opened<const STATE: i16, const EVENTS: i16>() -> Stage {
    let stage = Stage::new();
    let opening = NoteCommand::Open("a");
    stage.app.execute::<Note<STATE, EVENTS>>(&caller(1), id(1), Expected::New, opening).await.unwrap();
    stage
}

/// What a program of these versions reads, as text and author.
async fn read<const STATE: i16, const EVENTS: i16>(stage: &Stage) -> Result<(String, String), AppError> {
    let recorded = stage.app.read::<Note<STATE, EVENTS>>(&caller(1), id(1)).await?;
    Ok(recorded.map(|recorded| (recorded.state.text, recorded.state.author)).unwrap())
}

fn newer(error: AppError) -> (String, i16, i16) {
    let AppError::Internal(cause) = error else { panic!("{error:?}") };
    match cause.downcast_ref() {
        Some(DecodeError::Newer { what, stored, known }) => (what.clone(), *stored, *known),
        _ => panic!("{cause}"),
    }
}

#[tokio::test]
async fn a_state_of_today_s_version_is_taken_as_it_stands() {
    let stage = opened::<1, 1>().await;
    // Had it been folded anew, the upcaster would have named an author.
    assert_eq!(read::<1, 2>(&stage).await.unwrap(), ("a".into(), String::new()));
}

#[tokio::test]
async fn a_state_of_an_older_version_is_folded_anew_from_events_that_are_lifted() {
    let stage = opened::<1, 1>().await;
    assert_eq!(read::<2, 2>(&stage).await.unwrap(), ("a".into(), "unknown".into()));
    assert_eq!(read::<2, 1>(&stage).await.unwrap(), ("a".into(), String::new()), "events of today's shape stay");
}

#[tokio::test]
async fn a_command_on_an_older_state_leaves_one_of_today_s_version() {
    let (stage, cx) = (opened::<1, 1>().await, caller(1));
    let closed = stage.app.execute::<Note<2, 2>>(&cx, id(1), Expected::Any, NoteCommand::Close).await;
    assert_eq!(versions(&closed), [2]);
    assert_eq!(read::<2, 2>(&stage).await.unwrap(), ("a".into(), "unknown".into()));
    assert_eq!(newer(read::<1, 2>(&stage).await.unwrap_err()), ("note".into(), 2, 1));
}

#[tokio::test]
async fn two_steps_on_an_older_state_fold_it_once() {
    let (stage, cx) = (opened::<1, 1>().await, caller(1));
    let step = |command| Step::new::<Note<2, 2>>(&cx, id(1), Expected::Any, command);
    let outcome = stage.app.execute_all(&cx, &[step(write("b")), step(NoteCommand::Close)]).await;
    assert_eq!(versions(&outcome), [2, 3]);
    assert_eq!(stage.store.histories.load(Ordering::Relaxed), 1);
    let (version, note) = stage.state::<Note<2, 2>>(&cx, id(1)).await.unwrap();
    assert_eq!((version, note.text.as_str(), note.closed), (3, "b", true));
}

#[tokio::test]
async fn a_state_of_a_newer_version_is_neither_read_nor_changed() {
    let (stage, cx) = (opened::<2, 1>().await, caller(1));
    assert_eq!(newer(read::<1, 1>(&stage).await.unwrap_err()), ("note".into(), 2, 1));
    let outcome = stage.app.execute::<Note<1, 1>>(&cx, id(1), Expected::Any, write("b")).await;
    assert_eq!(newer(outcome.unwrap_err()), ("note".into(), 2, 1));
    assert_eq!(read::<2, 1>(&stage).await.unwrap().0, "a");
}

#[tokio::test]
async fn an_event_of_a_newer_version_is_neither_read_nor_followed() {
    let (stage, cx) = (opened::<1, 2>().await, caller(1));
    assert_eq!(newer(read::<2, 1>(&stage).await.unwrap_err()), ("note.written".into(), 2, 1));
    let outcome = stage.app.execute::<Note<2, 1>>(&cx, id(1), Expected::Any, write("b")).await;
    assert_eq!(code(&outcome), "service.internal");
    assert_eq!(newer(outcome.unwrap_err()), ("note.written".into(), 2, 1));
}
