//! A contact's commands, one by one, in every state.

use fairlead_domain::{
    crm::{
        Contact, ContactChange,
        ContactCommand::{self, Absorb, Delete, Erase, LinkCompany, MergeInto, Restore, Tag, UnlinkCompany, Untag},
        ContactError,
        ContactEvent::{
            self, AddressChanged, Created, EmailChanged, OwnerChanged, PhoneChanged, ProjectChanged, Renamed, Tagged,
            Untagged,
        },
        ContactProfile, Employment, PointsChange,
    },
    kernel::{Aggregate, DomainError, ErrorKind, Patch, Personal, UniqueKey, testing::given},
    values::Points,
};

use crate::samples::{
    address, change, complete, create, created, created_complete, deleted, email, email_erased, erased, id, living,
    many_tags, name, named, phone, restored, tag, tagged, tags, untagged,
};

/// One of each command, such that it would change a living contact.
fn everything_but_creation() -> Vec<(&'static str, ContactCommand)> {
    let rename = ContactChange { name: Some(name("Bo")), ..ContactChange::default() };
    vec![
        ("change", change(rename)),
        ("link", LinkCompany { company_id: id(5), employment: Employment::default(), seen: true }),
        ("unlink", UnlinkCompany(id(4))),
        ("absorb", Absorb { contact_id: id(6), contact: Some(Box::new(living(named()))) }),
        ("merge", MergeInto(id(7))),
        ("tag", Tag(tags(["new"]))),
        ("untag", Untag(tags(["vip"]))),
        ("delete", Delete),
        ("restore", Restore),
        ("erase", Erase),
    ]
}

// Creating

#[test]
fn creating_tells_everything_that_is_known() {
    for profile in [named(), complete()] {
        let contact =
            given::<Contact>([]).when(create(profile.clone())).then([Created(Box::new(profile.clone()))]).state();
        assert_eq!(contact, living(profile));
    }
}

#[test]
fn what_exists_is_not_created_again() {
    for history in [vec![created()], vec![created(), deleted()], vec![created(), deleted(), restored()]] {
        let kind = given::<Contact>(history).when(create(named())).refused("contact.already_exists");
        assert_eq!(kind, ErrorKind::Conflict);
    }
}

#[test]
fn what_does_not_exist_takes_no_command_but_creation() {
    for (what, command) in everything_but_creation() {
        let kind = given::<Contact>([]).when(command).refused("contact.not_found");
        assert_eq!(kind, ErrorKind::NotFound, "{what}");
    }
}

#[test]
fn only_a_creation_begins_a_stream() {
    for event in [deleted(), restored(), tagged("vip"), email_erased()] {
        assert_eq!(Contact::init(&event), None, "{event:?}");
    }
    assert!(Contact::init(&created()).is_some());
}

// Changing

#[test]
fn each_thing_that_differs_is_one_event() {
    let keep = ContactChange::default;
    let cases = [
        (ContactChange { name: Some(name("Bo")), ..keep() }, Renamed { name: name("Bo").into() }),
        (
            ContactChange { emails: PointsChange::Primary(Some(email("bo@example.com"))), ..keep() },
            EmailChanged { emails: Points::one(email("bo@example.com")) },
        ),
        (ContactChange { emails: PointsChange::Primary(None), ..keep() }, EmailChanged { emails: Points::default() }),
        (
            ContactChange { phones: PointsChange::Primary(Some(phone("+12125550100"))), ..keep() },
            PhoneChanged { phones: Points::one(phone("+12125550100")) },
        ),
        (ContactChange { phones: PointsChange::Primary(None), ..keep() }, PhoneChanged { phones: Points::default() }),
        (
            ContactChange { addresses: PointsChange::Primary(Some(address("Porto"))), ..keep() },
            AddressChanged { addresses: Points::one(address("Porto")) },
        ),
        (
            ContactChange { addresses: PointsChange::Primary(None), ..keep() },
            AddressChanged { addresses: Points::default() },
        ),
        (ContactChange { owner_id: Patch::Set(Some(id(9))), ..keep() }, OwnerChanged { owner_id: Some(id(9)) }),
        (ContactChange { owner_id: Patch::Set(None), ..keep() }, OwnerChanged { owner_id: None }),
        (ContactChange { project_id: Patch::Set(Some(id(9))), ..keep() }, ProjectChanged { project_id: Some(id(9)) }),
        (ContactChange { project_id: Patch::Set(None), ..keep() }, ProjectChanged { project_id: None }),
    ];
    for (wanted, event) in cases {
        let after = given::<Contact>([created_complete()]).when(change(wanted.clone())).then([event]);
        after.when(change(wanted)).then_nothing();
    }
}

#[test]
fn several_things_that_differ_are_several_events_and_the_state_shows_them_all() {
    let wanted = ContactChange {
        name: Some(name("Bo")),
        emails: PointsChange::Primary(Some(email("bo@example.com"))),
        phones: PointsChange::Primary(None),
        addresses: PointsChange::Primary(Some(address("Porto"))),
        owner_id: Patch::Set(None),
        project_id: Patch::Set(Some(id(9))),
        ..ContactChange::default()
    };
    let contact = given::<Contact>([created_complete()])
        .when(change(wanted))
        .then([
            Renamed { name: name("Bo").into() },
            EmailChanged { emails: Points::one(email("bo@example.com")) },
            PhoneChanged { phones: Points::default() },
            AddressChanged { addresses: Points::one(address("Porto")) },
            OwnerChanged { owner_id: None },
            ProjectChanged { project_id: Some(id(9)) },
        ])
        .state();
    let mut expected = complete();
    expected.name = name("Bo").into();
    expected.emails = Points::one(email("bo@example.com"));
    expected.phones = Points::default();
    expected.addresses = Points::one(address("Porto"));
    expected.owner_id = None;
    expected.project_id = Some(id(9));
    assert_eq!(contact, living(expected));
}

#[test]
fn what_is_named_but_already_so_is_no_event() {
    let same = ContactChange {
        name: Some(name("Ana")),
        emails: PointsChange::Primary(Some(email("Ana@Example.com"))),
        phones: PointsChange::Primary(Some(phone("+351 21 123 4567"))),
        addresses: PointsChange::Primary(Some(address("Lisboa"))),
        owner_id: Patch::Set(Some(id(1))),
        project_id: Patch::Set(Some(id(2))),
        ..ContactChange::default()
    };
    given::<Contact>([created_complete()]).when(change(same)).then_nothing();
    let absent = ContactChange {
        emails: PointsChange::Primary(None),
        phones: PointsChange::Primary(None),
        addresses: PointsChange::Primary(None),
        owner_id: Patch::Set(None),
        project_id: Patch::Set(None),
        ..ContactChange::default()
    };
    given::<Contact>([created()]).when(change(absent)).then_nothing();
}

#[test]
fn an_empty_change_changes_nothing() {
    for event in [created(), created_complete()] {
        given::<Contact>([event]).when(change(ContactChange::default())).then_nothing();
    }
}

#[test]
fn an_email_in_other_case_is_a_change_of_its_spelling() {
    let lower = email("ana@example.com");
    let wanted = ContactChange { emails: PointsChange::Primary(Some(lower.clone())), ..ContactChange::default() };
    let event = EmailChanged { emails: Points::one(lower) };
    given::<Contact>([created_complete()]).when(change(wanted)).then([event]);
}

#[test]
fn an_erased_value_can_be_given_again_and_is_removed_already() {
    let give = |email| change(ContactChange { emails: PointsChange::Primary(email), ..ContactChange::default() });
    let given_again = || given::<Contact>([created_complete(), email_erased()]);
    let event = EmailChanged { emails: Points::one(email("Ana@Example.com")) };
    given_again().when(give(Some(email("Ana@Example.com")))).then([event]);
    given_again().when(give(None)).then_nothing();
}

// Labels

#[test]
fn each_new_label_is_one_event() {
    let contact = given::<Contact>([created_complete()])
        .when(Tag(tags(["vip", "b", "a"])))
        .then([Tagged { tags: tags(["a", "b"]) }])
        .state();
    assert_eq!(contact.profile.tags, tags(["a", "b", "vip"]));
}

#[test]
fn labels_that_are_on_are_not_put_on_again() {
    for wanted in [tags(["vip"]), tags([])] {
        given::<Contact>([created_complete()]).when(Tag(wanted)).then_nothing();
    }
}

#[test]
fn each_label_taken_off_is_one_event() {
    let contact = given::<Contact>([created_complete(), tagged("a"), tagged("b")])
        .when(Untag(tags(["vip", "b", "never-there"])))
        .then([Untagged { tags: tags(["b", "vip"]) }])
        .state();
    assert_eq!(contact.profile.tags, tags(["a"]));
}

#[test]
fn labels_that_are_off_are_not_taken_off_again() {
    for wanted in [tags(["a"]), tags([])] {
        given::<Contact>([created_complete()]).when(Untag(wanted)).then_nothing();
    }
}

#[test]
fn a_contact_carries_a_hundred_labels_and_no_more() {
    let mut profile = named();
    profile.tags = many_tags(101);
    let kind = given::<Contact>([]).when(create(profile.clone())).refused("contact.too_many_tags");
    assert_eq!(kind, ErrorKind::Invalid);

    profile.tags = many_tags(100);
    let full = given::<Contact>([]).when(create(profile.clone())).then([Created(Box::new(profile.clone()))]);
    full.when(Tag(tags(["one-more"]))).refused("contact.too_many_tags");

    let full = || given::<Contact>([Created(Box::new(profile.clone()))]);
    full().when(Tag(many_tags(100))).then_nothing();
    full().when(Tag(many_tags(101))).refused("contact.too_many_tags");
    full().when(Untag([tag("t0")].into())).then([untagged("t0")]).when(Tag(tags(["x"]))).then([tagged("x")]);
}

// Deleting and restoring

#[test]
fn deleting_is_one_event_and_repeating_it_none() {
    given::<Contact>([created()]).when(Delete).then([deleted()]).when(Delete).then_nothing();
}

#[test]
fn restoring_is_one_event_and_repeating_it_none() {
    let contact = given::<Contact>([created_complete(), deleted()]).when(Restore).then([restored()]);
    contact.when(Restore).then_nothing();
}

#[test]
fn what_was_never_deleted_needs_no_restoration() {
    given::<Contact>([created()]).when(Restore).then_nothing();
}

#[test]
fn deleting_and_restoring_lose_nothing() {
    let contact = given::<Contact>([created_complete(), deleted()]).state();
    assert_eq!(contact, Contact { deleted: true, ..living(complete()) });
    let contact = given::<Contact>([created_complete(), deleted(), restored()]).state();
    assert_eq!(contact, living(complete()));
}

#[test]
fn a_deleted_contact_takes_no_command_but_deletion_restoration_and_erasure() {
    for (what, command) in everything_but_creation() {
        let decision = given::<Contact>([created_complete(), deleted()]).when(command);
        match what {
            "delete" => decision.then_nothing(),
            "restore" => drop(decision.then([restored()])),
            "erase" => drop(decision.then([erased()])),
            _ => assert_eq!(decision.refused("contact.deleted"), ErrorKind::Conflict, "{what}"),
        }
    }
    // Not even one that would change nothing.
    let deleted_contact = || given::<Contact>([created_complete(), deleted()]);
    deleted_contact().when(change(ContactChange::default())).refused("contact.deleted");
    deleted_contact().when(Tag(tags(["vip"]))).refused("contact.deleted");
    deleted_contact().when(Untag(tags(["none"]))).refused("contact.deleted");
}

#[test]
fn a_restored_contact_takes_commands_again() {
    let history = [created_complete(), deleted(), restored()];
    given::<Contact>(history).when(Tag(tags(["back"]))).then([tagged("back")]);
}

// Erasing

#[test]
fn erasing_leaves_a_shell_and_repeating_it_is_nothing() {
    for history in [vec![created_complete()], vec![created_complete(), tagged("a"), deleted()]] {
        let was_deleted = history.len() > 1;
        let contact = given::<Contact>(history).when(Erase).then([erased()]);
        contact.when(Erase).then_nothing();
        let state = given::<Contact>([created_complete(), erased()]).state();
        let shell = ContactProfile {
            name: Personal::Erased,
            owner_id: complete().owner_id,
            project_id: complete().project_id,
            ..named()
        };
        assert_eq!(state, Contact { erased: true, ..living(shell) });
        assert!(state.is_erased() && state.is_deleted() && state.keys().is_empty());
        assert!(was_deleted || serde_json::to_string(&state).unwrap().contains("\"erased\":true"));
    }
}

#[test]
fn an_erased_contact_takes_no_command_that_would_change_it() {
    for (what, command) in everything_but_creation() {
        let decision = given::<Contact>([created_complete(), deleted(), erased()]).when(command);
        match what {
            "delete" | "erase" => decision.then_nothing(),
            _ => assert_eq!(decision.refused("contact.erased"), ErrorKind::Conflict, "{what}"),
        }
    }
    given::<Contact>([created(), erased()]).when(create(named())).refused("contact.already_exists");
}

// Events of older versions

#[test]
fn an_event_of_one_label_reads_as_an_event_of_several() {
    for (event_type, event) in [("contact.tagged", tagged("vip")), ("contact.untagged", untagged("vip"))] {
        assert_eq!(Contact::schema_version(event_type), 2);
        let data = Contact::upcast(event_type, 1, serde_json::json!({ "tag": "vip" }));
        let lifted = serde_json::json!({ "type": event_type, "data": data });
        assert_eq!(serde_json::from_value::<ContactEvent>(lifted).unwrap(), event);
    }
    let erased = serde_json::json!({ "type": "contact.tagged", "data": { "tags": { "erased": true } } });
    assert_eq!(serde_json::from_value::<ContactEvent>(erased).unwrap(), Tagged { tags: tags([]) });
}

// Keys and refusals

#[test]
fn an_email_is_reserved_in_lower_case() {
    let keys = given::<Contact>([created_complete()]).state().keys();
    assert_eq!(keys, [UniqueKey::new("contact.email", "ana@example.com")]);
}

#[test]
fn without_a_known_email_nothing_is_reserved() {
    assert_eq!(given::<Contact>([created()]).state().keys(), []);
    assert_eq!(given::<Contact>([created_complete(), EmailChanged { emails: Points::default() }]).state().keys(), []);
    assert_eq!(given::<Contact>([created_complete(), email_erased()]).state().keys(), []);
}

#[test]
fn a_new_email_takes_the_place_of_the_old_one() {
    let event = EmailChanged { emails: Points::one(email("BO@example.com")) };
    let keys = given::<Contact>([created_complete(), event]).state().keys();
    assert_eq!(keys, [UniqueKey::new("contact.email", "bo@example.com")]);
}

#[test]
fn a_deleted_contact_says_so_and_a_restored_one_no_longer() {
    assert!(!given::<Contact>([created()]).state().is_deleted());
    assert!(given::<Contact>([created(), deleted()]).state().is_deleted());
    assert!(!given::<Contact>([created(), deleted(), restored()]).state().is_deleted());
}

#[test]
fn refusals_have_a_stable_code_and_say_what_to_do() {
    for (error, code, sentence) in [
        (ContactError::NotFound, "contact.not_found", "there is no such contact"),
        (ContactError::AlreadyExists, "contact.already_exists", "the contact exists already"),
        (ContactError::Deleted, "contact.deleted", "the contact is deleted; restore it first"),
        (ContactError::Erased, "contact.erased", "the contact was erased, for good"),
        (ContactError::TooManyTags, "contact.too_many_tags", "a contact carries 100 tags at most"),
    ] {
        assert_eq!((error.code(), error.to_string().as_str()), (code, sentence));
    }
}
