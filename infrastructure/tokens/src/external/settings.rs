//! Whom the settings trust, and with what.

use std::{collections::BTreeMap, fmt};

use fairlead_application::identity::web::is_safe;
use fairlead_domain::values::Permission;
use jsonwebtoken::Algorithm;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use uuid::Uuid;

/// An issuer whose tokens are accepted. `Debug` shows its name alone.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedIssuer {
    /// Its name in tokens (`iss`).
    pub issuer: String,
    /// For whom its tokens must be meant (`aud`).
    pub audience: String,
    /// How it signs.
    pub algorithms: Vec<IssuerAlgorithm>,
    /// The secret shared with it, for HS256, HS384 and HS512.
    pub secret: Option<SecretString>,
    /// Its public key in PEM, for the others.
    pub public_key_pem: Option<String>,
    /// Where its public keys are, as a JSON Web Key Set.
    pub jwks_url: Option<String>,
    /// The claim that names the organization, by its id.
    #[serde(default = "defaults::organization_claim")]
    pub organization_claim: String,
    /// The organization, where all tokens are for one.
    pub organization: Option<Uuid>,
    /// The claim with permissions: a text with blanks between them, or an array.
    #[serde(default = "defaults::permissions_claim")]
    pub permissions_claim: String,
    /// The claim with roles, in the same form.
    pub roles_claim: Option<String>,
    /// What the roles permit.
    #[serde(default)]
    pub roles: BTreeMap<String, Vec<String>>,
    /// What is put before its subjects, so that they are not taken for somebody else's.
    #[serde(default)]
    pub subject_prefix: String,
    /// Whether it may grant what stands above organizations.
    #[serde(default)]
    pub may_operate: bool,
}

mod defaults {
    pub(super) fn organization_claim() -> String {
        "org".to_owned()
    }
    pub(super) fn permissions_claim() -> String {
        "scope".to_owned()
    }
}

/// How an issuer signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum IssuerAlgorithm {
    /// HMAC with SHA-256.
    #[serde(rename = "HS256")]
    Hs256,
    /// HMAC with SHA-384.
    #[serde(rename = "HS384")]
    Hs384,
    /// HMAC with SHA-512.
    #[serde(rename = "HS512")]
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl IssuerAlgorithm {
    pub(super) fn known(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::HS256,
            Self::Hs384 => Algorithm::HS384,
            Self::Hs512 => Algorithm::HS512,
            Self::Rs256 => Algorithm::RS256,
            Self::Rs384 => Algorithm::RS384,
            Self::Rs512 => Algorithm::RS512,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }

    /// The fewest bytes of a shared secret: as many as the hash (RFC 7518, section 3.2). `None` where keys are public.
    fn secret_bytes(self) -> Option<usize> {
        match self {
            Self::Hs256 => Some(32),
            Self::Hs384 => Some(48),
            Self::Hs512 => Some(64),
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::EdDsa => None,
        }
    }

    pub(super) fn is_rsa(self) -> bool {
        matches!(self, Self::Rs256 | Self::Rs384 | Self::Rs512)
    }
}

/// An issuer can't be trusted as the settings say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{issuer}: {problem}")]
pub struct InvalidIssuer {
    /// Which.
    pub issuer: String,
    /// What is wrong. Never shows a secret.
    pub problem: String,
}

impl fmt::Debug for TrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TrustedIssuer").field(&self.issuer).finish()
    }
}

impl TrustedIssuer {
    pub(super) fn invalid(&self, problem: impl Into<String>) -> InvalidIssuer {
        InvalidIssuer { issuer: self.issuer.clone(), problem: problem.into() }
    }

    /// Whether the parts fit together.
    pub(super) fn check(&self) -> Result<(), InvalidIssuer> {
        let refuse = |problem: &str| Err(self.invalid(problem));
        if self.issuer.is_empty() || self.audience.is_empty() {
            return refuse("issuer and audience must not be empty");
        }
        if self.algorithms.is_empty() {
            return refuse("algorithms must name one at least");
        }
        let given = [self.secret.is_some(), self.public_key_pem.is_some(), self.jwks_url.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            return refuse("one of secret, public_key_pem and jwks_url must be given");
        }
        // A public key that somebody takes for a shared secret lets anybody sign.
        for algorithm in &self.algorithms {
            match (&self.secret, algorithm.secret_bytes()) {
                (Some(secret), Some(bytes)) if secret.expose_secret().len() < bytes => {
                    return refuse("secret must have as many bytes as the hash at least: 32, 48 or 64");
                }
                (Some(_), Some(_)) | (None, None) => {}
                (Some(_), None) => return refuse("a secret goes with HS256, HS384 and HS512 alone"),
                (None, Some(_)) => return refuse("HS256, HS384 and HS512 go with a secret alone"),
            }
        }
        if self.jwks_url.as_deref().is_some_and(|url| !is_safe(url)) {
            return refuse("jwks_url must be an https URL; http is for addresses of this machine");
        }
        if !self.roles.is_empty() && self.roles_claim.is_none() {
            return refuse("roles needs roles_claim");
        }
        let patterns = self.roles.values().flatten();
        if let Some(pattern) = patterns.into_iter().find(|pattern| Permission::new(pattern).is_err()) {
            return refuse(&format!("{pattern} is no permission: expected resource:action"));
        }
        Ok(())
    }
}
