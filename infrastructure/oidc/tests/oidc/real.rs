//! Settings for a real provider, and what has time pass.

use std::{sync::Arc, time::Duration};

use fairlead_application::ports::System;
use fairlead_oidc::{OidcProvider, OpenIdProviders};
use fairlead_testing::provider::{CLIENT, CLIENT_SECRET, RealProvider};
use serde_json::{Value, json};

use crate::liar::merge;

pub(crate) const APP: &str = "https://app.example.com";

/// A provider that sends people back to where `acme` does.
pub(crate) async fn real() -> RealProvider {
    RealProvider::start(&format!("{APP}/oidc/acme")).await
}

/// Settings for it, under the name `acme`.
pub(crate) fn settings(real: &RealProvider, more: &Value) -> Value {
    let mut all = json!({ "name": "acme", "issuer": real.issuer, "client_id": CLIENT, "client_secret": CLIENT_SECRET });
    merge(&mut all, more);
    all
}

pub(crate) fn provider(settings: Value) -> OidcProvider {
    serde_json::from_value(settings).unwrap()
}

pub(crate) fn providers(settings: Value) -> OpenIdProviders {
    let _ = rustls::crypto::ring::default_provider().install_default();
    OpenIdProviders::new(vec![provider(settings)], &format!("{APP}/"), Arc::new(System), Arc::new(System)).unwrap()
}

/// Has time pass. No answer may be under way.
pub(crate) async fn later(by: Duration) {
    tokio::time::pause();
    tokio::time::advance(by).await;
    tokio::time::resume();
}
