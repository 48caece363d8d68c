//! The whole way, by a real provider.

use std::time::Duration;

use fairlead_application::identity::oidc::{Answer, OidcError, Providers, Visit};
use fairlead_oidc::OpenIdProviders;
use fairlead_testing::browser::Browser;
use reqwest::Url;
use serde_json::json;

use crate::real::{APP, later, providers, real, settings};

/// Somebody signs in at the provider.
async fn visited(providers: &OpenIdProviders, login: &str) -> (Answer, Visit) {
    let (url, visit) = providers.begin("acme", None).await.unwrap();
    (Browser::new(APP).sign_in(&url, login).await, visit)
}

#[tokio::test]
async fn somebody_signs_in_as_every_kind_of_client_and_once_by_an_answer() {
    let real = real().await;
    for client in [
        json!({}),
        json!({ "client_id": "by-body", "client_secret": "secret" }),
        json!({ "client_id": "public", "client_secret": null }),
    ] {
        let providers = providers(settings(&real, &client));
        let (answer, visit) = visited(&providers, "ana").await;
        assert_eq!(answer.issuer.as_ref(), Some(&real.issuer));
        let who = providers.finish("acme", &answer, &visit).await;
        let outcome = who.as_ref().err().map(ToString::to_string);
        assert_eq!(outcome, None, "{client}");
        let who = who.unwrap();
        assert_eq!((who.provider.as_str(), who.subject.as_str()), ("acme", "ana"));
        assert_eq!(who.email.unwrap().as_str(), "ana@example.com");
        assert_eq!(who.name.unwrap().as_str(), "ana of the tests");
        assert!(who.email_verified && !who.may_link_by_email, "nothing is linked without a setting");
        let again = providers.finish("acme", &answer, &visit).await;
        assert!(matches!(again, Err(OidcError::Invalid(_))), "a code is good for one call");
    }
}

#[tokio::test]
async fn the_browser_is_sent_with_what_ties_the_answer_to_it() {
    let real = real().await;
    let providers = providers(settings(&real, &json!({ "scopes": ["email", "openid"] })));
    let (url, visit) = providers.begin("acme", Some("context".to_owned())).await.unwrap();
    let url = Url::parse(&url).unwrap();
    let part = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!(part("redirect_uri"), Some(format!("{APP}/oidc/acme")));
    assert_eq!(part("response_type").as_deref(), Some("code"));
    assert_eq!(part("scope").as_deref(), Some("openid email"));
    assert_eq!(part("code_challenge_method").as_deref(), Some("S256"));
    assert_eq!((part("state"), part("nonce")), (Some(visit.state.clone()), Some(visit.nonce.clone())));
    assert!(!url.as_str().contains(&visit.verifier) && !url.as_str().contains("secret"));
    assert_eq!(visit.context.as_deref(), Some("context"));
    let (_, other) = providers.begin("acme", None).await.unwrap();
    assert!(visit.state != other.state && visit.nonce != other.nonce && visit.verifier != other.verifier);
    assert!(matches!(providers.begin("other", None).await, Err(OidcError::UnknownProvider)));
}

#[tokio::test]
async fn an_answer_counts_for_its_own_visit_alone() {
    let real = real().await;
    let providers = providers(settings(&real, &json!({})));
    let (answer, visit) = visited(&providers, "ana").await;
    let (_, other) = providers.begin("acme", None).await.unwrap();
    let finish = async |answer: &Answer, visit: &Visit| providers.finish("acme", answer, visit).await.map(drop);
    assert!(matches!(finish(&answer, &other).await, Err(OidcError::NoVisit)));
    let stateless = Answer { state: None, ..answer.clone() };
    assert!(matches!(finish(&stateless, &visit).await, Err(OidcError::NoVisit)));
    let elsewhere = Visit { provider: "other".to_owned(), ..visit.clone() };
    assert!(matches!(finish(&answer, &elsewhere).await, Err(OidcError::NoVisit)));
    let over = Visit { expires_at: visit.expires_at - chrono::TimeDelta::seconds(601), ..visit.clone() };
    assert!(matches!(finish(&answer, &over).await, Err(OidcError::NoVisit)));
    for issuer in [None, Some("https://other.example".to_owned())] {
        let mixed_up = Answer { issuer, ..answer.clone() };
        assert!(matches!(finish(&mixed_up, &visit).await, Err(OidcError::Invalid(_))));
    }
    let codeless = Answer { code: None, ..answer.clone() };
    assert!(matches!(finish(&codeless, &visit).await, Err(OidcError::Invalid(_))));
    // Nothing of that has used the code up.
    finish(&answer, &visit).await.unwrap();
    for wrong in [
        |visit: &mut Visit, other: &Visit| visit.nonce.clone_from(&other.nonce),
        |visit: &mut Visit, other: &Visit| visit.verifier.clone_from(&other.verifier),
    ] {
        let (answer, mut visit) = visited(&providers, "ana").await;
        wrong(&mut visit, &other);
        assert!(matches!(finish(&answer, &visit).await, Err(OidcError::Invalid(_))));
    }
}

#[tokio::test]
async fn who_turns_away_is_not_signed_in() {
    let real = real().await;
    let providers = providers(settings(&real, &json!({})));
    let (url, visit) = providers.begin("acme", None).await.unwrap();
    let answer = Browser::new(APP).refuse(&url).await;
    assert_eq!(answer.error.as_deref(), Some("access_denied"));
    assert!(matches!(providers.finish("acme", &answer, &visit).await, Err(OidcError::Denied)));
}

#[tokio::test]
async fn a_wrong_secret_proves_nothing() {
    let real = real().await;
    let providers = providers(settings(&real, &json!({ "client_secret": "another" })));
    let (answer, visit) = visited(&providers, "ana").await;
    assert!(matches!(providers.finish("acme", &answer, &visit).await, Err(OidcError::Invalid(_))));
}

#[tokio::test]
async fn addresses_are_believed_as_far_as_the_settings_say() {
    let real = real().await;
    for (more, login, outcome) in [
        (json!({ "link_by_email": true }), "ana", Some((true, true))),
        (json!({ "link_by_email": true }), "unsure", Some((false, false))),
        (json!({ "link_by_email": true, "emails_are_verified": true }), "unsure", Some((true, true))),
        (json!({ "allowed_domains": ["Example.COM", "other.example"] }), "ana", Some((true, false))),
        (json!({ "allowed_domains": ["other.example", "ample.com"] }), "ana", None),
        (json!({ "allowed_domains": ["example.com"] }), "unsure", None),
        (json!({ "allowed_domains": ["example.com"], "scopes": [] }), "ana", None),
    ] {
        let providers = providers(settings(&real, &more));
        let (answer, visit) = visited(&providers, login).await;
        match (providers.finish("acme", &answer, &visit).await, outcome) {
            (Ok(who), Some(expected)) => assert_eq!((who.email_verified, who.may_link_by_email), expected, "{more}"),
            (Err(OidcError::Domain), None) => {}
            (other, _) => unreachable!("{more}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_key_that_is_new_is_fetched() {
    let mut real = real().await;
    let providers = providers(settings(&real, &json!({})));
    let (answer, visit) = visited(&providers, "ana").await;
    real.rotate().await;
    later(Duration::from_secs(10)).await;
    providers.finish("acme", &answer, &visit).await.unwrap();
}

#[tokio::test]
async fn while_the_provider_is_down_nobody_is_signed_in_and_everybody_may_try_again() {
    let mut real = real().await;
    let known = providers(settings(&real, &json!({})));
    let fresh = providers(settings(&real, &json!({})));
    let (answer, visit) = visited(&known, "ana").await;
    real.kill().await;
    assert!(matches!(known.finish("acme", &answer, &visit).await, Err(OidcError::Unavailable(_))));
    known.begin("acme", None).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(fresh.begin("acme", None).await, Err(OidcError::Unavailable(_))));
    }
}
