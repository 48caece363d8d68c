//! When keys were used last.

use std::{collections::BTreeMap, net::IpAddr};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_application::{
    AppError,
    identity::{KeyUse, KeyUses},
};
use fairlead_domain::ids::{ApiKeyId, OrganizationId};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{
    Databases,
    event_store::{internal, pool_error, store_error},
};

const NOTE: &str = "select identity.note_key_uses($1, $2, $3, $4)";
const LAST: &str = "select key_id, used_at, address from identity.key_uses($1, $2)";

/// Keys' last uses, reached as a member of `fairlead_app`.
pub struct PostgresKeyUses(Databases);

impl PostgresKeyUses {
    /// The uses in a database.
    pub fn new(databases: Databases) -> Self {
        Self(databases)
    }
}

#[async_trait]
impl KeyUses for PostgresKeyUses {
    async fn note(&self, uses: &[KeyUse]) -> Result<(), AppError> {
        let mut by_organization: BTreeMap<OrganizationId, Vec<&KeyUse>> = BTreeMap::new();
        for one in uses {
            by_organization.entry(one.organization).or_default().push(one);
        }
        let client = self.0.pool.get().await.map_err(pool_error)?;
        let note = client.prepare_cached(NOTE).await.map_err(store_error)?;
        for (organization, mut uses) in by_organization {
            // In one order, so that two who note at once don't wait for one another.
            uses.sort_by_key(|one| one.key);
            let keys: Vec<Uuid> = uses.iter().map(|one| one.key.into()).collect();
            let at: Vec<DateTime<Utc>> = uses.iter().map(|one| one.at).collect();
            let addresses: Vec<Option<IpAddr>> = uses.iter().map(|one| one.address).collect();
            client.query(&note, &[&Uuid::from(organization), &keys, &at, &addresses]).await.map_err(store_error)?;
        }
        Ok(())
    }

    async fn last(&self, organization: OrganizationId, keys: &[ApiKeyId]) -> Result<Vec<KeyUse>, AppError> {
        let client = self.0.pool.get().await.map_err(pool_error)?;
        let last = client.prepare_cached(LAST).await.map_err(store_error)?;
        let keys: Vec<Uuid> = keys.iter().copied().map(Into::into).collect();
        let rows = client.query(&last, &[&Uuid::from(organization), &keys]).await.map_err(store_error)?;
        let uses = rows.iter().map(|row| key_use(organization, row)).collect::<Result<_, _>>();
        Ok(uses.map_err(internal).map_err(AppError::from)?)
    }
}

fn key_use(organization: OrganizationId, row: &Row) -> Result<KeyUse, tokio_postgres::Error> {
    let key = row.try_get::<_, Uuid>(0)?.into();
    Ok(KeyUse { organization, key, at: row.try_get(1)?, address: row.try_get(2)? })
}
