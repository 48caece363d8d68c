//! Personal data in events, sealed field by field.
//!
//! Each person has a random key, kept in `engine.subject_keys`, wrapped by a key of the tenant, kept in
//! `engine.tenant_keys`, wrapped by a key of the installation, which is in its settings. Erasing a person destroys the first
//! one. Keys of people are not kept in memory: unwrapping one takes a microsecond, and a cache would outlive an erasure.

mod cipher;
mod installation;
mod open;
mod rotation;
mod seal;
mod signing;

use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fairlead_application::{
    log::LogError,
    ports::{StoreError, SubjectKey},
};
pub use installation::{InstallationKeys, InvalidKeys};
pub(crate) use open::{Hold, told};
pub use rotation::{KeyStatus, Rotation, key_status, rewrap_keys, rotate_tenant_keys};
pub(crate) use seal::Sealed;
pub use signing::PostgresSigningKeys;
use tokio_postgres::Client;
use uuid::Uuid;

use self::cipher::{Key, Place};

/// The name of the member that holds a sealed value. Data that has a member of this name by itself is refused.
const SEALED: &str = "$sealed";
/// The member beside it that names the person, where that is not the one to whom the stream belongs.
const SUBJECT: &str = "subject";
/// How many tenants' keys are kept in memory.
const KEPT: usize = 10_000;

/// Seals and opens. Its clones share what they remember.
#[derive(Clone, Default)]
pub(crate) struct Vault {
    installation: InstallationKeys,
    tenants: Arc<Mutex<Tenants>>,
}

/// The tenants' keys that were needed so far.
#[derive(Default)]
struct Tenants {
    keys: HashMap<(Uuid, i32), Key>,
    /// The number of the key under which new ones are wrapped.
    current: HashMap<Uuid, i32>,
}

/// Why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// No key of the installation is known.
    #[error("encryption_keys is missing")]
    NoKeys,
    /// A key of the installation is not in the settings.
    #[error("encryption_keys does not have the key {0}, with which keys in the database are wrapped")]
    UnknownKey(String),
    /// What is sealed was changed or moved, or `encryption_keys` has another key under the same name.
    #[error(
        "what is sealed does not open: it was changed or moved, or encryption_keys has another key under this name"
    )]
    Broken,
    /// Event data has the member that marks what is sealed.
    #[error("event data can't have a member named {SEALED}")]
    Reserved,
    /// The keys are others by now: look again.
    #[error("the keys were changed meanwhile")]
    Moved,
    /// People were erased, so that nothing about them can be sealed.
    #[error("a person was erased")]
    Erased(Vec<Uuid>),
    /// Another process is at the same work.
    #[error("another process is rotating the keys")]
    Busy,
    /// The operating system gives no chance.
    #[error("no randomness")]
    Entropy(#[source] Box<dyn Error + Send + Sync>),
    /// The database.
    #[error("the keys can't be read or written")]
    Database(#[from] tokio_postgres::Error),
}

impl VaultError {
    pub(crate) fn into_log(self) -> LogError {
        match self {
            Self::Database(error) => crate::connect::log_error(error),
            error => LogError::Internal(error.into()),
        }
    }

    pub(crate) fn into_store(self) -> StoreError {
        match self {
            Self::Database(error) => crate::event_store::store_error(error),
            Self::Erased(subjects) => StoreError::Erased { subjects },
            error => StoreError::Internal(error.into()),
        }
    }
}

impl Vault {
    pub(crate) fn new(installation: InstallationKeys) -> Self {
        Self { installation, tenants: Arc::default() }
    }

    fn tenants(&self) -> MutexGuard<'_, Tenants> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks a tenant's keys up again when they are needed next.
    pub(crate) fn forget(&self, tenant: Uuid) {
        let mut tenants = self.tenants();
        tenants.current.remove(&tenant);
        tenants.keys.retain(|(of, _), _| *of != tenant);
    }

    fn remembered(&self, tenant: Uuid, number: i32) -> Option<Key> {
        self.tenants().keys.get(&(tenant, number)).cloned()
    }

    /// Unwraps a tenant's key, and remembers it.
    fn tenant_key(&self, tenant: Uuid, number: i32, wrapped: &[u8], installation_key: &str) -> Result<Key, VaultError> {
        let key = self.installation.named(installation_key)?.unwrap(wrapped, &Place::TenantKey(tenant, number))?;
        let mut tenants = self.tenants();
        if tenants.keys.len() >= KEPT {
            *tenants = Tenants::default();
        }
        tenants.keys.insert((tenant, number), key.clone());
        Ok(key)
    }

    /// One of a tenant's keys, or the current one, as `fairlead_app`. A tenant without any gets its first one.
    async fn app_tenant_key(
        &self,
        client: &Client,
        tenant: Uuid,
        number: Option<i32>,
    ) -> Result<(i32, Key), VaultError> {
        let wanted = number.or_else(|| self.tenants().current.get(&tenant).copied());
        if let Some((number, key)) = wanted.and_then(|number| Some((number, self.remembered(tenant, number)?))) {
            return Ok((number, key));
        }
        let sql = "select number, wrapped, installation_key from engine.tenant_key($1, $2)";
        let mut row = client.query_one(sql, &[&tenant, &number]).await?;
        if row.try_get::<_, Option<i32>>(0)?.is_none() {
            if number.is_some() {
                return Err(VaultError::Moved);
            }
            let round: i32 = client.query_one("select engine.key_round()", &[]).await?.try_get(0)?;
            let (name, installation_key) = self.installation.current()?;
            let wrapped = installation_key.wrap(&Key::fresh()?, &Place::TenantKey(tenant, round))?;
            // Nothing happens when another process was quicker.
            client
                .execute("select engine.make_tenant_key($1, $2, $3, $4)", &[&tenant, &round, &wrapped, &name])
                .await?;
            row = client.query_one(sql, &[&tenant, &number]).await?;
        }
        let found = row.try_get(0)?;
        let key = self.tenant_key(tenant, found, row.try_get(1)?, row.try_get(2)?)?;
        if number.is_none() {
            self.tenants().current.insert(tenant, found);
        }
        Ok((found, key))
    }

    /// The keys of some people as they are stored, as `fairlead_app`; one that is not there is left out.
    async fn app_subject_keys(
        &self,
        client: &Client,
        tenant: Uuid,
        subjects: &[Uuid],
    ) -> Result<HashMap<Uuid, SubjectKey>, VaultError> {
        let sql = "select subject_id, wrapped, tenant_key from engine.subject_keys_of($1, $2)";
        let rows = client.query(sql, &[&tenant, &subjects]).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, subject_key(row, 1)?))).collect()
    }

    /// Unwraps a person's key, as `fairlead_app`; `None` when it is destroyed.
    async fn app_unwrap(
        &self,
        client: &Client,
        tenant: Uuid,
        subject: Uuid,
        key: &SubjectKey,
    ) -> Result<Option<Key>, VaultError> {
        let SubjectKey::Wrapped { wrapped, tenant_key: number } = key else { return Ok(None) };
        let (_, tenant_key) = self.app_tenant_key(client, tenant, Some(*number)).await?;
        tenant_key.unwrap(wrapped, &Place::SubjectKey(tenant, subject, *number)).map(Some)
    }
}

/// Reads a person's key as it is stored: what is wrapped stands at `column`, the number of the tenant's key behind it.
pub(crate) fn subject_key(row: &tokio_postgres::Row, column: usize) -> Result<SubjectKey, tokio_postgres::Error> {
    let (wrapped, tenant_key) = (row.try_get(column)?, row.try_get(column + 1)?);
    Ok(match (wrapped, tenant_key) {
        (Some(wrapped), Some(tenant_key)) => SubjectKey::Wrapped { wrapped, tenant_key },
        _ => SubjectKey::Destroyed,
    })
}
