//! An installation's keys in memory, and a clock that is set by hand.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use fairlead_application::{
    identity::{
        memory::MemoryKeys,
        tokens::{Algorithm, Credential, Credentials, Refusal},
    },
    ports::{Clock, Entropy, IdGenerator, System},
};
use fairlead_tokens::{Grant, KeyRing, Names, TrustedIssuer, Verifier};
use secrecy::ExposeSecret;
use serde_json::Value;
use uuid::Uuid;

pub(crate) const ISSUER: &str = "https://fairlead.example";
pub(crate) const AUDIENCE: &str = "fairlead-api";

/// Stands still until it is moved; gives ids one after the other.
pub(crate) struct Time(AtomicI64, AtomicU64);

impl Time {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(0), AtomicU64::new(1)))
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_secs().cast_signed(), Ordering::SeqCst);
    }
}

impl Clock for Time {
    fn now(&self) -> DateTime<Utc> {
        let start: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        start + TimeDelta::seconds(self.0.load(Ordering::SeqCst))
    }
}

impl IdGenerator for Time {
    fn next(&self) -> Uuid {
        Uuid::from_u128(self.1.fetch_add(1, Ordering::SeqCst).into())
    }
}

impl Entropy for Time {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
        System.fill(bytes)
    }
}

/// A process of an installation.
pub(crate) fn process(keys: &Arc<MemoryKeys>, time: &Arc<Time>, algorithm: Algorithm) -> Arc<KeyRing> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let names = Names { issuer: ISSUER.into(), audience: AUDIENCE.into() };
    Arc::new(KeyRing::new(names, algorithm, keys.clone(), time.clone(), time.clone(), time.clone()))
}

/// A verifier that trusts these issuers besides.
pub(crate) fn verifier(ring: &Arc<KeyRing>, issuers: Vec<Value>) -> Verifier {
    Verifier::new(ring.clone(), issuers.into_iter().map(issuer).collect()).unwrap()
}

pub(crate) fn issuer(settings: Value) -> TrustedIssuer {
    serde_json::from_value(settings).unwrap()
}

pub(crate) fn organization() -> Uuid {
    Uuid::from_u128(7)
}

/// A token signed by hand.
pub(crate) async fn granted(ring: &KeyRing, hours: u64) -> String {
    let grant =
        Grant { subject: "ana".into(), organization: organization().into(), scope: "contacts:read deals:*".into() };
    ring.sign(&grant, Duration::from_secs(hours * 3600)).await.unwrap().expose_secret().to_owned()
}

/// Who acts by a token, and whether it grants a permission.
pub(crate) async fn actor(verifier: &Verifier, token: &str, permission: &str) -> Result<(String, bool), Refusal> {
    match verifier.verify(token).await? {
        Credential::Granted { actor, access, organization: of, .. } => {
            assert_eq!(Uuid::from(of), organization());
            Ok((actor.as_str().to_owned(), access.grants(permission)))
        }
        Credential::Session { user, .. } => Ok((format!("user:{user}"), false)),
    }
}
