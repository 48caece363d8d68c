//! A user's commands, one by one, in every state: who they are, and whether they are in use.

use fairlead_domain::{
    identity::{
        User,
        UserCommand::{
            self, BeginTotp, ChangeEmail, ConfirmEmail, Deactivate, DisableTotp, EnableTotp, EndSessions, Erase,
            Invite, LinkIdentity, Reactivate, Register, Rename, RenewRecoveryCodes, RequestPasswordReset,
            RequestVerification, ResetPassword, SetPassword, UnlinkIdentity, UseRecoveryCode, UseTotp, VerifyEmail,
        },
        UserEvent::{
            self, Deactivated, EmailChanged, EmailVerified, Erased, IdentityLinked, Invited, PasswordChanged,
            Reactivated, Registered, Renamed, SessionsEnded, TotpEnabled,
        },
    },
    kernel::{Aggregate, ErrorKind, Personal, UniqueKey, testing::given},
    values::{ExternalSubject, Provider},
};

use crate::samples::{email, moment, name};

pub(crate) fn registered() -> UserEvent {
    Registered { email: email("Ana@example.com").into(), name: name("Ana").into(), invited: false }
}

pub(crate) fn invited() -> UserEvent {
    Invited { email: email("Ana@example.com").into() }
}

pub(crate) fn provider(text: &str) -> Provider {
    Provider::new(text).unwrap()
}

pub(crate) fn subject(text: &str) -> ExternalSubject {
    ExternalSubject::new(text).unwrap()
}

pub(crate) fn linked(text: &str) -> UserEvent {
    IdentityLinked { provider: provider("google"), subject: subject(text).into() }
}

fn register() -> UserCommand {
    Register { email: email("ana@example.com"), name: name("Ana") }
}

/// Every command that needs somebody who has registered and is in use.
fn what_registered_users_do() -> Vec<UserCommand> {
    vec![
        Rename { name: name("Bo") },
        ChangeEmail { email: email("bo@example.com") },
        RequestVerification { expires_at: moment(9) },
        VerifyEmail { number: 1, at: moment(0) },
        ConfirmEmail { email: email("ana@example.com") },
        SetPassword { at: moment(0) },
        RequestPasswordReset { expires_at: moment(9) },
        ResetPassword { number: 1, at: moment(0) },
        BeginTotp,
        EnableTotp { step: 1, recovery_codes: 10 },
        DisableTotp,
        UseTotp { step: 1 },
        UseRecoveryCode { index: 0 },
        RenewRecoveryCodes { count: 10 },
        LinkIdentity { provider: provider("google"), subject: subject("1") },
        UnlinkIdentity { provider: provider("google"), subject: subject("1") },
    ]
}

#[test]
fn registering_or_inviting_begins_a_user_and_nothing_else_does() {
    let event = Registered { email: email("ana@example.com").into(), name: name("Ana").into(), invited: false };
    let user = given::<User>([]).when(register()).then([event]).state();
    assert!(user.is_active() && !user.email_verified && !user.has_password);
    let user = given::<User>([]).when(Invite { email: email("Ana@example.com") }).then([invited()]).state();
    assert!(!user.is_registered() && !user.is_active());
    let others = [Deactivate, Reactivate, Erase, EndSessions { at: moment(0) }];
    for command in what_registered_users_do().into_iter().chain(others) {
        assert_eq!(given::<User>([]).when(command).refused("user.not_found"), ErrorKind::NotFound);
    }
    for event in [Renamed { name: name("Ana").into() }, EmailVerified {}, Deactivated {}, Erased {}] {
        assert_eq!(User::init(&event), None);
    }
}

#[test]
fn who_exists_is_neither_registered_nor_invited_again() {
    for command in [register(), Invite { email: email("ana@example.com") }] {
        assert_eq!(given::<User>([registered()]).when(command).refused("user.already_exists"), ErrorKind::Conflict);
    }
    given::<User>([invited()]).when(Invite { email: email("ana@example.com") }).refused("user.already_exists");
}

#[test]
fn who_was_invited_registers_under_the_same_address() {
    let event = Registered { email: email("ana@example.com").into(), name: name("Ana").into(), invited: true };
    let user = given::<User>([invited()]).when(register()).then([event]).state();
    assert!(user.is_active());
    assert_eq!(user.email, Personal::from(email("ana@example.com")));
    let other = Register { email: email("bo@example.com"), name: name("Bo") };
    assert_eq!(given::<User>([invited()]).when(other).refused("user.email_differs"), ErrorKind::Conflict);
}

#[test]
fn who_was_invited_does_nothing_before_registering() {
    for command in what_registered_users_do() {
        assert_eq!(given::<User>([invited()]).when(command).refused("user.not_registered"), ErrorKind::Conflict);
    }
    given::<User>([invited()]).when(Deactivate).then([Deactivated {}]).when(register()).refused("user.deactivated");
    given::<User>([invited()]).when(Erase).then([Erased {}]);
    given::<User>([invited()]).when(EndSessions { at: moment(1) }).then([SessionsEnded { at: moment(1) }]);
}

#[test]
fn a_name_changes_once() {
    let renamed = given::<User>([registered()]).when(Rename { name: name("Bo") });
    renamed.then([Renamed { name: name("Bo").into() }]).when(Rename { name: name("Bo") }).then_nothing();
    given::<User>([registered()]).when(Rename { name: name("Ana") }).then_nothing();
}

#[test]
fn another_address_has_to_be_verified_anew() {
    let verified = || given::<User>([registered(), EmailVerified {}]);
    for text in ["bo@example.com", "ana@example.com"] {
        let wanted = || ChangeEmail { email: email(text) };
        let changed = verified().when(wanted()).then([EmailChanged { email: email(text).into() }]);
        changed.when(wanted()).then_nothing();
        let moved = given::<User>([registered(), EmailVerified {}, EmailChanged { email: email(text).into() }]);
        assert!(!moved.state().email_verified);
    }
    verified().when(ChangeEmail { email: email("Ana@example.com") }).then_nothing();
}

#[test]
fn addresses_and_identities_are_reserved() {
    let user = || given::<User>([registered(), linked("1|2")]);
    let keys = [UniqueKey::new("user.email", "ana@example.com"), UniqueKey::new("user.identity", "google|1|2")];
    assert_eq!(user().state().keys(), keys);
    let deactivated = given::<User>([registered(), linked("1|2"), Deactivated {}]).state();
    assert_eq!((deactivated.is_deleted(), deactivated.keys()), (false, keys.to_vec()));
    assert!(given::<User>([registered(), Erased {}]).state().is_deleted());
}

#[test]
fn a_user_out_of_use_takes_no_command_but_to_be_put_to_use_or_erased() {
    let idle = || given::<User>([registered(), Deactivated {}]);
    for command in what_registered_users_do().into_iter().chain([register()]) {
        assert_eq!(idle().when(command).refused("user.deactivated"), ErrorKind::Conflict);
    }
    assert!(!idle().state().is_active() && idle().state().is_registered());
    idle().when(Deactivate).then_nothing();
    idle().when(EndSessions { at: moment(1) }).then([SessionsEnded { at: moment(1) }]);
    idle().when(Erase).then([Erased {}]);
    let back = idle().when(Reactivate).then([Reactivated {}]);
    back.when(Reactivate).then_nothing();
    given::<User>([registered()]).when(Deactivate).then([Deactivated {}]);
}

#[test]
fn nothing_brings_an_erased_user_back() {
    let gone = || given::<User>([registered(), Erased {}]);
    let refused = [register(), Invite { email: email("ana@example.com") }, Reactivate];
    for command in what_registered_users_do().into_iter().chain(refused) {
        assert_eq!(gone().when(command).refused("user.erased"), ErrorKind::Conflict);
    }
    for command in [Erase, Deactivate, EndSessions { at: moment(1) }] {
        gone().when(command).then_nothing();
    }
}

#[test]
fn erasing_leaves_nothing_personal() {
    let at = moment(5);
    let enabled = TotpEnabled { step: 1, recovery_codes: 3 };
    let lived = [registered(), EmailVerified {}, PasswordChanged { at, by_reset: false }, enabled, linked("1")];
    let user = given::<User>(lived).when(Erase).then([Erased {}]).state();
    assert!(user.is_erased() && user.is_deleted() && !user.is_registered() && !user.has_password);
    assert_eq!((user.email.known(), &user.name, &user.totp, user.identities.len()), (None, &None, &None, 0));
    assert_eq!(user.sessions_void_before, Some(at));
    assert_eq!(user.keys(), []);
}

#[test]
fn sessions_that_began_before_are_void() {
    let ended =
        || given::<User>([registered()]).when(EndSessions { at: moment(10) }).then([SessionsEnded { at: moment(10) }]);
    for earlier in [10, 9] {
        ended().when(EndSessions { at: moment(earlier) }).then_nothing();
    }
    ended().when(EndSessions { at: moment(11) }).then([SessionsEnded { at: moment(11) }]);
    let user = ended().state();
    assert!(!user.honours_sessions_of(moment(9)) && user.honours_sessions_of(moment(10)));
    assert!(given::<User>([registered()]).state().honours_sessions_of(moment(0)));
    assert!(!given::<User>([registered(), Deactivated {}]).state().honours_sessions_of(moment(0)));
}

#[test]
fn a_clock_that_goes_back_revives_no_session() {
    let later = SessionsEnded { at: moment(10) };
    let earlier = PasswordChanged { at: moment(5), by_reset: false };
    assert_eq!(given::<User>([registered(), later, earlier]).state().sessions_void_before, Some(moment(10)));
}

#[test]
fn neither_states_nor_events_show_what_is_personal() {
    let user = given::<User>([registered(), linked("secret-subject")]).state();
    let shown = format!("{user:?} {:?} {:?} {:?}", registered(), linked("secret-subject"), user.keys());
    for personal in ["Ana", "ana", "example", "secret"] {
        assert!(!shown.contains(personal), "{shown}");
    }
}
