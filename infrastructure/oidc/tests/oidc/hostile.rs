//! Answers that prove nothing, and odd ones that do.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use fairlead_application::{
    identity::oidc::OidcError,
    ports::{Clock, System},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::liar::{Liar, SECRET, public, signed, signed_as};

/// Outcomes by a word.
fn word<T>(outcome: &Result<T, OidcError>) -> &'static str {
    match outcome {
        Ok(_) => "in",
        Err(OidcError::Invalid(_)) => "invalid",
        Err(OidcError::Domain) => "domain",
        Err(OidcError::Unavailable(_)) => "unavailable",
        Err(_) => "other",
    }
}

#[tokio::test]
async fn a_token_is_taken_when_it_is_the_providers_and_for_us_and_now() {
    let liar = Liar::start();
    let now = System.now().timestamp();
    for (more, expected) in [
        (json!({}), "in"),
        (json!({ "aud": ["fairlead"] }), "in"),
        (json!({ "exp": now - 50, "iat": now - 600 }), "in"),
        (json!({ "exp": now - 70, "iat": now - 600 }), "invalid"),
        (json!({ "exp": null }), "invalid"),
        (json!({ "exp": "tomorrow" }), "invalid"),
        (json!({ "iss": "https://other.example" }), "invalid"),
        (json!({ "iss": format!("{}/", liar.url) }), "invalid"),
        (json!({ "iss": null }), "invalid"),
        (json!({ "aud": "other" }), "invalid"),
        (json!({ "aud": ["fairlead", "other"] }), "invalid"),
        (json!({ "aud": null }), "invalid"),
        (json!({ "nonce": null }), "invalid"),
        (json!({ "nonce": "" }), "invalid"),
        (json!({ "nonce": "another" }), "invalid"),
        (json!({ "sub": null }), "invalid"),
        (json!({ "sub": "" }), "invalid"),
        (json!({ "sub": 7 }), "invalid"),
        (json!({ "sub": "a\u{0}b" }), "invalid"),
        (json!({ "sub": "a".repeat(256) }), "invalid"),
        (json!({ "sub": "a".repeat(255) }), "in"),
        (json!({ "tid": 7, "xms_edov": ["odd"], "updated_at": "2026-03-01T12:00:00Z" }), "in"),
        // The first half of the hash of `abc` (OpenID Connect Core 1.0, section 3.1.3.6).
        (json!({ "at_hash": "ungWv48Bz-pBQUDeXa4iIw" }), "in"),
        (json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }), "invalid"),
    ] {
        let outcome = liar.claimed(json!({}), more.clone()).await;
        assert_eq!(word(&outcome), expected, "{more}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_token_is_signed_with_one_of_the_providers_keys() {
    let liar = Liar::start();
    let modulus = BASE64_URL_SAFE_NO_PAD.decode(public()["n"].as_str().unwrap()).unwrap();
    let with_secret = |claims: &Value, secret: &[u8]| {
        let header = Header { kid: Some("1".to_owned()), ..Header::new(Algorithm::HS256) };
        encode(&header, claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    let unsigned = |header: Value, claims: &Value| {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&header), part(claims))
    };
    type Make<'m> = &'m dyn Fn(&Value) -> String;
    let cases: [(&str, Make<'_>, &str); 12] = [
        ("as it should be", &|claims| signed(claims), "in"),
        ("no name of a key, where there is one", &|claims| signed_as(&Header::new(Algorithm::RS256), claims), "in"),
        ("another hash", &|claims| signed_as(&Header::new(Algorithm::RS512), claims), "in"),
        ("alg none", &|claims| unsigned(json!({ "alg": "none" }), claims), "invalid"),
        ("alg none with a name", &|claims| unsigned(json!({ "alg": "none", "kid": "1" }), claims), "invalid"),
        ("no signature", &|claims| unsigned(json!({ "alg": "RS256", "kid": "1" }), claims), "invalid"),
        ("the shared secret", &|claims| with_secret(claims, SECRET.as_bytes()), "invalid"),
        ("the public key as a secret", &|claims| with_secret(claims, &modulus), "invalid"),
        ("the public key as text", &|claims| with_secret(claims, public().to_string().as_bytes()), "invalid"),
        (
            "an unknown key",
            &|claims| signed_as(&Header { kid: Some("2".to_owned()), ..Header::new(Algorithm::RS256) }, claims),
            "invalid",
        ),
        ("a signature that is cut off", &|claims| signed(claims)[..200].to_owned(), "invalid"),
        ("no token", &|_| "token".to_owned(), "invalid"),
    ];
    for (what, make, expected) in cases {
        let providers = liar.providers(&json!({}));
        let outcome = liar.told(&providers, async |nonce| make(&liar.claims(nonce, &json!({})))).await;
        assert_eq!(word(&outcome), expected, "{what}: {outcome:?}");
    }
    // Somebody else's key under the name of ours.
    let mut other = public();
    other["n"] = json!(BASE64_URL_SAFE_NO_PAD.encode([&[0xc1][..], &[7; 255]].concat()));
    liar.set("/keys", 200, &json!({ "keys": [other, { "kty": "odd" }, 7] }));
    assert_eq!(word(&liar.claimed(json!({}), json!({})).await), "invalid");
}

#[tokio::test]
async fn who_somebody_is_is_taken_as_it_is_and_the_rest_as_far_as_it_can_be() {
    let liar = Liar::start();
    for (more, email, verified, name) in [
        (json!({}), Some("ana@example.com"), true, Some("Ana")),
        (json!({ "email_verified": "true" }), Some("ana@example.com"), true, Some("Ana")),
        (json!({ "email_verified": "false" }), Some("ana@example.com"), false, Some("Ana")),
        (json!({ "email_verified": null }), Some("ana@example.com"), false, Some("Ana")),
        (json!({ "xms_edov": true, "email_verified": false }), Some("ana@example.com"), false, Some("Ana")),
        (
            json!({ "name": null, "given_name": "Ana", "family_name": "Lima" }),
            Some("ana@example.com"),
            true,
            Some("Ana Lima"),
        ),
        (json!({ "name": "a\u{7}" }), Some("ana@example.com"), true, None),
    ] {
        let who = liar.claimed(json!({ "link_by_email": true }), more.clone()).await.unwrap();
        assert_eq!(who.email.as_ref().map(|email| email.as_str()), email, "{more}");
        assert_eq!((who.email_verified, who.may_link_by_email), (verified, verified), "{more}");
        assert_eq!(who.name.as_ref().map(|name| name.as_str()), name, "{more}");
        assert!(!format!("{who:?}").contains("ana"));
    }
}

#[tokio::test]
async fn what_is_said_besides_is_about_the_same_person() {
    let liar = Liar::start();
    let without = json!({ "email": null, "email_verified": true, "name": null });
    let email = |outcome: Result<fairlead_application::identity::oidc::ExternalIdentity, OidcError>| {
        outcome.map(|who| (who.email.map(|email| email.as_str().to_owned()), who.email_verified))
    };
    for (told, expected) in [
        (
            json!({ "sub": "ana", "email": "ana@example.com", "email_verified": true }),
            Some((Some("ana@example.com"), true)),
        ),
        // That the token's address is verified says nothing about this one.
        (json!({ "sub": "ana", "email": "ana@example.com" }), Some((Some("ana@example.com"), false))),
        (json!({ "sub": "ana", "email": "no address", "email_verified": true }), Some((None, false))),
        (json!({ "sub": "bo", "email": "bo@example.com", "email_verified": true }), None),
        (json!({ "email": "bo@example.com" }), None),
        (json!("nothing"), None),
    ] {
        liar.set("/userinfo", 200, &told);
        let outcome = email(liar.claimed(json!({}), without.clone()).await);
        let expected = expected.map(|(email, verified)| (email.map(str::to_owned), verified));
        assert_eq!(outcome.as_ref().ok(), expected.as_ref(), "{told}: {outcome:?}");
    }
    liar.set("/userinfo", 503, &json!({}));
    assert_eq!(word(&liar.claimed(json!({}), without.clone()).await), "unavailable");
    liar.set("/userinfo", 403, &json!({}));
    assert_eq!(word(&liar.claimed(json!({}), without.clone()).await), "invalid");
    // Nobody asks where the settings don't want an address, or the token has it.
    liar.claimed(json!({ "scopes": [] }), without).await.unwrap();
    liar.claimed(json!({}), json!({})).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_should_name_the_provider_does() {
    let liar = Liar::start();
    let more = json!({ "authorization_response_iss_parameter_supported": true });
    liar.set("/.well-known/openid-configuration", 200, &liar.description(more));
    assert_eq!(word(&liar.claimed(json!({}), json!({})).await), "invalid");
}
