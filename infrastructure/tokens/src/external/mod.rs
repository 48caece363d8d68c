//! Issuers whom the settings trust.

mod issuer;
mod keys;
mod remote;
mod settings;

pub(crate) use issuer::Issuer;
pub use settings::{InvalidIssuer, IssuerAlgorithm, TrustedIssuer};
