//! Signing tokens by hand.

use std::time::Duration;

use fairlead_application::ports::System;
use fairlead_http::token::{Grant, Settings, Signer};
use secrecy::{ExposeSecret, SecretSlice};

use crate::{Failure, cli::Token, config::Config, config::ConfigError, documents::say};

/// Whose tokens this installation accepts.
pub(crate) fn settings(config: &Config) -> Result<Settings, ConfigError> {
    Ok(Settings {
        key: SecretSlice::from(config.token_secret()?.expose_secret().as_bytes().to_vec()),
        issuer: config.token_issuer.clone(),
        audience: config.token_audience.clone(),
    })
}

/// Prints a token.
pub(crate) fn print(config: &Config, token: Token) -> Result<(), Failure> {
    let organization = match token.organization {
        Some(organization) => organization,
        None => config.organization_id()?,
    };
    let grant = Grant { subject: token.subject, organization: organization.into(), scope: token.scope };
    let lifetime = Duration::from_secs(u64::from(token.hours) * 3600);
    say(&Signer::new(&settings(config)?)?.sign(&grant, lifetime, &System, &System)?)
}
