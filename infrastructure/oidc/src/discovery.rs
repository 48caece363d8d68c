//! What a provider says about itself, and its keys: fetched when needed, and kept for a while.

use std::{
    error::Error,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use fairlead_application::identity::oidc::OidcError;
use fairlead_application::identity::web::is_safe;
use openidconnect::{
    AdditionalProviderMetadata, AsyncHttpClient, ProviderMetadata,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
        CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode,
        CoreResponseType, CoreSubjectIdentifierType,
    },
};
use serde::{Deserialize, Serialize};
use tokio::{sync::Mutex, time::Instant};
use tracing::{debug, warn};

use crate::{settings::OidcProvider, web::Web};

/// How long what is known holds.
const HOLDS: Duration = Duration::from_secs(3600);
/// How often a provider is asked at most, where something is known.
const PAUSE: Duration = Duration::from_secs(10);
/// The same where nothing is: whoever waits behind a failed attempt is answered by it.
const SHORT_PAUSE: Duration = Duration::from_secs(1);

/// What a provider says about itself, as far as it matters.
pub(crate) type Metadata = ProviderMetadata<
    More,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct More {
    /// Whether its answers name it (RFC 9207, section 3).
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for More {}

/// A provider's description and keys, of one moment.
pub(crate) struct Known {
    pub(crate) metadata: Metadata,
    pub(crate) keys: CoreJsonWebKeySet,
    since: Instant,
}

/// Where a provider describes itself.
pub(crate) struct Discovery {
    name: String,
    url: String,
    /// What the description must call itself: what the settings do, so that nobody describes somebody else's provider.
    issuer: String,
    known: RwLock<Option<Arc<Known>>>,
    /// When the provider was asked last. Held while it is.
    asked: Mutex<Option<Instant>>,
}

impl Discovery {
    pub(crate) fn new(settings: &OidcProvider) -> Self {
        let template = settings.template().filter(|_| settings.multi_tenant);
        Self {
            name: settings.name.clone(),
            url: format!("{}/.well-known/openid-configuration", settings.issuer.trim_end_matches('/')),
            issuer: template.unwrap_or_else(|| settings.issuer.clone()),
            known: RwLock::default(),
            asked: Mutex::default(),
        }
    }

    /// What is known. What is out of date goes on while the provider does not answer.
    ///
    /// # Errors
    /// [`OidcError::Unavailable`] when it has never answered.
    pub(crate) async fn known(&self, web: &Web) -> Result<Arc<Known>, OidcError> {
        let is_fresh = |known: &Arc<Known>| known.since.elapsed() < HOLDS;
        let known = self.present();
        if let Some(known) = known.filter(is_fresh) {
            return Ok(known);
        }
        let mut asked = self.asked.lock().await;
        // Somebody else may have asked meanwhile.
        let known = self.present();
        let pause = if known.is_some() { PAUSE } else { SHORT_PAUSE };
        match known {
            Some(known) if is_fresh(&known) => Ok(known),
            Some(known) if asked.is_some_and(|asked| asked.elapsed() < pause) => Ok(known),
            None if asked.is_some_and(|asked| asked.elapsed() < pause) => {
                Err(OidcError::Unavailable("it did not answer a moment ago".into()))
            }
            known => {
                let answer = self.ask(web).await;
                *asked = Some(Instant::now());
                answer.or_else(|error| known.ok_or(OidcError::Unavailable(error)))
            }
        }
    }

    /// What is known after something was missing; `None` when it was asked for a moment ago, or does not answer.
    pub(crate) async fn renewed(&self, web: &Web, than: &Arc<Known>) -> Option<Arc<Known>> {
        let mut asked = self.asked.lock().await;
        if let Some(other) = self.present().filter(|known| !Arc::ptr_eq(known, than)) {
            return Some(other);
        }
        if asked.is_some_and(|asked| asked.elapsed() < PAUSE) {
            return None;
        }
        let answer = self.ask(web).await;
        *asked = Some(Instant::now());
        answer.ok()
    }

    fn present(&self) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn ask(&self, web: &Web) -> Result<Arc<Known>, Box<dyn Error + Send + Sync>> {
        let known = self.fetch(web).await.inspect_err(|error| {
            warn!(provider = self.name, %error, "a provider of identities can't be asked what it is");
        })?;
        debug!(provider = self.name, keys = known.keys.keys().len(), "a provider's description and keys were fetched");
        let known = Arc::new(known);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
        Ok(known)
    }

    async fn fetch(&self, web: &Web) -> Result<Known, Box<dyn Error + Send + Sync>> {
        let request = http::Request::get(&self.url).header(http::header::ACCEPT, "application/json");
        let answer = web.call(request.body(Vec::new())?).await?;
        if answer.status() != http::StatusCode::OK {
            return Err(format!("its description is answered with {}", answer.status()).into());
        }
        let metadata: Metadata = serde_json::from_slice(answer.body())
            .map_err(|error| format!("its description can't be read from column {} on", error.column()))?;
        if **metadata.issuer() != self.issuer {
            return Err(format!("it calls itself {}, and {} is expected", **metadata.issuer(), self.issuer).into());
        }
        let urls = [
            Some(metadata.authorization_endpoint().as_str()),
            metadata.token_endpoint().map(|url| url.as_str()),
            metadata.userinfo_endpoint().map(|url| url.as_str()),
            Some(metadata.jwks_uri().as_str()),
        ];
        if let Some(url) = urls.into_iter().flatten().find(|url| !is_safe(url)) {
            return Err(format!("it names {url}, where anybody on the way could answer").into());
        }
        let keys = CoreJsonWebKeySet::fetch_async(metadata.jwks_uri(), web).await;
        let keys = keys.map_err(|error| format!("its keys can't be fetched: {error}"))?;
        Ok(Known { metadata, keys, since: Instant::now() })
    }
}
