//! What decides how a person comes in: name and address, links, second factors, and who else vouches.

use chrono::{DateTime, Utc};

use super::{Identity, Link, MAX_IDENTITIES, MAX_RECOVERY_CODES, Totp, User, UserError, UserEvent};
use crate::{
    kernel::Personal,
    values::{Email, ExternalSubject, PersonName, Provider},
};

impl Link {
    /// The number of the link to be sent next.
    pub(super) fn next(&self) -> u32 {
        self.number.saturating_add(1)
    }

    /// Whether the link of this number works at this moment.
    fn check(&self, number: u32, at: DateTime<Utc>) -> Result<(), UserError> {
        match self.expires_at {
            Some(expires_at) if number == self.number => {
                if at < expires_at {
                    Ok(())
                } else {
                    Err(UserError::LinkExpired)
                }
            }
            _ => Err(UserError::LinkInvalid),
        }
    }
}

impl User {
    /// Whether the address is the user's, without regard to case.
    pub(super) fn is_reached_at(&self, email: &Email) -> bool {
        self.email.known().is_some_and(|present| present.normalized() == email.normalized())
    }

    pub(super) fn renamed(&self, name: PersonName) -> Option<UserEvent> {
        let name = Personal::from(name);
        (self.name.as_ref() != Some(&name)).then_some(UserEvent::Renamed { name })
    }

    pub(super) fn moved_to(&self, email: Email) -> Option<UserEvent> {
        let email = Personal::from(email);
        (self.email != email).then_some(UserEvent::EmailChanged { email })
    }

    pub(super) fn verified_by(&self, number: u32, at: DateTime<Utc>) -> Result<Vec<UserEvent>, UserError> {
        if self.email_verified && number == self.verification.number {
            return Ok(vec![]);
        }
        self.verification.check(number, at)?;
        Ok(vec![UserEvent::EmailVerified {}])
    }

    pub(super) fn confirmed(&self, email: &Email) -> Result<Vec<UserEvent>, UserError> {
        if !self.is_reached_at(email) {
            return Err(UserError::EmailDiffers);
        }
        Ok(if self.email_verified { vec![] } else { vec![UserEvent::EmailVerified {}] })
    }

    pub(super) fn reset_by(&self, number: u32, at: DateTime<Utc>) -> Result<Vec<UserEvent>, UserError> {
        self.reset.check(number, at)?;
        let verified = (!self.email_verified).then_some(UserEvent::EmailVerified {});
        Ok([UserEvent::PasswordChanged { at, by_reset: true }].into_iter().chain(verified).collect())
    }

    /// Begun anew it is an event too, since there is another secret.
    pub(super) fn begin_totp(&self) -> Result<Vec<UserEvent>, UserError> {
        if self.asks_for_totp() { Err(UserError::TotpEnabled) } else { Ok(vec![UserEvent::TotpBegun {}]) }
    }

    pub(super) fn enable_totp(&self, step: i64, recovery_codes: u8) -> Result<Vec<UserEvent>, UserError> {
        match &self.totp {
            None => Err(UserError::TotpNotBegun),
            Some(totp) if totp.enabled => Err(UserError::TotpEnabled),
            Some(_) => {
                check_recovery_codes(recovery_codes)?;
                Ok(vec![UserEvent::TotpEnabled { step, recovery_codes }])
            }
        }
    }

    pub(super) fn use_totp(&self, step: i64) -> Result<Vec<UserEvent>, UserError> {
        if self.enabled_totp()?.last_step.is_some_and(|last| step <= last) {
            return Err(UserError::TotpReused);
        }
        Ok(vec![UserEvent::TotpUsed { step }])
    }

    pub(super) fn use_recovery_code(&self, index: u8) -> Result<Vec<UserEvent>, UserError> {
        if !self.enabled_totp()?.recovery_codes.contains(&index) {
            return Err(UserError::RecoveryCodeUsed);
        }
        Ok(vec![UserEvent::RecoveryCodeUsed { index }])
    }

    /// An event each time, since there are other codes.
    pub(super) fn renew_recovery_codes(&self, count: u8) -> Result<Vec<UserEvent>, UserError> {
        self.enabled_totp()?;
        check_recovery_codes(count)?;
        Ok(vec![UserEvent::RecoveryCodesRenewed { count }])
    }

    fn enabled_totp(&self) -> Result<&Totp, UserError> {
        self.totp.as_ref().filter(|totp| totp.enabled).ok_or(UserError::TotpNotEnabled)
    }

    pub(super) fn linked(&self, provider: Provider, subject: ExternalSubject) -> Result<Vec<UserEvent>, UserError> {
        let subject = Personal::from(subject);
        if self.has_identity(&provider, &subject) {
            Ok(vec![])
        } else if self.identities.len() >= MAX_IDENTITIES {
            Err(UserError::TooManyIdentities)
        } else {
            Ok(vec![UserEvent::IdentityLinked { provider, subject }])
        }
    }

    /// Nobody is locked out by it: somebody without a password keeps one identity.
    pub(super) fn unlinked(&self, provider: Provider, subject: ExternalSubject) -> Result<Vec<UserEvent>, UserError> {
        let subject = Personal::from(subject);
        if !self.has_identity(&provider, &subject) {
            Ok(vec![])
        } else if !self.has_password && self.identities.len() == 1 {
            Err(UserError::LastWayIn)
        } else {
            Ok(vec![UserEvent::IdentityUnlinked { provider, subject }])
        }
    }

    fn has_identity(&self, provider: &Provider, subject: &Personal<ExternalSubject>) -> bool {
        self.identities.contains(&Identity { provider: provider.clone(), subject: subject.clone() })
    }
}

fn check_recovery_codes(count: u8) -> Result<(), UserError> {
    if (1..=MAX_RECOVERY_CODES).contains(&count) { Ok(()) } else { Err(UserError::RecoveryCodesInvalid) }
}
