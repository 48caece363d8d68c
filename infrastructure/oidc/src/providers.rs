//! All providers of an installation.

use std::sync::Arc;

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use fairlead_application::{
    identity::oidc::{Answer, ExternalIdentity, OidcError, Providers, VISIT, Visit},
    ports::{Clock, Entropy},
};
use fairlead_domain::values::Provider;

use crate::{
    client::{ProviderClient, Ties},
    settings::{InvalidProvider, OidcProvider},
    web::Web,
};

/// Signs people in by `OpenID` Connect.
pub struct OpenIdProviders {
    providers: Vec<ProviderClient>,
    web: Web,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl OpenIdProviders {
    /// Signs people in by these providers, who send them back to `{app_url}/oidc/{name}`. None of them is asked anything yet.
    ///
    /// # Errors
    /// [`InvalidProvider`]
    pub fn new(
        providers: Vec<OidcProvider>,
        app_url: &str,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, InvalidProvider> {
        let web = Web::new().map_err(|error| InvalidProvider { provider: "all".into(), problem: error.to_string() })?;
        let mut known: Vec<ProviderClient> = Vec::new();
        for settings in providers {
            let taken = settings.invalid("another provider has this name");
            let provider = ProviderClient::new(settings, app_url, clock.clone())?;
            if known.iter().any(|other| other.name == provider.name) {
                return Err(taken);
            }
            known.push(provider);
        }
        Ok(Self { providers: known, web, clock, entropy })
    }

    fn find(&self, name: &str) -> Result<&ProviderClient, OidcError> {
        self.providers.iter().find(|provider| provider.name.as_str() == name).ok_or(OidcError::UnknownProvider)
    }

    /// 256 bits, which is what RFC 7636, section 7.1, asks for.
    fn chance(&self) -> Result<String, OidcError> {
        let mut bytes = [0; 32];
        self.entropy.fill(&mut bytes).map_err(OidcError::Unavailable)?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }
}

#[async_trait]
impl Providers for OpenIdProviders {
    fn names(&self) -> Vec<Provider> {
        self.providers.iter().map(|provider| provider.name.clone()).collect()
    }

    async fn begin(&self, provider: &str, context: Option<String>) -> Result<(String, Visit), OidcError> {
        let client = self.find(provider)?;
        let ties = Ties { state: self.chance()?, nonce: self.chance()?, verifier: self.chance()? };
        let url = client.begin(&self.web, &ties).await?;
        let Ties { state, nonce, verifier } = ties;
        let expires_at = self.clock.now() + VISIT;
        Ok((url, Visit { provider: provider.to_owned(), state, nonce, verifier, expires_at, context }))
    }

    async fn finish(&self, provider: &str, answer: &Answer, visit: &Visit) -> Result<ExternalIdentity, OidcError> {
        let client = self.find(provider)?;
        if visit.provider != provider || self.clock.now() >= visit.expires_at {
            return Err(OidcError::NoVisit);
        }
        client.finish(&self.web, answer, visit).await
    }
}
