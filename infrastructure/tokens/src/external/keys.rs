//! Keys of an issuer: what a key may be used for.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse},
};

/// The fewest bytes of an RSA modulus: 2048 bits (RFC 7518, section 3.3).
const MIN_MODULUS: usize = 256;

/// A key, and what it may verify.
pub(super) struct IssuerKey {
    pub(super) id: Option<String>,
    pub(super) key: DecodingKey,
    algorithm: Option<Algorithm>,
    is_rsa: bool,
}

impl IssuerKey {
    /// Whether the key may verify a token with this header. Never by an algorithm with a shared secret.
    pub(super) fn suits(&self, id: Option<&str>, algorithm: Algorithm) -> bool {
        let of_kind = match algorithm {
            Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 => self.is_rsa,
            Algorithm::EdDSA => !self.is_rsa,
            _ => false,
        };
        of_kind && self.algorithm.is_none_or(|own| own == algorithm) && (id.is_none() || self.id.as_deref() == id)
    }

    /// A key of a set, unless it is of no use here: for encryption, too short, or of a kind that we don't verify.
    fn read(jwk: &Jwk) -> Option<Self> {
        if matches!(&jwk.common.public_key_use, Some(purpose) if *purpose != PublicKeyUse::Signature) {
            return None;
        }
        let is_rsa = is_rsa(jwk)?;
        let algorithm = jwk.common.key_algorithm.map(|algorithm| algorithm.to_string().parse::<Algorithm>());
        Some(Self {
            id: jwk.common.key_id.clone(),
            key: DecodingKey::from_jwk(jwk).ok()?,
            algorithm: algorithm.transpose().ok()?,
            is_rsa,
        })
    }

    /// The key in a PEM.
    pub(super) fn of_pem(pem: &str, is_rsa: bool) -> Option<Self> {
        let read = if is_rsa { DecodingKey::from_rsa_pem } else { DecodingKey::from_ed_pem };
        let key = read(pem.as_bytes()).ok()?;
        if is_rsa && self::is_rsa(&Jwk::from_decoding_key(&key, None).ok()?) != Some(true) {
            return None;
        }
        Some(Self { id: None, key, algorithm: None, is_rsa })
    }
}

/// Whether it is an RSA key, and not an Ed25519 key; `None` for others, and for RSA keys that are too short.
fn is_rsa(jwk: &Jwk) -> Option<bool> {
    match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => {
            let modulus = BASE64_URL_SAFE_NO_PAD.decode(&rsa.n).ok()?;
            let bytes = modulus.iter().skip_while(|byte| **byte == 0).count();
            (bytes >= MIN_MODULUS).then_some(true)
        }
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Some(false),
        _ => None,
    }
}

/// The keys of a set (RFC 7517, section 5). What can't be read is passed over, as the standard says; `None` when it is no
/// set.
pub(super) fn read_set(text: &[u8]) -> Option<Vec<IssuerKey>> {
    #[derive(serde::Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let Set { keys } = serde_json::from_slice(text).ok()?;
    let set = JwkSet { keys: keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect() };
    Some(set.keys.iter().filter_map(IssuerKey::read).collect())
}
