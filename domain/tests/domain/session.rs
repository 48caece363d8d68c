//! A session's commands, one by one, in every state.

use fairlead_domain::{
    identity::{
        EndReason, Session,
        SessionCommand::{self, End, Refresh, Start, Switch},
        SessionEvent::{self, Ended, Refreshed, Started, Switched},
        SessionMethod, SessionStart,
    },
    kernel::{Aggregate, ErrorKind, MARK, MARK_SUBJECT, Personal, PersonalOf, marked, testing::given},
    values::Origin,
};
use serde_json::json;
use uuid::Uuid;

use crate::samples::{id, moment};

fn from(last: u8) -> Origin {
    Origin::new(Some([192, 0, 2, last].into()), Some("Mozilla"))
}

fn of_ana(origin: Origin) -> PersonalOf<Origin> {
    PersonalOf { subject: Uuid::from_u128(1), value: origin.into() }
}

fn start() -> SessionCommand {
    Start(Box::new(SessionStart {
        user_id: id(1),
        organization_id: id(2),
        methods: [SessionMethod::Password].into(),
        provider: None,
        origin: from(1),
        at: moment(0),
        expires_at: moment(100),
    }))
}

fn started() -> SessionEvent {
    Started {
        user_id: id(1),
        organization_id: id(2),
        methods: [SessionMethod::Password].into(),
        provider: None,
        origin: of_ana(from(1)),
        at: moment(0),
        expires_at: moment(100),
    }
}

fn refresh(generation: u32, at: i64) -> SessionCommand {
    Refresh { generation, origin: from(2), at: moment(at) }
}

fn refreshed(generation: u32, at: i64) -> SessionEvent {
    Refreshed { generation, origin: of_ana(from(2)), at: moment(at) }
}

fn ended(reason: EndReason) -> SessionEvent {
    Ended { reason }
}

#[test]
fn only_starting_begins_a_session() {
    let state = given::<Session>([]).when(start()).then([started()]).state();
    assert_eq!((state.generation, state.started_at, state.refreshed_at), (1, moment(0), moment(0)));
    assert_eq!((state.origin, state.ended), (Some(of_ana(from(1))), None));
    for command in [refresh(1, 1), Switch(id(3)), End(EndReason::LoggedOut)] {
        assert_eq!(given::<Session>([]).when(command).refused("session.not_found"), ErrorKind::NotFound);
    }
    for event in [refreshed(2, 1), Switched { organization_id: id(2) }, ended(EndReason::Revoked)] {
        assert_eq!(Session::init(&event), None);
    }
}

#[test]
fn the_present_refresh_token_brings_the_next_one() {
    let state = given::<Session>([started()])
        .when(refresh(1, 10))
        .then([refreshed(2, 10)])
        .when(refresh(2, 99))
        .then([refreshed(3, 99)])
        .state();
    assert_eq!((state.generation, state.started_at, state.refreshed_at), (3, moment(0), moment(99)));
    assert_eq!((state.expires_at, state.origin), (moment(100), Some(of_ana(from(2)))));
}

#[test]
fn a_refresh_token_that_was_used_ends_the_session() {
    let twice = || given::<Session>([started(), refreshed(2, 10), refreshed(3, 20)]);
    for generation in [0, 1, 2] {
        let caught = twice().when(refresh(generation, 30)).then([ended(EndReason::Reuse)]);
        assert_eq!(caught.when(refresh(3, 30)).refused("session.ended"), ErrorKind::Conflict);
    }
}

#[test]
fn a_refresh_token_that_was_never_issued_is_refused_and_ends_nothing() {
    for generation in [2, u32::MAX] {
        let kind = given::<Session>([started()]).when(refresh(generation, 1)).refused("session.invalid");
        assert_eq!(kind, ErrorKind::Invalid);
    }
}

#[test]
fn nothing_refreshes_an_expired_session() {
    let expired = || given::<Session>([started(), refreshed(2, 10)]);
    for generation in [1, 2, 3] {
        for late in [100, 101] {
            assert_eq!(expired().when(refresh(generation, late)).refused("session.expired"), ErrorKind::Conflict);
        }
    }
    assert!(expired().state().is_alive(moment(99)) && !expired().state().is_alive(moment(100)));
    expired().when(End(EndReason::LoggedOut)).then([ended(EndReason::LoggedOut)]);
}

#[test]
fn a_person_goes_to_work_elsewhere() {
    let elsewhere = given::<Session>([started()]).when(Switch(id(3))).then([Switched { organization_id: id(3) }]);
    elsewhere.when(Switch(id(3))).then_nothing();
    given::<Session>([started()]).when(Switch(id(2))).then_nothing();
}

#[test]
fn an_ended_session_stays_ended_for_the_reason_that_came_first() {
    for reason in [EndReason::LoggedOut, EndReason::EndedByUser, EndReason::Reuse, EndReason::Revoked] {
        let over = || given::<Session>([started()]).when(End(reason)).then([ended(reason)]);
        over().when(End(EndReason::Revoked)).then_nothing();
        assert_eq!(over().when(Switch(id(3))).refused("session.ended"), ErrorKind::Conflict);
        for at in [1, 100] {
            over().when(refresh(1, at)).refused("session.ended");
        }
        over().when(start()).refused("session.already_exists");
        let state = over().state();
        assert!(state.is_deleted() && !state.is_alive(moment(1)));
        assert_eq!(state.ended, Some(reason));
    }
    given::<Session>([started()]).when(start()).refused("session.already_exists");
}

#[test]
fn from_where_it_was_used_is_forgotten_when_it_ends() {
    assert!(given::<Session>([started()]).state().origin.is_some());
    assert_eq!(given::<Session>([started(), ended(EndReason::Revoked)]).state().origin, None);
}

#[test]
fn from_where_it_was_used_is_about_the_user() {
    let written = marked(|| serde_json::to_value(started())).unwrap();
    let origin = &written["data"]["origin"];
    assert_eq!(origin["subject"], json!(Uuid::from_u128(1)));
    assert_eq!(origin["value"][MARK_SUBJECT], json!(Uuid::from_u128(1)));
    assert_eq!(origin["value"][MARK]["address"], "192.0.2.1");
    let mut erased = serde_json::to_value(started()).unwrap();
    erased["data"]["origin"]["value"] = json!({ "erased": true });
    let SessionEvent::Started { origin, .. } = serde_json::from_value(erased).unwrap() else { panic!("started") };
    assert_eq!(origin.value, Personal::Erased);
    assert!(!format!("{:?}", started()).contains("192"));
}
