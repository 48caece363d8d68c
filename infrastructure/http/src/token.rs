//! Bearer tokens: JSON Web Tokens (RFC 7519), signed with HMAC-SHA-256 and nothing else.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use fairlead_application::{
    Actor, Context,
    access::Scopes,
    ports::{Clock, IdGenerator},
};
use fairlead_domain::ids::OrganizationId;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, TokenData, Validation};
use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The fewest bytes a key may have: as many as the hash (RFC 7518, section 3.2).
const MIN_KEY_BYTES: usize = 32;
/// How far the clocks of those who sign and those who verify may differ, in seconds.
const LEEWAY_SECONDS: f64 = 10.0;
/// The longest token, in bytes.
const MAX_BYTES: usize = 8 * 1024;
/// The longest subject, in characters.
const MAX_SUBJECT: usize = 200;
/// How the actors of policies begin.
const POLICY: &str = "policy:";

/// Whose tokens are accepted.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The key with which tokens are signed, 32 bytes at least.
    pub key: SecretSlice<u8>,
    /// Who signs them (`iss`).
    pub issuer: String,
    /// For whom they are meant (`aud`).
    pub audience: String,
}

/// The key is shorter than 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token key must have {MIN_KEY_BYTES} bytes at least")]
pub struct WeakKey;

/// The token can't be written.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The expiry is beyond what a date can be.
    #[error("the token would never expire")]
    Lifetime,
    /// No verifier would take the subject.
    #[error(
        "the subject must have 1 to {MAX_SUBJECT} characters, none of them a control character, and not begin with {POLICY}"
    )]
    Subject,
    /// Signing failed.
    #[error("the token can't be signed")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

/// Why a token is not accepted. Says nothing that helps to forge one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a token of ours, or not for us.
    #[error("the token is not valid")]
    Invalid,
    /// Once it was.
    #[error("the token has expired")]
    Expired,
}

/// What a token grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who acts (`sub`).
    pub subject: String,
    /// In which organization (`org`).
    pub organization: OrganizationId,
    /// What is granted, separated by spaces (`scope`): `contacts:read contacts:write`.
    pub scope: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    org: Uuid,
    scope: String,
    exp: NumericDate,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<NumericDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<NumericDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
}

/// Seconds since 1970, perhaps with a fraction (RFC 7519, section 2). We write whole ones.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum NumericDate {
    Whole(i64),
    Fractional(f64),
}

impl NumericDate {
    fn of(time: DateTime<Utc>) -> Self {
        Self::Whole(time.timestamp())
    }

    /// Exact to the microsecond for the dates that there are.
    fn seconds(self) -> f64 {
        match self {
            Self::Whole(seconds) => seconds as f64,
            Self::Fractional(seconds) => seconds,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Signs tokens.
pub struct Signer {
    key: EncodingKey,
    issuer: String,
    audience: String,
}

impl Signer {
    /// A signer for the tokens that `settings` accept.
    ///
    /// # Errors
    /// [`WeakKey`]
    pub fn new(settings: &Settings) -> Result<Self, WeakKey> {
        Ok(Self {
            key: EncodingKey::from_secret(strong(&settings.key)?),
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
        })
    }

    /// A token that grants what `grant` says for `lifetime` from now.
    ///
    /// # Errors
    /// [`SignError`]
    pub fn sign(
        &self,
        grant: &Grant,
        lifetime: Duration,
        clock: &dyn Clock,
        ids: &dyn IdGenerator,
    ) -> Result<String, SignError> {
        if !is_nameable(&grant.subject) {
            return Err(SignError::Subject);
        }
        let now = clock.now();
        let expires = chrono::Duration::from_std(lifetime).ok().and_then(|lifetime| now.checked_add_signed(lifetime));
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: grant.subject.clone(),
            aud: Audience::One(self.audience.clone()),
            org: grant.organization.into(),
            scope: grant.scope.clone(),
            exp: NumericDate::of(expires.ok_or(SignError::Lifetime)?),
            nbf: None,
            iat: Some(NumericDate::of(now)),
            jti: Some(ids.next().to_string()),
        };
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key)?)
    }
}

/// Recognizes tokens.
#[derive(Clone)]
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
    clock: Arc<dyn Clock>,
}

impl Verifier {
    /// Accepts tokens as `settings` say, at the time that `clock` tells.
    ///
    /// # Errors
    /// [`WeakKey`]
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, WeakKey> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        // The library asks the system's clock; ours is asked below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Self { key: DecodingKey::from_secret(strong(&settings.key)?), validation, clock })
    }

    /// How long what a token grants still holds; `None` when it has no end.
    pub(crate) fn remaining(&self, cx: &Context) -> Option<Duration> {
        cx.valid_until.map(|end| (end - self.clock.now()).to_std().unwrap_or_default())
    }

    /// The caller for whom the token vouches.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn verify(&self, token: &str) -> Result<Context, Refusal> {
        if token.len() > MAX_BYTES {
            return Err(Refusal::Invalid);
        }
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation);
        let TokenData { header, claims, .. } = decoded.map_err(|_| Refusal::Invalid)?;
        // Extensions that must be understood; we know none (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Err(Refusal::Invalid);
        }
        let now = self.clock.now().timestamp_micros() as f64 / 1e6;
        if claims.exp.seconds() + LEEWAY_SECONDS <= now {
            return Err(Refusal::Expired);
        }
        let early = claims.nbf.is_some_and(|nbf| nbf.seconds() - LEEWAY_SECONDS > now);
        if early || !is_nameable(&claims.sub) {
            return Err(Refusal::Invalid);
        }
        let mut context = Context::new(claims.org.into(), Actor::new(claims.sub), Scopes::parse(&claims.scope));
        // A date beyond all dates is none.
        context.valid_until = DateTime::from_timestamp_micros(((claims.exp.seconds() + LEEWAY_SECONDS) * 1e6) as i64);
        Ok(context)
    }
}

/// Whether a subject can stand in logs and events, and is not taken for one of our own policies there.
fn is_nameable(subject: &str) -> bool {
    let fits = (1..=MAX_SUBJECT).contains(&subject.chars().count());
    fits && !subject.chars().any(char::is_control) && !subject.starts_with(POLICY)
}

fn strong(key: &SecretSlice<u8>) -> Result<&[u8], WeakKey> {
    Some(key.expose_secret()).filter(|key| key.len() >= MIN_KEY_BYTES).ok_or(WeakKey)
}
