//! A membership's commands, one by one, in every state.

use std::collections::BTreeSet;

use fairlead_domain::{
    identity::{
        BuiltInRole, Membership,
        MembershipCommand::{self, Accept, ChangeRoles, Invite, Join, LimitToProjects, Remove},
        MembershipEvent::{self, Accepted, Invited, Joined, Limited, Removed, RolesChanged},
        MembershipProfile, MembershipStanding, RoleRef,
    },
    ids::RoleId,
    kernel::{Aggregate, ErrorKind, testing::given},
};
use serde_json::json;

use crate::samples::{id, ids, moment};

fn viewer() -> MembershipProfile {
    MembershipProfile { roles: [BuiltInRole::Viewer.into()].into(), projects: None }
}

fn editor() -> MembershipProfile {
    MembershipProfile { roles: [BuiltInRole::Editor.into()].into(), projects: Some(ids(2)) }
}

fn invite(profile: MembershipProfile) -> MembershipCommand {
    Invite { profile, invited_by: Some(id(1)), expires_at: moment(100) }
}

fn invited(number: u32, profile: MembershipProfile) -> MembershipEvent {
    Invited { number, profile, invited_by: Some(id(1)), expires_at: moment(100) }
}

fn accept(number: u32) -> MembershipCommand {
    Accept { number, at: moment(99) }
}

fn custom_roles(count: u128) -> BTreeSet<RoleRef> {
    ids::<RoleId>(count).into_iter().map(RoleRef::from).collect()
}

#[test]
fn inviting_or_joining_begins_a_membership_and_nothing_else_does() {
    let state = given::<Membership>([]).when(invite(viewer())).then([invited(1, viewer())]).state();
    assert_eq!((state.standing, state.invitations), (MembershipStanding::Invited { expires_at: moment(100) }, 1));
    assert!(!state.is_active() && !state.is_deleted());
    let state = given::<Membership>([]).when(Join(editor())).then([Joined(editor())]).state();
    assert_eq!((state.standing, state.invitations, state.invited_by), (MembershipStanding::Active, 0, None));
    assert!(state.is_active());
    for command in [accept(0), accept(1), ChangeRoles(viewer().roles), LimitToProjects(None), Remove] {
        assert_eq!(given::<Membership>([]).when(command).refused("membership.not_found"), ErrorKind::NotFound);
    }
    for event in [Accepted {}, RolesChanged { roles: viewer().roles }, Limited { projects: None }, Removed(viewer())] {
        assert_eq!(Membership::init(&event), None);
    }
}

#[test]
fn the_newest_invitation_alone_is_accepted_and_in_time() {
    let twice = || given::<Membership>([invited(1, viewer()), invited(2, editor())]);
    for number in [0, 1, 3] {
        assert_eq!(twice().when(accept(number)).refused("membership.invitation_invalid"), ErrorKind::Conflict);
    }
    for late in [100, 101] {
        let command = Accept { number: 2, at: moment(late) };
        assert_eq!(twice().when(command).refused("membership.invitation_expired"), ErrorKind::Conflict);
    }
    let member = twice().when(accept(2)).then([Accepted {}]);
    member.when(accept(2)).then_nothing();
    let member = || given::<Membership>([invited(1, viewer()), invited(2, editor()), Accepted {}]);
    assert_eq!(member().state().profile, editor());
    member().when(accept(1)).refused("membership.invitation_invalid");
}

#[test]
fn who_has_not_answered_is_invited_again_under_another_number() {
    given::<Membership>([invited(1, viewer())]).when(invite(editor())).then([invited(2, editor())]);
    let expired = given::<Membership>([invited(1, viewer())]);
    let later = Invite { profile: viewer(), invited_by: None, expires_at: moment(500) };
    expired
        .when(later)
        .then([Invited { number: 2, profile: viewer(), invited_by: None, expires_at: moment(500) }])
        .when(Accept { number: 2, at: moment(499) })
        .then([Accepted {}]);
}

#[test]
fn who_was_invited_may_join_without_answering() {
    let state = given::<Membership>([invited(1, viewer())]).when(Join(viewer())).then([Joined(viewer())]).state();
    assert!(state.is_active());
}

#[test]
fn a_member_is_not_asked_in_again() {
    let member = || given::<Membership>([Joined(viewer())]);
    for command in [invite(viewer()), Join(editor())] {
        assert_eq!(member().when(command).refused("membership.already_active"), ErrorKind::Conflict);
    }
    member().when(Join(viewer())).then_nothing();
}

#[test]
fn roles_and_projects_change_before_and_after_the_answer() {
    for history in [vec![invited(1, viewer())], vec![Joined(viewer())]] {
        let given = || given::<Membership>(history.clone());
        let roles = editor().roles;
        let changed = given().when(ChangeRoles(roles.clone())).then([RolesChanged { roles: roles.clone() }]);
        changed.when(ChangeRoles(roles)).then_nothing();
        for projects in [Some(ids(2)), Some(BTreeSet::new())] {
            let limited =
                given().when(LimitToProjects(projects.clone())).then([Limited { projects: projects.clone() }]);
            assert_eq!(limited.state().profile.projects, projects);
        }
        given().when(LimitToProjects(None)).then_nothing();
    }
}

#[test]
fn a_member_has_1_to_20_roles_and_500_projects_at_most() {
    let with = |roles| MembershipProfile { roles, projects: None };
    let within = |count| MembershipProfile { projects: Some(ids(count)), ..viewer() };
    let member = || given::<Membership>([Joined(viewer())]);
    for (roles, code) in [(0, "membership.no_role"), (21, "membership.too_many_roles")] {
        let roles = custom_roles(roles);
        for command in [invite(with(roles.clone())), Join(with(roles.clone()))] {
            assert_eq!(given::<Membership>([]).when(command).refused(code), ErrorKind::Invalid);
        }
        assert_eq!(member().when(ChangeRoles(roles)).refused(code), ErrorKind::Invalid);
    }
    for command in [invite(within(501)), Join(within(501))] {
        let kind = given::<Membership>([]).when(command).refused("membership.too_many_projects");
        assert_eq!(kind, ErrorKind::Invalid);
    }
    member().when(LimitToProjects(Some(ids(501)))).refused("membership.too_many_projects");
    member().when(ChangeRoles(custom_roles(20))).then([RolesChanged { roles: custom_roles(20) }]);
    member().when(LimitToProjects(Some(ids(500)))).then([Limited { projects: Some(ids(500)) }]);
}

#[test]
fn removing_tells_what_the_member_might_do_and_repeating_it_nothing() {
    for history in [vec![invited(1, editor())], vec![Joined(editor())]] {
        let removed = given::<Membership>(history).when(Remove).then([Removed(editor())]);
        removed.when(Remove).then_nothing();
    }
}

#[test]
fn who_was_removed_comes_back_by_invitation_alone() {
    let removed = || given::<Membership>([invited(1, viewer()), Accepted {}, Removed(viewer())]);
    assert!(removed().state().is_deleted());
    for command in [accept(1), ChangeRoles(editor().roles), LimitToProjects(None)] {
        assert_eq!(removed().when(command).refused("membership.removed"), ErrorKind::Conflict);
    }
    removed().when(Join(viewer())).then([Joined(viewer())]);
    let back = removed().when(invite(editor())).then([invited(2, editor())]);
    assert!(!back.state().is_deleted());
    let back = || given::<Membership>([invited(1, viewer()), Removed(viewer()), invited(2, viewer())]);
    back().when(accept(1)).refused("membership.invitation_invalid");
    back().when(accept(2)).then([Accepted {}]);
}

#[test]
fn a_state_tells_its_standing_beside_the_rest() {
    let state = given::<Membership>([invited(1, viewer())]).state();
    let json = serde_json::to_value(&state).unwrap();
    assert_eq!(json["status"], "invited");
    assert_eq!((&json["roles"], &json["expires_at"]), (&json!(["viewer"]), &json!("1970-01-01T00:01:40Z")));
    assert_eq!(serde_json::from_value::<Membership>(json).unwrap(), state);
}
