//! Whose the words of an activity are, and what becomes of them; deleting and erasing.

use std::collections::BTreeSet;

use fairlead_domain::{
    crm::{
        Activity, ActivityChange,
        ActivityCommand::{Attach, Delete, Erase, Forget, Restore},
        ActivityEvent::{
            AboutChanged, Attached, BodyChanged, Completed, Created, Deleted, Erased, Forgotten, Restored,
        },
        ActivityKind, Attachment,
    },
    kernel::{Aggregate, ErrorKind, Patch, Told, testing::given},
    values::{RecordRef, RecordType},
};
use uuid::Uuid;

use crate::{
    activity::{
        about, attachment, begun, change, company, contact, create, created, deleted, everything, person, profile,
        prose, subject, task,
    },
    samples::moment,
};

fn attachment_about(number: u128, subject: u128) -> Attachment {
    let Attachment { name, url, .. } = attachment(number);
    Attachment { name: name.now_about(person(subject)), url: url.now_about(person(subject)), ..attachment(number) }
}

#[test]
fn words_are_about_the_first_person() {
    let mut note = profile(ActivityKind::Note, vec![company(), contact(2), contact(1)]);
    note.body = Some(prose("He asked.").into());
    note.attachments = vec![attachment(1)];
    let events = Activity::decide(None, create(note)).unwrap();
    let state = given::<Activity>(events).state();
    assert_eq!(state.profile.subject, Told::about(person(2), subject("Call back")));
    assert_eq!(state.profile.body, Some(Told::about(person(2), prose("He asked."))));
    assert_eq!(state.profile.attachments, [attachment_about(1, 2)]);
    let alone = given::<Activity>([created(ActivityKind::Note, about())]).state();
    assert_eq!(alone.profile.subject, Told::from(subject("Call back")));
}

#[test]
fn new_words_are_about_whom_it_is_about_by_then_and_old_ones_stay() {
    let wanted = ActivityChange {
        about: Some(vec![contact(2), company()]),
        seen: [contact(2), company()].into(),
        body: Patch::Set(Some(prose("She asked."))),
        ..ActivityChange::default()
    };
    let about = vec![contact(2), company()];
    let state = given::<Activity>([created(ActivityKind::Note, vec![contact(1)])])
        .when(change(wanted))
        .then([
            AboutChanged { about: about.clone(), before: vec![contact(1)] },
            BodyChanged { about: about.clone(), body: Some(Told::about(person(2), prose("She asked."))) },
        ])
        .when(Attach(Box::new(attachment(1))))
        .then([Attached { about, attachment: Box::new(attachment_about(1, 2)) }])
        .state();
    assert_eq!(state.profile.subject.person(), person(1));
}

// Deleting, forgetting, erasing

#[test]
fn a_deleted_activity_is_only_restored_forgotten_or_erased() {
    let gone = || given::<Activity>([created(ActivityKind::Task, vec![contact(1), company()]), deleted()]);
    assert!(gone().state().is_deleted());
    let replaced = RecordRef { id: Uuid::from_u128(200), ..company() };
    for (what, command) in everything() {
        let decision = gone().when(command);
        let about = vec![contact(1), company()];
        match what {
            "delete" => decision.then_nothing(),
            "restore" => drop(decision.then([Restored { about }]).when(Restore).then([])),
            "replace" => drop(decision.then([AboutChanged { about: vec![contact(1), replaced], before: about }])),
            "forget" => drop(decision.then([Forgotten { about, person: Uuid::from_u128(1) }])),
            "erase" => drop(decision.refused("activity.about_a_person")),
            _ => assert_eq!(decision.refused("activity.deleted"), ErrorKind::Conflict, "{what}"),
        }
    }
    given::<Activity>([task()]).when(Delete).then([deleted()]);
    given::<Activity>([task()]).when(Restore).then_nothing();
}

#[test]
fn words_are_forgotten_with_the_person_they_are_about() {
    let mut note = begun(ActivityKind::Note, vec![contact(1), contact(2)]);
    note.body = Some(Told::about(person(1), prose("He asked.")));
    note.attachments = vec![attachment_about(1, 1)];
    let about = vec![contact(1), contact(2)];
    let created = Created(Box::new(note));
    let forget = |number| Forget { person: Uuid::from_u128(number), part_of: None };
    let forgotten = || Forgotten { about: about.clone(), person: Uuid::from_u128(1) };
    given::<Activity>([created.clone()]).when(forget(2)).then_nothing();
    let after = given::<Activity>([created]).when(forget(1)).then([forgotten()]);
    let state = after.when(forget(1)).then([]).state();
    assert!(!state.is_deleted(), "it is about somebody else too");
    let left = serde_json::to_string(&state).unwrap();
    assert!(!left.contains("asked") && !left.contains("offer") && !left.contains("Call back"), "{left}");
    // About nobody else, it goes with its words; restored, it is an empty shell.
    let alone = || vec![contact(1)];
    let forgotten = Forgotten { about: alone(), person: Uuid::from_u128(1) };
    let history = [self::created(ActivityKind::Task, alone())];
    let after = given::<Activity>(history).when(forget(1)).then([forgotten, Deleted { about: alone() }]);
    let after = after.when(Restore).then([Restored { about: alone() }]);
    after.when(Erase).then([Erased { about: alone() }]);
}

/// A contact was merged, and the activity is about the one that took it in: its words are those of the one who was merged.
#[test]
fn words_are_forgotten_with_the_person_as_part_of_whom_one_was_known() {
    let about = || vec![contact(2)];
    let moved = || AboutChanged { about: about(), before: vec![contact(1)] };
    let forget = |person: u128, part_of| Forget { person: Uuid::from_u128(person), part_of };
    let forgotten = |person| Forgotten { about: about(), person: Uuid::from_u128(person) };
    let note = || self::created(ActivityKind::Note, vec![contact(1)]);
    let gone = || Deleted { about: about() };
    given::<Activity>([note(), moved()]).when(forget(1, person(2))).then([forgotten(1), gone()]);
    given::<Activity>([note(), moved()]).when(forget(1, person(3))).then([forgotten(1)]);
    given::<Activity>([note(), moved()]).when(forget(1, None)).then([forgotten(1)]);
    // Both have left words: it goes with the last of them.
    let body = BodyChanged { about: about(), body: Some(Told::about(person(2), prose("He asked."))) };
    let after = given::<Activity>([note(), moved(), body]).when(forget(1, person(2))).then([forgotten(1)]);
    after.when(forget(2, None)).then([forgotten(2), gone()]);
}

#[test]
fn an_erased_word_can_be_said_anew_or_removed() {
    let mut note = begun(ActivityKind::Note, vec![contact(1), company()]);
    note.body = Some(Told::about(person(1), prose("He asked.")));
    let about = vec![contact(1), company()];
    let forgotten = Forgotten { about: about.clone(), person: Uuid::from_u128(1) };
    let history = [Created(Box::new(note)), forgotten];
    for body in [Some(prose("He asked.")), None] {
        let wanted = ActivityChange { body: Patch::Set(body.clone()), ..ActivityChange::default() };
        let event = BodyChanged { about: about.clone(), body: body.map(|body| Told::about(person(1), body)) };
        given::<Activity>(history.clone()).when(change(wanted)).then([event]);
    }
}

#[test]
fn an_activity_about_nobody_is_erased_for_good() {
    let state = given::<Activity>([task()]).when(Erase).then([Erased { about: about() }]).state();
    assert!(state.is_erased() && state.is_deleted() && state.profile.subject.known().is_none());
    let erased = || given::<Activity>([task(), deleted(), Erased { about: about() }]);
    for (what, command) in everything() {
        match what {
            "delete" | "erase" | "forget" | "replace" => erased().when(command).then_nothing(),
            _ => assert_eq!(erased().when(command).refused("activity.erased"), ErrorKind::Conflict, "{what}"),
        }
    }
    let about_ana = given::<Activity>([created(ActivityKind::Note, vec![contact(1)])]).when(Erase);
    assert_eq!(about_ana.refused("activity.about_a_person"), ErrorKind::Conflict);
}

#[test]
fn an_event_concerns_the_records_that_it_is_about_and_those_it_was_about() {
    let moved = AboutChanged { about: vec![contact(1)], before: about() };
    assert_eq!(moved.concerns(), BTreeSet::from([contact(1), company()]));
    assert_eq!(task().concerns(), BTreeSet::from([company()]));
    assert_eq!(Completed { about: about(), completed_at: moment(1) }.concerns(), BTreeSet::from([company()]));
    let names = [RecordType::Contact, RecordType::Company, RecordType::Deal].map(|kind| kind.to_string());
    assert_eq!(names, ["contact", "company", "deal"]);
}

#[test]
fn debug_shows_no_words() {
    let activity = given::<Activity>([created(ActivityKind::Note, vec![contact(1)])]).state();
    assert!(!format!("{activity:?}").contains("Call back"));
}
