//! Issuers whom the settings trust.

use std::sync::Arc;

use fairlead_application::{
    identity::{
        memory::MemoryKeys,
        tokens::{Algorithm as Own, Refusal},
    },
    ports::Clock,
};
use fairlead_domain::ids::OrganizationId;
use fairlead_tokens::Verifier;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use serde_json::{Value, json};

use crate::stage::{ISSUER, Time, actor, issuer, organization, process, verifier};

const SECRET: &str = "a secret of sixty-four characters is what HS512 wants at the least";

pub(crate) fn claims(time: &Time) -> Value {
    json!({
        "iss": "https://acme.example", "aud": "fairlead", "sub": "ana", "org": organization(),
        "scope": "contacts:read", "exp": time.now().timestamp() + 600,
    })
}

fn settings(more: Value) -> Value {
    let mut settings = json!({ "issuer": "https://acme.example", "audience": "fairlead" });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

/// Verifies one token by these settings; tells who acts and whether it grants `contacts:read`.
async fn tried(time: &Arc<Time>, more: Value, token: &str, permission: &str) -> Result<(String, bool), Refusal> {
    let ring = process(&Arc::new(MemoryKeys::default()), time, Own::EdDsa);
    actor(&verifier(&ring, vec![settings(more)]), token, permission).await
}

fn by_secret(algorithm: Algorithm, claims: &Value) -> String {
    encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

#[tokio::test]
async fn a_shared_secret_verifies_what_the_settings_name() {
    let time = Time::new();
    for (name, algorithm) in [("HS256", Algorithm::HS256), ("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)] {
        let token = by_secret(algorithm, &claims(&time));
        let by = |name: &str| json!({ "algorithms": [name], "secret": SECRET });
        assert_eq!(tried(&time, by(name), &token, "contacts:read").await, Ok(("ana".into(), true)));
        let other = if name == "HS256" { "HS384" } else { "HS256" };
        assert_eq!(tried(&time, by(other), &token, "contacts:read").await, Err(Refusal::Invalid), "{name} as {other}");
    }
}

#[tokio::test]
async fn public_keys_verify_and_are_never_taken_for_secrets() {
    let time = Time::new();
    let rsa = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    let private = EncodingKey::from_rsa_pem(rsa.to_pkcs8_pem(LineEnding::LF).unwrap().as_bytes()).unwrap();
    let public = rsa.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
    for (name, algorithm) in [("RS256", Algorithm::RS256), ("RS384", Algorithm::RS384), ("RS512", Algorithm::RS512)] {
        let token = encode(&Header::new(algorithm), &claims(&time), &private).unwrap();
        let by = json!({ "algorithms": [name], "public_key_pem": public });
        assert_eq!(tried(&time, by.clone(), &token, "contacts:read").await, Ok(("ana".into(), true)));
        // The public key as the secret of an HMAC: what everybody has would sign.
        let forged =
            encode(&Header::new(Algorithm::HS256), &claims(&time), &EncodingKey::from_secret(public.as_bytes()));
        assert_eq!(tried(&time, by, &forged.unwrap(), "contacts:read").await, Err(Refusal::Invalid));
    }
    let pem = |tag: &str, body: &str| format!("-----BEGIN {tag}-----\n{body}\n-----END {tag}-----\n");
    // RFC 8410, section 10.
    let private = pem("PRIVATE KEY", "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC");
    let public = pem("PUBLIC KEY", "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=");
    let token =
        encode(&Header::new(Algorithm::EdDSA), &claims(&time), &EncodingKey::from_ed_pem(private.as_bytes()).unwrap());
    let by = json!({ "algorithms": ["EdDSA"], "public_key_pem": public });
    assert_eq!(tried(&time, by, &token.unwrap(), "contacts:read").await, Ok(("ana".into(), true)));
}

#[tokio::test]
async fn what_is_claimed_is_what_is_granted_and_no_more() {
    let time = Time::new();
    let settings = |more: Value| {
        let mut all = json!({ "algorithms": ["HS256"], "secret": SECRET });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let token = |more: Value| {
        let mut all = claims(&time);
        all.as_object_mut().unwrap().remove("scope");
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        by_secret(Algorithm::HS256, &all)
    };
    let roles = json!({ "sales": ["contacts:*"], "ops": ["operator:*"] });
    for (by, claimed, permission, granted) in [
        (json!({}), json!({ "scope": "contacts:read deals:*" }), "deals:write", true),
        (json!({}), json!({ "scope": ["contacts:read", "deals:*"] }), "deals:write", true),
        (json!({}), json!({ "scope": "openid profile" }), "contacts:read", false),
        (json!({}), json!({ "scope": 7 }), "contacts:read", false),
        (json!({ "permissions_claim": "a.b" }), json!({ "a": { "b": "deals:read" } }), "deals:read", true),
        (
            json!({ "permissions_claim": "https://x.y/p" }),
            json!({ "https://x.y/p": ["deals:read"] }),
            "deals:read",
            true,
        ),
        (
            json!({ "roles_claim": "realm.roles", "roles": roles }),
            json!({ "realm": { "roles": ["sales"] } }),
            "contacts:write",
            true,
        ),
        (
            json!({ "roles_claim": "realm.roles", "roles": roles }),
            json!({ "realm": { "roles": ["other"] } }),
            "contacts:write",
            false,
        ),
        (json!({ "roles_claim": "realm.roles", "roles": roles }), json!({}), "contacts:write", false),
        (json!({ "roles_claim": "r", "roles": roles }), json!({ "r": "ops sales" }), "operator:read", false),
        (
            json!({ "roles_claim": "r", "roles": roles, "may_operate": true }),
            json!({ "r": "ops" }),
            "operator:read",
            true,
        ),
        (json!({}), json!({ "scope": "operator:read" }), "operator:read", false),
        (json!({ "may_operate": true }), json!({ "scope": "operator:read" }), "operator:read", true),
        (json!({ "may_operate": true }), json!({ "scope": "*:*" }), "operator:read", false),
    ] {
        let outcome = tried(&time, settings(by.clone()), &token(claimed.clone()), permission).await;
        assert_eq!(outcome, Ok(("ana".into(), granted)), "{by} {claimed}");
    }
    let prefixed = settings(json!({ "subject_prefix": "acme:", "organization": organization() }));
    let elsewhere = token(json!({ "scope": "", "org": "no id" }));
    assert_eq!(tried(&time, prefixed, &elsewhere, "a:b").await, Ok(("acme:ana".into(), false)));
    let nested = settings(json!({ "organization_claim": "tenant.id" }));
    let inside = token(json!({ "scope": "", "org": null, "tenant": { "id": organization() } }));
    assert_eq!(tried(&time, nested, &inside, "a:b").await, Ok(("ana".into(), false)));
    for refused in [
        json!({}),
        json!({ "scope": "", "org": null }),
        json!({ "scope": "", "org": "no id" }),
        json!({ "scope": "", "org": OrganizationId::DIRECTORY }),
        json!({ "scope": "", "sub": "" }),
        json!({ "scope": "", "sub": "user:1" }),
        json!({ "scope": "", "sub": "api_key:1" }),
        json!({ "scope": "", "iss": ISSUER }),
        json!({ "scope": "", "iss": "https://other.example" }),
        json!({ "scope": "", "iss": ["https://acme.example"] }),
        json!({ "scope": "", "aud": "other" }),
        json!({ "scope": "", "nbf": time.now().timestamp() + 60 }),
        json!({ "scope": "", "exp": "tomorrow" }),
    ] {
        let outcome = tried(&time, settings(json!({})), &token(refused.clone()), "a:b").await;
        assert_eq!(outcome, Err(Refusal::Invalid), "{refused}");
    }
}

#[test]
fn settings_that_do_not_fit_together_are_refused() {
    let ring = process(&Arc::new(MemoryKeys::default()), &Time::new(), Own::EdDsa);
    let refused = |more: Value| Verifier::new(ring.clone(), vec![issuer(settings(more))]).err().unwrap().problem;
    for (more, problem) in [
        (json!({ "algorithms": [], "secret": SECRET }), "algorithms"),
        (json!({ "algorithms": ["HS256"] }), "one of"),
        (json!({ "algorithms": ["HS256"], "secret": SECRET, "jwks_url": "https://a.example" }), "one of"),
        (json!({ "algorithms": ["HS256"], "secret": "short" }), "bytes"),
        (json!({ "algorithms": ["HS512"], "secret": "a".repeat(63) }), "bytes"),
        (json!({ "algorithms": ["RS256"], "secret": SECRET }), "alone"),
        (json!({ "algorithms": ["HS256", "RS256"], "secret": SECRET }), "alone"),
        (json!({ "algorithms": ["HS256"], "jwks_url": "https://a.example" }), "alone"),
        (json!({ "algorithms": ["HS256"], "public_key_pem": "x" }), "alone"),
        (json!({ "algorithms": ["RS256"], "public_key_pem": "x" }), "can't be read"),
        (json!({ "algorithms": ["RS256", "EdDSA"], "public_key_pem": "x" }), "two"),
        (json!({ "algorithms": ["RS256"], "jwks_url": "http://a.example" }), "https"),
        (json!({ "algorithms": ["RS256"], "jwks_url": "http://127.0.0.1.a.example" }), "https"),
        (json!({ "algorithms": ["RS256"], "jwks_url": "file:///etc" }), "https"),
        (json!({ "algorithms": ["RS256"], "jwks_url": "" }), "https"),
        (json!({ "algorithms": ["HS256"], "secret": SECRET, "roles": { "a": ["b:c"] } }), "roles_claim"),
        (
            json!({ "algorithms": ["HS256"], "secret": SECRET, "roles_claim": "r", "roles": { "a": ["b"] } }),
            "resource:action",
        ),
    ] {
        let told = refused(more.clone());
        assert!(told.contains(problem) && !told.contains(SECRET), "{more}: {told}");
    }
    let good = settings(json!({ "algorithms": ["HS256"], "secret": SECRET }));
    let mut own = good.clone();
    own["issuer"] = json!(ISSUER);
    for issuers in [vec![good.clone(), good.clone()], vec![own]] {
        let told = Verifier::new(ring.clone(), issuers.into_iter().map(issuer).collect()).err().unwrap();
        assert!(told.to_string().contains("another issuer"), "{told}");
    }
    for wrong in [json!({ "algorithms": ["none"], "secret": SECRET }), json!({ "algorithms": ["HS256"], "typo": 1 })] {
        assert!(serde_json::from_value::<fairlead_tokens::TrustedIssuer>(settings(wrong)).is_err());
    }
    assert!(!format!("{:?}", issuer(good)).contains(SECRET));
}
