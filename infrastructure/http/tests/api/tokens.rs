//! Tokens: which are accepted, and what is said about those that are not.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use fairlead_application::identity::tokens::AccessTokens;
use fairlead_domain::ids::OrganizationId;
use fairlead_tokens::Grant;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::service::{Ask, SECRET, START, Service, claims, organization, signed, token};

fn signed_by(algorithm: Algorithm, key: &str, claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
}

fn with(change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> String {
    let mut claims = claims();
    change(claims.as_object_mut().unwrap());
    signed(&claims)
}

fn start() -> i64 {
    START.parse::<DateTime<Utc>>().unwrap().timestamp()
}

/// A token whose reader must understand what we don't (RFC 7515, section 4.1.11).
fn critical() -> String {
    let header = Header { crit: Some(vec!["bound".into()]), ..Header::new(Algorithm::HS256) };
    jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// Tokens that must not be accepted, with the code they are answered.
pub(crate) fn bad_tokens() -> Vec<(&'static str, String, &'static str)> {
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let now = start();
    let good = with(|_| {});
    let (rest, _) = good.rsplit_once('.').unwrap();
    let invalid = "access.invalid_token";
    vec![
        ("garbage", "garbage".into(), invalid),
        ("dots", "...".into(), invalid),
        ("alg none", format!("{}.{}.", part(json!({ "alg": "none", "typ": "JWT" })), part(claims())), invalid),
        ("no signature", format!("{rest}."), invalid),
        ("another algorithm", signed_by(Algorithm::HS512, SECRET, &claims()), invalid),
        ("another key", signed_by(Algorithm::HS256, &"8".repeat(32), &claims()), invalid),
        ("wrong issuer", with(|c| drop(c.insert("iss".into(), json!("other")))), invalid),
        ("wrong audience", with(|c| drop(c.insert("aud".into(), json!(["other"])))), invalid),
        ("no issuer", with(|c| drop(c.remove("iss"))), invalid),
        ("no audience", with(|c| drop(c.remove("aud"))), invalid),
        ("no expiry", with(|c| drop(c.remove("exp"))), invalid),
        ("no subject", with(|c| drop(c.remove("sub"))), invalid),
        ("empty subject", with(|c| drop(c.insert("sub".into(), json!("")))), invalid),
        ("subject with NUL", with(|c| drop(c.insert("sub".into(), json!("a\0")))), invalid),
        ("a policy's name", with(|c| drop(c.insert("sub".into(), json!("policy:crm.tag_new_contacts")))), invalid),
        ("a user's name", with(|c| drop(c.insert("sub".into(), json!("user:ana")))), invalid),
        ("a key's name", with(|c| drop(c.insert("sub".into(), json!("api_key:1")))), invalid),
        ("where people are kept", with(|c| drop(c.insert("org".into(), json!(OrganizationId::DIRECTORY)))), invalid),
        ("critical extension", critical(), invalid),
        ("no scope", with(|c| drop(c.remove("scope"))), invalid),
        ("no organization", with(|c| drop(c.remove("org"))), invalid),
        ("odd organization", with(|c| drop(c.insert("org".into(), json!("ana")))), invalid),
        ("not yet", with(|c| drop(c.insert("nbf".into(), json!(now + 60)))), invalid),
        ("expired", with(|c| drop(c.insert("exp".into(), json!(now - 11)))), "access.expired_token"),
        ("expired long ago", with(|c| drop(c.insert("exp".into(), json!(0)))), "access.expired_token"),
        ("too long", with(|c| drop(c.insert("jti".into(), json!("a".repeat(9000))))), invalid),
    ]
}

#[tokio::test]
async fn a_token_that_is_not_ours_is_refused_with_a_challenge() {
    let service = Service::start().await;
    for (what, token, code) in bad_tokens() {
        let answer = service.bare("GET", "/v1/contacts").bearer_auth(token).answer().await;
        assert_eq!(answer.body["code"], code, "{what}");
        let challenge = answer.is_problem(401, code).header("www-authenticate");
        assert!(challenge.starts_with(r#"Bearer realm="fairlead", error="invalid_token""#), "{what}: {challenge}");
    }
}

#[tokio::test]
async fn no_token_is_challenged_without_an_error() {
    let service = Service::start().await;
    for credentials in ["", "Basic YTpi", "Bearer", &token(1, "*:*")] {
        let answer = service.bare("GET", "/v1/contacts").header("authorization", credentials).answer().await;
        let challenge = answer.is_problem(401, "access.unauthenticated").header("www-authenticate");
        assert_eq!(challenge, r#"Bearer realm="fairlead""#);
    }
    let twice = service.request("GET", "/v1/contacts").bearer_auth(token(1, "*:*")).answer().await;
    twice.is_problem(401, "access.unauthenticated");
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let service = Service::start().await;
    let request = service.bare("POST", "/v1/contacts").bearer_auth(token(1, "contacts:read deals:write"));
    let answer = request.json(&json!({})).answer().await;
    let challenge = answer.is_problem(403, "access.forbidden").header("www-authenticate");
    assert!(challenge.contains(r#"error="insufficient_scope", scope="contacts:write""#), "{challenge}");
}

#[tokio::test]
async fn clocks_may_differ_a_little() {
    let service = Service::start().await;
    let now = start();
    let late = with(|c| drop(c.insert("exp".into(), json!(now - 5))));
    let early = with(|c| drop(c.insert("nbf".into(), json!(now + 5))));
    let several = with(|c| drop(c.insert("aud".into(), json!(["other", "fairlead-api"]))));
    for token in [late, early, several] {
        assert_eq!(service.bare("GET", "/v1/contacts").bearer_auth(token).answer().await.status, 200);
    }
}

#[tokio::test]
async fn only_what_is_needed_has_to_be_claimed() {
    let service = Service::start().await;
    for claim in ["iat", "jti"] {
        let without = with(|c| drop(c.remove(claim)));
        let answer = service.bare("GET", "/v1/contacts").bearer_auth(without).answer().await;
        assert_eq!(answer.status, 200, "without {claim}: {}", answer.body);
    }
    for claim in ["sub", "org", "scope", "exp", "iss", "aud"] {
        let without = with(|c| drop(c.remove(claim)));
        let answer = service.bare("GET", "/v1/contacts").bearer_auth(without).answer().await;
        answer.is_problem(401, "access.invalid_token");
    }
}

#[tokio::test]
async fn dates_may_have_fractions() {
    let service = Service::start().await;
    let now = start() as f64;
    let dated = |exp: f64, nbf: f64| {
        with(|c| {
            for (claim, date) in [("exp", exp), ("nbf", nbf), ("iat", nbf)] {
                c.insert(claim.into(), json!(date));
            }
        })
    };
    let ask = |token: String| service.bare("GET", "/v1/contacts").bearer_auth(token).answer();
    let answer = ask(dated(now + 600.25, now - 0.75)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    ask(dated(now - 60.5, now - 600.5)).await.is_problem(401, "access.expired_token");
    ask(dated(now + 600.5, now + 60.5)).await.is_problem(401, "access.invalid_token");
    let text = with(|c| drop(c.insert("exp".into(), json!("1e10"))));
    ask(text).await.is_problem(401, "access.invalid_token");
}

#[tokio::test]
async fn our_own_tokens_are_taken_and_their_keys_are_published() {
    let service = Service::start().await;
    service.ring.prepare().await.unwrap();
    let grant = Grant { subject: "ana".into(), organization: organization(1).into(), scope: "contacts:read".into() };
    let token = service.ring.sign(&grant, Duration::from_secs(600)).await.unwrap();
    let answer = service.bare("GET", "/v1/contacts").bearer_auth(token.expose_secret()).answer().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let keys = service.bare("GET", "/.well-known/jwks.json").answer().await;
    assert_eq!(keys.header("content-type"), "application/jwk-set+json");
    assert_eq!(keys.header("cache-control"), "public, max-age=300");
    let key = &keys.body["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));
    assert!(key["x"].is_string() && key.get("d").is_none(), "{key}");
    let header: Value = serde_json::from_slice(
        &BASE64_URL_SAFE_NO_PAD.decode(token.expose_secret().split('.').next().unwrap()).unwrap(),
    )
    .unwrap();
    assert_eq!(header, json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key["kid"] }));
}

#[tokio::test]
async fn a_token_of_a_session_that_nobody_began_is_refused() {
    let service = Service::start().await;
    service.ring.prepare().await.unwrap();
    let [user, session] = [1, 2].map(Uuid::from_u128);
    let lifetime = Duration::from_secs(900);
    let token = service.ring.sign_session(user.into(), organization(1).into(), session.into(), lifetime).unwrap();
    let answer = service.bare("GET", "/v1/contacts").bearer_auth(token.expose_secret()).answer().await;
    answer.is_problem(401, "session.ended");
}
