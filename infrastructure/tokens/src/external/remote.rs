//! An issuer's keys, fetched from where it publishes them.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::{
    Client,
    header::{ACCEPT, CACHE_CONTROL, HeaderMap},
    redirect::Policy,
};
use tokio::{sync::Mutex, time::Instant};
use tracing::{debug, warn};

use super::keys::{IssuerKey, read_set};

/// How long the issuer may take to answer, in all.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest set, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// How long a set holds when the issuer doesn't say.
const USUAL: Duration = Duration::from_secs(300);
/// How long it holds at least and at most, whatever the issuer says.
const BOUNDS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));
/// How often the issuer is asked at most.
const PAUSE: Duration = Duration::from_secs(10);

/// Keys by URL.
pub(super) struct RemoteKeys {
    url: String,
    client: Client,
    set: RwLock<Option<Arc<Set>>>,
    /// When the issuer was asked last. Held while it is.
    asked: Mutex<Option<Instant>>,
    generation: Arc<AtomicU64>,
}

struct Set {
    keys: Vec<IssuerKey>,
    until: Instant,
}

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The issuer has none of this name.
    Unknown,
    /// The issuer has never answered.
    Silent,
}

impl RemoteKeys {
    /// `generation` rises when a key is gone.
    pub(super) fn new(url: String, generation: Arc<AtomicU64>) -> Result<Self, reqwest::Error> {
        let client = Client::builder().redirect(Policy::none()).timeout(PATIENCE).connect_timeout(PATIENCE).build()?;
        Ok(Self { url, client, set: RwLock::default(), asked: Mutex::default(), generation })
    }

    /// The key for a token with this header.
    pub(super) async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, NoKey> {
        let known = self.known();
        let found = known.as_ref().and_then(|set| set.find(id, algorithm));
        let fresh = known.as_ref().is_some_and(|set| Instant::now() < set.until);
        // Whoever has a key that may be out of date does not wait for somebody else who asks.
        let asked = match found {
            Some(key) if fresh => return Ok(key),
            Some(key) => match self.asked.try_lock() {
                Ok(asked) => asked,
                Err(_) => return Ok(key),
            },
            None => self.asked.lock().await,
        };
        self.ask(asked).await;
        let known = self.known().ok_or(NoKey::Silent)?;
        known.find(id, algorithm).ok_or(NoKey::Unknown)
    }

    fn known(&self) -> Option<Arc<Set>> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the issuer, unless that was done a moment ago. What is known stays when it does not answer.
    async fn ask(&self, mut asked: tokio::sync::MutexGuard<'_, Option<Instant>>) {
        if asked.is_some_and(|last| last.elapsed() < PAUSE) {
            return;
        }
        *asked = Some(Instant::now());
        let set = match self.fetch().await {
            Ok(set) => set,
            Err(problem) => {
                warn!(url = self.url, problem, "an issuer's keys can't be fetched; going on with those that are known");
                return;
            }
        };
        debug!(url = self.url, keys = set.keys.len(), "an issuer's keys were fetched");
        let mut place = self.set.write().unwrap_or_else(PoisonError::into_inner);
        let old = place.iter().flat_map(|set| &set.keys);
        let gone = old.into_iter().any(|old| set.keys.iter().all(|new| new.id != old.id));
        *place = Some(Arc::new(set));
        drop(place);
        if gone {
            self.generation.fetch_add(1, Ordering::SeqCst);
        }
    }

    async fn fetch(&self) -> Result<Set, String> {
        let answer = self.client.get(&self.url).header(ACCEPT, "application/json").send().await;
        let mut answer = answer.map_err(|error| error.without_url().to_string())?;
        if answer.status() != 200 {
            return Err(format!("the answer is {}", answer.status()));
        }
        let holds = holds(answer.headers());
        let mut text = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| error.without_url().to_string())? {
            if text.len() + chunk.len() > MAX_BYTES {
                return Err(format!("the answer has more than {MAX_BYTES} bytes"));
            }
            text.extend_from_slice(&chunk);
        }
        let keys = read_set(&text).ok_or("the answer is no key set")?;
        Ok(Set { keys, until: Instant::now() + holds })
    }
}

impl Set {
    /// A token that names no key is verified by the only one that could.
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let mut suitable = self.keys.iter().filter(|key| key.suits(id, algorithm));
        let key = suitable.next()?;
        (id.is_some() || suitable.next().is_none()).then(|| key.key.clone())
    }
}

/// How long an answer holds.
fn holds(headers: &HeaderMap) -> Duration {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let max_age = directives
        .flat_map(|value| value.split(','))
        .filter_map(|directive| directive.trim().to_ascii_lowercase().strip_prefix("max-age=")?.parse().ok())
        .next();
    max_age.map_or(USUAL, Duration::from_secs).clamp(BOUNDS.0, BOUNDS.1)
}
