//! Signing in, going on, and signing out.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use fairlead_domain::{
    identity::{EndReason, Membership, Session, SessionCommand, SessionMethod, SessionStart, User, UserCommand},
    ids::{OrganizationId, SessionId, UserId},
    kernel::ErrorKind,
    values::{Email, Provider},
};
use secrecy::SecretString;

use super::{
    Asking, Identity, Purpose, Ticket,
    principals::ENDED,
    second_factor::{recovery_code, step_of},
    service::PASSWORD,
};
use crate::{
    AppError, Context, Expected, Recorded, Step,
    access::Authorized,
    identity::permissions::{ProfileRead, ProfileWrite},
};

/// Under which names the second factor's secrets are kept beside their user.
pub(super) const TOTP: &str = "totp";
pub(super) const RECOVERY: &str = "recovery_codes";

/// Somebody wants to sign in.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The address.
    pub email: Email,
    /// The password.
    pub password: SecretString,
    /// The second factor, for those who have one.
    pub second_factor: Option<SecondFactor>,
    /// In which organization; without, in the first of theirs.
    pub organization: Option<OrganizationId>,
}

/// A code that comes beside the password.
#[derive(Debug, Clone)]
pub enum SecondFactor {
    /// One that changes with time.
    Totp(SecretString),
    /// One that was written down.
    RecoveryCode(SecretString),
}

/// What somebody has who signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub user: UserId,
    /// In which organization.
    pub organization: OrganizationId,
    /// The session.
    pub session: SessionId,
    /// Goes with each request.
    pub access_token: SecretString,
    /// For how long.
    pub expires_in: Duration,
    /// Brings the next access token, once.
    pub refresh_token: SecretString,
    /// Until when the session can be refreshed.
    pub session_expires_at: DateTime<Utc>,
}

/// The address, the password or the code is wrong. Which one is nobody's business.
const WRONG: AppError = AppError::Unauthenticated {
    code: "session.invalid_credentials",
    detail: "the address, the password or the code is not right",
};
/// The password is right, and a code is missing.
const CODE_MISSING: AppError = AppError::Unauthenticated {
    code: "session.totp_required",
    detail: "send totp, or a recovery_code, besides the password",
};
/// A refresh token that does not go on.
const NO_REFRESH: AppError = AppError::Unauthenticated {
    code: "session.invalid_refresh_token",
    detail: "the refresh token is not valid; sign in again",
};

/// A person, and what their session begins with.
pub(super) struct Proven {
    pub(super) user: UserId,
    pub(super) methods: BTreeSet<SessionMethod>,
    pub(super) provider: Option<Provider>,
    /// What happens besides, in the same transaction.
    pub(super) besides: Vec<Step>,
}

impl Identity {
    /// Signs somebody in. An unknown address is answered as a wrong password is, and takes as long.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`], [`AppError::TooManyAttempts`]; `session.no_organization` for who belongs nowhere.
    pub async fn sign_in(&self, asking: &Asking, sign_in: SignIn) -> Result<SignedIn, AppError> {
        let account = sign_in.email.normalized();
        let address = asking.origin.address;
        self.attempts.admit(&account, address, Instant::now())?;
        let found = self.user_with(&asking.as_nobody(), &sign_in.email).await?;
        let outcome = self.proven(asking, &sign_in, found).await;
        let outcome = match outcome {
            Ok(proven) => {
                self.attempts.succeeded(&account, address);
                self.begin(asking, proven, sign_in.organization).await
            }
            Err(error) => {
                // Who has yet to send a code knew the password.
                if matches!(error, AppError::Unauthenticated { code, .. } if code != "session.totp_required") {
                    self.attempts.failed(&account, address, Instant::now());
                }
                Err(error)
            }
        };
        if let Err(error) = &outcome {
            self.note_refusal(asking, found, error);
        }
        outcome
    }

    async fn proven(&self, asking: &Asking, sign_in: &SignIn, found: Option<UserId>) -> Result<Proven, AppError> {
        let nobody = asking.as_nobody();
        // Somebody who is not there is looked for as well, so that it takes as long.
        let id = found.unwrap_or_else(|| self.app.fresh());
        let user = self.user(&nobody, id).await?;
        let secrets = self.app.store.secrets(&nobody, id.into()).await?;
        let kept = secrets.text(PASSWORD).filter(|_| user.as_ref().is_some_and(|user| user.state.is_active()));
        let right = self.passwords.verify(kept, sign_in.password.clone()).await?;
        let Some(user) = user.filter(|_| right) else { return Err(WRONG) };
        let mut methods = BTreeSet::from([SessionMethod::Password]);
        let mut besides = Vec::new();
        if user.state.asks_for_totp() {
            let (method, command) = match &sign_in.second_factor {
                None => return Err(CODE_MISSING),
                Some(SecondFactor::Totp(code)) => {
                    let step = step_of(secrets.get(TOTP).unwrap_or_default(), code, self.now())?.ok_or(WRONG)?;
                    (SessionMethod::Totp, UserCommand::UseTotp { step })
                }
                Some(SecondFactor::RecoveryCode(code)) => {
                    let index = recovery_code(secrets.get(RECOVERY).unwrap_or_default(), code).ok_or(WRONG)?;
                    (SessionMethod::RecoveryCode, UserCommand::UseRecoveryCode { index })
                }
            };
            methods.insert(method);
            besides.push(Step::new::<User>(&asking.as_user(id), id, Expected::Any, command));
        }
        Ok(Proven { user: id, methods, provider: None, besides })
    }

    /// Begins a session for somebody who has proven who they are.
    pub(super) async fn begin(
        &self,
        asking: &Asking,
        proven: Proven,
        wanted: Option<OrganizationId>,
    ) -> Result<SignedIn, AppError> {
        let Proven { user, methods, provider, besides: mut steps } = proven;
        let organization = self.workplace(asking, user, wanted).await?;
        let (cx, session, at) = (asking.as_user(user), self.app.fresh::<SessionId>(), self.now());
        let lifetime = chrono::Duration::from_std(self.settings.session_lifetime).map_err(AppError::internal)?;
        let start = SessionStart {
            user_id: user,
            organization_id: organization,
            methods,
            provider,
            origin: asking.origin.clone(),
            at,
            expires_at: at + lifetime,
        };
        steps.push(Step::new::<Session>(&cx, session, Expected::New, SessionCommand::Start(Box::new(start))));
        self.app.execute_all(&cx, &steps).await.map_err(|error| match error {
            // A code that was used already is a wrong one.
            AppError::Refused { code: "user.totp_reused" | "user.recovery_code_used", .. } => WRONG,
            error => error,
        })?;
        self.note_session(asking, user, organization, session);
        self.signed_in(user, organization, session, 1, at + lifetime)
    }

    /// Where somebody goes to work: where they want to, or in the first organization of which they are a member.
    async fn workplace(
        &self,
        asking: &Asking,
        user: UserId,
        wanted: Option<OrganizationId>,
    ) -> Result<OrganizationId, AppError> {
        let all = self.directory.organizations_of(user).await?;
        for organization in all.into_iter().filter(|organization| wanted.is_none_or(|wanted| wanted == *organization)) {
            let within = asking.within(organization, super::user_actor(user));
            let membership = self.app.read::<Membership>(&within, user).await?;
            if membership.is_some_and(|membership| membership.state.is_active()) {
                return Ok(organization);
            }
        }
        Err(match wanted {
            Some(_) => AppError::Refused {
                kind: ErrorKind::Forbidden,
                code: "session.no_member",
                detail: "you are no member of this organization".to_owned(),
            },
            None => AppError::Refused {
                kind: ErrorKind::Forbidden,
                code: "session.no_organization",
                detail: "you are no member of any organization; register one, or accept an invitation".to_owned(),
            },
        })
    }

    fn signed_in(
        &self,
        user: UserId,
        organization: OrganizationId,
        session: SessionId,
        generation: u32,
        session_expires_at: DateTime<Utc>,
    ) -> Result<SignedIn, AppError> {
        let left = (session_expires_at - self.now()).to_std().unwrap_or_default();
        let expires_in = self.settings.access_token_lifetime.min(left);
        let access_token = self.tokens.sign_session(user, organization, session, expires_in)?;
        let ticket = Ticket { tenant: OrganizationId::DIRECTORY, record: session.into(), number: generation };
        let refresh_token = self.tickets.write(Purpose::Refresh, &ticket);
        Ok(SignedIn { user, organization, session, access_token, expires_in, refresh_token, session_expires_at })
    }

    /// Goes on with a session: a refresh token brings the next one, once. One that comes a second time ends the session, since
    /// either it was stolen or what came after it was.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`]
    pub async fn refresh(&self, asking: &Asking, refresh_token: &str) -> Result<SignedIn, AppError> {
        let ticket = self.tickets.read(Purpose::Refresh, refresh_token).map_err(|_| NO_REFRESH)?;
        let (nobody, id) = (asking.as_nobody(), SessionId::from(ticket.record));
        let session = self.app.read::<Session>(&nobody, id).await?.ok_or(NO_REFRESH)?.state;
        let person = self.user(&nobody, session.user_id).await?.ok_or(ENDED)?.state;
        if !person.honours_sessions_of(session.started_at) {
            return Err(ENDED);
        }
        let cx = asking.as_user(session.user_id);
        let at = self.now();
        let command = SessionCommand::Refresh { generation: ticket.number, origin: asking.origin.clone(), at };
        self.app.execute::<Session>(&cx, id, Expected::Any, command).await.map_err(|error| match error {
            AppError::Refused { .. } => ENDED,
            error => error,
        })?;
        let after = self.app.read::<Session>(&cx, id).await?.ok_or(ENDED)?.state;
        if after.ended.is_some() {
            return Err(ENDED);
        }
        self.signed_in(after.user_id, after.organization_id, id, ticket.number.saturating_add(1), after.expires_at)
    }

    /// Goes to work in another organization, in the same session: brings an access token for it.
    ///
    /// # Errors
    /// `session.no_member`; `access.no_session` for who did not sign in.
    pub async fn switch(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileWrite>,
        to: OrganizationId,
    ) -> Result<SignedIn, AppError> {
        let (user, id) = myself(cx)?;
        let organization = self.workplace(asking, user, Some(to)).await?;
        let within = asking.as_user(user);
        self.app.execute::<Session>(&within, id, Expected::Any, SessionCommand::Switch(organization)).await?;
        let session = self.app.read::<Session>(&within, id).await?.ok_or(ENDED)?.state;
        self.signed_in(user, organization, id, session.generation, session.expires_at)
    }

    /// One's sessions that have not ended, in the order in which they began, and whether there are more.
    ///
    /// # Errors
    /// `access.no_session` for who did not sign in.
    pub async fn sessions(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileRead>,
        after: Option<SessionId>,
        limit: u16,
    ) -> Result<(Vec<Recorded<Session>>, bool), AppError> {
        let (user, _) = myself(cx)?;
        let within = asking.as_user(user);
        let person = self.user(&within, user).await?.ok_or(ENDED)?.state;
        let (mut page, more) = self.app.register::<Session>(&within, Some(user), after.map(Into::into), limit).await?;
        let now = self.now();
        page.retain(|session| person.honours_sessions_of(session.state.started_at) && now < session.state.expires_at);
        Ok((page, more))
    }

    /// Ends one of one's sessions; the present one, where none is named.
    ///
    /// # Errors
    /// `session.not_found`; `access.no_session` for who did not sign in.
    pub async fn end_session(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileWrite>,
        session: Option<SessionId>,
    ) -> Result<(), AppError> {
        let (user, present) = myself(cx)?;
        let id = session.unwrap_or(present);
        let within = asking.as_user(user);
        let known = self.app.read::<Session>(&within, id).await?;
        if known.is_none_or(|session| session.state.user_id != user) {
            return Err(fairlead_domain::identity::SessionError::NotFound.into());
        }
        let reason = if id == present { EndReason::LoggedOut } else { EndReason::EndedByUser };
        self.app.execute::<Session>(&within, id, Expected::Any, SessionCommand::End(reason)).await.map(drop)
    }

    /// Ends all of one's sessions.
    ///
    /// # Errors
    /// `access.no_session` for who did not sign in.
    pub async fn end_all_sessions(&self, asking: &Asking, cx: &Authorized<ProfileWrite>) -> Result<(), AppError> {
        let (user, _) = myself(cx)?;
        let command = UserCommand::EndSessions { at: self.now() };
        self.app.execute::<User>(&asking.as_user(user), user, Expected::Any, command).await.map(drop)
    }
}

/// Who signed in, and in which session.
pub(crate) fn myself(cx: &Context) -> Result<(UserId, SessionId), AppError> {
    cx.access().user().zip(cx.session).ok_or(AppError::Refused {
        kind: ErrorKind::Forbidden,
        code: "access.no_session",
        detail: "this is for people who signed in".to_owned(),
    })
}
