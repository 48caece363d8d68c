//! A key's commands, one by one, in every state; and which of its secrets work when.

use std::collections::BTreeSet;

use fairlead_domain::{
    identity::{
        ApiKey,
        ApiKeyCommand::{self, Issue, Rename, Revoke, Rotate},
        ApiKeyEvent::{self, Issued, Renamed, Revoked, Rotated},
        ApiKeyProfile, PreviousGeneration,
    },
    kernel::{Aggregate, ErrorKind, testing::given},
    values::Permission,
};

use crate::samples::{ids, label, moment};

fn permissions(count: usize) -> BTreeSet<Permission> {
    (0..count).map(|n| Permission::new(&format!("r{n}:read")).unwrap()).collect()
}

/// A key that works until the second 1000.
fn shop() -> ApiKeyProfile {
    ApiKeyProfile {
        name: label("Shop"),
        permissions: permissions(1),
        projects: None,
        expires_at: Some(moment(1_000)),
        issued_by: "user:1".to_owned(),
    }
}

fn issue(profile: ApiKeyProfile) -> ApiKeyCommand {
    Issue(Box::new(profile))
}

fn issued() -> ApiKeyEvent {
    Issued(Box::new(shop()))
}

fn rotate(at: i64, overlap_until: Option<i64>) -> ApiKeyCommand {
    Rotate { at: moment(at), overlap_until: overlap_until.map(moment) }
}

fn rotated(generation: u32, overlap_until: Option<i64>) -> ApiKeyEvent {
    Rotated { generation, overlap_until: overlap_until.map(moment) }
}

fn rename() -> ApiKeyCommand {
    Rename { name: label("Till") }
}

#[test]
fn only_issuing_begins_a_key() {
    let state = given::<ApiKey>([]).when(issue(shop())).then([issued()]).state();
    assert_eq!(state, ApiKey { profile: shop(), generation: 1, previous: None, revoked: false });
    for command in [rotate(1, None), rename(), Revoke] {
        assert_eq!(given::<ApiKey>([]).when(command).refused("api_key.not_found"), ErrorKind::NotFound);
    }
    for event in [rotated(2, None), Renamed { name: label("Till") }, Revoked {}] {
        assert_eq!(ApiKey::init(&event), None);
    }
}

#[test]
fn a_key_has_1_to_100_permissions_and_500_projects_at_most() {
    for (profile, code) in [
        (ApiKeyProfile { permissions: permissions(0), ..shop() }, "api_key.no_permission"),
        (ApiKeyProfile { permissions: permissions(101), ..shop() }, "api_key.too_many_permissions"),
        (ApiKeyProfile { projects: Some(ids(501)), ..shop() }, "api_key.too_many_projects"),
    ] {
        assert_eq!(given::<ApiKey>([]).when(issue(profile)).refused(code), ErrorKind::Invalid);
    }
    let full = ApiKeyProfile { permissions: permissions(100), projects: Some(ids(500)), ..shop() };
    given::<ApiKey>([]).when(issue(full.clone())).then([Issued(Box::new(full))]);
}

#[test]
fn a_living_key_is_renamed_rotated_and_revoked() {
    let living = || given::<ApiKey>([issued()]);
    assert_eq!(living().when(issue(shop())).refused("api_key.already_exists"), ErrorKind::Conflict);
    living().when(rename()).then([Renamed { name: label("Till") }]).when(rename()).then_nothing();
    let state = living().when(rotate(10, Some(20))).then([rotated(2, Some(20))]).state();
    let previous = PreviousGeneration { generation: 1, until: moment(20) };
    assert_eq!((state.generation, state.previous), (2, Some(previous)));
    living().when(Revoke).then([Revoked {}]).when(Revoke).then_nothing();
}

#[test]
fn each_rotation_is_another_secret() {
    given::<ApiKey>([issued()])
        .when(rotate(10, Some(20)))
        .then([rotated(2, Some(20))])
        .when(rotate(10, Some(20)))
        .then([rotated(3, Some(20))])
        .when(rotate(10, None))
        .then([rotated(4, None)]);
}

#[test]
fn an_overlap_that_is_over_is_none() {
    for over in [9, 10] {
        given::<ApiKey>([issued()]).when(rotate(10, Some(over))).then([rotated(2, None)]);
    }
}

#[test]
fn an_expired_key_is_not_rotated_but_can_be_revoked() {
    for late in [1_000, 1_001] {
        let kind = given::<ApiKey>([issued()]).when(rotate(late, None)).refused("api_key.expired");
        assert_eq!(kind, ErrorKind::Conflict);
    }
    given::<ApiKey>([issued()]).when(Revoke).then([Revoked {}]);
}

#[test]
fn nothing_brings_a_revoked_key_back() {
    let revoked = || given::<ApiKey>([issued(), rotated(2, Some(20)), Revoked {}]);
    assert!(revoked().state().is_deleted());
    assert_eq!(revoked().state().previous, None);
    revoked().when(issue(shop())).refused("api_key.already_exists");
    for command in [rename(), rotate(1, None)] {
        assert_eq!(revoked().when(command).refused("api_key.revoked"), ErrorKind::Conflict);
    }
}

#[test]
fn which_secret_works_when() {
    let once = [issued(), rotated(2, Some(20))];
    let twice = [issued(), rotated(2, Some(20)), rotated(3, Some(30))];
    let at_once = [issued(), rotated(2, Some(20)), rotated(3, None)];
    let revoked = [issued(), rotated(2, Some(20)), Revoked {}];
    for (history, generation, at, works) in [
        (&once[..1], 1, 0, true),
        (&once[..1], 1, 999, true),
        (&once[..1], 1, 1_000, false),
        (&once[..1], 0, 0, false),
        (&once[..1], 2, 0, false),
        (&once[..], 2, 10, true),
        (&once[..], 1, 19, true),
        (&once[..], 1, 20, false),
        (&once[..], 2, 1_000, false),
        (&twice[..], 3, 25, true),
        (&twice[..], 2, 25, true),
        (&twice[..], 2, 30, false),
        (&twice[..], 1, 15, false),
        (&at_once[..], 2, 15, false),
        (&at_once[..], 1, 15, false),
        (&revoked[..], 2, 10, false),
        (&revoked[..], 1, 10, false),
    ] {
        let key = given::<ApiKey>(history.iter().cloned()).state();
        assert_eq!(key.accepts(generation, moment(at)), works, "{generation} at {at} after {history:?}");
    }
    let lasting = given::<ApiKey>([Issued(Box::new(ApiKeyProfile { expires_at: None, ..shop() }))]).state();
    assert!(lasting.accepts(1, moment(i64::from(i32::MAX))));
}
