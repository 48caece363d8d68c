//! What those may do who come with a session or a key: looked up once, kept until one of the records changes on which it
//! depends.

mod kept;
mod key;
mod lookup;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_domain::{
    identity::{ApiKey, Role, RoleRef},
    ids::{ApiKeyId, OrganizationId, RoleId, SessionId, UserId},
};
use uuid::Uuid;

pub use self::key::KeyText;
pub(super) use self::key::kept_as;
use self::{
    kept::Kept,
    lookup::{Found, Lookup},
};
use crate::{
    Actor, App, AppError, Context,
    access::{Access, Authorized, System},
    ports::Clock,
};

/// How long what was found is believed while the log is followed, should a change be missed nevertheless.
const BELIEVED: Duration = Duration::from_secs(30);
/// The same while the log can't be followed.
const BELIEVED_BLINDLY: Duration = Duration::from_secs(2);

/// A key's last use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUse {
    /// The organization.
    pub organization: OrganizationId,
    /// The key.
    pub key: ApiKeyId,
    /// When.
    pub at: DateTime<Utc>,
    /// From where.
    pub address: Option<IpAddr>,
}

/// Port: keeps when keys were used last.
#[async_trait]
pub trait KeyUses: Send + Sync {
    /// Notes uses, of each key the last one.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    async fn note(&self, uses: &[KeyUse]) -> Result<(), AppError>;

    /// When keys of an organization were used last, those never used left out.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    async fn last(&self, organization: OrganizationId, keys: &[ApiKeyId]) -> Result<Vec<KeyUse>, AppError>;
}

/// Knows what people who signed in, and keys, may do.
#[derive(Clone)]
pub struct Principals {
    lookup: Lookup,
    clock: Arc<dyn Clock>,
    kept: Arc<Kept>,
    uses: Arc<Mutex<HashMap<(OrganizationId, ApiKeyId), KeyUse>>>,
}

/// Who is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Principal {
    Session { organization: OrganizationId, user: UserId, session: SessionId },
    Key { organization: OrganizationId, key: ApiKeyId },
}

/// What the actor of a user is called.
pub fn user_actor(user: UserId) -> Actor {
    Actor::new(format!("user:{user}"))
}

impl Principals {
    /// Looks principals up by means of the application.
    pub fn new(app: App, clock: Arc<dyn Clock>) -> Self {
        Self { lookup: Lookup(app), clock, kept: Arc::default(), uses: Arc::default() }
    }

    /// The context of a person who acts in an organization, in a session.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`] when the session ended or the person is a member no longer;
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    pub async fn of_session(
        &self,
        organization: OrganizationId,
        user: UserId,
        session: SessionId,
    ) -> Result<Context, AppError> {
        let found = self.found(Principal::Session { organization, user, session }).await?;
        if found.expires_at.is_some_and(|expires_at| self.clock.now() >= expires_at) {
            return Err(ENDED);
        }
        let mut context = Context::new(organization, user_actor(user), found.access.clone());
        context.session = Some(session);
        Ok(context)
    }

    /// The context of a program that comes with a key. Notes the use.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`] when there is no such key, or it is revoked or expired; [`AppError::Unavailable`],
    /// [`AppError::Internal`].
    pub async fn of_key(&self, text: &str, address: Option<IpAddr>) -> Result<Context, AppError> {
        let presented = KeyText::read(text).ok_or(UNKNOWN_KEY)?;
        let (organization, key) = (presented.organization, presented.key);
        let found = self.found(Principal::Key { organization, key }).await.map_err(|error| match error {
            AppError::Unauthenticated { .. } => UNKNOWN_KEY,
            error => error,
        })?;
        let now = self.clock.now();
        let accepted = found.key.as_ref().is_some_and(|known| known.accepts(&presented, now));
        if !accepted {
            return Err(UNKNOWN_KEY);
        }
        let used = KeyUse { organization, key, at: now, address };
        self.uses().insert((organization, key), used);
        Ok(Context::new(organization, Actor::new(format!("api_key:{key}")), found.access.clone()))
    }

    /// Has the uses of keys noted that were not noted yet. Those that can't be are kept for the next time.
    ///
    /// # Errors
    /// As [`KeyUses::note`].
    pub async fn note_uses(&self, kept: &dyn KeyUses) -> Result<(), AppError> {
        let uses: Vec<_> = std::mem::take(&mut *self.uses()).into_values().collect();
        if uses.is_empty() {
            return Ok(());
        }
        let noted = kept.note(&uses).await;
        if noted.is_err() {
            let mut later = self.uses();
            for one in uses {
                later.entry((one.organization, one.key)).or_insert(one);
            }
        }
        noted
    }

    fn uses(&self) -> MutexGuard<'_, HashMap<(OrganizationId, ApiKeyId), KeyUse>> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be told of every stream that changed, as tenant and id: what depends on it is looked up anew.
    pub fn changed(&self, streams: &[(Uuid, Uuid)]) {
        self.kept.forget(streams);
    }

    /// To be told whether the changes are told of at present. What was missed meanwhile is not believed afterwards.
    pub fn followed(&self, followed: bool) {
        self.kept.followed(followed);
    }

    async fn found(&self, principal: Principal) -> Result<Arc<Found>, AppError> {
        if let Some(found) = self.kept.get(&principal) {
            return Ok(found);
        }
        let mut watch = self.kept.watch(principal);
        let found = Arc::new(match principal {
            Principal::Session { organization, user, session } => {
                self.lookup.session(&mut watch, organization, user, session).await?
            }
            Principal::Key { organization, key } => self.lookup.key(&mut watch, organization, key).await?,
        });
        watch.keep(found.clone());
        Ok(found)
    }
}

/// The roles that an organization defined, of those named and of those from which they inherit.
pub(super) async fn defined_roles(
    app: &App,
    within: &Authorized<System>,
    roles: &BTreeSet<RoleRef>,
) -> Result<BTreeMap<RoleId, Role>, AppError> {
    Lookup(app.clone()).defined(within, roles, |_| {}).await
}

/// The session can't be used any more.
pub(super) const ENDED: AppError =
    AppError::Unauthenticated { code: "session.ended", detail: "the session has ended; sign in again" };
/// No key, or none that can be used.
const UNKNOWN_KEY: AppError =
    AppError::Unauthenticated { code: "access.invalid_key", detail: "the API key is not valid" };

impl Found {
    fn with(access: Access) -> Self {
        Self { access, expires_at: None, key: None }
    }
}

/// A key as it is kept here: its state, and the hashes of the secrets of its generations.
struct KnownKey {
    state: ApiKey,
    hashes: Vec<(u32, [u8; 32])>,
}

impl KnownKey {
    fn accepts(&self, presented: &KeyText, now: DateTime<Utc>) -> bool {
        let of_generation = self.hashes.iter().find(|(generation, _)| *generation == presented.generation);
        let matches = of_generation.is_some_and(|(_, hash)| presented.has_hash(hash));
        matches && self.state.accepts(presented.generation, now)
    }
}
