//! API keys as they are written: `flk_`, and in base 64 the organization, the key, its generation and a secret.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use fairlead_domain::ids::{ApiKeyId, OrganizationId};
use secrecy::{SecretString, zeroize::Zeroizing};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::{AppError, ports::Entropy};

/// How every key begins, so that one that is left lying about is found.
const PREFIX: &str = "flk_";
/// Bytes of the secret. It is drawn by chance, so that a plain hash keeps it.
const SECRET: usize = 32;

/// A key, read.
pub struct KeyText {
    /// The organization in which it acts.
    pub organization: OrganizationId,
    /// The key.
    pub key: ApiKeyId,
    /// Which of its secrets it is: each rotation counts one up.
    pub generation: u32,
    secret: Zeroizing<[u8; SECRET]>,
}

impl KeyText {
    /// A key with a fresh secret.
    ///
    /// # Errors
    /// [`AppError::Internal`] when the operating system gives no chance.
    pub fn fresh(
        organization: OrganizationId,
        key: ApiKeyId,
        generation: u32,
        entropy: &dyn Entropy,
    ) -> Result<Self, AppError> {
        let mut secret = Zeroizing::new([0; SECRET]);
        entropy.fill(&mut secret[..]).map_err(AppError::internal)?;
        Ok(Self { organization, key, generation, secret })
    }

    /// Whether a text is meant to be a key, rather than a token.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Reads a key. `None` when it has not the form of one.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?);
        let (organization, rest) = bytes.split_first_chunk::<16>()?;
        let (key, rest) = rest.split_first_chunk::<16>()?;
        let (generation, secret) = rest.split_first_chunk::<4>()?;
        Some(Self {
            organization: Uuid::from_bytes(*organization).into(),
            key: Uuid::from_bytes(*key).into(),
            generation: u32::from_be_bytes(*generation),
            secret: Zeroizing::new(secret.try_into().ok()?),
        })
    }

    /// The key as its holder keeps it.
    pub fn written(&self) -> SecretString {
        let (organization, key) = (Uuid::from(self.organization), Uuid::from(self.key));
        let generation = self.generation.to_be_bytes();
        let parts = [organization.as_bytes(), key.as_bytes(), &generation[..], &self.secret[..]].concat();
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(Zeroizing::new(parts).as_slice())).into()
    }

    /// What is kept of the secret: its SHA-256.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.secret[..]).into()
    }

    /// Whether that is kept of the secret.
    pub(super) fn has_hash(&self, hash: &[u8; 32]) -> bool {
        self.hash().ct_eq(hash).into()
    }
}

/// The name under which the hash of a generation's secret is kept: two are accepted at a time.
pub(in crate::identity) fn kept_as(generation: u32) -> &'static str {
    if generation.is_multiple_of(2) { "key_even" } else { "key_odd" }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::ports::System;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let key = KeyText::fresh(Uuid::from_u128(1).into(), Uuid::from_u128(2).into(), 3, &System).unwrap();
        let text = key.written();
        let read = KeyText::read(text.expose_secret()).unwrap();
        assert_eq!((read.organization, read.key, read.generation), (key.organization, key.key, 3));
        assert!(read.has_hash(&key.hash()));
        let text = text.expose_secret();
        for other in ["", "flk_", &text[4..], &text[..text.len() - 4], "flk_é"] {
            assert!(KeyText::read(other).is_none(), "{other}");
        }
    }
}
