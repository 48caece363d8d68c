//! An activity's commands, one by one, in every state.

use std::collections::BTreeSet;

use fairlead_domain::{
    crm::{
        Activity, ActivityChange,
        ActivityCommand::{
            self, Assign, Attach, Change, Complete, Create, Delete, Detach, Erase, Forget, Mention, Pin, Reopen,
            ReplaceRecord, Restore, Unpin,
        },
        ActivityError,
        ActivityEvent::{
            self, AboutChanged, Assigned, Attached, BodyChanged, Completed, Created, Deleted, Detached, DueChanged,
            Erased, Mentioned, OutcomeChanged, OwnerChanged, Pinned, PriorityChanged, ProjectChanged, ReminderChanged,
            Reopened, SubjectChanged, TimesChanged, Unpinned,
        },
        ActivityKind, ActivityProfile, Attachment, Priority,
    },
    kernel::{Aggregate, DomainError, ErrorKind, Patch, Told, testing::given},
    values::{FileName, FileUrl, MediaType, Prose, RecordRef, RecordType, Subject},
};
use uuid::Uuid;

use crate::samples::{id, ids, label, moment};

pub(crate) fn company() -> RecordRef {
    RecordRef { record_type: RecordType::Company, id: id(100) }
}

pub(crate) fn contact(number: u128) -> RecordRef {
    RecordRef::contact(Uuid::from_u128(number))
}

pub(crate) fn subject(text: &str) -> Subject {
    Subject::new(text).unwrap()
}

pub(crate) fn prose(text: &str) -> Prose {
    Prose::new(text).unwrap()
}

pub(crate) fn person(number: u128) -> Option<Uuid> {
    Some(Uuid::from_u128(number))
}

pub(crate) fn profile(kind: ActivityKind, about: Vec<RecordRef>) -> ActivityProfile {
    ActivityProfile::new(kind, subject("Call back"), about)
}

/// As it begins: with words about the first person.
pub(crate) fn begun(kind: ActivityKind, about: Vec<RecordRef>) -> ActivityProfile {
    let mut profile = profile(kind, about);
    profile.subject = Told::about(profile.person(), subject("Call back"));
    profile.priority = (kind == ActivityKind::Task).then_some(Priority::Normal);
    profile
}

pub(crate) fn created(kind: ActivityKind, about: Vec<RecordRef>) -> ActivityEvent {
    Created(Box::new(begun(kind, about)))
}

pub(crate) fn task() -> ActivityEvent {
    created(ActivityKind::Task, vec![company()])
}

pub(crate) fn about() -> Vec<RecordRef> {
    vec![company()]
}

pub(crate) fn create(profile: ActivityProfile) -> ActivityCommand {
    let seen = profile.about.iter().copied().collect();
    Create { profile: Box::new(profile), seen }
}

pub(crate) fn change(change: ActivityChange) -> ActivityCommand {
    Change(Box::new(change))
}

pub(crate) fn attachment(number: u128) -> Attachment {
    Attachment {
        id: id(number),
        name: FileName::new("offer.pdf").unwrap().into(),
        url: FileUrl::new("https://files.example.com/offer.pdf").unwrap().into(),
        media_type: MediaType::new("application/pdf").unwrap(),
        size: 1,
        sha256: None,
    }
}

pub(crate) fn deleted() -> ActivityEvent {
    Deleted { about: about() }
}

/// One of each command but creation, such that it would change a living task.
pub(crate) fn everything() -> Vec<(&'static str, ActivityCommand)> {
    let rename = ActivityChange { subject: Some(subject("Write")), ..ActivityChange::default() };
    vec![
        ("change", change(rename)),
        ("assign", Assign { assignee_id: Some(id(1)) }),
        ("complete", Complete { at: moment(1), outcome: None }),
        ("reopen", Reopen),
        ("pin", Pin),
        ("unpin", Unpin),
        ("mention", Mention { user_ids: ids(1) }),
        ("attach", Attach(Box::new(attachment(1)))),
        ("detach", Detach { attachment_id: id(1) }),
        ("delete", Delete),
        ("restore", Restore),
        ("replace", ReplaceRecord { record: company(), by: id(200) }),
        ("forget", Forget { person: Uuid::from_u128(1), part_of: None }),
        ("erase", Erase),
    ]
}

// Creating

#[test]
fn only_creating_begins_an_activity() {
    let activity = given::<Activity>([]).when(create(profile(ActivityKind::Task, about()))).then([task()]).state();
    let profile = begun(ActivityKind::Task, about());
    let expected = Activity { profile, completed_at: None, pinned: false, deleted: false, erased: false };
    assert_eq!(activity, expected);
    for (what, command) in everything() {
        assert_eq!(given::<Activity>([]).when(command).refused("activity.not_found"), ErrorKind::NotFound, "{what}");
    }
    for event in [deleted(), Pinned { about: about() }] {
        assert_eq!(Activity::init(&event), None);
    }
    for history in [vec![task()], vec![task(), deleted()], vec![task(), Erased { about: about() }]] {
        let kind = given::<Activity>(history).when(create(begun(ActivityKind::Task, about())));
        assert_eq!(kind.refused("activity.already_exists"), ErrorKind::Conflict);
    }
}

#[test]
fn an_activity_is_about_some_records_each_once() {
    let twice = profile(ActivityKind::Task, vec![company(), company()]);
    given::<Activity>([]).when(create(twice)).then([task()]);
    let none = profile(ActivityKind::Task, vec![]);
    assert_eq!(given::<Activity>([]).when(create(none)).refused("activity.about_nothing"), ErrorKind::Invalid);
    let many = |count| (0..count).map(contact).collect::<Vec<_>>();
    given::<Activity>([]).when(create(profile(ActivityKind::Note, many(21)))).refused("activity.about_too_much");
    let most = created(ActivityKind::Note, many(20));
    given::<Activity>([]).when(create(profile(ActivityKind::Note, many(20)))).then([most]);
    for (about, code) in [(vec![], "activity.about_nothing"), (many(21), "activity.about_too_much")] {
        let wanted =
            ActivityChange { seen: about.iter().copied().collect(), about: Some(about), ..ActivityChange::default() };
        given::<Activity>([task()]).when(change(wanted)).refused(code);
    }
}

#[test]
fn each_kind_has_what_belongs_to_it() {
    use ActivityKind::{Call, Meeting, Note, Task};
    type Set = fn(&mut ActivityProfile);
    let attributes: [(Set, &str, &[ActivityKind]); 6] = [
        (|profile| profile.due_at = Some(moment(1)), "activity.never_due", &[Task, Call, Meeting]),
        (|profile| profile.reminder_at = Some(moment(1)), "activity.never_due", &[Task, Call, Meeting]),
        (|profile| profile.starts_at = Some(moment(1)), "activity.timeless", &[Call, Meeting]),
        (
            |profile| (profile.starts_at, profile.ends_at) = (Some(moment(1)), Some(moment(1))),
            "activity.timeless",
            &[Call, Meeting],
        ),
        (|profile| profile.outcome = Some(label("Reached")), "activity.no_outcome", &[Call, Meeting]),
        (|profile| profile.priority = Some(Priority::Low), "activity.no_priority", &[Task, Call, Meeting]),
    ];
    for (set, code, kinds) in attributes {
        for kind in [Note, Task, Call, Meeting] {
            let (mut wanted, mut expected) = (profile(kind, about()), begun(kind, about()));
            set(&mut wanted);
            set(&mut expected);
            let patch = ActivityChange {
                due_at: Patch::Set(wanted.due_at).into_kept(),
                reminder_at: Patch::Set(wanted.reminder_at).into_kept(),
                starts_at: Patch::Set(wanted.starts_at).into_kept(),
                ends_at: Patch::Set(wanted.ends_at).into_kept(),
                outcome: Patch::Set(wanted.outcome.clone()).into_kept(),
                priority: wanted.priority,
                ..ActivityChange::default()
            };
            let (begin, alter) = (given::<Activity>([]), given::<Activity>([created(kind, about())]));
            if kinds.contains(&kind) {
                begin.when(create(wanted)).then([Created(Box::new(expected))]);
                let events = Activity::decide(Some(&alter.state()), change(patch)).unwrap();
                assert_eq!(events.len(), 1, "{kind:?} {code}");
            } else {
                assert_eq!(begin.when(create(wanted)).refused(code), ErrorKind::Invalid);
                alter.when(change(patch)).refused(code);
            }
        }
    }
}

/// A patch that sets nothing but what is there.
trait IntoKept {
    fn into_kept(self) -> Self;
}

impl<T> IntoKept for Patch<T> {
    fn into_kept(self) -> Self {
        match self {
            Patch::Set(None) => Patch::Keep,
            patch => patch,
        }
    }
}

#[test]
fn what_ends_has_begun_before() {
    let mut call = profile(ActivityKind::Call, about());
    for (starts_at, ends_at, sound) in
        [(None, Some(2), false), (Some(3), Some(2), false), (Some(2), Some(2), true), (Some(1), None, true)]
    {
        (call.starts_at, call.ends_at) = (starts_at.map(moment), ends_at.map(moment));
        let decision = Activity::decide(None, create(call.clone()));
        assert_eq!(decision.is_ok(), sound, "{starts_at:?} {ends_at:?}: {decision:?}");
        let wanted = ActivityChange {
            starts_at: Patch::Set(starts_at.map(moment)),
            ends_at: Patch::Set(ends_at.map(moment)),
            ..ActivityChange::default()
        };
        let decision = given::<Activity>([created(ActivityKind::Call, about())]).when(change(wanted));
        if sound {
            let (starts_at, ends_at) = (starts_at.map(moment), ends_at.map(moment));
            decision.then([TimesChanged { about: about(), starts_at, ends_at }]);
        } else {
            decision.refused("activity.ends_too_early");
        }
    }
}

#[test]
fn there_is_a_limit_to_mentions_and_attachments() {
    let mut note = profile(ActivityKind::Note, about());
    note.mentions = ids(51);
    given::<Activity>([]).when(create(note.clone())).refused("activity.too_many_mentions");
    note.mentions = ids(50);
    note.attachments = (1..=21).map(attachment).collect();
    given::<Activity>([]).when(create(note.clone())).refused("activity.too_many_attachments");
    note.attachments = vec![attachment(1), attachment(1)];
    given::<Activity>([]).when(create(note.clone())).refused("activity.attachment_exists");
    note.attachments = (1..=20).map(attachment).collect();
    let full = given::<Activity>([]).when(create(note.clone())).then([Created(Box::new(note))]).state();
    let refused = |command| Activity::decide(Some(&full), command).unwrap_err();
    assert_eq!(refused(Mention { user_ids: [id(99)].into() }), ActivityError::TooManyMentions);
    assert_eq!(refused(Attach(Box::new(attachment(99)))), ActivityError::TooManyAttachments);
    assert_eq!(Activity::decide(Some(&full), Mention { user_ids: ids(50) }), Ok(vec![]));
}

// Changing

#[test]
fn each_thing_that_differs_is_one_event() {
    let keep = ActivityChange::default;
    let cases = [
        (
            ActivityChange { subject: Some(subject("Write")), ..keep() },
            SubjectChanged { about: about(), subject: subject("Write").into() },
        ),
        (
            ActivityChange { body: Patch::Set(Some(prose("Soon"))), ..keep() },
            BodyChanged { about: about(), body: Some(prose("Soon").into()) },
        ),
        (
            ActivityChange { about: Some(vec![company(), contact(1)]), seen: [contact(1)].into(), ..keep() },
            AboutChanged { about: vec![company(), contact(1)], before: about() },
        ),
        (
            ActivityChange { due_at: Patch::Set(Some(moment(5))), ..keep() },
            DueChanged { about: about(), due_at: Some(moment(5)) },
        ),
        (
            ActivityChange { reminder_at: Patch::Set(Some(moment(4))), ..keep() },
            ReminderChanged { about: about(), reminder_at: Some(moment(4)) },
        ),
        (
            ActivityChange { outcome: Patch::Set(Some(label("Reached"))), ..keep() },
            OutcomeChanged { about: about(), outcome: Some(label("Reached")) },
        ),
        (
            ActivityChange { priority: Some(Priority::High), ..keep() },
            PriorityChanged { about: about(), priority: Priority::High },
        ),
        (
            ActivityChange { owner_id: Patch::Set(Some(id(9))), ..keep() },
            OwnerChanged { about: about(), owner_id: Some(id(9)) },
        ),
        (
            ActivityChange { project_id: Patch::Set(Some(id(9))), ..keep() },
            ProjectChanged { about: about(), project_id: Some(id(9)) },
        ),
    ];
    for (wanted, event) in cases {
        let call = created(ActivityKind::Call, about());
        let after = given::<Activity>([call]).when(change(wanted.clone())).then([event]);
        after.when(change(wanted)).then_nothing();
    }
    given::<Activity>([task()]).when(change(keep())).then_nothing();
    let absent = ActivityChange { body: Patch::Set(None), due_at: Patch::Set(None), ..keep() };
    given::<Activity>([task()]).when(change(absent)).then_nothing();
}

#[test]
fn verbs_do_what_they_say_and_nothing_when_it_is_so() {
    let living = || given::<Activity>([task()]);
    let assigned = Assigned { about: about(), assignee_id: Some(id(1)) };
    let assign = || Assign { assignee_id: Some(id(1)) };
    living().when(assign()).then([assigned]).when(assign()).then_nothing();
    living().when(Assign { assignee_id: None }).then_nothing();
    let pinned = living().when(Pin).then([Pinned { about: about() }]).when(Pin).then([]);
    pinned.when(Unpin).then([Unpinned { about: about() }]).when(Unpin).then_nothing();
    let mentioned = |user_ids: BTreeSet<_>| Mentioned { about: about(), user_ids };
    let after = living().when(Mention { user_ids: ids(1) }).then([mentioned(ids(1))]);
    after.when(Mention { user_ids: ids(2) }).then([mentioned([id(2)].into())]);
    let attach = |number| Attach(Box::new(attachment(number)));
    let attached = Attached { about: about(), attachment: Box::new(attachment(1)) };
    let after = living().when(attach(1)).then([attached]).when(attach(1)).then([]);
    let detached = Detached { about: about(), attachment_id: id(1) };
    after.when(Detach { attachment_id: id(1) }).then([detached]).when(Detach { attachment_id: id(1) }).then_nothing();
    let other = Attachment { size: 2, ..attachment(1) };
    let present = [task(), Attached { about: about(), attachment: Box::new(attachment(1)) }];
    let kind = given::<Activity>(present).when(Attach(Box::new(other))).refused("activity.attachment_exists");
    assert_eq!(kind, ErrorKind::Conflict);
}

#[test]
fn what_can_be_done_is_completed_and_reopened() {
    let complete = |outcome: Option<&str>| Complete { at: moment(9), outcome: outcome.map(label) };
    let completed = || Completed { about: about(), completed_at: moment(9) };
    let after = given::<Activity>([task()]).when(complete(None)).then([completed()]);
    let again = Complete { at: moment(10), outcome: None };
    let after = after.when(again).then([]).when(Reopen).then([Reopened { about: about() }]);
    assert_eq!(after.when(Reopen).then([]).state().completed_at, None);
    let reached = OutcomeChanged { about: about(), outcome: Some(label("Reached")) };
    let call = || given::<Activity>([created(ActivityKind::Call, about())]);
    let after = call().when(complete(Some("Reached"))).then([reached.clone(), completed()]);
    after.when(complete(Some("Other"))).then_nothing();
    given::<Activity>([created(ActivityKind::Call, about()), reached])
        .when(complete(Some("Reached")))
        .then([completed()]);
    given::<Activity>([task()]).when(complete(Some("Reached"))).refused("activity.no_outcome");
    let note = given::<Activity>([created(ActivityKind::Note, about())]).when(complete(None));
    assert_eq!(note.refused("activity.not_completable"), ErrorKind::Invalid);
}

// Events and refusals

#[test]
fn refusals_have_a_stable_code() {
    for (error, code) in [
        (ActivityError::NotFound, "activity.not_found"),
        (ActivityError::AlreadyExists, "activity.already_exists"),
        (ActivityError::Deleted, "activity.deleted"),
        (ActivityError::Erased, "activity.erased"),
        (ActivityError::AboutAPerson, "activity.about_a_person"),
        (ActivityError::AboutNothing, "activity.about_nothing"),
        (ActivityError::AboutTooMuch, "activity.about_too_much"),
        (ActivityError::NeverDue, "activity.never_due"),
        (ActivityError::NotCompletable, "activity.not_completable"),
        (ActivityError::Timeless, "activity.timeless"),
        (ActivityError::EndsTooEarly, "activity.ends_too_early"),
        (ActivityError::NoOutcome, "activity.no_outcome"),
        (ActivityError::NoPriority, "activity.no_priority"),
        (ActivityError::TooManyMentions, "activity.too_many_mentions"),
        (ActivityError::TooManyAttachments, "activity.too_many_attachments"),
        (ActivityError::AttachmentExists, "activity.attachment_exists"),
    ] {
        assert_eq!(error.code(), code);
    }
}
