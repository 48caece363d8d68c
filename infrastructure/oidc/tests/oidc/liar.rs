//! A provider that says whatever it is told to.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, web};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use fairlead_application::{
    identity::oidc::{Answer, ExternalIdentity, OidcError, Providers},
    ports::{Clock, System},
};
use fairlead_oidc::OpenIdProviders;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Url;
use rsa::{RsaPrivateKey, pkcs1::EncodeRsaPrivateKey, traits::PublicKeyParts};
use serde_json::{Value, json};

use crate::real::providers;

pub(crate) const CLIENT: &str = "fairlead";
pub(crate) const SECRET: &str = "a secret of more than thirty-two characters";

static KEY: LazyLock<RsaPrivateKey> = LazyLock::new(|| RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap());

/// What is answered at a path, and how often it was asked for.
#[derive(Default, Clone)]
struct Said {
    status: u16,
    body: String,
    asked: usize,
}

type Answers = Arc<Mutex<BTreeMap<&'static str, Said>>>;

pub(crate) struct Liar {
    answers: Answers,
    handle: ServerHandle,
    pub(crate) url: String,
}

impl Liar {
    pub(crate) fn start() -> Self {
        let answers = Answers::default();
        let shared = answers.clone();
        let server = HttpServer::new(move || {
            let shared = shared.clone();
            App::new().default_service(web::to(move |request: HttpRequest| {
                let mut all = shared.lock().unwrap();
                let said = all.get_mut(request.path()).map(|said| {
                    said.asked += 1;
                    said.clone()
                });
                let Said { status, body, .. } = said.unwrap_or(Said { status: 404, ..Said::default() });
                async move {
                    if status == 0 {
                        tokio::time::sleep(Duration::from_secs(60)).await;
                    }
                    let mut response = HttpResponse::build(status.max(200).try_into().unwrap());
                    response.insert_header(("location", "/elsewhere")).content_type("application/json").body(body)
                }
            }))
        });
        let server = server.workers(1).disable_signals().shutdown_timeout(0).bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        let liar = Self { answers, handle, url };
        liar.set("/.well-known/openid-configuration", 200, &liar.description(json!({})));
        liar.set("/keys", 200, &json!({ "keys": [public()] }));
        liar
    }

    pub(crate) fn set(&self, path: &'static str, status: u16, body: &Value) {
        let mut all = self.answers.lock().unwrap();
        let said = all.entry(path).or_default();
        said.status = status;
        said.body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    }

    pub(crate) fn asked(&self, path: &str) -> usize {
        self.answers.lock().unwrap()[path].asked
    }

    pub(crate) fn description(&self, more: Value) -> Value {
        let at = |path: &str| format!("{}{path}", self.url);
        let mut all = json!({
            "issuer": self.url, "authorization_endpoint": at("/auth"), "token_endpoint": at("/token"),
            "userinfo_endpoint": at("/userinfo"), "jwks_uri": at("/keys"), "response_types_supported": ["code"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        });
        merge(&mut all, &more);
        all
    }

    pub(crate) fn providers(&self, more: &Value) -> OpenIdProviders {
        let mut settings = json!({ "name": "acme", "issuer": self.url, "client_id": CLIENT, "client_secret": SECRET });
        merge(&mut settings, more);
        providers(settings)
    }

    /// What a good token claims.
    pub(crate) fn claims(&self, nonce: &str, more: &Value) -> Value {
        let now = System.now().timestamp();
        let mut all = json!({
            "iss": self.url, "aud": CLIENT, "sub": "ana", "nonce": nonce, "iat": now, "exp": now + 60,
            "email": "ana@example.com", "email_verified": true, "name": "Ana",
        });
        merge(&mut all, more);
        all
    }

    /// Somebody comes back with a token that is made of the visit's nonce.
    pub(crate) async fn told(
        &self,
        providers: &OpenIdProviders,
        token: impl AsyncFnOnce(&str) -> String,
    ) -> Result<ExternalIdentity, OidcError> {
        let (url, visit) = providers.begin("acme", None).await?;
        let url = Url::parse(&url).unwrap();
        let nonce = url.query_pairs().find(|(name, _)| name == "nonce").unwrap().1.into_owned();
        let answer = json!({ "access_token": "abc", "token_type": "Bearer", "id_token": token(&nonce).await });
        self.set("/token", 200, &answer);
        let answer = Answer { state: Some(visit.state.clone()), code: Some("code".to_owned()), ..Answer::default() };
        providers.finish("acme", &answer, &visit).await
    }

    /// The same with a well signed token that claims this besides.
    pub(crate) async fn claimed(&self, settings: Value, more: Value) -> Result<ExternalIdentity, OidcError> {
        self.told(&self.providers(&settings), async |nonce| signed(&self.claims(nonce, &more))).await
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

/// Puts members in place; null takes one away.
pub(crate) fn merge(all: &mut Value, more: &Value) {
    for (name, value) in more.as_object().unwrap() {
        match value.is_null() {
            true => all.as_object_mut().unwrap().remove(name),
            false => all.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
}

/// The public half of the key.
pub(crate) fn public() -> Value {
    let part = |number: &rsa::BigUint| BASE64_URL_SAFE_NO_PAD.encode(number.to_bytes_be());
    json!({ "kty": "RSA", "kid": "1", "use": "sig", "n": part(KEY.n()), "e": part(KEY.e()) })
}

pub(crate) fn signed(claims: &Value) -> String {
    let header = Header { kid: Some("1".to_owned()), ..Header::new(Algorithm::RS256) };
    signed_as(&header, claims)
}

pub(crate) fn signed_as(header: &Header, claims: &Value) -> String {
    encode(header, claims, &EncodingKey::from_rsa_der(KEY.to_pkcs1_der().unwrap().as_bytes())).unwrap()
}
