//! What an activity is about: records that are there, and those that took them in.

use fairlead_domain::{
    crm::{
        Activity, ActivityChange,
        ActivityCommand::{Create, ReplaceRecord},
        ActivityEvent::{AboutChanged, Deleted, Erased},
        ActivityKind,
    },
    kernel::{Aggregate, ErrorKind, Reference, testing::given},
    values::RecordRef,
};
use uuid::Uuid;

use crate::activity::{about, change, company, contact, created, profile, task};

#[test]
fn it_is_about_records_that_are_there() {
    let records = || vec![company(), contact(1)];
    let create = |seen: &[RecordRef]| Create {
        profile: Box::new(profile(ActivityKind::Note, records())),
        seen: seen.iter().copied().collect(),
    };
    let kind = given::<Activity>([]).when(create(&[company()])).refused("activity.unknown_record");
    assert_eq!(kind, ErrorKind::Invalid);
    let note = given::<Activity>([]).when(create(&records())).then([created(ActivityKind::Note, records())]).state();
    let references = [Reference::new("company", company().id), Reference::new("contact", Uuid::from_u128(1))];
    assert_eq!(note.references(), references);
    // What it was about already need not be there any more.
    let to = |seen: &[RecordRef]| {
        let seen = seen.iter().copied().collect();
        change(ActivityChange { about: Some(records()), seen, ..ActivityChange::default() })
    };
    given::<Activity>([task()]).when(to(&[company()])).refused("activity.unknown_record");
    let changed = AboutChanged { about: records(), before: about() };
    given::<Activity>([task()]).when(to(&[contact(1)])).then([changed]);
}

#[test]
fn it_is_about_the_record_that_took_another_in() {
    let note = |about| given::<Activity>([created(ActivityKind::Note, about)]);
    let replace = |record, by: u128| ReplaceRecord { record, by: Uuid::from_u128(by) };
    let changed = |about, before| AboutChanged { about, before };
    let before = || vec![company(), contact(1), contact(3)];
    let after = note(before()).when(replace(contact(1), 2));
    let after = after.then([changed(vec![company(), contact(2), contact(3)], before())]);
    after.when(replace(contact(1), 2)).then_nothing();
    let once = note(before()).when(replace(contact(1), 3)).then([changed(vec![company(), contact(3)], before())]);
    let words = once.state().profile.subject;
    assert_eq!(words.person(), Some(Uuid::from_u128(1)), "what was said stays with whom it was about");
    note(before()).when(replace(contact(1), 1)).then_nothing();
    let other = RecordRef { id: Uuid::from_u128(1), ..company() };
    note(before()).when(replace(other, 2)).then_nothing();
    // What is deleted may be restored, what is erased may not.
    let gone = |event| given::<Activity>([task(), event]);
    let moved = vec![RecordRef { id: Uuid::from_u128(2), ..company() }];
    gone(Deleted { about: about() }).when(replace(company(), 2)).then([changed(moved, about())]);
    gone(Erased { about: about() }).when(replace(company(), 2)).then_nothing();
    given::<Activity>([]).when(replace(company(), 2)).refused("activity.not_found");
}
