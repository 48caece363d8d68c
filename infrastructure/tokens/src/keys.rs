//! Making keys, and using them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use fairlead_application::{
    identity::tokens::{Algorithm, SigningKey},
    ports::Entropy,
};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use rsa::{RsaPrivateKey, pkcs8::EncodePrivateKey, rand_core::OsRng, traits::PublicKeyParts};
use secrecy::{ExposeSecret, SecretSlice, zeroize::Zeroizing};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Bits of an RSA key.
const RSA_BITS: usize = 2048;

/// No key can be made, or the stored one is none.
#[derive(Debug, thiserror::Error)]
pub enum FreshKeyError {
    /// The operating system gives no chance.
    #[error("no randomness")]
    Entropy(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A key that is rejected by those who sign with it.
    #[error("the key is not usable: {0}")]
    Unusable(String),
}

/// A key that nobody had before. One for RSA takes a good part of a second.
///
/// # Errors
/// [`FreshKeyError`]
pub fn fresh(
    algorithm: Algorithm,
    entropy: &dyn Entropy,
    created_at: DateTime<Utc>,
    active_from: DateTime<Utc>,
) -> Result<SigningKey, FreshKeyError> {
    let (private, public, thumbprint) = match algorithm {
        Algorithm::EdDsa => ed25519(entropy)?,
        Algorithm::Rs256 => rsa()?,
    };
    let id = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(thumbprint));
    let mut public = public;
    for (name, value) in [("kid", id.as_str()), ("use", "sig"), ("alg", algorithm.name())] {
        public[name] = json!(value);
    }
    Ok(SigningKey {
        id,
        algorithm,
        public,
        private: Some(private),
        created_at,
        active_from,
        signed_until: None,
        revoked_at: None,
    })
}

/// The private half, the public one, and what the thumbprint is made of: the members that matter, in order (RFC 7638).
type Made = (SecretSlice<u8>, Value, String);

fn ed25519(entropy: &dyn Entropy) -> Result<Made, FreshKeyError> {
    let mut seed = Zeroizing::new([0; 32]);
    entropy.fill(&mut seed[..]).map_err(FreshKeyError::Entropy)?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed[..]).map_err(unusable)?;
    let x = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key());
    let thumbprint = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    Ok((seed.to_vec().into(), json!({ "kty": "OKP", "crv": "Ed25519", "x": x }), thumbprint))
}

/// By the operating system's chance, which is what the port gives too: the search for primes wants a source that can't fail.
fn rsa() -> Result<Made, FreshKeyError> {
    let key = RsaPrivateKey::new(&mut OsRng, RSA_BITS).map_err(unusable)?;
    let [n, e] = [key.n(), key.e()].map(|number| BASE64_URL_SAFE_NO_PAD.encode(number.to_bytes_be()));
    let thumbprint = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    let private = key.to_pkcs8_der().map_err(unusable)?;
    Ok((private.as_bytes().to_vec().into(), json!({ "kty": "RSA", "n": n, "e": e }), thumbprint))
}

fn unusable(error: impl std::fmt::Display) -> FreshKeyError {
    FreshKeyError::Unusable(error.to_string())
}

/// A key that signs. By ring, whose arithmetic takes the same time whatever the key.
pub(crate) enum Pair {
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

impl Pair {
    pub(crate) fn read(algorithm: Algorithm, private: &SecretSlice<u8>) -> Result<Self, FreshKeyError> {
        let private = private.expose_secret();
        Ok(match algorithm {
            Algorithm::EdDsa => Self::Ed25519(Ed25519KeyPair::from_seed_unchecked(private).map_err(unusable)?),
            Algorithm::Rs256 => Self::Rsa(Box::new(RsaKeyPair::from_pkcs8(private).map_err(unusable)?)),
        })
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, FreshKeyError> {
        match self {
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map_err(unusable)?;
                Ok(signature)
            }
        }
    }
}
