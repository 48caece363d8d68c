//! One's second factor: set up, used up, and taken off.

use fairlead_domain::{
    identity::{User, UserCommand, UserError},
    ids::UserId,
    kernel::ErrorKind,
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    Asking, Identity,
    second_factor::{RECOVERY_CODES, fresh_recovery_codes, fresh_secret, shown, step_of},
    sessions::{RECOVERY, TOTP, myself},
};
use crate::{AppError, Expected, Step, access::Authorized, identity::permissions::ProfileWrite};

/// A second factor that is being set up.
#[derive(Debug, Clone)]
pub struct TotpSetup {
    /// The secret, in base 32, to be typed.
    pub secret: SecretString,
    /// The same as the address that apps read from a QR code.
    pub address: SecretString,
}

impl Identity {
    /// Begins to set up a second factor: it counts once a code of it has come back.
    ///
    /// # Errors
    /// `password.wrong`, `user.totp_enabled`; `access.no_session` for who did not sign in.
    pub async fn begin_totp(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileWrite>,
        password: Option<SecretString>,
    ) -> Result<TotpSetup, AppError> {
        let (id, _) = myself(cx)?;
        self.reauthenticate(asking, id, password).await?;
        let within = asking.as_user(id);
        let user = self.user(&within, id).await?.ok_or(UserError::NotFound)?.state;
        let secret = fresh_secret(&*self.entropy)?;
        let account = user.email.known().map_or("", |email| email.as_str());
        let (text, address) = shown(secret.expose_secret(), &self.settings.name, account);
        let step = Step::new::<User>(&within, id, Expected::Any, UserCommand::BeginTotp).keeping(TOTP, Some(secret));
        self.app.execute_all(&within, &[step]).await?;
        Ok(TotpSetup { secret: text, address })
    }

    /// Enables the second factor by a first code. Answers the codes that are to be written down, once.
    ///
    /// # Errors
    /// `totp.wrong_code`, `user.totp_not_begun`; `access.no_session` for who did not sign in.
    pub async fn enable_totp(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileWrite>,
        code: SecretString,
    ) -> Result<Vec<SecretString>, AppError> {
        let (id, _) = myself(cx)?;
        let step = self.code_of(asking, id, &code).await?;
        let (codes, kept) = fresh_recovery_codes(&*self.entropy)?;
        let command = UserCommand::EnableTotp { step, recovery_codes: RECOVERY_CODES };
        let within = asking.as_user(id);
        let step = Step::new::<User>(&within, id, Expected::Any, command).keeping(RECOVERY, Some(kept));
        self.app.execute_all(&within, &[step]).await?;
        Ok(codes)
    }

    /// Takes the second factor off.
    ///
    /// # Errors
    /// `password.wrong`; `access.no_session` for who did not sign in.
    pub async fn disable_totp(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileWrite>,
        password: Option<SecretString>,
    ) -> Result<(), AppError> {
        let (id, _) = myself(cx)?;
        self.reauthenticate(asking, id, password).await?;
        let within = asking.as_user(id);
        let step = Step::new::<User>(&within, id, Expected::Any, UserCommand::DisableTotp);
        self.app.execute_all(&within, &[step.keeping(TOTP, None).keeping(RECOVERY, None)]).await.map(drop)
    }

    /// Other codes to be written down; those of before hold no longer.
    ///
    /// # Errors
    /// `password.wrong`, `user.totp_not_enabled`; `access.no_session` for who did not sign in.
    pub async fn renew_recovery_codes(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileWrite>,
        password: Option<SecretString>,
    ) -> Result<Vec<SecretString>, AppError> {
        let (id, _) = myself(cx)?;
        self.reauthenticate(asking, id, password).await?;
        let (codes, kept) = fresh_recovery_codes(&*self.entropy)?;
        let within = asking.as_user(id);
        let command = UserCommand::RenewRecoveryCodes { count: RECOVERY_CODES };
        let step = Step::new::<User>(&within, id, Expected::Any, command).keeping(RECOVERY, Some(kept));
        self.app.execute_all(&within, &[step]).await?;
        Ok(codes)
    }

    async fn code_of(&self, asking: &Asking, id: UserId, code: &SecretString) -> Result<i64, AppError> {
        let account = format!("totp {id}");
        let address = asking.origin.address;
        self.attempts.admit(&account, address, std::time::Instant::now())?;
        let secrets = self.app.store.secrets(&asking.as_user(id), id.into()).await?;
        let Some(secret) = secrets.get(TOTP) else { return Err(UserError::TotpNotBegun.into()) };
        step_of(secret, code, self.now())?.ok_or_else(|| {
            self.attempts.failed(&account, address, std::time::Instant::now());
            AppError::Refused {
                kind: ErrorKind::Invalid,
                code: "totp.wrong_code",
                detail: "the code is not right; is the clock of the device?".to_owned(),
            }
        })
    }
}
