//! What a request's token costs: recognizing it, and asking whether it permits something.

use std::{hint::black_box, sync::Arc, time::Duration, time::Instant};

use fairlead_application::{
    identity::{
        memory::MemoryKeys,
        tokens::{Algorithm, Credential, Credentials},
    },
    ports::System,
};
use fairlead_domain::ids::OrganizationId;
use fairlead_tokens::{Grant, KeyRing, Names, Verifier};
use secrecy::ExposeSecret;
use uuid::Uuid;

/// How often each round asks.
const TIMES: u32 = 100_000;
/// How many tokens take turns.
const TOKENS: usize = 100;

/// Signed tokens, and whoever recognizes them.
pub(crate) struct Checking {
    verifier: Verifier,
    tokens: Vec<String>,
}

impl Checking {
    /// Signs the tokens.
    pub(crate) async fn prepare() -> Self {
        let names = Names { issuer: "bench".to_owned(), audience: "bench".to_owned() };
        let (keys, system) = (Arc::new(MemoryKeys::default()), Arc::new(System));
        let ring = KeyRing::new(names, Algorithm::EdDsa, keys, system.clone(), system.clone(), system);
        ring.prepare().await.expect("a key");
        let grant = Grant {
            subject: "bench".to_owned(),
            organization: OrganizationId::from(Uuid::from_u128(1)),
            scope: "contacts:* deals:* companies:* activities:read".to_owned(),
        };
        let mut tokens = Vec::new();
        for _ in 0..TOKENS {
            let token = ring.sign(&grant, Duration::from_secs(3600)).await.expect("a token");
            tokens.push(token.expose_secret().to_owned());
        }
        Self { verifier: Verifier::new(Arc::new(ring), Vec::new()).expect("a verifier"), tokens }
    }

    /// Microseconds for each.
    pub(crate) async fn microseconds(&self) -> f64 {
        let begun = Instant::now();
        for token in self.tokens.iter().cycle().take(TIMES as usize) {
            match self.verifier.verify(black_box(token)).await.expect("our own token") {
                Credential::Granted { access, .. } => assert!(access.grants(black_box("deals:write"))),
                Credential::Session { .. } => unreachable!("signed by hand"),
            }
        }
        begun.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
    }
}
