//! Two contacts that are one person.

use fairlead_domain::{
    crm::{
        Channel, Consent, ConsentStatus, Contact, ContactCommand,
        ContactCommand::{Absorb, Delete, Erase, MergeInto, Restore, Tag},
        ContactEvent::{Absorbed, Erased, Merged},
        ContactProfile, Employment,
    },
    kernel::{Aggregate, DomainError, ErrorKind, testing::given},
    values::{LifecycleStage, Point, Points},
};

use crate::samples::{
    after, complete, created, created_complete, deleted, email, id, key, label, living, moment, name, named, phone,
    tags, value,
};

fn absorb(n: u128, profile: ContactProfile) -> ContactCommand {
    Absorb { contact_id: id(n), contact: Some(Box::new(living(profile))) }
}

fn consent(status: ConsentStatus, seconds: i64) -> Consent {
    Consent { status, at: moment(seconds) }
}

#[test]
fn what_one_lacks_is_taken_from_the_other_and_nothing_else() {
    let mut other = ContactProfile::named(name("A. Lima"));
    other.emails = Points::new(vec![
        Point { value: email("a.lima@example.com"), label: None, primary: true },
        Point { value: email("Ana@Example.com"), label: Some(label("old")), primary: false },
    ])
    .unwrap();
    other.phones = Points::one(phone("+12125550100"));
    other.job_title = Some(label("CTO").into());
    other.lifecycle_stage = Some(LifecycleStage::Customer);
    other.owner_id = Some(id(9));
    other.companies = [(id(5), Employment::default().into())].into();
    other.tags = tags(["old", "vip"]);
    other.attributes = [(key("budget"), value(1).into()), (key("shoe_size"), value(38).into())].into();
    other.consents =
        [(Channel::Email, consent(ConsentStatus::Withdrawn, 2)), (Channel::Phone, consent(ConsentStatus::Granted, 1))]
            .into();
    let mut own = complete();
    own.consents =
        [(Channel::Email, consent(ConsentStatus::Granted, 1)), (Channel::Phone, consent(ConsentStatus::Denied, 2))]
            .into();
    let mut expected = own.clone();
    expected.emails = Points::new(vec![
        Point { value: email("Ana@Example.com"), label: None, primary: true },
        Point { value: email("a.lima@example.com"), label: None, primary: false },
    ])
    .unwrap();
    expected.phones = Points::new(vec![
        Point { value: phone("+351211234567"), label: None, primary: true },
        Point { value: phone("+12125550100"), label: None, primary: false },
    ])
    .unwrap();
    expected.job_title = other.job_title.clone();
    expected.lifecycle_stage = Some(LifecycleStage::Customer);
    expected.companies = other.companies.clone();
    expected.tags = tags(["old", "vip"]);
    expected.attributes.insert(key("shoe_size"), value(38).into());
    // Of two answers of one person the later one counts.
    expected.consents.insert(Channel::Email, consent(ConsentStatus::Withdrawn, 2));
    let event = Absorbed { contact_ids: [id(6)].into(), profile: Box::new(expected.clone()) };
    let history = fairlead_domain::crm::ContactEvent::Created(Box::new(own));
    let winner = given::<Contact>([history]).when(absorb(6, other)).then([event]).state();
    assert_eq!((winner.profile, winner.absorbed), (expected, [id(6)].into()));
}

#[test]
fn what_was_part_of_the_other_is_part_of_this_one() {
    let mut other = living(named());
    other.absorbed = [id(8)].into();
    let command = Absorb { contact_id: id(6), contact: Some(Box::new(other)) };
    let winner: Contact = after([created()], command);
    assert_eq!(winner.absorbed, [id(6), id(8)].into());
    let absorbed = Absorbed { contact_ids: [id(6)].into(), profile: Box::new(named()) };
    given::<Contact>([created(), absorbed]).when(absorb(6, named())).then_nothing();
}

#[test]
fn nobody_is_part_of_themselves() {
    let itself = Absorb { contact_id: id(1), contact: None };
    let kind = given::<Contact>([created()]).when(itself).refused("contact.merged_with_itself");
    assert_eq!(kind, ErrorKind::Invalid);
}

#[test]
fn what_would_be_too_much_is_refused() {
    let mut other = living(named());
    other.absorbed = (10..510).map(id).collect();
    let command = Absorb { contact_id: id(6), contact: Some(Box::new(other)) };
    assert_eq!(given::<Contact>([created()]).when(command).refused("contact.too_many_absorbed"), ErrorKind::Invalid);
    let emails = |name: &str| {
        let point = |n| Point { value: email(&format!("{name}{n}@example.com")), label: None, primary: false };
        ContactProfile { emails: Points::new((0..11).map(point).collect()).unwrap(), ..named() }
    };
    let created = fairlead_domain::crm::ContactEvent::Created(Box::new(emails("a")));
    given::<Contact>([created]).when(absorb(6, emails("b"))).refused("points.too_many");
}

#[test]
fn a_merged_contact_keeps_what_is_known_and_takes_nothing_more() {
    let merged = || given::<Contact>([created_complete(), Merged { into: id(7) }]);
    let state = given::<Contact>([created_complete()]).when(MergeInto(id(7))).then([Merged { into: id(7) }]).state();
    assert_eq!((&state.profile, state.successor()), (&complete(), Some(id(7))));
    assert!(state.is_deleted() && !state.is_erased());
    merged().when(MergeInto(id(7))).then_nothing();
    for command in [MergeInto(id(8)), Delete, Restore, Tag(tags(["new"])), absorb(6, named())] {
        assert_eq!(merged().when(command).refused("contact.merged"), ErrorKind::Conflict);
    }
    let refusal = Contact::decide(Some(&state), Restore).unwrap_err();
    assert_eq!(
        (refusal.code(), refusal.to_string()),
        ("contact.merged", format!("the contact is part of {} now", state.successor().unwrap()))
    );
    // It is the person's wish that counts.
    let erased = merged().when(Erase).then([Erased {}]).state();
    assert!(erased.is_erased() && erased.profile.name.known().is_none() && erased.successor() == Some(id(7)));
    given::<Contact>([created(), deleted()]).when(MergeInto(id(7))).refused("contact.deleted");
}
