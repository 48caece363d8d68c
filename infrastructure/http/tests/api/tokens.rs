//! Tokens: which are accepted, and what is said about those that are not.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use fairlead_application::ports::Clock;
use fairlead_http::token::{self, Grant, Signer, WeakKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::{
    memory::{Counting, Ticking},
    service::{Ask, Service, organization, token, tokens},
};

/// The claims of a token that is accepted.
fn claims() -> Value {
    let now = Ticking::new().now().timestamp();
    json!({
        "iss": "fairlead", "aud": "fairlead-api", "sub": "ana", "org": organization(1), "scope": "*:*",
        "iat": now, "exp": now + 600, "jti": "1",
    })
}

fn signed(algorithm: Algorithm, key: &[u8], claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(key)).unwrap()
}

fn with(change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> String {
    let mut claims = claims();
    change(claims.as_object_mut().unwrap());
    signed(Algorithm::HS256, &[7; 32], &claims)
}

/// A token whose reader must understand what we don't (RFC 7515, section 4.1.11).
fn critical() -> String {
    let header = Header { crit: Some(vec!["bound".into()]), ..Header::new(Algorithm::HS256) };
    jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(&[7; 32])).unwrap()
}

/// Tokens that must not be accepted, with the code they are answered.
pub(crate) fn bad_tokens() -> Vec<(&'static str, String, &'static str)> {
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let now = Ticking::new().now().timestamp();
    let good = with(|_| {});
    let (rest, _) = good.rsplit_once('.').unwrap();
    let invalid = "access.invalid_token";
    vec![
        ("garbage", "garbage".into(), invalid),
        ("dots", "...".into(), invalid),
        ("alg none", format!("{}.{}.", part(json!({ "alg": "none", "typ": "JWT" })), part(claims())), invalid),
        ("no signature", format!("{rest}."), invalid),
        ("another algorithm", signed(Algorithm::HS512, &[7; 32], &claims()), invalid),
        ("another key", signed(Algorithm::HS256, &[8; 32], &claims()), invalid),
        ("wrong issuer", with(|c| drop(c.insert("iss".into(), json!("other")))), invalid),
        ("wrong audience", with(|c| drop(c.insert("aud".into(), json!(["other"])))), invalid),
        ("no issuer", with(|c| drop(c.remove("iss"))), invalid),
        ("no audience", with(|c| drop(c.remove("aud"))), invalid),
        ("no expiry", with(|c| drop(c.remove("exp"))), invalid),
        ("no subject", with(|c| drop(c.remove("sub"))), invalid),
        ("empty subject", with(|c| drop(c.insert("sub".into(), json!("")))), invalid),
        ("subject with NUL", with(|c| drop(c.insert("sub".into(), json!("a\0")))), invalid),
        ("a policy's name", with(|c| drop(c.insert("sub".into(), json!("policy:crm.tag_new_contacts")))), invalid),
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
    let now = Ticking::new().now().timestamp();
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
    let now = Ticking::new().now().timestamp() as f64;
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

#[test]
fn short_keys_and_endless_lives_are_refused() {
    let weak = token::Settings { key: vec![7; 31].into(), ..tokens() };
    assert_eq!(Signer::new(&weak).err(), Some(WeakKey));
    let grant = Grant { subject: "ana".into(), organization: organization(1).into(), scope: String::new() };
    let signed = Signer::new(&tokens()).unwrap().sign(&grant, Duration::MAX, &Ticking::new(), &Counting::new());
    assert!(matches!(signed, Err(token::SignError::Lifetime)));
    let nobody = Grant { subject: "\n".into(), ..grant };
    let signed = Signer::new(&tokens()).unwrap().sign(&nobody, Duration::ZERO, &Ticking::new(), &Counting::new());
    assert!(matches!(signed, Err(token::SignError::Subject)));
}
