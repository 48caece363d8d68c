//! People: how they register, show that an address is theirs, and change what is their own.

use chrono::Duration;
use fairlead_domain::{
    identity::{Membership, Organization, Session, User, UserCommand, UserError},
    ids::{OrganizationId, UserId},
    values::{Email, Label, PersonName},
};
use secrecy::SecretString;

use super::{
    Asking, Identity, Purpose, SignedIn,
    service::PASSWORD,
    sessions::{Proven, myself},
    user_actor,
};
use crate::{
    AppError, Expected, Outcome, Recorded, Step,
    access::Authorized,
    identity::permissions::{ProfileRead, ProfileWrite},
};

/// How long a link holds that shows that an address is one's own.
const VERIFICATION: Duration = Duration::days(3);
/// How long a link holds by which a password is set anew.
const RESET: Duration = Duration::hours(1);

/// Who registers.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The address.
    pub email: Email,
    /// The name.
    pub name: PersonName,
    /// The password.
    pub password: SecretString,
}

/// An organization to which one belongs.
#[derive(Debug, Clone)]
pub struct OwnOrganization {
    /// The organization.
    pub id: OrganizationId,
    /// What it is called.
    pub name: Label,
    /// Whether one is a member; otherwise one is invited.
    pub is_member: bool,
}

impl Identity {
    /// Registers somebody, and asks for the address to be verified. Whoever was only invited so far is registered under the
    /// same id.
    ///
    /// # Errors
    /// `user.email_taken`, `password.invalid`.
    pub(super) async fn register_user(&self, asking: &Asking, new: NewUser) -> Result<UserId, AppError> {
        let nobody = asking.as_nobody();
        let found = self.user_with(&nobody, &new.email).await?;
        let id = match found {
            None => self.app.fresh(),
            Some(id) if self.user(&nobody, id).await?.is_some_and(|user| user.state.name.is_none()) => id,
            Some(_) => return Err(AppError::Taken { scope: "user.email".to_owned() }),
        };
        let hash = self.hashed(new.password).await?;
        let (cx, at) = (asking.as_user(id), self.now());
        let expected = if found.is_some() { Expected::Any } else { Expected::New };
        let register = UserCommand::Register { email: new.email, name: new.name };
        let step = |command| Step::new::<User>(&cx, id, expected, command);
        let steps = [
            step(register),
            step(UserCommand::SetPassword { at }).keeping(PASSWORD, Some(hash)),
            step(UserCommand::RequestVerification { expires_at: at + VERIFICATION }),
        ];
        self.app.execute_all(&cx, &steps).await?;
        Ok(id)
    }

    /// One's own record.
    ///
    /// # Errors
    /// `access.no_session` for who did not sign in.
    pub async fn profile(&self, asking: &Asking, cx: &Authorized<ProfileRead>) -> Result<Recorded<User>, AppError> {
        let (user, _) = myself(cx)?;
        self.user(&asking.as_user(user), user).await?.ok_or_else(|| UserError::NotFound.into())
    }

    /// Changes one's name or address. A new address is to be verified.
    ///
    /// # Errors
    /// `user.email_taken`; `access.no_session` for who did not sign in; as [`App::execute_all`](crate::App::execute_all).
    pub async fn change_profile(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileWrite>,
        expected: Expected,
        name: Option<PersonName>,
        email: Option<Email>,
    ) -> Result<Outcome, AppError> {
        let (user, _) = myself(cx)?;
        let within = asking.as_user(user);
        let before = self.user(&within, user).await?.ok_or(UserError::NotFound)?.state;
        let moves = email.as_ref().is_some_and(|email| before.email.known() != Some(email));
        let request = UserCommand::RequestVerification { expires_at: self.now() + VERIFICATION };
        let commands = [
            name.map(|name| UserCommand::Rename { name }),
            email.map(|email| UserCommand::ChangeEmail { email }),
            moves.then_some(request),
        ];
        let steps: Vec<_> =
            commands.into_iter().flatten().map(|command| Step::new::<User>(&within, user, expected, command)).collect();
        if steps.is_empty() {
            return Err(AppError::from(fairlead_domain::kernel::Invalid::new("request.invalid", "send name or email")));
        }
        let mut outcome = self.app.execute_all(&within, &steps).await?;
        outcome.receipts = outcome.receipts.pop().into_iter().collect();
        Ok(outcome)
    }

    /// Chooses a new password, with the present one. All sessions end; a new one begins in the place of the present one.
    ///
    /// # Errors
    /// `password.wrong`, `password.invalid`; `access.no_session` for who did not sign in.
    pub async fn change_password(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileWrite>,
        present: Option<SecretString>,
        new: SecretString,
    ) -> Result<SignedIn, AppError> {
        let (user, session) = myself(cx)?;
        self.reauthenticate(asking, user, present).await?;
        let within = asking.as_user(user);
        let known = self.app.read::<Session>(&within, session).await?;
        let known = known.ok_or(super::principals::ENDED)?.state;
        let set = Step::new::<User>(&within, user, Expected::Any, UserCommand::SetPassword { at: self.now() });
        let besides = vec![set.keeping(PASSWORD, Some(self.hashed(new).await?))];
        let proven = Proven { user, methods: known.methods, provider: known.provider, besides };
        self.begin(asking, proven, Some(cx.tenant())).await
    }

    /// Demands the password of somebody who has one, before something is changed by which they could be locked out.
    pub(super) async fn reauthenticate(
        &self,
        asking: &Asking,
        user: UserId,
        password: Option<SecretString>,
    ) -> Result<(), AppError> {
        let secrets = self.app.store.secrets(&asking.as_user(user), user.into()).await?;
        let Some(kept) = secrets.text(PASSWORD) else { return Ok(()) };
        let account = user.to_string();
        let (address, now) = (asking.origin.address, std::time::Instant::now);
        self.attempts.admit(&account, address, now())?;
        let right = match password {
            Some(password) => self.passwords.verify(Some(kept), password).await?,
            None => false,
        };
        if right {
            self.attempts.succeeded(&account, address);
            return Ok(());
        }
        self.attempts.failed(&account, address, now());
        Err(AppError::Refused {
            kind: fairlead_domain::kernel::ErrorKind::Forbidden,
            code: "password.wrong",
            detail: "the present password is not right".to_owned(),
        })
    }

    /// Asks for a link by which the address is verified, once more.
    ///
    /// # Errors
    /// `access.no_session` for who did not sign in.
    pub async fn request_verification(&self, asking: &Asking, cx: &Authorized<ProfileWrite>) -> Result<(), AppError> {
        let (user, _) = myself(cx)?;
        let command = UserCommand::RequestVerification { expires_at: self.now() + VERIFICATION };
        self.app.execute::<User>(&asking.as_user(user), user, Expected::Any, command).await.map(drop)
    }

    /// Verifies an address by the link that was sent there.
    ///
    /// # Errors
    /// `ticket.invalid`, `user.link_invalid`, `user.link_expired`.
    pub async fn verify_email(&self, asking: &Asking, token: &str) -> Result<(), AppError> {
        let ticket = self.tickets.read(Purpose::VerifyEmail, token)?;
        let user = UserId::from(ticket.record);
        let command = UserCommand::VerifyEmail { number: ticket.number, at: self.now() };
        self.app.execute::<User>(&asking.as_user(user), user, Expected::Any, command).await.map(drop)
    }

    /// Asks for a link by which the password is set anew. Whether the address is known is not told, and does not show in the
    /// time it takes: the work is done aside.
    ///
    /// # Errors
    /// [`AppError::TooManyAttempts`], known or not.
    pub fn request_password_reset(&self, asking: &Asking, email: Email) -> Result<(), AppError> {
        let account = format!("reset {}", email.normalized());
        let now = std::time::Instant::now();
        self.attempts.admit(&account, asking.origin.address, now)?;
        self.attempts.failed(&account, asking.origin.address, now);
        let (identity, asking) = (self.clone(), asking.clone());
        tokio::spawn(async move {
            let outcome = identity.ask_for_reset(&asking, &email).await;
            if let Err(error) = outcome {
                tracing::warn!(code = error.code(), "a password reset could not be asked for");
            }
        });
        Ok(())
    }

    async fn ask_for_reset(&self, asking: &Asking, email: &Email) -> Result<(), AppError> {
        let nobody = asking.as_nobody();
        let Some(id) = self.user_with(&nobody, email).await? else { return Ok(()) };
        if self.user(&nobody, id).await?.is_none_or(|user| !user.state.is_active()) {
            return Ok(());
        }
        let command = UserCommand::RequestPasswordReset { expires_at: self.now() + RESET };
        self.app.execute::<User>(&nobody, id, Expected::Any, command).await.map(drop)
    }

    /// Sets a password anew by the link that was sent. All sessions end.
    ///
    /// # Errors
    /// `ticket.invalid`, `user.link_invalid`, `user.link_expired`, `password.invalid`.
    pub async fn reset_password(&self, asking: &Asking, token: &str, password: SecretString) -> Result<(), AppError> {
        let ticket = self.tickets.read(Purpose::ResetPassword, token)?;
        let user = UserId::from(ticket.record);
        let cx = asking.as_user(user);
        let hash = self.hashed(password).await?;
        let command = UserCommand::ResetPassword { number: ticket.number, at: self.now() };
        let step = Step::new::<User>(&cx, user, Expected::Any, command).keeping(PASSWORD, Some(hash));
        self.app.execute_all(&cx, &[step]).await.map(drop)
    }

    /// The organizations to which one belongs, or into which one is invited, but for those deleted.
    ///
    /// # Errors
    /// `access.no_session` for who did not sign in.
    pub async fn my_organizations(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileRead>,
    ) -> Result<Vec<OwnOrganization>, AppError> {
        let (user, _) = myself(cx)?;
        let mut own = Vec::new();
        for id in self.directory.organizations_of(user).await? {
            let within = asking.within(id, user_actor(user));
            let organization = self.app.read::<Organization>(&within, id).await?;
            let membership = self.app.read::<Membership>(&within, user).await?;
            if let Some((organization, membership)) = organization.zip(membership) {
                let (name, is_member) = (organization.state.name, membership.state.is_active());
                own.push(OwnOrganization { id, name, is_member });
            }
        }
        Ok(own)
    }
}
