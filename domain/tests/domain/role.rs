//! A role's commands, one by one, in every state; and how roles are named.

use std::collections::BTreeSet;

use fairlead_domain::{
    identity::{
        BuiltInRole, Role, RoleChange,
        RoleCommand::{self, Change, Define, Delete, Restore},
        RoleEvent::{self, Defined, Deleted, Described, GrantsChanged, InheritanceChanged, Renamed, Restored},
        RoleProfile, RoleRef,
    },
    ids::RoleId,
    kernel::{Aggregate, ErrorKind, Patch, UniqueKey, testing::given},
    values::{Description, Grant, Over, Permission},
};

use crate::samples::{id, ids, label};

fn grants(count: usize) -> BTreeSet<Grant> {
    let grant = |n| Grant { permission: Permission::new(&format!("r{n}:read")).unwrap(), over: Over::All };
    (0..count).map(grant).collect()
}

fn custom(count: u128) -> BTreeSet<RoleRef> {
    ids::<RoleId>(count).into_iter().map(RoleRef::from).collect()
}

fn description() -> Description {
    Description::new("Who sells").unwrap()
}

fn sales() -> RoleProfile {
    RoleProfile {
        name: label("Sales"),
        description: Some(description()),
        grants: grants(2),
        inherits: [BuiltInRole::Viewer.into()].into(),
    }
}

fn define(profile: RoleProfile) -> RoleCommand {
    Define { id: id(99), profile: Box::new(profile) }
}

fn defined() -> RoleEvent {
    Defined(Box::new(sales()))
}

fn change(change: RoleChange) -> RoleCommand {
    Change { id: id(99), change: Box::new(change) }
}

fn rename(text: &str) -> RoleCommand {
    change(RoleChange { name: Some(label(text)), ..RoleChange::default() })
}

#[test]
fn only_defining_begins_a_role() {
    let state = given::<Role>([]).when(define(sales())).then([defined()]).state();
    assert_eq!(state, Role { profile: sales(), deleted: false });
    for command in [rename("Buying"), Delete, Restore] {
        assert_eq!(given::<Role>([]).when(command).refused("role.not_found"), ErrorKind::NotFound);
    }
    for event in [Renamed { name: label("Sales") }, Deleted {}, Restored {}] {
        assert_eq!(Role::init(&event), None);
    }
}

#[test]
fn each_thing_that_differs_is_one_event() {
    let keep = RoleChange::default;
    for (wanted, event) in [
        (RoleChange { name: Some(label("sales")), ..keep() }, Renamed { name: label("sales") }),
        (RoleChange { description: Patch::Set(None), ..keep() }, Described { description: None }),
        (RoleChange { grants: Some(grants(0)), ..keep() }, GrantsChanged { grants: grants(0) }),
        (RoleChange { inherits: Some(custom(3)), ..keep() }, InheritanceChanged { inherits: custom(3) }),
    ] {
        given::<Role>([defined()]).when(change(wanted.clone())).then([event]).when(change(wanted)).then_nothing();
    }
    let everything = RoleChange {
        name: Some(label("Buying")),
        description: Patch::Set(None),
        grants: Some(grants(1)),
        inherits: Some(custom(1)),
    };
    let state = given::<Role>([defined()])
        .when(change(everything))
        .then([
            Renamed { name: label("Buying") },
            Described { description: None },
            GrantsChanged { grants: grants(1) },
            InheritanceChanged { inherits: custom(1) },
        ])
        .state();
    let expected = RoleProfile { name: label("Buying"), description: None, grants: grants(1), inherits: custom(1) };
    assert_eq!(state.profile, expected);
}

#[test]
fn what_is_so_already_is_no_event() {
    let same = RoleChange {
        name: Some(label("Sales")),
        description: Patch::Set(Some(description())),
        grants: Some(grants(2)),
        inherits: Some(sales().inherits),
    };
    for wanted in [same, RoleChange::default()] {
        given::<Role>([defined()]).when(change(wanted)).then_nothing();
    }
    given::<Role>([defined()]).when(Restore).then_nothing();
    given::<Role>([defined()]).when(Delete).then([Deleted {}]).when(Delete).then_nothing();
}

#[test]
fn what_exists_is_not_defined_again_and_what_is_deleted_can_only_be_restored() {
    for history in [vec![defined()], vec![defined(), Deleted {}]] {
        assert_eq!(given::<Role>(history).when(define(sales())).refused("role.already_exists"), ErrorKind::Conflict);
    }
    let deleted = || given::<Role>([defined(), Deleted {}]);
    assert_eq!(deleted().when(rename("Buying")).refused("role.deleted"), ErrorKind::Conflict);
    let restored = deleted().when(Restore).then([Restored {}]);
    assert_eq!(restored.state(), Role { profile: sales(), deleted: false });
}

#[test]
fn a_role_breaks_no_rule_when_it_is_defined_nor_when_it_is_changed() {
    let inheriting = |role: RoleRef| RoleProfile { inherits: [role].into(), ..sales() };
    for (profile, code) in [
        (RoleProfile { name: label("Owner"), ..sales() }, "role.name_reserved"),
        (RoleProfile { name: label("viewer"), ..sales() }, "role.name_reserved"),
        (inheriting(id::<RoleId>(99).into()), "role.inherits_itself"),
        (inheriting(RoleRef::OWNER), "role.inherits_owner"),
        (RoleProfile { grants: grants(201), ..sales() }, "role.too_many_grants"),
        (RoleProfile { inherits: custom(11), ..sales() }, "role.too_many_inherited"),
    ] {
        assert_eq!(given::<Role>([]).when(define(profile.clone())).refused(code), ErrorKind::Invalid);
        let wanted = RoleChange {
            name: Some(profile.name),
            description: Patch::Keep,
            grants: Some(profile.grants),
            inherits: Some(profile.inherits),
        };
        assert_eq!(given::<Role>([defined()]).when(change(wanted)).refused(code), ErrorKind::Invalid);
    }
    let full = RoleProfile { grants: grants(200), inherits: custom(10), ..sales() };
    given::<Role>([]).when(define(full.clone())).then([Defined(Box::new(full))]);
}

#[test]
fn a_name_is_reserved_whatever_its_case() {
    let role = given::<Role>([Defined(Box::new(RoleProfile { name: label("SALES"), ..sales() }))]).state();
    assert_eq!(role.keys(), [UniqueKey::new("role.name", "sales")]);
}

#[test]
fn a_role_is_referred_to_by_its_name_or_its_id() {
    for role in BuiltInRole::ALL {
        assert_eq!(role.name().parse(), Ok(RoleRef::from(role)));
        assert_eq!(serde_json::to_value(RoleRef::from(role)).unwrap(), role.name());
        assert_eq!(serde_json::to_value(role).unwrap(), role.name());
    }
    let text = "01890a5d-ac96-774b-bcce-b302099a8057";
    let role: RoleRef = text.parse().unwrap();
    assert_eq!(role, RoleRef::Custom(text.parse().unwrap()));
    assert_eq!(serde_json::from_value::<RoleRef>(serde_json::to_value(role).unwrap()).unwrap(), role);
    for broken in ["", "Owner", "boss", &text[1..]] {
        assert_eq!(broken.parse::<RoleRef>().unwrap_err().code, "role.invalid", "{broken:?}");
        assert!(serde_json::from_value::<RoleRef>(broken.into()).is_err());
    }
}
