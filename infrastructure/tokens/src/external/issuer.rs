//! A trusted issuer at work.

use std::sync::{Arc, atomic::AtomicU64};

use chrono::{DateTime, Utc};
use fairlead_application::{
    Actor,
    access::Access,
    identity::tokens::{Credential, Refusal},
};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    InvalidIssuer, TrustedIssuer,
    keys::IssuerKey,
    remote::{NoKey, RemoteKeys},
};
use crate::claims::{Times, is_nameable};

/// What begins the permissions that stand above organizations.
const ABOVE_ORGANIZATIONS: &str = "operator:";

/// An issuer, with its keys.
pub(crate) struct Issuer {
    settings: TrustedIssuer,
    keys: Keys,
    validation: Validation,
}

enum Keys {
    /// A shared secret. Only ever used by algorithms with one.
    Secret(Box<DecodingKey>),
    Fixed(Box<IssuerKey>),
    Remote(RemoteKeys),
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    #[serde(flatten)]
    times: Times,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Issuer {
    /// Reads the settings. `generation` rises when one of the issuer's keys is gone.
    pub(crate) fn new(settings: TrustedIssuer, generation: &Arc<AtomicU64>) -> Result<Self, InvalidIssuer> {
        settings.check()?;
        let keys = if let Some(secret) = &settings.secret {
            Keys::Secret(Box::new(DecodingKey::from_secret(secret.expose_secret().as_bytes())))
        } else if let Some(pem) = &settings.public_key_pem {
            let is_rsa = settings.algorithms.iter().any(|algorithm| algorithm.is_rsa());
            if settings.algorithms.iter().any(|algorithm| algorithm.is_rsa() != is_rsa) {
                return Err(settings.invalid("public_key_pem is of one kind, algorithms name two"));
            }
            let key = IssuerKey::of_pem(pem, is_rsa);
            let problem = "public_key_pem can't be read: expected an Ed25519 key, or an RSA key of 2048 bits or more";
            Keys::Fixed(Box::new(key.ok_or_else(|| settings.invalid(problem))?))
        } else {
            let url = settings.jwks_url.clone().unwrap_or_default();
            let keys = RemoteKeys::new(url, generation.clone());
            Keys::Remote(keys.map_err(|error| settings.invalid(error.to_string()))?)
        };
        let mut validation = Validation::new(Algorithm::HS256);
        validation.algorithms = settings.algorithms.iter().map(|algorithm| algorithm.known()).collect();
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        // The library asks the system's clock; ours is asked below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Self { settings, keys, validation })
    }

    pub(crate) fn name(&self) -> &str {
        &self.settings.issuer
    }

    /// What a token vouches for.
    pub(crate) async fn verify(&self, token: &str, header: &Header, now: DateTime<Utc>) -> Result<Credential, Refusal> {
        if !self.validation.algorithms.contains(&header.alg) {
            return Err(Refusal::Invalid);
        }
        let decoded = match &self.keys {
            Keys::Secret(key) => decode::<Claims>(token, key, &self.validation),
            Keys::Fixed(key) if key.suits(None, header.alg) => decode(token, &key.key, &self.validation),
            Keys::Fixed(_) => return Err(Refusal::Invalid),
            Keys::Remote(keys) => {
                let key = keys.find(header.kid.as_deref(), header.alg).await.map_err(|error| match error {
                    NoKey::Unknown => Refusal::Invalid,
                    NoKey::Silent => Refusal::Unavailable,
                })?;
                decode(token, &key, &self.validation)
            }
        };
        let claims = decoded.map_err(|_| Refusal::Invalid)?.claims;
        let valid_until = claims.times.check(now)?;
        let subject = format!("{}{}", self.settings.subject_prefix, claims.sub);
        if claims.sub.is_empty() || !is_nameable(&subject) {
            return Err(Refusal::Invalid);
        }
        let organization = self.organization(&claims.others).ok_or(Refusal::Invalid)?;
        let access = self.permissions(&claims.others).ok_or(Refusal::Invalid)?;
        Ok(Credential::Granted { organization: organization.into(), actor: Actor::new(subject), access, valid_until })
    }

    fn organization(&self, claims: &Map<String, Value>) -> Option<Uuid> {
        if self.settings.organization.is_some() {
            return self.settings.organization;
        }
        claim(claims, &self.settings.organization_claim)?.as_str()?.parse().ok()
    }

    /// What is permitted by name and by role. `None` when the token says neither.
    fn permissions(&self, claims: &Map<String, Value>) -> Option<Access> {
        let named = claim(claims, &self.settings.permissions_claim).map(words);
        let roles = self.settings.roles_claim.as_ref().map(|path| claim(claims, path).map(words).unwrap_or_default());
        if named.is_none() && roles.is_none() {
            return None;
        }
        let of_roles = roles.iter().flatten().filter_map(|role| self.settings.roles.get(*role)).flatten();
        let all = named.iter().flatten().copied().chain(of_roles.map(String::as_str));
        let permitted =
            all.filter(|permission| self.settings.may_operate || !permission.starts_with(ABOVE_ORGANIZATIONS));
        Some(Access::parse(&permitted.collect::<Vec<_>>().join(" ")))
    }
}

/// A claim by its name, which may hold dots; or by the names on the way to it, with dots between them.
fn claim<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let mut names = path.split('.');
    let first = claims.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

/// The words of a text, or of an array.
fn words(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => text.split_ascii_whitespace().collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
