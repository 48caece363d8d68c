//! A contact list's commands, one by one, in every state.

use std::collections::BTreeSet;

use fairlead_domain::{
    crm::{
        ContactList, ContactListChange,
        ContactListCommand::{self, AddMembers, Change, Create, Delete, RemoveMembers, ReplaceMember, Restore},
        ContactListError,
        ContactListEvent::{
            self, Created, Deleted, Described, MemberReplaced, MembersAdded, MembersRemoved, OwnerChanged,
            ProjectChanged, Renamed, Restored,
        },
        ContactListProfile, MAX_MEMBERS, MEMBERS_OF_EVENT,
    },
    ids::ContactId,
    kernel::{Aggregate, ErrorKind, Patch, Reference, Referral, UniqueKey, testing::given},
    values::Description,
};
use uuid::Uuid;

use crate::samples::{id, ids, label};

fn profile() -> ContactListProfile {
    ContactListProfile { name: label("First"), description: None, owner_id: None, project_id: None }
}

fn created() -> ContactListEvent {
    Created(profile())
}

fn rename(text: &str) -> ContactListCommand {
    Change(ContactListChange { name: Some(label(text)), ..ContactListChange::default() })
}

/// Adds so many who were seen.
fn add(count: u128) -> ContactListCommand {
    AddMembers { contact_ids: ids(count), seen: ids(count) }
}

fn replace(loser: u128, winner: u128) -> ContactListCommand {
    ReplaceMember { loser: id(loser), winner: id(winner) }
}

#[test]
fn only_creating_begins_one() {
    let contact_list = given::<ContactList>([]).when(Create(profile())).then([created()]).state();
    assert_eq!(contact_list, ContactList { profile: profile(), deleted: false });
    let commands = [rename("Second"), add(1), RemoveMembers(ids(1)), replace(1, 2), Delete, Restore];
    for command in commands {
        assert_eq!(given::<ContactList>([]).when(command).refused("contact_list.not_found"), ErrorKind::NotFound);
    }
    for event in [Renamed { name: label("Second") }, MembersAdded { contact_ids: ids(1) }, Deleted {}, Restored {}] {
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
    for command in [rename("Second"), add(1), RemoveMembers(ids(1))] {
        assert_eq!(deleted().when(command).refused("contact_list.deleted"), ErrorKind::Conflict);
    }
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

#[test]
fn members_are_told_once_more_since_events_alone_know_them() {
    let added = || MembersAdded { contact_ids: ids(2) };
    let removed = || MembersRemoved { contact_ids: ids(2) };
    let living = || given::<ContactList>([created()]);
    living().when(add(2)).then([added()]).when(add(2)).then([added()]).when(RemoveMembers(ids(2))).then([removed()]);
    living().when(RemoveMembers(ids(2))).then([removed()]);
    for command in [add(0), RemoveMembers(BTreeSet::new()), replace(1, 1)] {
        living().when(command).then_nothing();
    }
    let changed = given::<ContactList>([created(), added(), removed()]).state();
    assert_eq!(changed, living().state(), "the state does not grow");
}

#[test]
fn many_members_are_told_by_several_events_in_order() {
    let count = MEMBERS_OF_EVENT as u128;
    let part = |n: u128, of: u128| (n * count + 1..=of).map(id).collect::<BTreeSet<ContactId>>();
    let parts = || [part(0, count), part(1, 2 * count), part(2, 2 * count + 1)];
    let living = || given::<ContactList>([created()]);
    living().when(add(2 * count + 1)).then(parts().map(|contact_ids| MembersAdded { contact_ids }));
    let removed = parts().map(|contact_ids| MembersRemoved { contact_ids });
    living().when(RemoveMembers(ids(2 * count + 1))).then(removed);
    living().when(add(count)).then([MembersAdded { contact_ids: ids(count) }]);
    let most = MAX_MEMBERS as u128;
    for command in [add(most + 1), RemoveMembers(ids(most + 1))] {
        assert_eq!(living().when(command).refused("contact_list.too_many_members"), ErrorKind::Invalid);
    }
    living().when(add(most));
}

#[test]
fn who_was_not_seen_is_not_added() {
    let command = AddMembers { contact_ids: ids(4), seen: [id(1), id(3), id(9)].into() };
    let kind = given::<ContactList>([created()]).when(command).refused("contact_list.unknown_contacts");
    assert_eq!(kind, ErrorKind::Invalid);
    let told = ContactListError::UnknownContacts { count: 2, first: id(2) }.to_string();
    let expected = "2 of the contacts can't be added, since they are not there; the first is \
                    00000000-0000-0000-0000-000000000002";
    assert_eq!(told, expected);
}

#[test]
fn a_merged_member_is_replaced_though_the_list_is_deleted() {
    let replaced = || MemberReplaced { loser_id: id(1), winner_id: id(2) };
    given::<ContactList>([created()]).when(replace(1, 2)).then([replaced()]);
    given::<ContactList>([created(), Deleted {}])
        .when(replace(1, 2))
        .then([replaced()])
        .when(replace(2, 2))
        .then_nothing();
}

#[test]
fn events_tell_who_is_on_it() {
    let contact = |n| Reference::new("contact", id::<ContactId>(n));
    let told = |event| ContactList::referrals(&event);
    assert_eq!(told(MembersAdded { contact_ids: ids(2) }), [1, 2].map(|n| Referral::Begins(contact(n))));
    assert_eq!(told(MembersRemoved { contact_ids: ids(2) }), [1, 2].map(|n| Referral::Ends(contact(n))));
    let replaced = MemberReplaced { loser_id: id(1), winner_id: id(2) };
    assert_eq!(told(replaced), [Referral::Ends(contact(1)), Referral::Begins(contact(2))]);
    assert_eq!(told(Deleted {}), []);
}
