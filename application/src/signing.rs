//! The installation's secret, and what is made of it: one key for each purpose, so that none can stand in for another.

use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// Signs short messages (HMAC-SHA-256, RFC 2104) for one purpose.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl Signer {
    /// A signer with the key for `purpose`.
    pub fn new(secret: &SecretSlice<u8>, purpose: &str) -> Self {
        Self(keyed(&Self::derive(secret, purpose)))
    }

    /// Derives the key for `purpose` from the installation's secret.
    pub(crate) fn derive(secret: &SecretSlice<u8>, purpose: &str) -> [u8; 32] {
        let mut derivation = keyed(secret.expose_secret());
        derivation.update(purpose.as_bytes());
        derivation.finalize().into_bytes().into()
    }

    /// The signature over several parts. Each is preceded by its length, so that parts can't run into one another.
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.over(parts).finalize().into_bytes().into()
    }

    /// Whether it is the signature over several parts, found out in a time that does not tell how close it comes.
    pub fn verify(&self, parts: &[&[u8]], signature: &[u8; 32]) -> bool {
        self.over(parts).verify_slice(signature).is_ok()
    }

    fn over(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key of any length")
}

#[cfg(test)]
mod tests {
    use super::Signer;

    #[test]
    fn a_signature_holds_for_one_purpose_and_one_message() {
        let secret = vec![7; 32].into();
        let cursors = Signer::new(&secret, "cursors");
        let signature = cursors.sign(&[b"ab", b"c"]);
        assert_eq!(cursors.sign(&[b"ab", b"c"]), signature);
        assert_ne!(cursors.sign(&[b"a", b"bc"]), signature);
        assert_ne!(Signer::new(&secret, "fingerprints").sign(&[b"ab", b"c"]), signature);
    }
}
