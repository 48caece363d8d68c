//! Tokens: the keys with which the installation signs its own, their verification, and issuers whom the settings trust.

mod claims;
mod external;
mod keys;
mod ring;
mod rotation;
mod sign;
mod verifier;

pub use external::{InvalidIssuer, IssuerAlgorithm, TrustedIssuer};
pub use keys::{FreshKeyError, fresh};
pub use ring::{KeyRing, Standing};
pub use rotation::{KeyRotation, LEAD};
pub use sign::{Grant, SignError};
pub use verifier::Verifier;

/// Who signs the installation's own tokens (`iss`), and for whom (`aud`).
#[derive(Debug, Clone)]
pub struct Names {
    /// Who signs them.
    pub issuer: String,
    /// For whom they are meant.
    pub audience: String,
}
