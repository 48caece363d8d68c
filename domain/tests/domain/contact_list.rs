//! A contact list's commands, one by one, in every state.

use fairlead_domain::{
    crm::{
        ContactList, ContactListChange,
        ContactListCommand::{self, Change, Create, Delete, Restore},
        ContactListEvent::{self, Created, Deleted, Described, OwnerChanged, ProjectChanged, Renamed, Restored},
        ContactListProfile,
    },
    kernel::{Aggregate, ErrorKind, Patch, UniqueKey, testing::given},
    values::Description,
};
use uuid::Uuid;

use crate::samples::label;

fn profile() -> ContactListProfile {
    ContactListProfile { name: label("First"), description: None, owner_id: None, project_id: None }
}

fn created() -> ContactListEvent {
    Created(profile())
}

fn rename(text: &str) -> ContactListCommand {
    Change(ContactListChange { name: Some(label(text)), ..ContactListChange::default() })
}

#[test]
fn only_creating_begins_one() {
    let contact_list = given::<ContactList>([]).when(Create(profile())).then([created()]).state();
    assert_eq!(contact_list, ContactList { profile: profile(), deleted: false });
    for command in [rename("Second"), Delete, Restore] {
        assert_eq!(given::<ContactList>([]).when(command).refused("contact_list.not_found"), ErrorKind::NotFound);
    }
    for event in [Renamed { name: label("Second") }, Deleted {}, Restored {}] {
        assert_eq!(ContactList::init(&event), None);
    }
}

#[test]
fn a_change_is_an_event_for_each_thing_that_differs() {
    let (description, owner) = (Description::new("Why").unwrap(), Uuid::from_u128(1).into());
    let project = Uuid::from_u128(2).into();
    let everything = ContactListChange {
        name: Some(label("Second")),
        description: Patch::Set(Some(description.clone())),
        owner_id: Patch::Set(Some(owner)),
        project_id: Patch::Set(Some(project)),
    };
    given::<ContactList>([created()])
        .when(Change(everything.clone()))
        .then([
            Renamed { name: label("Second") },
            Described { description: Some(description) },
            OwnerChanged { owner_id: Some(owner) },
            ProjectChanged { project_id: Some(project) },
        ])
        .when(Change(everything))
        .then_nothing();
    let nothing = ContactListChange { description: Patch::Set(None), ..ContactListChange::default() };
    given::<ContactList>([created()]).when(Change(nothing)).then_nothing();
}

#[test]
fn a_deleted_one_can_only_be_restored() {
    let living = || given::<ContactList>([created()]);
    living().when(Create(profile())).refused("contact_list.already_exists");
    living().when(Restore).then_nothing();
    living().when(Delete).then([Deleted {}]).when(Delete).then_nothing();
    let deleted = || given::<ContactList>([created(), Deleted {}]);
    assert_eq!(deleted().when(rename("Second")).refused("contact_list.deleted"), ErrorKind::Conflict);
    deleted().when(Create(profile())).refused("contact_list.already_exists");
    deleted().when(Restore).then([Restored {}]).when(Restore).then_nothing();
}

#[test]
fn the_name_is_reserved_whatever_its_case_while_it_lives() {
    let contact_list = given::<ContactList>([created(), Renamed { name: label("SECOND É") }]).state();
    assert_eq!(contact_list.keys(), [UniqueKey::new("contact_list.name", "second é")]);
    assert!(!contact_list.is_deleted());
    assert!(given::<ContactList>([created(), Deleted {}]).state().is_deleted());
}
