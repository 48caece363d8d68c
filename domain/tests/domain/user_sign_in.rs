//! What decides how a user comes in: links, passwords, second factors, and who else vouches.

use fairlead_domain::{
    identity::{
        User,
        UserCommand::{
            self, BeginTotp, ChangeEmail, ConfirmEmail, DisableTotp, EnableTotp, LinkIdentity, RenewRecoveryCodes,
            RequestPasswordReset, RequestVerification, ResetPassword, SetPassword, UnlinkIdentity, UseRecoveryCode,
            UseTotp, VerifyEmail,
        },
        UserEvent::{
            self, EmailChanged, EmailVerified, IdentityUnlinked, PasswordChanged, PasswordResetRequested,
            RecoveryCodeUsed, RecoveryCodesRenewed, TotpBegun, TotpDisabled, TotpEnabled, TotpUsed,
            VerificationRequested,
        },
    },
    kernel::{ErrorKind, testing::given},
};

use crate::{
    samples::{email, moment},
    user::{linked, provider, registered, subject},
};

fn verification(number: u32) -> UserEvent {
    VerificationRequested { number, expires_at: moment(100) }
}

fn verify(number: u32) -> UserCommand {
    VerifyEmail { number, at: moment(99) }
}

fn reset_requested(number: u32) -> UserEvent {
    PasswordResetRequested { number, expires_at: moment(100) }
}

fn reset(number: u32) -> UserCommand {
    ResetPassword { number, at: moment(99) }
}

fn password_reset() -> UserEvent {
    PasswordChanged { at: moment(99), by_reset: true }
}

fn moved() -> UserEvent {
    EmailChanged { email: email("bo@example.com").into() }
}

// The address

#[test]
fn the_newest_link_alone_verifies_and_in_time() {
    let ask = || RequestVerification { expires_at: moment(100) };
    let twice =
        || given::<User>([registered()]).when(ask()).then([verification(1)]).when(ask()).then([verification(2)]);
    for number in [0, 1, 3] {
        assert_eq!(twice().when(verify(number)).refused("user.link_invalid"), ErrorKind::Conflict);
    }
    for late in [100, 101] {
        let command = VerifyEmail { number: 2, at: moment(late) };
        assert_eq!(twice().when(command).refused("user.link_expired"), ErrorKind::Conflict);
    }
    let verified = twice().when(verify(2)).then([EmailVerified {}]);
    verified.when(verify(2)).then_nothing();
    assert!(twice().when(verify(2)).then([EmailVerified {}]).state().email_verified);
    twice().when(verify(2)).then([EmailVerified {}]).when(verify(1)).refused("user.link_invalid");
}

#[test]
fn a_link_that_was_never_sent_verifies_nothing() {
    for number in [0, 1] {
        given::<User>([registered()]).when(verify(number)).refused("user.link_invalid");
    }
}

#[test]
fn a_verified_address_needs_no_link() {
    let verified = || given::<User>([registered(), EmailVerified {}]);
    verified().when(RequestVerification { expires_at: moment(100) }).then_nothing();
    verified().when(ConfirmEmail { email: email("ana@example.com") }).then_nothing();
}

#[test]
fn an_address_is_proven_in_another_way_if_it_is_the_user_s() {
    let confirm = |text| ConfirmEmail { email: email(text) };
    given::<User>([registered()]).when(confirm("ANA@example.com")).then([EmailVerified {}]);
    for history in [vec![registered()], vec![registered(), EmailVerified {}]] {
        let kind = given::<User>(history).when(confirm("bo@example.com")).refused("user.email_differs");
        assert_eq!(kind, ErrorKind::Conflict);
    }
}

#[test]
fn what_was_sent_to_a_former_address_works_no_longer() {
    let gone = || given::<User>([registered(), verification(1), reset_requested(1), moved()]);
    gone().when(verify(1)).refused("user.link_invalid");
    gone().when(reset(1)).refused("user.link_invalid");
    gone().when(RequestVerification { expires_at: moment(100) }).then([verification(2)]);
    gone().when(RequestPasswordReset { expires_at: moment(100) }).then([reset_requested(2)]);
    let used = given::<User>([registered(), verification(1), EmailVerified {}, moved()]);
    used.when(verify(1)).refused("user.link_invalid");
    given::<User>([registered()]).when(ChangeEmail { email: email("bo@example.com") }).then([moved()]);
}

// The password

#[test]
fn each_password_is_an_event_and_voids_what_began_before() {
    let set = |at| SetPassword { at: moment(at) };
    let changed = |at| PasswordChanged { at: moment(at), by_reset: false };
    let user = given::<User>([registered()]).when(set(1)).then([changed(1)]).when(set(2)).then([changed(2)]).state();
    assert!(user.has_password && !user.honours_sessions_of(moment(1)) && user.honours_sessions_of(moment(2)));
}

#[test]
fn the_newest_link_alone_sets_a_password_once_and_in_time() {
    let ask = || RequestPasswordReset { expires_at: moment(100) };
    let twice =
        || given::<User>([registered()]).when(ask()).then([reset_requested(1)]).when(ask()).then([reset_requested(2)]);
    for number in [0, 1, 3] {
        assert_eq!(twice().when(reset(number)).refused("user.link_invalid"), ErrorKind::Conflict);
    }
    for late in [100, 101] {
        let command = ResetPassword { number: 2, at: moment(late) };
        assert_eq!(twice().when(command).refused("user.link_expired"), ErrorKind::Conflict);
    }
    let done = twice().when(reset(2)).then([password_reset(), EmailVerified {}]);
    assert_eq!(done.when(reset(2)).refused("user.link_invalid"), ErrorKind::Conflict);
    given::<User>([registered()]).when(reset(0)).refused("user.link_invalid");
}

#[test]
fn a_reset_verifies_what_is_not_verified() {
    let user = given::<User>([registered(), EmailVerified {}, reset_requested(1)]);
    let user = user.when(reset(1)).then([password_reset()]).state();
    assert!(user.email_verified && user.has_password && !user.honours_sessions_of(moment(98)));
}

#[test]
fn a_password_that_was_set_makes_links_void() {
    let changed = PasswordChanged { at: moment(1), by_reset: false };
    given::<User>([registered(), reset_requested(1), changed]).when(reset(1)).refused("user.link_invalid");
}

// Second factors

fn enable(step: i64, recovery_codes: u8) -> UserCommand {
    EnableTotp { step, recovery_codes }
}

fn enabled() -> UserEvent {
    TotpEnabled { step: 7, recovery_codes: 3 }
}

#[test]
fn a_second_factor_is_begun_and_shown_before_it_is_asked_for() {
    let begun = || given::<User>([registered()]).when(BeginTotp).then([TotpBegun {}]);
    assert!(!begun().state().asks_for_totp());
    begun().when(BeginTotp).then([TotpBegun {}]);
    let on = begun().when(enable(7, 3)).then([enabled()]);
    let totp = on.state().totp.unwrap();
    assert_eq!((totp.enabled, totp.last_step, totp.recovery_codes), (true, Some(7), [0, 1, 2].into()));
    assert_eq!(given::<User>([registered()]).when(enable(7, 3)).refused("user.totp_not_begun"), ErrorKind::Conflict);
    for (count, fits) in [(0, false), (1, true), (50, true), (51, false)] {
        let decision = begun().when(enable(7, count));
        if fits {
            decision.then([TotpEnabled { step: 7, recovery_codes: count }]);
        } else {
            assert_eq!(decision.refused("user.recovery_codes_invalid"), ErrorKind::Invalid);
        }
    }
}

#[test]
fn a_second_factor_in_use_is_not_set_up_again() {
    for command in [BeginTotp, enable(9, 3)] {
        let kind = given::<User>([registered(), enabled()]).when(command).refused("user.totp_enabled");
        assert_eq!(kind, ErrorKind::Conflict);
    }
}

#[test]
fn a_second_factor_is_turned_off_or_given_up() {
    for history in [vec![registered(), TotpBegun {}], vec![registered(), enabled()]] {
        let off = given::<User>(history).when(DisableTotp).then([TotpDisabled {}]);
        off.when(DisableTotp).then_nothing();
    }
    given::<User>([registered()]).when(DisableTotp).then_nothing();
}

#[test]
fn each_code_works_once_and_none_before_it() {
    let on = || given::<User>([registered(), TotpBegun {}, enabled()]);
    for step in [7, 6, -1] {
        assert_eq!(on().when(UseTotp { step }).refused("user.totp_reused"), ErrorKind::Conflict);
    }
    let used = on().when(UseTotp { step: 9 }).then([TotpUsed { step: 9 }]);
    used.when(UseTotp { step: 9 }).refused("user.totp_reused");
    on().when(UseTotp { step: 9 }).then([TotpUsed { step: 9 }]).when(UseTotp { step: 8 }).refused("user.totp_reused");
}

#[test]
fn each_recovery_code_works_once() {
    let on = || given::<User>([registered(), TotpBegun {}, enabled()]);
    let use_up = |index| UseRecoveryCode { index };
    let used = on().when(use_up(2)).then([RecoveryCodeUsed { index: 2 }]);
    assert_eq!(used.when(use_up(2)).refused("user.recovery_code_used"), ErrorKind::Conflict);
    on().when(use_up(3)).refused("user.recovery_code_used");
    on().when(use_up(2))
        .then([RecoveryCodeUsed { index: 2 }])
        .when(RenewRecoveryCodes { count: 3 })
        .then([RecoveryCodesRenewed { count: 3 }])
        .when(use_up(2))
        .then([RecoveryCodeUsed { index: 2 }]);
    for count in [0, 51] {
        on().when(RenewRecoveryCodes { count }).refused("user.recovery_codes_invalid");
    }
}

#[test]
fn codes_are_used_where_they_are_asked_for() {
    for history in
        [vec![registered()], vec![registered(), TotpBegun {}], vec![registered(), enabled(), TotpDisabled {}]]
    {
        for command in [UseTotp { step: 9 }, UseRecoveryCode { index: 0 }, RenewRecoveryCodes { count: 3 }] {
            let kind = given::<User>(history.clone()).when(command).refused("user.totp_not_enabled");
            assert_eq!(kind, ErrorKind::Conflict);
        }
    }
}

// Who else vouches

fn link(text: &str) -> UserCommand {
    LinkIdentity { provider: provider("google"), subject: subject(text) }
}

fn unlink(text: &str) -> UserCommand {
    UnlinkIdentity { provider: provider("google"), subject: subject(text) }
}

#[test]
fn another_system_vouches_and_ceases_to() {
    given::<User>([registered()]).when(link("1")).then([linked("1")]).when(link("1")).then_nothing();
    let unlinked = || IdentityUnlinked { provider: provider("google"), subject: subject("1").into() };
    let known = || [registered(), PasswordChanged { at: moment(1), by_reset: false }, linked("1")];
    given::<User>(known()).when(unlink("1")).then([unlinked()]).when(unlink("1")).then_nothing();
    given::<User>([registered(), linked("1")]).when(unlink("2")).then_nothing();
}

#[test]
fn nobody_is_locked_out_by_unlinking() {
    let kind = given::<User>([registered(), linked("1")]).when(unlink("1")).refused("user.last_way_in");
    assert_eq!(kind, ErrorKind::Conflict);
    let unlinked = |text: &str| IdentityUnlinked { provider: provider("google"), subject: subject(text).into() };
    let two = given::<User>([registered(), linked("1"), linked("2")]);
    two.when(unlink("1")).then([unlinked("1")]).when(unlink("2")).refused("user.last_way_in");
}

#[test]
fn a_user_is_linked_to_twenty_identities_and_no_more() {
    let full = || [registered()].into_iter().chain((0..20).map(|n| linked(&n.to_string())));
    let kind = given::<User>(full()).when(link("20")).refused("user.too_many_identities");
    assert_eq!(kind, ErrorKind::Invalid);
    given::<User>(full()).when(link("0")).then_nothing();
}
