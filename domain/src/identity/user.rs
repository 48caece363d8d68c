//! A user: a person who signs in. Kept in the directory, whatever the organizations they are members of. Passwords,
//! secrets and recovery codes are kept elsewhere: here stands that they are there, and what was used up.

mod command;
mod error;
mod event;
mod sign_in;
#[cfg(feature = "testing")]
mod story;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    ids::UserId,
    kernel::{Aggregate, Personal, UniqueKey},
    values::{Email, ExternalSubject, PersonName, Provider},
};

pub use command::UserCommand;
pub use error::UserError;
pub use event::UserEvent;

/// To how many identities of other systems a user may be linked.
const MAX_IDENTITIES: usize = 20;
/// How many recovery codes a user may have.
const MAX_RECOVERY_CODES: u8 = 50;

/// A user's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Where the person is reached. Unique among all users that are not erased, without regard to case.
    pub email: Personal<Email>,
    /// Whether the person has proven that mail to the address reaches them.
    #[serde(default)]
    pub email_verified: bool,
    /// What the person is called; `None` for somebody who was invited and has not registered yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Personal<PersonName>>,
    /// Whether there is a password.
    #[serde(default)]
    pub has_password: bool,
    /// Sessions that began before this moment are void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_void_before: Option<DateTime<Utc>>,
    /// The newest link by which the address can be verified.
    #[serde(default)]
    pub verification: Link,
    /// The newest link by which the password can be set anew.
    #[serde(default)]
    pub reset: Link,
    /// The second factor, begun or in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Totp>,
    /// As whom other systems vouch for the person.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub identities: BTreeSet<Identity>,
    /// Taken out of use: nobody signs in, and the address stays reserved.
    #[serde(default)]
    pub deactivated: bool,
    /// Erased: nothing personal is left, and nothing can be added. Counts as deleted, for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
}

/// A link that was sent by mail, which works once, and only while no newer one was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// How many were sent so far, which is the newest one's number.
    pub number: u32,
    /// Until when the newest one works; `None` once it was used, or made void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

/// A second factor: codes that change with time (RFC 6238).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totp {
    /// Whether it is asked for; until then the person has still to show that their device has the secret.
    pub enabled: bool,
    /// The newest time step of which a code was used: none of it or before it works again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_step: Option<i64>,
    /// The recovery codes that were not used, by their place in the list: 0 is the first.
    #[serde(default)]
    pub recovery_codes: BTreeSet<u8>,
}

/// As whom another system vouches for a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// Which system.
    pub provider: Provider,
    /// What it calls the person.
    pub subject: Personal<ExternalSubject>,
}

impl Identity {
    /// What tells whose it is: no two users are linked to the same.
    pub fn key(provider: &Provider, subject: &ExternalSubject) -> UniqueKey {
        // A provider's name has no bar in it, so that no two pairs are written alike.
        UniqueKey::new("user.identity", format!("{}|{}", provider.as_str(), subject.as_str()))
    }
}

impl Aggregate for User {
    const CONTEXT: &'static str = "identity";
    const TYPE: &'static str = "user";
    const PLURAL: &'static str = "users";
    type Id = UserId;
    type Command = UserCommand;
    type Event = UserEvent;
    type Error = UserError;

    fn decide(state: Option<&Self>, command: UserCommand) -> Result<Vec<UserEvent>, UserError> {
        use UserCommand as Do;
        let Some(user) = state else {
            return match command {
                Do::Register { email, name } => Ok(vec![UserEvent::registered(email, name, false)]),
                Do::Invite { email } => Ok(vec![UserEvent::Invited { email: email.into() }]),
                _ => Err(UserError::NotFound),
            };
        };
        match command {
            Do::Erase if user.erased => Ok(vec![]),
            Do::Deactivate if user.erased || user.deactivated => Ok(vec![]),
            Do::EndSessions { .. } if user.erased => Ok(vec![]),
            _ if user.erased => Err(UserError::Erased),
            Do::Erase => Ok(vec![UserEvent::Erased {}]),
            Do::EndSessions { at } if user.sessions_void_before.is_some_and(|before| before >= at) => Ok(vec![]),
            Do::EndSessions { at } => Ok(vec![UserEvent::SessionsEnded { at }]),
            Do::Reactivate if user.deactivated => Ok(vec![UserEvent::Reactivated {}]),
            Do::Reactivate => Ok(vec![]),
            Do::Invite { .. } => Err(UserError::AlreadyExists),
            _ if user.deactivated => Err(UserError::Deactivated),
            Do::Deactivate => Ok(vec![UserEvent::Deactivated {}]),
            Do::Register { .. } if user.name.is_some() => Err(UserError::AlreadyExists),
            Do::Register { email, .. } if !user.is_reached_at(&email) => Err(UserError::EmailDiffers),
            Do::Register { email, name } => Ok(vec![UserEvent::registered(email, name, true)]),
            _ if user.name.is_none() => Err(UserError::NotRegistered),
            Do::Rename { name } => Ok(user.renamed(name).into_iter().collect()),
            Do::ChangeEmail { email } => Ok(user.moved_to(email).into_iter().collect()),
            Do::RequestVerification { .. } if user.email_verified => Ok(vec![]),
            Do::RequestVerification { expires_at } => {
                Ok(vec![UserEvent::VerificationRequested { number: user.verification.next(), expires_at }])
            }
            Do::VerifyEmail { number, at } => user.verified_by(number, at),
            Do::ConfirmEmail { email } => user.confirmed(&email),
            Do::SetPassword { at } => Ok(vec![UserEvent::PasswordChanged { at, by_reset: false }]),
            Do::RequestPasswordReset { expires_at } => {
                Ok(vec![UserEvent::PasswordResetRequested { number: user.reset.next(), expires_at }])
            }
            Do::ResetPassword { number, at } => user.reset_by(number, at),
            Do::BeginTotp => user.begin_totp(),
            Do::EnableTotp { step, recovery_codes } => user.enable_totp(step, recovery_codes),
            Do::DisableTotp => Ok(user.totp.iter().map(|_| UserEvent::TotpDisabled {}).collect()),
            Do::UseTotp { step } => user.use_totp(step),
            Do::UseRecoveryCode { index } => user.use_recovery_code(index),
            Do::RenewRecoveryCodes { count } => user.renew_recovery_codes(count),
            Do::LinkIdentity { provider, subject } => user.linked(provider, subject),
            Do::UnlinkIdentity { provider, subject } => user.unlinked(provider, subject),
        }
    }

    fn init(event: &UserEvent) -> Option<Self> {
        match event.clone() {
            UserEvent::Registered { email, name, .. } => Some(Self::new(email, Some(name))),
            UserEvent::Invited { email } => Some(Self::new(email, None)),
            _ => None,
        }
    }

    fn apply(&mut self, event: &UserEvent) {
        match event.clone() {
            UserEvent::Registered { email, name, .. } => {
                self.email = email;
                self.name = Some(name);
            }
            UserEvent::Invited { email } => self.email = email,
            UserEvent::Renamed { name } => self.name = Some(name),
            UserEvent::EmailChanged { email } => {
                self.email = email;
                self.email_verified = false;
                // What was sent to the former address works no longer.
                self.verification.expires_at = None;
                self.reset.expires_at = None;
            }
            UserEvent::VerificationRequested { number, expires_at } => {
                self.verification = Link { number, expires_at: Some(expires_at) };
            }
            UserEvent::EmailVerified {} => {
                self.email_verified = true;
                self.verification.expires_at = None;
            }
            UserEvent::PasswordChanged { at, .. } => {
                self.has_password = true;
                self.reset.expires_at = None;
                self.void_sessions(at);
            }
            UserEvent::PasswordResetRequested { number, expires_at } => {
                self.reset = Link { number, expires_at: Some(expires_at) };
            }
            UserEvent::TotpBegun {} => {
                self.totp = Some(Totp { enabled: false, last_step: None, recovery_codes: BTreeSet::new() });
            }
            UserEvent::TotpEnabled { step, recovery_codes } => {
                let recovery_codes = (0..recovery_codes).collect();
                self.totp = Some(Totp { enabled: true, last_step: Some(step), recovery_codes });
            }
            UserEvent::TotpDisabled {} => self.totp = None,
            UserEvent::TotpUsed { step } => self.change_totp(|totp| totp.last_step = Some(step)),
            UserEvent::RecoveryCodeUsed { index } => self.change_totp(|totp| {
                totp.recovery_codes.remove(&index);
            }),
            UserEvent::RecoveryCodesRenewed { count } => {
                self.change_totp(|totp| totp.recovery_codes = (0..count).collect());
            }
            UserEvent::IdentityLinked { provider, subject } => {
                self.identities.insert(Identity { provider, subject });
            }
            UserEvent::IdentityUnlinked { provider, subject } => {
                self.identities.remove(&Identity { provider, subject });
            }
            UserEvent::SessionsEnded { at } => self.void_sessions(at),
            UserEvent::Deactivated {} => self.deactivated = true,
            UserEvent::Reactivated {} => self.deactivated = false,
            UserEvent::Erased {} => self.erase(),
        }
    }

    fn keys(&self) -> Vec<UniqueKey> {
        let email = self.email.known().map(|email| UniqueKey::new("user.email", email.normalized()));
        let identities = self.identities.iter().filter_map(|identity| {
            let subject = identity.subject.known()?;
            Some(Identity::key(&identity.provider, subject))
        });
        email.into_iter().chain(identities).collect()
    }

    fn is_deleted(&self) -> bool {
        self.erased
    }

    fn is_erased(&self) -> bool {
        self.erased
    }

    fn erasure() -> Option<UserCommand> {
        Some(UserCommand::Erase)
    }
}

impl User {
    fn new(email: Personal<Email>, name: Option<Personal<PersonName>>) -> Self {
        Self {
            email,
            email_verified: false,
            name,
            has_password: false,
            sessions_void_before: None,
            verification: Link::default(),
            reset: Link::default(),
            totp: None,
            identities: BTreeSet::new(),
            deactivated: false,
            erased: false,
        }
    }

    /// Whether the person has come, rather than only been invited.
    pub fn is_registered(&self) -> bool {
        self.name.is_some() && !self.erased
    }

    /// Whether the person may sign in.
    pub fn is_active(&self) -> bool {
        self.is_registered() && !self.deactivated
    }

    /// Whether a code that changes with time is asked for.
    pub fn asks_for_totp(&self) -> bool {
        self.totp.as_ref().is_some_and(|totp| totp.enabled)
    }

    /// Whether a session that began at this moment still counts.
    pub fn honours_sessions_of(&self, started_at: DateTime<Utc>) -> bool {
        self.is_active() && self.sessions_void_before.is_none_or(|before| started_at >= before)
    }

    /// Leaves that there was somebody, and until when their sessions are void.
    fn erase(&mut self) {
        let sessions_void_before = self.sessions_void_before;
        *self = Self { sessions_void_before, erased: true, ..Self::new(Personal::Erased, None) };
    }

    fn void_sessions(&mut self, before: DateTime<Utc>) {
        self.sessions_void_before = self.sessions_void_before.max(Some(before));
    }

    fn change_totp(&mut self, change: impl FnOnce(&mut Totp)) {
        if let Some(totp) = &mut self.totp {
            change(totp);
        }
    }
}
