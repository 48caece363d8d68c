//! A user's life, for the conformance suite.

use chrono::{DateTime, TimeDelta};

use super::{User, UserCommand};
use crate::{
    kernel::{Invalid, testing::Story},
    values::{Email, ExternalSubject, PersonName, Provider},
};

impl Story for User {
    #[expect(clippy::expect_used, reason = "the values are valid, and this is for tests alone")]
    fn story() -> Vec<UserCommand> {
        life().expect("valid values")
    }
}

fn life() -> Result<Vec<UserCommand>, Invalid> {
    let at = DateTime::UNIX_EPOCH;
    let expires_at = at + TimeDelta::hours(1);
    let (provider, subject) = (Provider::new("keycloak")?, ExternalSubject::new("f:2c9d:ana")?);
    Ok(vec![
        UserCommand::Invite { email: Email::new("Ana@example.com")? },
        UserCommand::Register { email: Email::new("ana@example.com")?, name: PersonName::new("Ana Lima")? },
        UserCommand::SetPassword { at },
        UserCommand::RequestVerification { expires_at },
        UserCommand::VerifyEmail { number: 1, at },
        UserCommand::Rename { name: PersonName::new("Ana Maria Lima")? },
        UserCommand::ChangeEmail { email: Email::new("ana.maria@example.com")? },
        UserCommand::ConfirmEmail { email: Email::new("ana.maria@example.com")? },
        UserCommand::RequestPasswordReset { expires_at },
        UserCommand::ResetPassword { number: 1, at },
        UserCommand::BeginTotp,
        UserCommand::EnableTotp { step: 7, recovery_codes: 10 },
        UserCommand::UseTotp { step: 8 },
        UserCommand::UseRecoveryCode { index: 3 },
        UserCommand::RenewRecoveryCodes { count: 10 },
        UserCommand::DisableTotp,
        UserCommand::LinkIdentity { provider: provider.clone(), subject: subject.clone() },
        UserCommand::UnlinkIdentity { provider, subject },
        UserCommand::EndSessions { at: expires_at },
        UserCommand::Deactivate,
        UserCommand::Reactivate,
    ])
}
