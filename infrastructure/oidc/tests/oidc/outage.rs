//! Providers that don't answer, or not as one may.

use std::time::{Duration, Instant};

use fairlead_application::identity::oidc::{OidcError, Providers};
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};

use crate::{
    liar::{Liar, public, signed_as},
    real::later,
};

const DESCRIPTION: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn a_description_is_the_providers_own_and_safe_to_follow() {
    let liar = Liar::start();
    let good = liar.description(json!({}));
    let but = |more: Value| liar.description(more);
    for (path, status, body) in [
        (DESCRIPTION, 500, good.clone()),
        (DESCRIPTION, 404, good.clone()),
        (DESCRIPTION, 302, good.clone()),
        (DESCRIPTION, 200, json!("no description")),
        (DESCRIPTION, 200, json!({})),
        (DESCRIPTION, 200, json!(" ".repeat(256 * 1024 + 1))),
        (DESCRIPTION, 200, but(json!({ "issuer": "https://other.example" }))),
        (DESCRIPTION, 200, but(json!({ "issuer": format!("{}/", liar.url) }))),
        (DESCRIPTION, 200, but(json!({ "token_endpoint": "http://other.example/token" }))),
        (DESCRIPTION, 200, but(json!({ "jwks_uri": "http://other.example/keys" }))),
        (DESCRIPTION, 200, but(json!({ "userinfo_endpoint": "ftp://other.example/me" }))),
        (DESCRIPTION, 200, but(json!({ "authorization_endpoint": "javascript:alert(1)" }))),
        ("/keys", 500, json!({ "keys": [] })),
        ("/keys", 200, json!({})),
    ] {
        liar.set(DESCRIPTION, 200, &good);
        liar.set(path, status, &body);
        let outcome = liar.providers(&json!({})).begin("acme", None).await;
        let shown = body.to_string().chars().take(200).collect::<String>();
        assert!(matches!(outcome, Err(OidcError::Unavailable(_))), "{path} {status} {shown}");
    }
}

#[tokio::test]
async fn what_is_known_goes_on_while_nobody_answers_and_is_asked_for_again() {
    let liar = Liar::start();
    let providers = liar.providers(&json!({}));
    let begin = async || providers.begin("acme", None).await.map(|(url, _)| url);
    let later = async |seconds| later(Duration::from_secs(seconds)).await;
    liar.set(DESCRIPTION, 503, &json!({}));
    let (one, other) = tokio::join!(begin(), begin());
    assert!(one.is_err() && other.is_err());
    assert_eq!(liar.asked(DESCRIPTION), 1, "a moment ago it did not answer");
    liar.set(DESCRIPTION, 200, &liar.description(json!({})));
    later(1).await;
    assert!(begin().await.unwrap().starts_with(&format!("{}/auth?", liar.url)));
    let moved = liar.description(json!({ "authorization_endpoint": format!("{}/moved", liar.url) }));
    liar.set(DESCRIPTION, 200, &moved);
    assert!(begin().await.unwrap().contains("/auth?"), "it is kept for an hour");
    later(3600).await;
    liar.set(DESCRIPTION, 503, &json!({}));
    assert!(begin().await.unwrap().contains("/auth?"));
    liar.set(DESCRIPTION, 200, &moved);
    later(10).await;
    assert!(begin().await.unwrap().contains("/moved?"));
}

#[tokio::test]
async fn a_key_that_is_not_known_has_the_provider_asked_now_and_then() {
    let liar = Liar::start();
    let providers = liar.providers(&json!({}));
    let header = Header { kid: Some("2".to_owned()), ..Header::new(Algorithm::RS256) };
    let come = async || liar.told(&providers, async |nonce| signed_as(&header, &liar.claims(nonce, &json!({})))).await;
    assert!(come().await.is_err());
    later(Duration::from_secs(10)).await;
    let (one, other) = tokio::join!(come(), come());
    assert!(one.is_err() && other.is_err());
    assert!(liar.asked("/keys") <= 3, "{}", liar.asked("/keys"));
    let mut key = public();
    key["kid"] = json!("2");
    liar.set("/keys", 200, &json!({ "keys": [key] }));
    later(Duration::from_secs(10)).await;
    come().await.unwrap();
}

#[tokio::test]
async fn nobody_waits_for_long() {
    let liar = Liar::start();
    liar.set(DESCRIPTION, 0, &json!({}));
    let (providers, since) = (liar.providers(&json!({})), Instant::now());
    assert!(matches!(providers.begin("acme", None).await, Err(OidcError::Unavailable(_))));
    let waited = since.elapsed();
    assert!(waited >= Duration::from_secs(4) && waited < Duration::from_secs(20), "{waited:?}");
}

#[tokio::test]
async fn a_fault_of_the_provider_is_none_of_the_answer() {
    let liar = Liar::start();
    let providers = liar.providers(&json!({}));
    for (status, expected) in [(500, true), (302, true), (429, true), (400, false), (401, false), (200, false)] {
        let (_, visit) = providers.begin("acme", None).await.unwrap();
        liar.set("/token", status, &json!({ "error": "invalid_grant" }));
        let answer = fairlead_application::identity::oidc::Answer {
            state: Some(visit.state.clone()),
            code: Some("code".to_owned()),
            ..Default::default()
        };
        let outcome = providers.finish("acme", &answer, &visit).await;
        let unavailable = matches!(outcome, Err(OidcError::Unavailable(_)));
        assert!(unavailable == expected && outcome.is_err(), "{status}: {outcome:?}");
    }
}
