//! Tokens: what they vouch for, and the keys with which the installation signs its own.

use std::{error::Error, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_domain::ids::{OrganizationId, SessionId, UserId};
use secrecy::{SecretSlice, SecretString};
use serde_json::Value;

use crate::{Actor, AppError, access::Access};

/// How the actors begin that are none of a token's subjects: people who sign in here, keys, policies and consumers.
pub const RESERVED_ACTORS: [&str; 4] = ["user:", "api_key:", "policy:", "consumer:"];

/// The longest a session's token may be valid. A key that signs no longer verifies for that long at least.
pub const MAX_SESSION_TOKEN: Duration = Duration::from_secs(3600);

/// Whom and what a token vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// Somebody signed in here. What they may do follows from their membership, and is looked up.
    Session {
        /// Who.
        user: UserId,
        /// The organization in which they act.
        organization: OrganizationId,
        /// Their session.
        session: SessionId,
        /// Until when the token holds.
        valid_until: DateTime<Utc>,
    },
    /// The token itself says what it grants: an operator signed it by hand, or an issuer whom the settings trust.
    Granted {
        /// The organization.
        organization: OrganizationId,
        /// Who acts. Begins with none of [`RESERVED_ACTORS`].
        actor: Actor,
        /// What is granted.
        access: Access,
        /// Until when the token holds; `None` for a date beyond all dates.
        valid_until: Option<DateTime<Utc>>,
    },
}

/// Why a token is not accepted. Says nothing that helps to forge one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a token of ours or of those whom we trust, or not for us.
    #[error("the token is not valid")]
    Invalid,
    /// Once it was.
    #[error("the token has expired")]
    Expired,
    /// The keys with which it would be verified can't be had at present.
    #[error("the token can't be verified at present; try again")]
    Unavailable,
}

/// Recognizes tokens.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// What the token vouches for. Never in [`OrganizationId::DIRECTORY`].
    ///
    /// # Errors
    /// [`Refusal`]
    async fn verify(&self, token: &str) -> Result<Credential, Refusal>;
}

/// Signs access tokens for sessions.
pub trait AccessTokens: Send + Sync {
    /// A token by which a user acts in an organization, for `lifetime` from now.
    ///
    /// # Errors
    /// [`AppError::Internal`] when the lifetime is longer than [`MAX_SESSION_TOKEN`], or the organization is
    /// [`OrganizationId::DIRECTORY`]; [`AppError::Unavailable`] when there is no key to sign with.
    fn sign_session(
        &self,
        user: UserId,
        organization: OrganizationId,
        session: SessionId,
        lifetime: Duration,
    ) -> Result<SecretString, AppError>;
}

/// The public keys, for others who verify our tokens.
pub trait PublishedKeys: Send + Sync {
    /// A JSON Web Key Set (RFC 7517, section 5), as text.
    fn key_set(&self) -> String;
}

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    #[default]
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256 and 2048 bits (RFC 7518, section 3.3).
    Rs256,
}

impl Algorithm {
    /// The name in tokens and settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }
}

/// There is no such algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected EdDSA or RS256")]
pub struct UnknownAlgorithm;

impl std::str::FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        [Self::EdDsa, Self::Rs256].into_iter().find(|algorithm| algorithm.name() == text).ok_or(UnknownAlgorithm)
    }
}

/// A key of the installation. It signs from `active_from` until the next one does, and verifies until everything has
/// expired that it may have signed.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// Its name: the thumbprint of the public key (RFC 7638).
    pub id: String,
    /// How it signs.
    pub algorithm: Algorithm,
    /// The public half, a JSON Web Key (RFC 7517).
    pub public: Value,
    /// The private half: the seed of an Ed25519 key, or an RSA key in PKCS #8. `None` once it is destroyed.
    pub private: Option<SecretSlice<u8>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it signs.
    pub active_from: DateTime<Utc>,
    /// Until when the longest token holds that it signed by hand.
    pub signed_until: Option<DateTime<Utc>>,
    /// When it was revoked: what it signed is not accepted any more.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// When a new key is not needed after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unless {
    /// There is one that is not revoked.
    Any,
    /// There is one of the same algorithm that was made after this time, and is not revoked.
    MadeAfter(DateTime<Utc>),
    /// It is needed.
    Never,
}

/// Why the keys can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No such key.
    #[error("there is no signing key {0}")]
    Unknown(String),
    /// The database does not answer.
    #[error("the signing keys can't be reached")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// A fault, in the settings or of ours.
    #[error("the signing keys can't be used")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

/// Keeps the keys, the private halves sealed.
#[async_trait]
pub trait SigningKeys: Send + Sync {
    /// All of them, those made last first.
    ///
    /// # Errors
    /// [`KeyError`]
    async fn all(&self) -> Result<Vec<SigningKey>, KeyError>;

    /// Adds a key. Of several who do so at the same time and under the same condition, one succeeds. Tells whether it
    /// was added.
    ///
    /// # Errors
    /// [`KeyError`]
    async fn add(&self, key: &SigningKey, unless: Unless) -> Result<bool, KeyError>;

    /// Notes that the key signed a token that holds until then, so that it verifies for as long.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] also when the key is revoked.
    async fn extend(&self, id: &str, until: DateTime<Utc>) -> Result<(), KeyError>;

    /// Revokes a key, destroys its private half, and puts another in its place, which signs at once. Tells whether it was
    /// not revoked already.
    ///
    /// # Errors
    /// [`KeyError`]
    async fn revoke(&self, id: &str, at: DateTime<Utc>, instead: &SigningKey) -> Result<bool, KeyError>;
}
