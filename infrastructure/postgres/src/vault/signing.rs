//! The keys that sign tokens, their private halves sealed under the installation's key.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_application::{
    identity::tokens::{KeyError, SigningKey, SigningKeys, UnknownAlgorithm, Unless},
    log::LogError,
};
use secrecy::{ExposeSecret, SecretSlice};
use tokio_postgres::{Client, Row, Transaction};

use super::{InstallationKeys, VaultError, cipher::Place};
use crate::{Databases, connect::pool_error};

/// Held while it is decided whether a new key is needed.
const LOCK: &str = "select pg_advisory_xact_lock(hashtextextended('fairlead signing keys', 2))";

/// The keys in the database, as the engine.
#[derive(Clone)]
pub struct PostgresSigningKeys(Databases);

impl PostgresSigningKeys {
    /// Reads and writes as the engine's login.
    pub fn new(databases: Databases) -> Self {
        Self(databases)
    }

    fn installation(&self) -> &InstallationKeys {
        &self.0.vault.installation
    }

    fn read(&self, row: &Row) -> Result<SigningKey, KeyError> {
        let id: String = row.try_get("id").map_err(database)?;
        let sealed: Option<Vec<u8>> = row.try_get("private_key").map_err(database)?;
        let private = sealed.map(|sealed| {
            let key = self.installation().named(row.try_get("installation_key")?)?;
            Ok(SecretSlice::from(key.decrypt(&sealed, &Place::SigningKey(&id))?))
        });
        let algorithm: String = row.try_get("algorithm").map_err(database)?;
        Ok(SigningKey {
            private: private.transpose().map_err(vault)?,
            algorithm: algorithm.parse().map_err(|error: UnknownAlgorithm| KeyError::Internal(error.into()))?,
            public: row.try_get("public_key").map_err(database)?,
            created_at: row.try_get("created_at").map_err(database)?,
            active_from: row.try_get("active_from").map_err(database)?,
            signed_until: row.try_get("signed_until").map_err(database)?,
            revoked_at: row.try_get("revoked_at").map_err(database)?,
            id,
        })
    }

    async fn insert(&self, transaction: &Transaction<'_>, key: &SigningKey) -> Result<(), KeyError> {
        let (name, installation_key) = self.installation().current().map_err(vault)?;
        let place = Place::SigningKey(&key.id);
        let sealed = key.private.as_ref().map(|private| installation_key.encrypt(private.expose_secret(), &place));
        let sealed = sealed.transpose().map_err(vault)?;
        let sql = "insert into identity.signing_keys
                     (id, algorithm, public_key, private_key, installation_key, created_at, active_from)
                   values ($1, $2, $3, $4, $5, $6, $7)";
        let algorithm = key.algorithm.name();
        transaction
            .execute(sql, &[&key.id, &algorithm, &key.public, &sealed, &name, &key.created_at, &key.active_from])
            .await
            .map_err(database)?;
        Ok(())
    }
}

#[async_trait]
impl SigningKeys for PostgresSigningKeys {
    async fn all(&self) -> Result<Vec<SigningKey>, KeyError> {
        let client = self.0.pool.get().await.map_err(|error| log(pool_error(error)))?;
        let sql = "select id, algorithm, public_key, private_key, installation_key, created_at, active_from,
                          signed_until, revoked_at
                     from identity.signing_keys order by created_at desc, id";
        let rows = client.query(sql, &[]).await.map_err(database)?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    async fn add(&self, key: &SigningKey, unless: Unless) -> Result<bool, KeyError> {
        let mut client = self.0.pool.get().await.map_err(|error| log(pool_error(error)))?;
        let transaction = client.transaction().await.map_err(database)?;
        transaction.batch_execute(LOCK).await.map_err(database)?;
        let needless = match unless {
            Unless::Never => false,
            Unless::Any => {
                let sql = "select exists (select from identity.signing_keys where revoked_at is null)";
                transaction.query_one(sql, &[]).await.and_then(|row| row.try_get(0)).map_err(database)?
            }
            Unless::MadeAfter(time) => {
                let sql = "select exists (select from identity.signing_keys
                                           where revoked_at is null and algorithm = $1 and created_at > $2)";
                let row = transaction.query_one(sql, &[&key.algorithm.name(), &time]).await;
                row.and_then(|row| row.try_get(0)).map_err(database)?
            }
        };
        if !needless {
            self.insert(&transaction, key).await?;
        }
        transaction.commit().await.map_err(database)?;
        Ok(!needless)
    }

    async fn extend(&self, id: &str, until: DateTime<Utc>) -> Result<(), KeyError> {
        let client = self.0.pool.get().await.map_err(|error| log(pool_error(error)))?;
        let sql = "update identity.signing_keys set signed_until = greatest(signed_until, $2)
                    where id = $1 and revoked_at is null";
        match client.execute(sql, &[&id, &until]).await.map_err(database)? {
            0 => Err(KeyError::Unknown(id.to_owned())),
            _ => Ok(()),
        }
    }

    async fn revoke(&self, id: &str, at: DateTime<Utc>, instead: &SigningKey) -> Result<bool, KeyError> {
        let mut client = self.0.pool.get().await.map_err(|error| log(pool_error(error)))?;
        let transaction = client.transaction().await.map_err(database)?;
        transaction.batch_execute(LOCK).await.map_err(database)?;
        let sql = "select revoked_at is not null from identity.signing_keys where id = $1";
        let row = transaction.query_opt(sql, &[&id]).await.map_err(database)?;
        let row = row.ok_or_else(|| KeyError::Unknown(id.to_owned()))?;
        if row.try_get(0).map_err(database)? {
            return Ok(false);
        }
        let sql = "update identity.signing_keys set revoked_at = $2, private_key = null where id = $1";
        transaction.execute(sql, &[&id, &at]).await.map_err(database)?;
        self.insert(&transaction, instead).await?;
        transaction.commit().await.map_err(database)?;
        Ok(true)
    }
}

/// Seals the private halves under the installation's current key; tells how many were sealed otherwise.
pub(super) async fn rewrap(client: &Client, installation: &InstallationKeys) -> Result<u64, VaultError> {
    let (name, current) = installation.current()?;
    let sql = "select id, private_key, installation_key from identity.signing_keys
                where installation_key <> $1 and private_key is not null";
    let mut rewrapped = 0;
    for row in client.query(sql, &[&name]).await? {
        let (id, old): (String, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
        let private = SecretSlice::from(installation.named(row.try_get(2)?)?.decrypt(&old, &Place::SigningKey(&id))?);
        let new = current.encrypt(private.expose_secret(), &Place::SigningKey(&id))?;
        let sql = "update identity.signing_keys set private_key = $3, installation_key = $4
                    where id = $1 and private_key = $2";
        rewrapped += client.execute(sql, &[&id, &old, &new, &name]).await?;
    }
    Ok(rewrapped)
}

fn database(error: tokio_postgres::Error) -> KeyError {
    log(crate::connect::log_error(error))
}

fn vault(error: VaultError) -> KeyError {
    log(error.into_log())
}

fn log(error: LogError) -> KeyError {
    match error {
        LogError::Unavailable(cause) => KeyError::Unavailable(cause),
        error => KeyError::Internal(error.into()),
    }
}
