//! Keeping in memory what an installation keeps in its database, for tests.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_domain::ids::{ApiKeyId, OrganizationId};

use super::{
    KeyUse, KeyUses,
    tokens::{KeyError, SigningKey, SigningKeys, Unless},
};
use crate::AppError;

/// Uses of keys in memory, in the order in which they were noted.
#[derive(Default)]
pub struct MemoryKeyUses(Mutex<Vec<KeyUse>>);

impl MemoryKeyUses {
    /// What was noted.
    pub fn noted(&self) -> Vec<KeyUse> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl KeyUses for MemoryKeyUses {
    async fn note(&self, uses: &[KeyUse]) -> Result<(), AppError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(uses);
        Ok(())
    }

    async fn last(&self, organization: OrganizationId, keys: &[ApiKeyId]) -> Result<Vec<KeyUse>, AppError> {
        let of_these = |one: &KeyUse| one.organization == organization && keys.contains(&one.key);
        let mut last: Vec<KeyUse> = Vec::new();
        for one in self.noted().into_iter().filter(of_these) {
            last.retain(|other| other.key != one.key);
            last.push(one);
        }
        Ok(last)
    }
}

/// Signing keys in memory. Can be told not to answer.
#[derive(Default)]
pub struct MemoryKeys(Mutex<(Vec<SigningKey>, bool)>);

impl MemoryKeys {
    /// Answers, or answers no longer.
    pub fn set_down(&self, down: bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 = down;
    }

    fn open(&self) -> Result<MutexGuard<'_, (Vec<SigningKey>, bool)>, KeyError> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.1 { Err(KeyError::Unavailable("down".into())) } else { Ok(keys) }
    }
}

#[async_trait]
impl SigningKeys for MemoryKeys {
    async fn all(&self) -> Result<Vec<SigningKey>, KeyError> {
        let mut keys = self.open()?.0.clone();
        keys.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
        Ok(keys)
    }

    async fn add(&self, key: &SigningKey, unless: Unless) -> Result<bool, KeyError> {
        let mut keys = self.open()?;
        let needless = keys.0.iter().filter(|known| known.revoked_at.is_none()).any(|known| match unless {
            Unless::Any => true,
            Unless::MadeAfter(time) => known.algorithm == key.algorithm && known.created_at > time,
            Unless::Never => false,
        });
        if !needless {
            keys.0.push(key.clone());
        }
        Ok(!needless)
    }

    async fn extend(&self, id: &str, until: DateTime<Utc>) -> Result<(), KeyError> {
        let mut keys = self.open()?;
        let known = keys.0.iter_mut().find(|key| key.id == id && key.revoked_at.is_none());
        let key = known.ok_or_else(|| KeyError::Unknown(id.to_owned()))?;
        key.signed_until = key.signed_until.max(Some(until));
        Ok(())
    }

    async fn revoke(&self, id: &str, at: DateTime<Utc>, instead: &SigningKey) -> Result<bool, KeyError> {
        let mut keys = self.open()?;
        let known = keys.0.iter_mut().find(|key| key.id == id).ok_or_else(|| KeyError::Unknown(id.to_owned()))?;
        if known.revoked_at.is_some() {
            return Ok(false);
        }
        (known.revoked_at, known.private) = (Some(at), None);
        keys.0.push(instead.clone());
        Ok(true)
    }
}
