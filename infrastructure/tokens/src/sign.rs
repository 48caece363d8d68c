//! Signing.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use fairlead_application::{
    AppError,
    identity::tokens::{AccessTokens, KeyError, MAX_SESSION_TOKEN},
};
use fairlead_domain::ids::{OrganizationId, SessionId, UserId};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::{
    KeyRing,
    claims::{MAX_SUBJECT, NumericDate, is_nameable},
    keys::FreshKeyError,
};

/// What the header of our own tokens says they are (RFC 9068, section 2.1).
pub(crate) const TYPE: &str = "at+jwt";

/// What a token grants that is signed by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who acts (`sub`).
    pub subject: String,
    /// In which organization (`org`).
    pub organization: OrganizationId,
    /// What is granted, separated by spaces (`scope`): `contacts:read contacts:write`.
    pub scope: String,
}

/// The token can't be written.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The expiry is beyond what a date can be.
    #[error("the token would never expire")]
    Lifetime,
    /// No verifier would take the subject.
    #[error(
        "the subject must have 1 to {MAX_SUBJECT} characters, none of them a control character, and not begin with user:, \
         api_key:, policy: or consumer:"
    )]
    Subject,
    /// Nobody acts there.
    #[error("this is no organization")]
    Organization,
    /// There is no key to sign with.
    #[error("there is no signing key")]
    NoKey,
    /// The key can't be used.
    #[error("the token can't be signed")]
    Signing(#[from] FreshKeyError),
    /// The keys can't be reached.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

/// The claims of our own tokens. One of a session has `sid`, one signed by hand `scope`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: String,
    pub(crate) org: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<String>,
    pub(crate) exp: NumericDate,
    pub(crate) iat: NumericDate,
    pub(crate) jti: Uuid,
}

/// Whom a token is about.
enum About<'a> {
    Session(UserId, OrganizationId, SessionId),
    Grant(&'a Grant),
}

impl KeyRing {
    /// A token that grants what `grant` says for `lifetime` from now. The key will verify for as long.
    ///
    /// # Errors
    /// [`SignError`]
    pub async fn sign(&self, grant: &Grant, lifetime: Duration) -> Result<SecretString, SignError> {
        if !is_nameable(&grant.subject) {
            return Err(SignError::Subject);
        }
        let expires = self.expiry(lifetime)?;
        if lifetime > MAX_SESSION_TOKEN {
            let (known, place) = self.signing().ok_or(SignError::NoKey)?;
            self.keys.extend(&known.get(place).ok_or(SignError::NoKey)?.id, expires).await?;
        }
        self.write(&About::Grant(grant), expires)
    }

    fn expiry(&self, lifetime: Duration) -> Result<DateTime<Utc>, SignError> {
        let lifetime = chrono::Duration::from_std(lifetime).ok();
        lifetime.and_then(|lifetime| self.clock.now().checked_add_signed(lifetime)).ok_or(SignError::Lifetime)
    }

    fn write(&self, about: &About<'_>, expires: DateTime<Utc>) -> Result<SecretString, SignError> {
        let (sub, organization, sid, scope) = match about {
            About::Session(user, organization, session) => {
                (user.to_string(), *organization, Some(Uuid::from(*session)), None)
            }
            About::Grant(grant) => (grant.subject.clone(), grant.organization, None, Some(grant.scope.clone())),
        };
        if organization == OrganizationId::DIRECTORY {
            return Err(SignError::Organization);
        }
        let (known, place) = self.signing().ok_or(SignError::NoKey)?;
        let (key, pair) = known.get(place).and_then(|key| Some((key, key.signs.as_ref()?))).ok_or(SignError::NoKey)?;
        let claims = Claims {
            iss: self.names.issuer.clone(),
            sub,
            aud: self.names.audience.clone(),
            org: organization.into(),
            sid,
            scope,
            exp: NumericDate::of(expires),
            iat: NumericDate::of(self.clock.now()),
            jti: self.ids.next(),
        };
        let header = json!({ "alg": key.algorithm.name(), "kid": key.id, "typ": TYPE }).to_string();
        let claims = serde_json::to_vec(&claims).map_err(|error| FreshKeyError::Unusable(error.to_string()))?;
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let message = format!("{}.{}", encode(header.as_bytes()), encode(&claims));
        let signature = encode(&pair.sign(message.as_bytes())?);
        Ok(format!("{message}.{signature}").into())
    }
}

impl AccessTokens for KeyRing {
    fn sign_session(
        &self,
        user: UserId,
        organization: OrganizationId,
        session: SessionId,
        lifetime: Duration,
    ) -> Result<SecretString, AppError> {
        if lifetime > MAX_SESSION_TOKEN {
            return Err(AppError::internal("a session's token is to be valid for too long"));
        }
        let expires = self.expiry(lifetime).map_err(AppError::internal)?;
        self.write(&About::Session(user, organization, session), expires).map_err(|error| match error {
            SignError::NoKey => AppError::Unavailable(error.into()),
            error => AppError::internal(error),
        })
    }
}
