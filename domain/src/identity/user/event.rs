//! What happens to a user.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    kernel::Personal,
    values::{Email, ExternalSubject, PersonName, Provider},
};

/// What happened to a user. Names are public contract. No event holds a password, a secret or a code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the state, where they are explained")]
pub enum UserEvent {
    /// The person registered; `invited` when a place was waiting.
    #[serde(rename = "user.registered")]
    Registered { email: Personal<Email>, name: Personal<PersonName>, invited: bool },
    /// Somebody else asked the person in.
    #[serde(rename = "user.invited")]
    Invited { email: Personal<Email> },
    /// The name changed.
    #[serde(rename = "user.renamed")]
    Renamed { name: Personal<PersonName> },
    /// The address changed, and is not verified.
    #[serde(rename = "user.email_changed")]
    EmailChanged { email: Personal<Email> },
    /// A link is to be sent by which the address can be verified: the newest one, by its number.
    #[serde(rename = "user.verification_requested")]
    VerificationRequested { number: u32, expires_at: DateTime<Utc> },
    /// Mail to the address reaches the person.
    #[serde(rename = "user.email_verified")]
    EmailVerified {},
    /// There is a password, or another one; sessions that began before are void.
    #[serde(rename = "user.password_changed")]
    PasswordChanged { at: DateTime<Utc>, by_reset: bool },
    /// A link is to be sent by which the password can be set anew: the newest one, by its number.
    #[serde(rename = "user.password_reset_requested")]
    PasswordResetRequested { number: u32, expires_at: DateTime<Utc> },
    /// The person began to set up codes that change with time.
    #[serde(rename = "user.totp_begun")]
    TotpBegun {},
    /// Codes are asked for from now on; so many recovery codes were handed out.
    #[serde(rename = "user.totp_enabled")]
    TotpEnabled { step: i64, recovery_codes: u8 },
    /// Codes are asked for no longer.
    #[serde(rename = "user.totp_disabled")]
    TotpDisabled {},
    /// A code was used up.
    #[serde(rename = "user.totp_used")]
    TotpUsed { step: i64 },
    /// A recovery code was used up.
    #[serde(rename = "user.recovery_code_used")]
    RecoveryCodeUsed { index: u8 },
    /// So many recovery codes were handed out in the place of those before.
    #[serde(rename = "user.recovery_codes_renewed")]
    RecoveryCodesRenewed { count: u8 },
    /// Another system vouches for the person.
    #[serde(rename = "user.identity_linked")]
    IdentityLinked { provider: Provider, subject: Personal<ExternalSubject> },
    /// Another system vouches for the person no longer.
    #[serde(rename = "user.identity_unlinked")]
    IdentityUnlinked { provider: Provider, subject: Personal<ExternalSubject> },
    /// Sessions that began before are void.
    #[serde(rename = "user.sessions_ended")]
    SessionsEnded { at: DateTime<Utc> },
    /// The user was taken out of use.
    #[serde(rename = "user.deactivated")]
    Deactivated {},
    /// The user was put to use again.
    #[serde(rename = "user.reactivated")]
    Reactivated {},
    /// Everything personal was erased.
    #[serde(rename = "user.erased")]
    Erased {},
}

impl UserEvent {
    pub(super) fn registered(email: Email, name: PersonName, invited: bool) -> Self {
        Self::Registered { email: email.into(), name: name.into(), invited }
    }
}
