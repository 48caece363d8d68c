//! The installation's keys, as a process knows them.

use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use fairlead_application::{
    identity::tokens::{Algorithm, KeyError, MAX_SESSION_TOKEN, PublishedKeys, SigningKey, SigningKeys, Unless},
    ports::{Clock, Entropy, IdGenerator},
};
use jsonwebtoken::{DecodingKey, jwk::Jwk};
use serde_json::{Value, json};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{
    Names, fresh,
    keys::{FreshKeyError, Pair},
};

/// How often the keys are read again.
const INTERVAL: Duration = Duration::from_secs(30);
/// How often, at most, they are when somebody names a key that is not known.
const UNKNOWN: Duration = Duration::from_secs(2);
/// For how long the last tokens of a key that signs no longer are accepted: the longest that sessions get, and what a process
/// may be late in noticing that another key signs by now.
const GRACE: Duration = Duration::from_secs(MAX_SESSION_TOKEN.as_secs() + 120);

/// How times are shown.
const SECONDS: &str = "%Y-%m-%dT%H:%M:%SZ";

/// The keys that sign and verify our own tokens. Made once and shared.
pub struct KeyRing {
    pub(crate) names: Names,
    pub(crate) keys: Arc<dyn SigningKeys>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGenerator>,
    entropy: Arc<dyn Entropy>,
    algorithm: Algorithm,
    known: RwLock<Arc<Vec<Known>>>,
    /// When they were read last because of an unknown one.
    reread: Mutex<Option<Instant>>,
    /// Rises when a key verifies no longer, so that nothing remembered outlives it.
    generation: AtomicU64,
}

/// A key that is not revoked.
pub(crate) struct Known {
    pub(crate) id: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) verifies: DecodingKey,
    pub(crate) signs: Option<Pair>,
    public: Value,
    active_from: DateTime<Utc>,
    /// `None` as long as no other key takes its place.
    verifies_until: Option<DateTime<Utc>>,
}

/// What a key is for at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is published, and signs from then on.
    Waiting(DateTime<Utc>),
    /// It signs.
    Signing,
    /// It verifies until then.
    Verifying(DateTime<Utc>),
    /// All that it signed has expired.
    Over,
    /// What it signed is not accepted.
    Revoked,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting(from) => write!(f, "signs from {} on", from.format(SECONDS)),
            Self::Signing => f.write_str("signs"),
            Self::Verifying(until) => write!(f, "verifies until {}", until.format(SECONDS)),
            Self::Over => f.write_str("over"),
            Self::Revoked => f.write_str("revoked"),
        }
    }
}

impl KeyRing {
    /// A ring without keys: [`Self::prepare`] reads them. New ones are made for `algorithm`.
    pub fn new(
        names: Names,
        algorithm: Algorithm,
        keys: Arc<dyn SigningKeys>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            names,
            keys,
            clock,
            ids,
            entropy,
            algorithm,
            known: RwLock::default(),
            reread: Mutex::default(),
            generation: AtomicU64::new(0),
        }
    }

    /// Makes the first key, if there is none, and reads all.
    ///
    /// # Errors
    /// [`KeyError`]
    pub async fn prepare(&self) -> Result<(), KeyError> {
        if self.keys.all().await?.iter().all(|key| key.revoked_at.is_some()) {
            let first = self.make(Duration::ZERO).await?;
            self.keys.add(&first, Unless::Any).await?;
        }
        self.read().await
    }

    /// Reads the keys again and again, until told to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(INTERVAL)).await.is_some() {
            if let Err(error) = self.read().await {
                warn!(%error, "the signing keys can't be read; going on with those that are known");
            }
        }
    }

    /// All keys, those made last first, and what each is for at present.
    ///
    /// # Errors
    /// [`KeyError`]
    pub async fn standing(&self) -> Result<Vec<(SigningKey, Standing)>, KeyError> {
        let (stored, now) = (self.keys.all().await?, self.clock.now());
        self.read().await?;
        let signing = self.signing().and_then(|(known, place)| Some(known.get(place)?.id.clone()));
        let known = self.known();
        let standing = |key: &SigningKey| match known.iter().find(|known| known.id == key.id) {
            None => Standing::Revoked,
            Some(_) if signing.as_ref() == Some(&key.id) => Standing::Signing,
            Some(_) if key.active_from > now => Standing::Waiting(key.active_from),
            Some(known) => {
                known.verifies_until.filter(|until| *until > now).map_or(Standing::Over, Standing::Verifying)
            }
        };
        Ok(stored.iter().map(|key| (key.clone(), standing(key))).collect())
    }

    /// A new key that signs after that time.
    pub(crate) async fn make(&self, lead: Duration) -> Result<SigningKey, KeyError> {
        let (algorithm, entropy, now) = (self.algorithm, self.entropy.clone(), self.clock.now());
        let made = tokio::task::spawn_blocking(move || fresh(algorithm, &*entropy, now, now + lead)).await;
        made.map_err(|error| KeyError::Internal(error.into()))?.map_err(|error| KeyError::Internal(error.into()))
    }

    /// The algorithm of new keys.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Reads the keys.
    pub(crate) async fn read(&self) -> Result<(), KeyError> {
        let stored = self.keys.all().await?;
        let known: Vec<_> = stored
            .iter()
            .filter(|key| key.revoked_at.is_none())
            .map(|key| Known::read(key, &stored))
            .collect::<Result<_, _>>()
            .map_err(|error| KeyError::Internal(error.into()))?;
        let mut place = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let gone = place.iter().any(|old| known.iter().all(|new| new.id != old.id));
        *place = Arc::new(known);
        drop(place);
        if gone {
            debug!("a signing key is gone");
            self.generation.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }

    pub(crate) fn known(&self) -> Arc<Vec<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes when what was verified before may not be accepted any more.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// The place of the key that verifies what this name stands for, and all keys. Looks again when it is not known, not more
    /// often than every two seconds.
    pub(crate) async fn find(&self, id: &str) -> Option<(Arc<Vec<Known>>, usize)> {
        if let Some(found) = self.find_known(id) {
            return Some(found);
        }
        let mut reread = self.reread.lock().await;
        if reread.is_none_or(|last| last.elapsed() >= UNKNOWN) {
            *reread = Some(Instant::now());
            if let Err(error) = self.read().await {
                warn!(%error, "the signing keys can't be read");
            }
        }
        drop(reread);
        self.find_known(id)
    }

    fn find_known(&self, id: &str) -> Option<(Arc<Vec<Known>>, usize)> {
        let (known, now) = (self.known(), self.clock.now());
        let place = known.iter().position(|key| key.id == id && key.verifies(now))?;
        Some((known, place))
    }

    /// The place of the key that signs now. A first key that another process with a faster clock has made signs before its
    /// time.
    pub(crate) fn signing(&self) -> Option<(Arc<Vec<Known>>, usize)> {
        let (known, now) = (self.known(), self.clock.now());
        let able = || known.iter().enumerate().filter(|(_, key)| key.signs.is_some());
        let active = able().filter(|(_, key)| key.active_from <= now).max_by_key(|(_, key)| key.active_from);
        let (place, _) = active.or_else(|| able().min_by_key(|(_, key)| key.active_from))?;
        Some((known, place))
    }
}

impl PublishedKeys for KeyRing {
    fn key_set(&self) -> String {
        let now = self.clock.now();
        let keys: Vec<_> = self.known().iter().filter(|key| key.verifies(now)).map(|key| key.public.clone()).collect();
        json!({ "keys": keys }).to_string()
    }
}

impl Known {
    /// Reads a key that stands among others.
    fn read(key: &SigningKey, all: &[SigningKey]) -> Result<Self, FreshKeyError> {
        let unusable = |error: &dyn std::fmt::Display| FreshKeyError::Unusable(error.to_string());
        let public: Jwk = serde_json::from_value(key.public.clone()).map_err(|error| unusable(&error))?;
        let later = all.iter().filter(|other| other.revoked_at.is_none() && other.active_from > key.active_from);
        let retired = later.map(|other| other.active_from).min();
        Ok(Self {
            id: key.id.clone(),
            algorithm: key.algorithm,
            verifies: DecodingKey::from_jwk(&public).map_err(|error| unusable(&error))?,
            signs: key.private.as_ref().map(|private| Pair::read(key.algorithm, private)).transpose()?,
            public: key.public.clone(),
            active_from: key.active_from,
            verifies_until: retired.map(|retired| (retired + GRACE).max(key.signed_until.unwrap_or(retired) + GRACE)),
        })
    }

    pub(crate) fn verifies(&self, now: DateTime<Utc>) -> bool {
        self.verifies_until.is_none_or(|until| now < until)
    }
}
