//! Recognizing tokens, our own and others'.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_application::{
    Actor,
    access::Access,
    identity::tokens::{Algorithm as Own, Credential, Credentials, Refusal},
    ports::Clock,
};
use fairlead_domain::ids::OrganizationId;
use jsonwebtoken::{Algorithm, Header, Validation, dangerous::insecure_decode_claims, decode, decode_header};
use moka::sync::Cache;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{
    InvalidIssuer, KeyRing, TrustedIssuer,
    claims::{Times, is_nameable},
    external::Issuer,
    sign::{Claims, TYPE},
};

/// The longest token, in bytes.
const MAX_BYTES: usize = 8 * 1024;
/// How many verified tokens are remembered: some 4 MB.
const REMEMBERED: u64 = 10_000;
/// For how long at most, so that a key that an issuer withdraws is missed.
const RECHECK: Duration = Duration::from_secs(300);

/// Recognizes the installation's tokens, and those of trusted issuers.
pub struct Verifier {
    ring: Arc<KeyRing>,
    issuers: Vec<Issuer>,
    clock: Arc<dyn Clock>,
    /// What was verified, by the token's hash: a look-up takes a hundredth of a verification.
    remembered: Cache<[u8; 32], Arc<Remembered>>,
    /// Rises when an issuer withdraws a key.
    generation: Arc<AtomicU64>,
}

struct Remembered {
    credential: Credential,
    /// When it expires; `None` for a date beyond all dates.
    valid_until: Option<DateTime<Utc>>,
    /// When it is verified again.
    recheck_at: DateTime<Utc>,
    generation: (u64, u64),
}

/// What is read before anything is verified: whose key to take.
#[derive(Deserialize)]
struct Claimed {
    iss: String,
}

impl Verifier {
    /// Accepts what the ring's keys have signed, and what trusted issuers have.
    ///
    /// # Errors
    /// [`InvalidIssuer`]
    pub fn new(ring: Arc<KeyRing>, issuers: Vec<TrustedIssuer>) -> Result<Self, InvalidIssuer> {
        let (generation, clock) = (Arc::new(AtomicU64::new(0)), ring.clock.clone());
        let mut known: Vec<Issuer> = Vec::new();
        for settings in issuers {
            let issuer = Issuer::new(settings, &generation)?;
            if issuer.name() == ring.names.issuer || known.iter().any(|other| other.name() == issuer.name()) {
                let problem = "another issuer has this name, or the installation itself (token_issuer)".to_owned();
                return Err(InvalidIssuer { issuer: issuer.name().to_owned(), problem });
            }
            known.push(issuer);
        }
        Ok(Self { ring, issuers: known, clock, remembered: Cache::new(REMEMBERED), generation })
    }

    fn generations(&self) -> (u64, u64) {
        (self.ring.generation(), self.generation.load(Ordering::SeqCst))
    }

    async fn look(&self, token: &str, now: DateTime<Utc>) -> Result<Credential, Refusal> {
        let header = decode_header(token).map_err(|_| Refusal::Invalid)?;
        // Extensions that must be understood; we know none (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Err(Refusal::Invalid);
        }
        let Claimed { iss } = insecure_decode_claims(token).map_err(|_| Refusal::Invalid)?;
        let credential = if iss == self.ring.names.issuer {
            self.own(token, &header, now).await?
        } else {
            let issuer = self.issuers.iter().find(|issuer| issuer.name() == iss).ok_or(Refusal::Invalid)?;
            issuer.verify(token, &header, now).await?
        };
        let (Credential::Session { organization, .. } | Credential::Granted { organization, .. }) = &credential;
        if *organization == OrganizationId::DIRECTORY { Err(Refusal::Invalid) } else { Ok(credential) }
    }

    async fn own(&self, token: &str, header: &Header, now: DateTime<Utc>) -> Result<Credential, Refusal> {
        let id = header.kid.as_deref().ok_or(Refusal::Invalid)?;
        if header.typ.as_deref() != Some(TYPE) {
            return Err(Refusal::Invalid);
        }
        let (known, place) = self.ring.find(id).await.ok_or(Refusal::Invalid)?;
        let key = known.get(place).ok_or(Refusal::Invalid)?;
        let mut validation = Validation::new(match key.algorithm {
            Own::EdDsa => Algorithm::EdDSA,
            Own::Rs256 => Algorithm::RS256,
        });
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&self.ring.names.issuer]);
        validation.set_audience(&[&self.ring.names.audience]);
        // The library asks the system's clock; ours is asked below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let claims: Claims = decode(token, &key.verifies, &validation).map_err(|_| Refusal::Invalid)?.claims;
        let valid_until = Times::until(claims.exp).check(now)?;
        let organization = claims.org.into();
        match (claims.sid, claims.scope) {
            (Some(session), None) => Ok(Credential::Session {
                user: claims.sub.parse().map_err(|_| Refusal::Invalid)?,
                organization,
                session: session.into(),
                valid_until: valid_until.ok_or(Refusal::Invalid)?,
            }),
            (None, Some(scope)) if is_nameable(&claims.sub) => Ok(Credential::Granted {
                organization,
                actor: Actor::new(claims.sub),
                access: Access::parse(&scope),
                valid_until,
            }),
            _ => Err(Refusal::Invalid),
        }
    }
}

#[async_trait]
impl Credentials for Verifier {
    async fn verify(&self, token: &str) -> Result<Credential, Refusal> {
        if token.len() > MAX_BYTES {
            return Err(Refusal::Invalid);
        }
        let (hash, now) = (<[u8; 32]>::from(Sha256::digest(token)), self.clock.now());
        // Asked first: what is withdrawn while we verify is not remembered as if it were still good.
        let generation = self.generations();
        if let Some(known) = self.remembered.get(&hash)
            && known.generation == generation
        {
            if known.valid_until.is_some_and(|until| until <= now) {
                return Err(Refusal::Expired);
            }
            if now < known.recheck_at {
                return Ok(known.credential.clone());
            }
        }
        let credential = self.look(token, now).await?;
        let valid_until = match &credential {
            Credential::Session { valid_until, .. } => Some(*valid_until),
            Credential::Granted { valid_until, .. } => *valid_until,
        };
        let remembered =
            Remembered { credential: credential.clone(), valid_until, recheck_at: now + RECHECK, generation };
        self.remembered.insert(hash, Arc::new(remembered));
        Ok(credential)
    }
}
