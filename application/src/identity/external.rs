//! Signing in by a provider: who comes back from there is taken for a user who is linked to them, by that user's doing, by an
//! invitation, or, where the settings say so, by an address that the provider has verified. Nobody is registered silently.

use std::{collections::BTreeSet, sync::Arc};

use fairlead_domain::{
    identity::{Identity as Linked, SessionMethod, User, UserCommand, UserError},
    ids::{OrganizationId, UserId},
    kernel::ErrorKind,
    values::{PersonName, Provider},
};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::{
    Asking, Identity, SignedIn,
    oidc::{Answer, ExternalIdentity, OidcError, Providers, Visits},
    permissions::ProfileWrite,
    sessions::{Proven, myself},
};
use crate::{AppError, Context, Expected, Step, access::Authorized};

/// Signing in by providers whom the settings name.
#[derive(Clone)]
pub struct ProviderSignIn {
    identity: Identity,
    providers: Arc<dyn Providers>,
    visits: Visits,
}

/// Somebody is on their way to a provider.
#[derive(Debug, Clone)]
pub struct Departure {
    /// Where the browser has to go.
    pub authorization_url: String,
    /// What it keeps until it comes back. Good for that alone, and for ten minutes.
    pub visit: SecretString,
}

/// Somebody is back from a provider.
#[derive(Debug, Clone)]
pub struct Return {
    /// From which.
    pub provider: String,
    /// What the browser kept.
    pub visit: SecretString,
    /// What the provider answered.
    pub answer: Answer,
}

impl ProviderSignIn {
    /// The use cases over what the providers can do. Visits are sealed with keys made of the installation's secret.
    pub fn new(identity: Identity, providers: Arc<dyn Providers>, secret: &SecretSlice<u8>) -> Self {
        Self { identity, providers, visits: Visits::new(secret) }
    }

    /// By whom one may sign in.
    pub fn names(&self) -> Vec<Provider> {
        self.providers.names()
    }

    /// Sends somebody to a provider, to sign in.
    ///
    /// # Errors
    /// `oidc.unknown_provider`, [`AppError::Unavailable`]
    pub async fn begin(&self, provider: &str) -> Result<Departure, AppError> {
        self.depart(provider, None).await
    }

    /// Signs in who is back. Who was invited and has not registered yet does so by the invitation's `token`, and joins.
    ///
    /// # Errors
    /// `oidc.no_visit`, `oidc.denied`, `oidc.invalid_answer`, `oidc.domain`, `oidc.unknown_user`, `oidc.not_linked`;
    /// [`AppError::Unavailable`]; as [`Identity::sign_in`] and [`Identity::accept`].
    pub async fn sign_in(
        &self,
        asking: &Asking,
        back: Return,
        organization: Option<OrganizationId>,
        invitation: Option<&SecretString>,
    ) -> Result<SignedIn, AppError> {
        let who = self.arrive(&back, None).await?;
        let invitation = invitation.map(ExposeSecret::expose_secret);
        self.identity.sign_in_by_provider(asking, who, organization, invitation).await
    }

    /// Sends somebody who signed in to a provider, to be linked to who they are there.
    ///
    /// # Errors
    /// `password.wrong`, `oidc.unknown_provider`, [`AppError::Unavailable`]; `access.no_session` for who did not sign in.
    pub async fn begin_link(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileWrite>,
        provider: &str,
        password: Option<SecretString>,
    ) -> Result<Departure, AppError> {
        let (user, _) = myself(cx)?;
        self.identity.reauthenticate(asking, user, password).await?;
        self.depart(provider, Some(linking(cx)?)).await
    }

    /// Links who is back: to the user and in the session that they left from.
    ///
    /// # Errors
    /// `oidc.no_visit`, `oidc.denied`, `oidc.invalid_answer`, `oidc.domain`, [`AppError::Unavailable`]; as
    /// [`Identity::link_provider`].
    pub async fn link(&self, asking: &Asking, cx: &Authorized<ProfileWrite>, back: Return) -> Result<(), AppError> {
        let who = self.arrive(&back, Some(linking(cx)?)).await?;
        self.identity.link_provider(asking, cx, who).await
    }

    async fn depart(&self, provider: &str, context: Option<String>) -> Result<Departure, AppError> {
        let (authorization_url, visit) = self.providers.begin(provider, context).await?;
        Ok(Departure { authorization_url, visit: self.visits.seal(&visit).into() })
    }

    async fn arrive(&self, back: &Return, context: Option<String>) -> Result<ExternalIdentity, AppError> {
        let visit = self.visits.open(back.visit.expose_secret(), self.identity.now())?;
        if visit.provider != back.provider || visit.context != context {
            return Err(OidcError::NoVisit.into());
        }
        Ok(self.providers.finish(&back.provider, &back.answer, &visit).await?)
    }
}

/// What a visit is for that links: nobody else's, and no other session's.
fn linking(cx: &Context) -> Result<String, AppError> {
    let (user, session) = myself(cx)?;
    Ok(format!("link {user} {session}"))
}

impl Identity {
    /// Signs in somebody for whom a provider vouches. A second factor is the provider's business.
    ///
    /// # Errors
    /// `oidc.unknown_user`, `oidc.not_linked`; as [`Identity::sign_in`], and as [`Identity::accept`] with an invitation.
    pub async fn sign_in_by_provider(
        &self,
        asking: &Asking,
        who: ExternalIdentity,
        organization: Option<OrganizationId>,
        invitation: Option<&str>,
    ) -> Result<SignedIn, AppError> {
        let (user, joined) = match invitation {
            Some(token) => {
                let (user, joined) = self.accept_by_provider(asking, token, &who).await?;
                (user, Some(joined))
            }
            None => {
                let recognized = self.recognized(asking, &who).await;
                (recognized.inspect_err(|error| self.note_refusal(asking, None, error))?, None)
            }
        };
        let methods = BTreeSet::from([SessionMethod::Oidc]);
        let proven = Proven { user, methods, provider: Some(who.provider), besides: vec![] };
        self.begin(asking, proven, organization.or(joined)).await
    }

    /// Whose identity it is. Who comes for the first time is linked, if the address may tell who they are.
    async fn recognized(&self, asking: &Asking, who: &ExternalIdentity) -> Result<UserId, AppError> {
        let nobody = asking.as_nobody();
        if let Some(id) = self.user_linked_to(&nobody, who).await? {
            let user = self.user(&nobody, id).await?;
            return user.filter(|user| user.state.is_active()).map(|_| id).ok_or_else(unknown);
        }
        let email = who.email.as_ref().filter(|_| who.email_verified).ok_or_else(unknown)?;
        let id = self.user_with(&nobody, email).await?.ok_or_else(unknown)?;
        let user = self.user(&nobody, id).await?.filter(|user| !user.state.deactivated).ok_or_else(unknown)?.state;
        if !user.is_registered() {
            if !who.may_link_by_email {
                return Err(unknown());
            }
            self.register_by_provider(asking, id, &user, who).await?;
            return Ok(id);
        }
        // An address that its user has not verified may have been claimed by anybody, and a second factor that was set up here
        // is not given up without its owner's doing.
        if !who.may_link_by_email || !user.email_verified || user.asks_for_totp() {
            return Err(not_linked());
        }
        self.app.execute::<User>(&asking.as_user(id), id, Expected::Any, link(who)).await?;
        Ok(id)
    }

    async fn user_linked_to(&self, cx: &Context, who: &ExternalIdentity) -> Result<Option<UserId>, AppError> {
        let holders = self.app.store.holders(cx, &[Linked::key(&who.provider, &who.subject)]).await?;
        Ok(holders.into_iter().next().flatten().map(Into::into))
    }

    /// Registers somebody who was invited. That mail to the address reaches them is shown, by the invitation or by the provider.
    pub(super) async fn register_by_provider(
        &self,
        asking: &Asking,
        id: UserId,
        user: &User,
        who: &ExternalIdentity,
    ) -> Result<(), AppError> {
        let email = user.email.known().cloned().ok_or(UserError::Erased)?;
        let name = who.name.clone().map_or_else(|| PersonName::new(email.as_str()), Ok)?;
        let cx = asking.as_user(id);
        let commands =
            [UserCommand::Register { email: email.clone(), name }, UserCommand::ConfirmEmail { email }, link(who)];
        let steps = commands.map(|command| Step::new::<User>(&cx, id, Expected::Any, command));
        self.app.execute_all(&cx, &steps).await.map(drop)
    }

    /// Accepts an invitation, by the link that was sent, as somebody for whom a provider vouches.
    async fn accept_by_provider(
        &self,
        asking: &Asking,
        token: &str,
        who: &ExternalIdentity,
    ) -> Result<(UserId, OrganizationId), AppError> {
        let invitation = self.invitation(asking, token).await?;
        let id = invitation.user;
        let user = self.user(&asking.as_user(id), id).await?.ok_or(UserError::NotFound)?.state;
        if user.name.is_none() {
            self.register_by_provider(asking, id, &user, who).await?;
        } else if self.recognized(asking, who).await? != id {
            return Err(not_linked());
        }
        let organization = invitation.organization;
        self.join(asking, invitation).await?;
        Ok((id, organization))
    }

    /// Links oneself to who one is to a provider.
    ///
    /// # Errors
    /// `user.identity_taken`, `user.too_many_identities`; `access.no_session` for who did not sign in.
    pub async fn link_provider(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileWrite>,
        who: ExternalIdentity,
    ) -> Result<(), AppError> {
        let (user, _) = myself(cx)?;
        self.app.execute::<User>(&asking.as_user(user), user, Expected::Any, link(&who)).await.map(drop)
    }

    /// Ends one's links to a provider, of which there may be several.
    ///
    /// # Errors
    /// `password.wrong`; `user.last_way_in` for who could not sign in any more; `access.no_session` for who did not sign in.
    pub async fn unlink_provider(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileWrite>,
        provider: &str,
        password: Option<SecretString>,
    ) -> Result<(), AppError> {
        let (id, _) = myself(cx)?;
        self.reauthenticate(asking, id, password).await?;
        let within = asking.as_user(id);
        let user = self.user(&within, id).await?.ok_or(UserError::NotFound)?.state;
        let of_provider = user.identities.iter().filter(|identity| identity.provider.as_str() == provider);
        let steps: Vec<_> = of_provider
            .filter_map(|identity| {
                let (provider, subject) = (identity.provider.clone(), identity.subject.known()?.clone());
                let unlink = UserCommand::UnlinkIdentity { provider, subject };
                Some(Step::new::<User>(&within, id, Expected::Any, unlink))
            })
            .collect();
        if steps.is_empty() {
            return Ok(());
        }
        self.app.execute_all(&within, &steps).await.map(drop)
    }
}

fn link(who: &ExternalIdentity) -> UserCommand {
    UserCommand::LinkIdentity { provider: who.provider.clone(), subject: who.subject.clone() }
}

fn unknown() -> AppError {
    AppError::Refused {
        kind: ErrorKind::Forbidden,
        code: "oidc.unknown_user",
        detail: "nobody is known here by this sign-in; register, or accept an invitation".to_owned(),
    }
}

fn not_linked() -> AppError {
    AppError::Refused {
        kind: ErrorKind::Forbidden,
        code: "oidc.not_linked",
        detail: "there is a user with your address; sign in as before, and link the provider there".to_owned(),
    }
}

impl From<OidcError> for AppError {
    fn from(error: OidcError) -> Self {
        let detail = error.to_string();
        let (kind, code) = match error {
            OidcError::UnknownProvider => (ErrorKind::NotFound, "oidc.unknown_provider"),
            OidcError::NoVisit => (ErrorKind::Invalid, "oidc.no_visit"),
            OidcError::Denied => (ErrorKind::Forbidden, "oidc.denied"),
            OidcError::Domain => (ErrorKind::Forbidden, "oidc.domain"),
            OidcError::Invalid(cause) => {
                tracing::warn!(%cause, "a provider's answer was refused");
                (ErrorKind::Forbidden, "oidc.invalid_answer")
            }
            OidcError::Unavailable(cause) => return Self::Unavailable(cause),
        };
        Self::Refused { kind, code, detail }
    }
}
