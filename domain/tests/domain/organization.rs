//! An organization's commands, one by one, in every state.

use fairlead_domain::{
    identity::{
        Organization,
        OrganizationCommand::{self, AddOwner, Close, Purge, Register, RemoveOwner, Rename, Reopen, Resume, Suspend},
        OrganizationEvent::{
            self, Closed, OwnerAdded, OwnerRemoved, Purged, Registered, Renamed, Reopened, Resumed, Suspended,
        },
        OrganizationStatus,
    },
    kernel::{Aggregate, ErrorKind, testing::given},
    values::Description,
};

use crate::samples::{id, ids, label, moment};

fn registered() -> OrganizationEvent {
    Registered { name: label("Lima"), owner: id(1) }
}

fn reason(text: &str) -> Option<Description> {
    Some(Description::new(text).unwrap())
}

fn suspended() -> OrganizationEvent {
    Suspended { reason: reason("unpaid") }
}

fn closed() -> OrganizationEvent {
    Closed { at: moment(1) }
}

/// One of each command, such that it would change an active organization where one can, and what it comes to in each
/// state: active, suspended, closed, closed while suspended, purged.
type Outcome = Result<Vec<OrganizationEvent>, &'static str>;

fn table() -> Vec<(OrganizationCommand, [Outcome; 5])> {
    let barred = || {
        [
            Err("organization.suspended"),
            Err("organization.closed"),
            Err("organization.closed"),
            Err("organization.purged"),
        ]
    };
    let only_active = |event: OrganizationEvent| {
        let [suspended, closed, both, purged] = barred();
        [Ok(vec![event]), suspended, closed, both, purged]
    };
    let gone = || Err("organization.purged");
    let exists = || Err("organization.already_exists");
    vec![
        (Register { name: label("Lima"), owner: id(1) }, [exists(), exists(), exists(), exists(), exists()]),
        (Rename { name: label("Bo") }, only_active(Renamed { name: label("Bo") })),
        (AddOwner(id(9)), only_active(OwnerAdded { owner: id(9) })),
        (RemoveOwner(id(2)), only_active(OwnerRemoved { owner: id(2) })),
        (
            Suspend { reason: reason("unpaid") },
            [Ok(vec![suspended()]), Ok(vec![]), Err("organization.closed"), Err("organization.closed"), gone()],
        ),
        (Resume, [Ok(vec![]), Ok(vec![Resumed {}]), Ok(vec![]), Ok(vec![Resumed {}]), gone()]),
        (Close { at: moment(1) }, [Ok(vec![closed()]), Ok(vec![closed()]), Ok(vec![]), Ok(vec![]), gone()]),
        (Reopen, [Ok(vec![]), Ok(vec![]), Ok(vec![Reopened {}]), Ok(vec![Reopened {}]), gone()]),
        (
            Purge,
            [
                Err("organization.not_closed"),
                Err("organization.not_closed"),
                Ok(vec![Purged {}]),
                Ok(vec![Purged {}]),
                Ok(vec![]),
            ],
        ),
    ]
}

#[test]
fn what_each_command_comes_to_in_each_state() {
    for (command, outcomes) in table() {
        let shared = || vec![registered(), OwnerAdded { owner: id(2) }];
        let histories =
            [vec![], vec![suspended()], vec![closed()], vec![suspended(), closed()], vec![closed(), Purged {}]];
        for (history, outcome) in histories.into_iter().zip(outcomes) {
            let decision = given::<Organization>(shared().into_iter().chain(history)).when(command.clone());
            match outcome {
                Ok(events) => drop(decision.then(events)),
                Err(code) => assert_eq!(decision.refused(code), ErrorKind::Conflict),
            }
        }
    }
}

#[test]
fn only_registering_begins_an_organization() {
    for (command, _) in table().into_iter().skip(1) {
        assert_eq!(given::<Organization>([]).when(command).refused("organization.not_found"), ErrorKind::NotFound);
    }
    let begun = given::<Organization>([]).when(Register { name: label("Lima"), owner: id(1) }).then([registered()]);
    let organization = begun.state();
    assert_eq!((organization.name, organization.owners), (label("Lima"), ids(1)));
    for event in [suspended(), closed(), Reopened {}, Purged {}, OwnerAdded { owner: id(1) }] {
        assert_eq!(Organization::init(&event), None);
    }
}

#[test]
fn what_is_so_already_is_no_event() {
    for command in [Rename { name: label("Lima") }, AddOwner(id(1)), RemoveOwner(id(9)), Resume, Reopen] {
        given::<Organization>([registered()]).when(command).then_nothing();
    }
}

#[test]
fn the_last_owner_stays() {
    let kind = given::<Organization>([registered()]).when(RemoveOwner(id(1))).refused("organization.last_owner");
    assert_eq!(kind, ErrorKind::Conflict);
    given::<Organization>([registered()])
        .when(AddOwner(id(2)))
        .then([OwnerAdded { owner: id(2) }])
        .when(RemoveOwner(id(1)))
        .then([OwnerRemoved { owner: id(1) }])
        .when(RemoveOwner(id(2)))
        .refused("organization.last_owner");
}

#[test]
fn an_organization_has_a_hundred_owners_and_no_more() {
    let full = || [registered()].into_iter().chain((2..=100).map(|n| OwnerAdded { owner: id(n) }));
    assert_eq!(given::<Organization>(full()).state().owners.len(), 100);
    let kind = given::<Organization>(full()).when(AddOwner(id(101))).refused("organization.too_many_owners");
    assert_eq!(kind, ErrorKind::Invalid);
    given::<Organization>(full()).when(AddOwner(id(100))).then_nothing();
}

#[test]
fn another_reason_is_told_and_the_same_is_not() {
    let given = || given::<Organization>([registered(), suspended()]);
    for other in [reason("abuse"), None] {
        given().when(Suspend { reason: other.clone() }).then([Suspended { reason: other }]);
    }
    given().when(Suspend { reason: reason("unpaid") }).then_nothing();
}

#[test]
fn closing_and_reopening_do_not_end_a_suspension() {
    let reopened =
        given::<Organization>([registered(), suspended(), closed()]).when(Reopen).then([Reopened {}]).state();
    assert_eq!(reopened.status(), OrganizationStatus::Suspended);
    let resumed = given::<Organization>([registered(), suspended(), closed(), Resumed {}]).state();
    assert_eq!(resumed.status(), OrganizationStatus::Closed);
    assert!(!resumed.is_deleted());
}

#[test]
fn what_was_purged_counts_as_deleted() {
    let purged = given::<Organization>([registered(), closed(), Purged {}]).state();
    assert_eq!(purged.status(), OrganizationStatus::Purged);
    assert!(purged.is_deleted() && !purged.is_erased() && purged.keys().is_empty());
}
