//! One provider: somebody is sent there, and comes back with an answer.

use std::sync::Arc;

use chrono::TimeDelta;
use fairlead_application::{
    identity::oidc::{Answer, ExternalIdentity, OidcError, Visit},
    ports::Clock,
};
use fairlead_domain::values::Provider;
use openidconnect::{
    AccessToken, AccessTokenHash, AuthType, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, Client,
    ClientId, ClientSecret, CsrfToken, EmptyAdditionalClaims, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, IdToken, IdTokenFields, IdTokenVerifier, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, StandardErrorResponse,
    StandardTokenResponse, TokenResponse, UserInfoClaims, UserInfoError,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreResponseType, CoreRevocableToken,
        CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use secrecy::ExposeSecret;

use crate::{
    claims::{self, Claims, More, Said, invalid},
    discovery::{Discovery, Known},
    settings::{InvalidProvider, OidcProvider},
    web::{Web, WebError},
};

/// By how much a provider's clock may be behind ours.
const TOLERANCE: TimeDelta = TimeDelta::seconds(60);

/// How a token may be signed. Nothing with a shared secret: a public client has none, and a public key is none.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Token = IdToken<More, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type Fields = IdTokenFields<
    More,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Tokens = StandardTokenResponse<Fields, CoreTokenType>;
type TokenError = RequestTokenError<WebError, StandardErrorResponse<CoreErrorResponseType>>;
/// A client that knows where to send somebody; the other places a description may leave out.
type Flow = Client<
    More,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A provider, and what is known of it.
pub(crate) struct ProviderClient {
    pub(crate) name: Provider,
    settings: OidcProvider,
    redirect: RedirectUrl,
    /// What takes the issuer's place where there are many.
    template: Option<String>,
    discovery: Discovery,
    clock: Arc<dyn Clock>,
}

/// What ties an answer to the visit: drawn by chance.
pub(crate) struct Ties {
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
}

impl ProviderClient {
    pub(crate) fn new(settings: OidcProvider, app_url: &str, clock: Arc<dyn Clock>) -> Result<Self, InvalidProvider> {
        let name = settings.check()?;
        let redirect = format!("{}/oidc/{}", app_url.trim_end_matches('/'), name.as_str());
        let redirect = RedirectUrl::new(redirect).map_err(|_| settings.invalid("app_url is no address"))?;
        let template = settings.template().filter(|_| settings.multi_tenant);
        Ok(Self { name, redirect, template, discovery: Discovery::new(&settings), clock, settings })
    }

    fn client_id(&self) -> ClientId {
        ClientId::new(self.settings.client_id.clone())
    }

    fn flow(&self, known: &Known) -> Flow {
        let secret = self.settings.client_secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        let client =
            Flow::from_provider_metadata(known.metadata.clone(), self.client_id(), secret.map(ClientSecret::new));
        let methods = known.metadata.token_endpoint_auth_methods_supported();
        let takes = |method| methods.is_none_or(|methods| methods.contains(method));
        // Basic authentication is what holds when nothing is said.
        let auth_type = match takes(&CoreClientAuthMethod::ClientSecretBasic) {
            false if takes(&CoreClientAuthMethod::ClientSecretPost) => AuthType::RequestBody,
            _ => AuthType::BasicAuth,
        };
        client.set_redirect_uri(self.redirect.clone()).set_auth_type(auth_type)
    }

    /// Where somebody has to go.
    pub(crate) async fn begin(&self, web: &Web, ties: &Ties) -> Result<String, OidcError> {
        let known = self.discovery.known(web).await?;
        let flow = self.flow(&known);
        let (state, nonce) = (ties.state.clone(), ties.nonce.clone());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(ties.verifier.clone()));
        let code = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let request = flow.authorize_url(code, || CsrfToken::new(state), || Nonce::new(nonce));
        let scopes = self.settings.scopes.iter().filter(|scope| *scope != "openid").cloned().map(Scope::new);
        let (url, _, _) = request.add_scopes(scopes).set_pkce_challenge(challenge).url();
        Ok(url.into())
    }

    /// Who came back.
    pub(crate) async fn finish(
        &self,
        web: &Web,
        answer: &Answer,
        visit: &Visit,
    ) -> Result<ExternalIdentity, OidcError> {
        if answer.state.as_deref() != Some(&visit.state) {
            return Err(OidcError::NoVisit);
        }
        if answer.error.is_some() {
            return Err(OidcError::Denied);
        }
        let code = answer.code.clone().ok_or_else(|| invalid("the answer brings no code"))?;
        let known = self.discovery.known(web).await?;
        self.check_issuer(&known, answer)?;
        let flow = self.flow(&known);
        let request = flow.exchange_code(AuthorizationCode::new(code)).map_err(invalid)?;
        let request = request.set_pkce_verifier(PkceCodeVerifier::new(visit.verifier.clone()));
        let tokens = request.request_async(web).await.map_err(token_error)?;
        let token = tokens.id_token().ok_or_else(|| invalid("the answer brings no token"))?;
        let nonce = Nonce::new(visit.nonce.clone());
        let claims = self.verified(web, known.clone(), token, tokens.access_token(), &nonce).await?;
        let subject = match &self.template {
            Some(template) => claims::subject_of_tenant(claims, template)?,
            None => claims.subject().as_str().to_owned(),
        };
        let told = match Said::from(claims).address() {
            None if self.asks_for_address() => self.told(web, &flow, tokens.access_token(), claims).await?,
            _ => None,
        };
        let told = told.as_ref().map(|told| Said::from(told.standard_claims()));
        claims::identity(&self.settings, &self.name, &subject, claims, told)
    }

    /// Whether it is this provider that answers: the answer may have come from another one (RFC 9207, section 2.4).
    fn check_issuer(&self, known: &Known, answer: &Answer) -> Result<(), OidcError> {
        let names_itself = known.metadata.additional_metadata().authorization_response_iss_parameter_supported;
        match &answer.issuer {
            None if names_itself => Err(invalid("the answer does not say whose it is")),
            // Which tenant it is stands in the token.
            Some(issuer) if self.template.is_none() && *issuer != **known.metadata.issuer() => {
                Err(invalid("the answer is another provider's"))
            }
            _ => Ok(()),
        }
    }

    /// What the token says, once it is found to be the provider's, for us, and for this visit. Keys are fetched anew when
    /// none of them fits.
    async fn verified<'t>(
        &self,
        web: &Web,
        known: Arc<Known>,
        token: &'t Token,
        access_token: &AccessToken,
        nonce: &Nonce,
    ) -> Result<&'t Claims, OidcError> {
        use ClaimsVerificationError::SignatureVerification;
        use SignatureVerificationError::{CryptoError, NoMatchingKey};
        let claims = match self.check(&known, token, access_token, nonce) {
            Err(error @ SignatureVerification(NoMatchingKey | CryptoError(_))) => {
                let known = self.discovery.renewed(web, &known).await.ok_or_else(|| invalid(error))?;
                self.check(&known, token, access_token, nonce)
            }
            outcome => outcome,
        };
        claims.map_err(invalid)
    }

    fn check<'t>(
        &self,
        known: &Known,
        token: &'t Token,
        access_token: &AccessToken,
        nonce: &Nonce,
    ) -> Result<&'t Claims, ClaimsVerificationError> {
        let issuer: &IssuerUrl = known.metadata.issuer();
        let (clock, keys) = (self.clock.clone(), known.keys.clone());
        let verifier = IdTokenVerifier::new_public_client(self.client_id(), issuer.clone(), keys)
            .set_allowed_algs(ALGORITHMS)
            // The tenant's issuer is compared with the tenant.
            .require_issuer_match(self.template.is_none())
            .set_time_fn(move || clock.now() - TOLERANCE);
        let claims = token.claims(&verifier, nonce)?;
        if let Some(expected) = claims.access_token_hash() {
            let (algorithm, key) = (token.signing_alg(), token.signing_key(&verifier));
            let (algorithm, key) = (
                algorithm.map_err(ClaimsVerificationError::SignatureVerification)?,
                key.map_err(ClaimsVerificationError::SignatureVerification)?,
            );
            let hash = AccessTokenHash::from_token(access_token, algorithm, key);
            if hash.map_err(|error| ClaimsVerificationError::Other(error.to_string()))? != *expected {
                return Err(ClaimsVerificationError::Other("at_hash is of another access token".to_owned()));
            }
        }
        Ok(claims)
    }

    fn asks_for_address(&self) -> bool {
        self.settings.scopes.iter().any(|scope| scope == "email")
    }

    /// What the provider says about the person besides, where there is such a place: by the standard the token says only who
    /// it is (`OpenID` Connect Core 1.0, section 5.4).
    async fn told(
        &self,
        web: &Web,
        flow: &Flow,
        access_token: &AccessToken,
        claims: &Claims,
    ) -> Result<Option<UserInfoClaims<EmptyAdditionalClaims, CoreGenderClaim>>, OidcError> {
        // The library takes any other one for a mistake of the program.
        let is_token = access_token.secret().bytes().all(|byte| byte.is_ascii_graphic());
        let subject = claims.subject().clone();
        let Ok(request) = flow.user_info(access_token.clone(), Some(subject)) else { return Ok(None) };
        if !is_token {
            return Err(invalid("the access token is none"));
        }
        let told = request.request_async(web).await.map_err(|error| match error {
            UserInfoError::Request(error) => OidcError::Unavailable(error.into()),
            error => invalid(error),
        })?;
        Ok(Some(told))
    }
}

fn token_error(error: TokenError) -> OidcError {
    match error {
        RequestTokenError::Request(error) => OidcError::Unavailable(error.into()),
        error => invalid(error),
    }
}
