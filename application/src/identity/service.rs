//! What the use cases of identity share.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use fairlead_domain::{
    identity::User,
    ids::{OrganizationId, UserId},
    kernel::UniqueKey,
    values::{Email, Origin},
};
use secrecy::{SecretSlice, SecretString};
use uuid::Uuid;

use super::{AccessLog, Attempts, Directory, KeyUses, Passwords, Tickets, tokens::AccessTokens, user_actor};
use crate::{
    Actor, App, AppError, Context, Recorded, TraceParent,
    access::{Authorized, System},
    ports::Entropy,
};

/// What the actor is called as long as nobody knows who asks.
pub(super) const ANONYMOUS: &str = "anonymous";
/// Under which name a password's hash is kept beside its user.
pub(super) const PASSWORD: &str = "password";

/// How the use cases of identity behave.
#[derive(Debug, Clone)]
pub struct IdentitySettings {
    /// How long an access token holds; an hour at most.
    pub access_token_lifetime: Duration,
    /// How long a session can be refreshed.
    pub session_lifetime: Duration,
    /// Whether anybody may register an organization; otherwise operators may.
    pub open_registration: bool,
    /// What the installation is called in apps that show codes.
    pub name: String,
}

impl Default for IdentitySettings {
    fn default() -> Self {
        Self {
            access_token_lifetime: Duration::from_secs(15 * 60),
            session_lifetime: Duration::from_secs(30 * 24 * 3600),
            open_registration: false,
            name: "Fairlead".to_owned(),
        }
    }
}

/// Organizations, people and sessions: the use cases that gather facts or touch several aggregates.
#[derive(Clone)]
pub struct Identity {
    pub(super) app: App,
    pub(super) directory: Arc<dyn Directory>,
    pub(super) tickets: Tickets,
    pub(super) passwords: Passwords,
    pub(super) attempts: Arc<Attempts>,
    pub(super) tokens: Arc<dyn AccessTokens>,
    pub(super) uses: Arc<dyn KeyUses>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) settings: Arc<IdentitySettings>,
    pub(super) access_log: AccessLog,
}

/// What the use cases need.
pub struct IdentityParts {
    /// Executes commands.
    pub app: App,
    /// Looks across organizations.
    pub directory: Arc<dyn Directory>,
    /// Signs access tokens.
    pub tokens: Arc<dyn AccessTokens>,
    /// Knows when keys were used last.
    pub uses: Arc<dyn KeyUses>,
    /// Draws secrets.
    pub entropy: Arc<dyn Entropy>,
    /// The installation's secret.
    pub secret: SecretSlice<u8>,
    /// How they behave.
    pub settings: IdentitySettings,
}

/// Who asks before it is known who it is: from where, and in the course of what.
#[derive(Debug, Clone)]
pub struct Asking {
    /// From where.
    pub origin: Origin,
    /// The request.
    pub correlation_id: Option<Uuid>,
    /// The caller's trace.
    pub trace_parent: Option<TraceParent>,
}

impl Identity {
    /// The use cases over their ports.
    ///
    /// # Errors
    /// As [`Passwords::new`].
    pub fn new(parts: IdentityParts) -> Result<Self, AppError> {
        Ok(Self {
            tickets: Tickets::new(&parts.secret),
            passwords: Passwords::new()?,
            attempts: Arc::default(),
            app: parts.app,
            directory: parts.directory,
            tokens: parts.tokens,
            uses: parts.uses,
            entropy: parts.entropy,
            settings: Arc::new(parts.settings),
            access_log: AccessLog::default(),
        })
    }

    /// The same, which notes who signs in, and who can't.
    #[must_use]
    pub fn noting(self, access_log: AccessLog) -> Self {
        Self { access_log, ..self }
    }

    /// Whether anybody may register an organization.
    pub fn registration_is_open(&self) -> bool {
        self.settings.open_registration
    }

    /// The present.
    pub fn now(&self) -> DateTime<Utc> {
        self.app.clock.now()
    }

    /// A user, if there is one; and whether the use case may go on with one who is not there is its business.
    pub(super) async fn user(&self, cx: &Authorized<System>, id: UserId) -> Result<Option<Recorded<User>>, AppError> {
        self.app.read::<User>(cx, id).await
    }

    /// Who has an address.
    pub(super) async fn user_with(&self, cx: &Context, email: &Email) -> Result<Option<UserId>, AppError> {
        let key = UniqueKey::new("user.email", email.normalized());
        let holders = self.app.store.holders(cx, &[key]).await?;
        Ok(holders.into_iter().next().flatten().map(Into::into))
    }

    /// The hash of a new password, once it is found to be one.
    pub(super) async fn hashed(&self, password: SecretString) -> Result<SecretSlice<u8>, AppError> {
        Passwords::check(&password)?;
        Ok(bytes(&self.passwords.hash(password).await?))
    }
}

impl Asking {
    /// A context within a tenant, for what the use case itself may do.
    pub(super) fn within(&self, tenant: OrganizationId, actor: Actor) -> Authorized<System> {
        let mut cx = Context::system(tenant, actor.as_str());
        cx.context.correlation_id = self.correlation_id;
        cx.context.trace_parent.clone_from(&self.trace_parent);
        cx
    }

    /// The same within the directory, as a user.
    pub(super) fn as_user(&self, user: UserId) -> Authorized<System> {
        self.within(OrganizationId::DIRECTORY, user_actor(user))
    }

    /// The same within the directory, as long as nobody knows who asks.
    pub(super) fn as_nobody(&self) -> Authorized<System> {
        self.within(OrganizationId::DIRECTORY, Actor::new(ANONYMOUS))
    }
}

/// A text as it is kept.
pub(super) fn bytes(text: &SecretString) -> SecretSlice<u8> {
    use secrecy::ExposeSecret;
    text.expose_secret().as_bytes().to_vec().into()
}
