//! New keys for old, without anybody being logged out.
//!
//! A new key is published at once and signs later, when those who verify have heard of it. The old one verifies until all
//! that it signed has expired.

use std::{sync::Arc, time::Duration};

use fairlead_application::identity::tokens::{KeyError, SigningKey, Unless};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::KeyRing;

/// How long before it signs a key is published: twice as long as others may keep the key set.
pub const LEAD: Duration = Duration::from_secs(600);

/// How often it is asked whether a key has had its time.
const INTERVAL: Duration = Duration::from_secs(3600);

/// Exchanges keys.
pub struct KeyRotation {
    ring: Arc<KeyRing>,
    every: Duration,
}

impl KeyRotation {
    /// Exchanges keys that are older than `every`, or of another algorithm than new ones.
    pub fn new(ring: Arc<KeyRing>, every: Duration) -> Self {
        Self { ring, every }
    }

    /// Works until told to stop. Of several processes that do so, one makes the key.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            match self.rotate_when_due().await {
                Ok(Some(key)) => info!(key = key.id, algorithm = key.algorithm.name(), "a new signing key was made"),
                Ok(None) => {}
                Err(error) => warn!(%error, "the signing keys can't be exchanged; trying again in an hour"),
            }
            if stop.run_until_cancelled(sleep(INTERVAL)).await.is_none() {
                return;
            }
        }
    }

    /// Makes a new key, if one is needed.
    ///
    /// # Errors
    /// [`KeyError`]
    pub async fn rotate_when_due(&self) -> Result<Option<SigningKey>, KeyError> {
        let due = self.ring.clock.now() - self.every;
        let all = self.ring.keys.all().await?;
        let living: Vec<_> = all.iter().filter(|key| key.revoked_at.is_none()).collect();
        if living.iter().any(|key| key.algorithm == self.ring.algorithm() && key.created_at > due) {
            return Ok(None);
        }
        let lead = if living.is_empty() { Duration::ZERO } else { LEAD };
        drop(living);
        let key = self.ring.make(lead).await?;
        Ok(self.ring.keys.add(&key, Unless::MadeAfter(due)).await?.then_some(key))
    }

    /// Makes a new key in any case, which signs after `lead`.
    ///
    /// # Errors
    /// [`KeyError`]
    pub async fn rotate(&self, lead: Duration) -> Result<SigningKey, KeyError> {
        let key = self.ring.make(lead).await?;
        self.ring.keys.add(&key, Unless::Never).await?;
        Ok(key)
    }

    /// Revokes a key: nothing that it signed is accepted any more. A new one signs at once. `None` when it was revoked
    /// already.
    ///
    /// # Errors
    /// [`KeyError`]
    pub async fn revoke(&self, id: &str) -> Result<Option<SigningKey>, KeyError> {
        let instead = self.ring.make(Duration::ZERO).await?;
        let revoked = self.ring.keys.revoke(id, self.ring.clock.now(), &instead).await?;
        Ok(revoked.then_some(instead))
    }
}
