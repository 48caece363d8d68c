//! New keys for old. Events are not touched: what changes is what wraps what.

use tokio_postgres::Client;
use tracing::info;
use uuid::Uuid;

use super::{
    Vault, VaultError,
    cipher::{Key, Place},
    signing,
};
use crate::Databases;

/// How many people's keys, or tenants, are dealt with at a time.
const BATCH: i64 = 1_000;

/// What a rotation did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotation {
    /// The number of the tenants' keys from now on.
    pub round: i32,
    /// How many tenants got a new key.
    pub tenants: u64,
    /// How many people's keys were wrapped anew.
    pub rewrapped: u64,
}

/// How many keys there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus {
    /// For each key of the installation, how many keys it wraps: of tenants, and such as sign tokens.
    pub installation: Vec<(String, i64)>,
    /// The number of the latest rotation, and whether it is finished.
    pub round: (i32, bool),
    /// How many people have a key.
    pub subjects: i64,
    /// How many people's keys were destroyed.
    pub destroyed: i64,
}

/// Gives every tenant a new key, wraps people's keys with it, and drops the old one. Commands go on meanwhile. After a
/// failure it can be called again, and finishes what was begun.
///
/// # Errors
/// [`VaultError`]; [`VaultError::Busy`] when another process is at it.
pub async fn rotate_tenant_keys(databases: &Databases) -> Result<Rotation, VaultError> {
    // A connection of its own: the lock ends with it, whatever happens.
    let (client, _connection) = databases.dedicated().await?;
    let locked = client.query_one("select pg_try_advisory_lock(hashtextextended('fairlead keys rotate', 2))", &[]);
    if !locked.await?.try_get::<_, bool>(0)? {
        return Err(VaultError::Busy);
    }
    let vault = Vault::new(databases.vault.installation.clone());
    let sql = "with begun as (select number from engine.key_rounds where finished_at is null),
                    new as (insert into engine.key_rounds (number)
                            select max(number) + 1 from engine.key_rounds having not exists (select from begun)
                            returning number)
               select number from begun union all select number from new";
    let mut rotation = Rotation { round: client.query_one(sql, &[]).await?.try_get(0)?, ..Rotation::default() };
    let mut after = Uuid::nil();
    loop {
        let sql = "select tenant_id from engine.tenant_keys where tenant_id > $1
                    group by tenant_id having min(number) < $2 order by tenant_id limit $3";
        let tenants = client.query(sql, &[&after, &rotation.round, &BATCH]).await?;
        let Some(last) = tenants.last() else { break };
        after = last.try_get(0)?;
        for tenant in &tenants {
            rotate_tenant(&client, &vault, tenant.try_get(0)?, &mut rotation).await?;
        }
        info!(tenants = rotation.tenants, subjects = rotation.rewrapped, "keys are being rotated");
    }
    let sql = "update engine.key_rounds set finished_at = now() where number = $1";
    client.execute(sql, &[&rotation.round]).await?;
    Ok(rotation)
}

async fn rotate_tenant(
    client: &Client,
    vault: &Vault,
    tenant: Uuid,
    rotation: &mut Rotation,
) -> Result<(), VaultError> {
    let round = rotation.round;
    let (name, installation_key) = vault.installation.current()?;
    let wrapped = installation_key.wrap(&Key::fresh()?, &Place::TenantKey(tenant, round))?;
    let sql = "insert into engine.tenant_keys (tenant_id, number, wrapped, installation_key) values ($1, $2, $3, $4)
               on conflict do nothing";
    rotation.tenants += client.execute(sql, &[&tenant, &round, &wrapped, &name]).await?;
    let sql = "select number, wrapped, installation_key from engine.tenant_keys where tenant_id = $1";
    let mut new = None;
    for row in client.query(sql, &[&tenant]).await? {
        let number = row.try_get(0)?;
        let key = vault.tenant_key(tenant, number, row.try_get(1)?, row.try_get(2)?)?;
        new = new.or((number == round).then_some(key));
    }
    let new = new.ok_or(VaultError::Moved)?;
    loop {
        while let done @ 1.. = rewrap(client, vault, tenant, round, &new).await? {
            rotation.rewrapped += done;
        }
        // Commands that began before may still add keys under the old one; they share this lock.
        client.batch_execute("begin").await?;
        client.execute("select pg_advisory_xact_lock(hashtextextended($1::uuid::text, 2))", &[&tenant]).await?;
        let sql = "delete from engine.tenant_keys t where t.tenant_id = $1 and t.number < $2
                      and not exists (select from engine.subject_keys k
                                       where k.tenant_id = $1 and k.tenant_key = t.number)";
        client.execute(sql, &[&tenant, &round]).await?;
        client.batch_execute("commit").await?;
        let sql = "select exists (select from engine.tenant_keys t where t.tenant_id = $1 and t.number < $2)";
        if !client.query_one(sql, &[&tenant, &round]).await?.try_get::<_, bool>(0)? {
            return Ok(());
        }
    }
}

/// Wraps some keys that are still under an older key of the tenant anew; tells how many it met.
async fn rewrap(client: &Client, vault: &Vault, tenant: Uuid, round: i32, new: &Key) -> Result<u64, VaultError> {
    let sql = "select subject_id, wrapped, tenant_key from engine.subject_keys
                where tenant_id = $1 and tenant_key < $2 order by tenant_key, subject_id limit $3";
    let (mut subjects, mut olds, mut news) = (Vec::new(), Vec::new(), Vec::new());
    for row in client.query(sql, &[&tenant, &round, &BATCH]).await? {
        let (subject, old, number): (Uuid, Vec<u8>, i32) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let tenant_key = vault.remembered(tenant, number).ok_or(VaultError::Moved)?;
        let key = tenant_key.unwrap(&old, &Place::SubjectKey(tenant, subject, number))?;
        news.push(new.wrap(&key, &Place::SubjectKey(tenant, subject, round))?);
        subjects.push(subject);
        olds.push(old);
    }
    // What was destroyed meanwhile stays so.
    let sql = "update engine.subject_keys k set wrapped = w.new, tenant_key = $2
                 from unnest($3::uuid[], $4::bytea[], $5::bytea[]) as w (subject_id, old, new)
                where k.tenant_id = $1 and k.subject_id = w.subject_id and k.wrapped = w.old";
    client.execute(sql, &[&tenant, &round, &subjects, &olds, &news]).await?;
    Ok(subjects.len() as u64)
}

/// Wraps the keys of all tenants, and those that sign tokens, with the installation's current key, so that older ones can be
/// taken out of the settings. Commands go on meanwhile. Tells how many were wrapped otherwise before; can be repeated.
///
/// # Errors
/// [`VaultError`]
pub async fn rewrap_keys(databases: &Databases) -> Result<u64, VaultError> {
    let (client, _connection) = databases.dedicated().await?;
    let installation = &databases.vault.installation;
    let (name, current) = installation.current()?;
    let mut rewrapped = signing::rewrap(&client, installation).await?;
    loop {
        let sql = "select tenant_id, number, wrapped, installation_key from engine.tenant_keys
                    where installation_key <> $1 order by tenant_id, number limit $2";
        let rows = client.query(sql, &[&name, &BATCH]).await?;
        if rows.is_empty() {
            return Ok(rewrapped);
        }
        for row in rows {
            let (tenant, number, old): (Uuid, i32, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let place = Place::TenantKey(tenant, number);
            let key = installation.named(row.try_get(3)?)?.unwrap(&old, &place)?;
            let new = current.wrap(&key, &place)?;
            let sql = "update engine.tenant_keys set wrapped = $4, installation_key = $5
                        where tenant_id = $1 and number = $2 and wrapped = $3";
            rewrapped += client.execute(sql, &[&tenant, &number, &old, &new, &name]).await?;
        }
    }
}

/// Counts the keys.
///
/// # Errors
/// [`VaultError`]
pub async fn key_status(databases: &Databases) -> Result<KeyStatus, VaultError> {
    let (client, _connection) = databases.dedicated().await?;
    let sql = "select installation_key, count(*)
                 from (select installation_key from engine.tenant_keys
                       union all
                       select installation_key from identity.signing_keys where private_key is not null) wrapped
                group by 1 order by 1";
    let rows = client.query(sql, &[]).await?;
    let installation = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let installation = installation.collect::<Result<_, tokio_postgres::Error>>()?;
    let sql = "select number, finished_at is not null from engine.key_rounds order by number desc limit 1";
    let round = client.query_one(sql, &[]).await?;
    let sql = "select count(*) filter (where wrapped is not null), count(*) filter (where wrapped is null)
                 from engine.subject_keys";
    let subjects = client.query_one(sql, &[]).await?;
    Ok(KeyStatus {
        installation,
        round: (round.try_get(0)?, round.try_get(1)?),
        subjects: subjects.try_get(0)?,
        destroyed: subjects.try_get(1)?,
    })
}
