//! The keys that sign tokens, and tokens signed by hand.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use fairlead_application::{
    identity::tokens::SigningKey,
    ports::{Clock, System},
};
use fairlead_postgres::{Databases, PostgresSigningKeys};
use fairlead_tokens::{Grant, KeyRing, KeyRotation, LEAD, Names, Verifier};
use secrecy::ExposeSecret;

use crate::{
    Failure,
    cli::{SigningKeys, Token},
    config::Config,
    database,
    documents::say,
};

/// The installation's keys, not read yet, by the engine's login.
pub(crate) fn ring(config: &Config, engine: Databases) -> Arc<KeyRing> {
    let names = Names { issuer: config.token_issuer.clone(), audience: config.token_audience.clone() };
    let (keys, system) = (Arc::new(PostgresSigningKeys::new(engine)), Arc::new(System));
    Arc::new(KeyRing::new(names, config.token_algorithm, keys, system.clone(), system.clone(), system))
}

/// Whose tokens this installation accepts.
pub(crate) fn verifier(config: &Config, ring: Arc<KeyRing>) -> Result<Verifier, Failure> {
    let verifier = Verifier::new(ring, config.trusted_issuers.clone());
    verifier.map_err(|error| format!("trusted_issuers: {error}").into())
}

/// Exchanges keys that have had their time.
pub(crate) fn rotation(config: &Config, ring: Arc<KeyRing>) -> KeyRotation {
    KeyRotation::new(ring, Duration::from_secs(u64::from(config.signing_key_days) * 24 * 3600))
}

/// Prints a token.
pub(crate) async fn print(config: &Config, token: Token) -> Result<(), Failure> {
    let organization = match token.organization {
        Some(organization) => organization,
        None => config.organization_id()?,
    };
    let grant = Grant { subject: token.subject, organization: organization.into(), scope: token.scope };
    let lifetime = Duration::from_secs(u64::from(token.hours) * 3600);
    let ring = ring(config, database::checked_engine(config).await?);
    ring.prepare().await?;
    say(ring.sign(&grant, lifetime).await?.expose_secret())
}

/// Lists, exchanges or revokes keys.
pub(crate) async fn keys(config: &Config, action: SigningKeys) -> Result<(), Failure> {
    let ring = ring(config, database::checked_engine(config).await?);
    ring.prepare().await?;
    let rotation = rotation(config, ring.clone());
    match action {
        SigningKeys::List => {
            let now = System.now();
            for (key, standing) in ring.standing().await? {
                say(&format!("{}  {:<5}  made {}  {standing}", key.id, key.algorithm.name(), date(key.created_at)))?;
                if let Some(until) = key.signed_until.filter(|until| *until > now && key.revoked_at.is_none()) {
                    say(&format!("    tokens signed by hand hold until {}", date(until)))?;
                }
            }
            Ok(())
        }
        SigningKeys::Rotate { now } => {
            let key = rotation.rotate(if now { Duration::ZERO } else { LEAD }).await?;
            say(&format!("{} signs from {} on", key.id, date(key.active_from)))
        }
        SigningKeys::Revoke { id } => match rotation.revoke(&id).await? {
            Some(SigningKey { id: instead, .. }) => {
                say(&format!("{id} is revoked, for running processes within 30 seconds; {instead} signs from now on"))
            }
            None => say(&format!("{id} was revoked already")),
        },
    }
}

fn date(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
