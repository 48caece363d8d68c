//! A comment's commands, one by one, in every state.

use fairlead_domain::{
    crm::{
        Author, Comment, CommentChange,
        CommentCommand::{self, Change, Create, Delete, Forget, Restore},
        CommentError,
        CommentEvent::{self, Created, Deleted, Edited, Forgotten, MentionsChanged, Restored},
        CommentProfile, Editor,
    },
    ids::ActivityId,
    kernel::{Aggregate, DomainError, ErrorKind, Personal, PersonalOf, testing::given},
    values::Prose,
};
use uuid::Uuid;

use crate::samples::{id, ids};

fn activity() -> ActivityId {
    id(7)
}

fn said(person: u128, text: &str) -> PersonalOf<Prose> {
    PersonalOf { subject: Uuid::from_u128(person), value: Prose::new(text).unwrap().into() }
}

fn profile() -> CommentProfile {
    CommentProfile {
        activity_id: activity(),
        author: Author::new("user:ana"),
        text: said(1, "Called."),
        mentions: ids(2),
    }
}

fn created() -> CommentEvent {
    Created(Box::new(profile()))
}

fn deleted() -> CommentEvent {
    Deleted { activity_id: activity() }
}

fn restored() -> CommentEvent {
    Restored { activity_id: activity() }
}

fn editor(name: &str, moderates: bool) -> Editor {
    Editor { actor: Author::new(name), moderates }
}

fn ana() -> Editor {
    editor("user:ana", false)
}

fn change(by: Editor, change: CommentChange) -> CommentCommand {
    Change { by, change: Box::new(change) }
}

fn edit(by: Editor, text: &str) -> CommentCommand {
    change(by, CommentChange { text: Some(said(1, text)), mentions: None })
}

fn edited(text: &str) -> CommentEvent {
    Edited { activity_id: activity(), text: said(1, text) }
}

/// One of each command but creation, such that it would change a living comment.
fn everything(by: &Editor) -> Vec<(&'static str, CommentCommand)> {
    vec![
        ("change", edit(by.clone(), "Wrote.")),
        ("delete", Delete { by: by.clone() }),
        ("restore", Restore { by: by.clone() }),
        ("forget", Forget { person: Uuid::from_u128(1) }),
    ]
}

#[test]
fn only_saying_something_begins_a_comment() {
    let comment = given::<Comment>([]).when(Create(Box::new(profile()))).then([created()]).state();
    assert_eq!(comment, Comment { profile: profile(), edited: false, deleted: false });
    for (what, command) in everything(&ana()) {
        let kind = given::<Comment>([]).when(command).refused("comment.not_found");
        assert_eq!(kind, ErrorKind::NotFound, "{what}");
    }
    for history in [vec![created()], vec![created(), deleted()]] {
        given::<Comment>(history).when(Create(Box::new(profile()))).refused("comment.already_exists");
    }
    for event in [edited("Wrote."), deleted(), restored()] {
        assert_eq!(Comment::init(&event), None);
    }
    let many = CommentProfile { mentions: ids(51), ..profile() };
    given::<Comment>([]).when(Create(Box::new(many))).refused("comment.too_many_mentions");
}

#[test]
fn a_change_is_an_event_for_each_thing_that_differs() {
    let everything = CommentChange { text: Some(said(2, "Wrote.")), mentions: Some(ids(3)) };
    let told = Edited { activity_id: activity(), text: said(2, "Wrote.") };
    let mentioned = MentionsChanged { activity_id: activity(), mentions: ids(3) };
    let after = given::<Comment>([created()]).when(change(ana(), everything.clone())).then([told, mentioned]);
    let state = after.state();
    assert!(state.edited && state.profile.text.subject == Uuid::from_u128(2));
    given::<Comment>([created()]).when(change(ana(), CommentChange::default())).then_nothing();
    // The same words, though the activity is about somebody else by now.
    let same = CommentChange { text: Some(said(2, "Called.")), mentions: Some(ids(2)) };
    given::<Comment>([created()]).when(change(ana(), same)).then_nothing();
    let many = CommentChange { mentions: Some(ids(51)), ..CommentChange::default() };
    let kind = given::<Comment>([created()]).when(change(ana(), many)).refused("comment.too_many_mentions");
    assert_eq!(kind, ErrorKind::Invalid);
}

#[test]
fn only_its_author_or_a_moderator_changes_a_comment() {
    let living = || given::<Comment>([created()]);
    let gone = || given::<Comment>([created(), deleted()]);
    let bo = editor("user:bo", false);
    for (what, command) in everything(&bo) {
        if what != "forget" {
            assert_eq!(living().when(command.clone()).refused("comment.not_yours"), ErrorKind::Forbidden, "{what}");
            gone().when(command).refused("comment.not_yours");
        }
    }
    for by in [ana(), editor("user:bo", true)] {
        living().when(edit(by.clone(), "Wrote.")).then([edited("Wrote.")]);
        living().when(Delete { by: by.clone() }).then([deleted()]).when(Delete { by: by.clone() }).then_nothing();
        gone().when(Restore { by }).then([restored()]);
    }
}

#[test]
fn a_deleted_comment_is_only_restored_or_forgotten() {
    let gone = || given::<Comment>([created(), deleted()]);
    assert!(gone().state().is_deleted());
    assert_eq!(gone().when(edit(ana(), "Wrote.")).refused("comment.deleted"), ErrorKind::Conflict);
    gone().when(Restore { by: ana() }).then([restored()]).when(Restore { by: ana() }).then_nothing();
    let person = Uuid::from_u128(1);
    gone().when(Forget { person }).then([Forgotten { activity_id: activity(), person }]);
}

#[test]
fn words_are_forgotten_with_the_person_alone() {
    let [person, other] = [1, 2].map(Uuid::from_u128);
    given::<Comment>([created()]).when(Forget { person: other }).then_nothing();
    let after = given::<Comment>([created()]).when(Forget { person });
    let after = after.then([Forgotten { activity_id: activity(), person }]);
    let state = after.when(Forget { person }).then([]).state();
    assert_eq!((state.profile.text.value, state.deleted), (Personal::Erased, false));
    let history = [created(), Forgotten { activity_id: activity(), person }];
    given::<Comment>(history).when(edit(ana(), "Wrote.")).then([edited("Wrote.")]);
}

#[test]
fn debug_shows_nothing_that_was_said() {
    let comment = given::<Comment>([created()]).state();
    assert!(!format!("{comment:?} {:?}", edited("Wrote.")).contains("Called"));
    assert_eq!(comment.profile.author.as_str(), "user:ana");
}

#[test]
fn refusals_have_a_stable_code() {
    for (error, code) in [
        (CommentError::NotFound, "comment.not_found"),
        (CommentError::AlreadyExists, "comment.already_exists"),
        (CommentError::Deleted, "comment.deleted"),
        (CommentError::NotYours, "comment.not_yours"),
        (CommentError::TooManyMentions, "comment.too_many_mentions"),
    ] {
        assert_eq!(error.code(), code);
    }
}
