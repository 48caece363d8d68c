//! Signing in by an `OpenID` Connect provider (`OpenID` Connect Core 1.0): what providers must be able to do, and what the
//! caller keeps while somebody is there.

use std::{error::Error, fmt, time::Duration};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::Aead};
use chrono::{DateTime, Utc};
use fairlead_domain::values::{Email, ExternalSubject, PersonName, Provider};
use secrecy::SecretSlice;
use serde::{Deserialize, Serialize};

use crate::signing::Signer;

/// How long somebody may take to sign in at a provider.
pub const VISIT: Duration = Duration::from_secs(600);

/// Bytes of the nonce that a sealed visit begins with.
const NONCE: usize = 24;

/// Signs people in by providers whom the settings name.
#[async_trait]
pub trait Providers: Send + Sync {
    /// Their names, in the settings' order.
    fn names(&self) -> Vec<Provider>;

    /// Begins: where the browser has to go, and what must be remembered until it comes back. `context` is remembered with it.
    ///
    /// # Errors
    /// [`OidcError::UnknownProvider`], [`OidcError::Unavailable`]
    async fn begin(&self, provider: &str, context: Option<String>) -> Result<(String, Visit), OidcError>;

    /// Ends: who it is that came back with this answer. A code is good for one call.
    ///
    /// # Errors
    /// [`OidcError`]
    async fn finish(&self, provider: &str, answer: &Answer, visit: &Visit) -> Result<ExternalIdentity, OidcError>;
}

/// What a provider's answer brings in the query of the callback (RFC 6749, section 4.1.2; RFC 9207).
#[derive(Clone, Default, Deserialize)]
pub struct Answer {
    /// Which visit it is about.
    pub state: Option<String>,
    /// What the provider's token is got for.
    pub code: Option<String>,
    /// Which provider answers.
    #[serde(rename = "iss")]
    pub issuer: Option<String>,
    /// Why there is no code: `access_denied`.
    pub error: Option<String>,
}

/// Somebody's visit at a provider, kept by their own browser meanwhile. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// At which provider.
    pub provider: String,
    /// Tells the visit from others (`state`).
    pub state: String,
    /// Ties the provider's token to the visit.
    pub nonce: String,
    /// Ties the code to the visit (RFC 7636).
    pub verifier: String,
    /// When it is over.
    pub expires_at: DateTime<Utc>,
    /// What the caller wants to know afterwards.
    pub context: Option<String>,
}

/// Who somebody is to a provider. `Debug` shows the provider alone.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalIdentity {
    /// The provider.
    pub provider: Provider,
    /// Its name for the person, which never changes.
    pub subject: ExternalSubject,
    /// The person's address; `None` when the provider tells none that we take.
    pub email: Option<Email>,
    /// Whether the provider vouches that the address is theirs.
    pub email_verified: bool,
    /// What the person is called.
    pub name: Option<PersonName>,
    /// Whether the settings let a user of the same address be taken for this person. Only with an address that is verified.
    pub may_link_by_email: bool,
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("issuer", &self.issuer).field("error", &self.error).finish_non_exhaustive()
    }
}

impl fmt::Debug for ExternalIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalIdentity").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// Why somebody is not signed in by a provider.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// The settings name no such provider.
    #[error("there is no such provider")]
    UnknownProvider,
    /// The person, or the provider, did not agree.
    #[error("the provider did not sign you in")]
    Denied,
    /// The visit is over, or not the one that the answer is about.
    #[error("this sign-in was not begun here, or too long ago; begin anew")]
    NoVisit,
    /// The answer proves nothing. The cause is for the log.
    #[error("the provider's answer can't be accepted; begin anew")]
    Invalid(#[source] Box<dyn Error + Send + Sync>),
    /// The person's address is in none of the domains that the settings allow.
    #[error("your address is not allowed to sign in by this provider")]
    Domain,
    /// The provider does not answer.
    #[error("the provider does not answer; try again")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// Seals visits for a cookie: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), the nonce a keyed hash of what is sealed (RFC 5297).
#[derive(Clone)]
pub struct Visits {
    cipher: XChaCha20Poly1305,
    nonces: Signer,
}

impl Visits {
    /// Seals with keys made of the installation's secret.
    pub fn new(secret: &SecretSlice<u8>) -> Self {
        let key = Signer::derive(secret, "visit encryption");
        Self { cipher: XChaCha20Poly1305::new(&key.into()), nonces: Signer::new(secret, "visit nonces") }
    }

    /// What the browser keeps: letters, digits, `-` and `_`.
    pub fn seal(&self, visit: &Visit) -> String {
        let plain = serde_json::to_vec(visit).unwrap_or_default();
        let [nonce @ .., _, _, _, _, _, _, _, _] = self.nonces.sign(&[&plain]);
        // Fails for hundreds of gigabytes alone.
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), &plain[..]).unwrap_or_default();
        BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// What the browser brings back.
    ///
    /// # Errors
    /// [`OidcError::NoVisit`] when it is none of ours, or over.
    pub fn open(&self, sealed: &str, now: DateTime<Utc>) -> Result<Visit, OidcError> {
        let opened: Option<Visit> = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok().and_then(|bytes| {
            let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
            let plain = self.cipher.decrypt(&XNonce::from(*nonce), sealed).ok()?;
            serde_json::from_slice(&plain).ok()
        });
        opened.filter(|visit| now < visit.expires_at).ok_or(OidcError::NoVisit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_is_kept_sealed_and_ends() {
        let visits = Visits::new(&vec![1; 32].into());
        let now = DateTime::UNIX_EPOCH;
        let visit = Visit {
            provider: "acme".to_owned(),
            state: "s".to_owned(),
            nonce: "n".to_owned(),
            verifier: "v".to_owned(),
            expires_at: now + VISIT,
            context: Some("{}".to_owned()),
        };
        let sealed = visits.seal(&visit);
        assert_eq!(visits.open(&sealed, now).unwrap(), visit);
        assert!(matches!(visits.open(&sealed, visit.expires_at), Err(OidcError::NoVisit)));
        for broken in ["", "x", &sealed[1..], &format!("{sealed}A"), &Visits::new(&vec![2; 32].into()).seal(&visit)] {
            assert!(matches!(visits.open(broken, now), Err(OidcError::NoVisit)), "{broken}");
        }
        assert!(!format!("{visit:?}").contains("verifier"));
    }
}
