//! Keys come and go, and nobody is logged out.

use std::{sync::Arc, time::Duration};

use fairlead_application::{
    AppError,
    identity::{
        memory::MemoryKeys,
        tokens::{AccessTokens, Algorithm, Credential, Credentials, PublishedKeys, Refusal, SigningKeys, Unless},
    },
    ports::Clock,
};
use fairlead_domain::ids::OrganizationId;
use fairlead_tokens::{Grant, KeyRing, KeyRotation, LEAD, SignError, Standing, fresh};
use secrecy::ExposeSecret;
use serde_json::Value;
use uuid::Uuid;

use crate::stage::{Time, actor, granted, organization, process, verifier};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn session(ring: &KeyRing) -> String {
    let [user, session] = [1, 2].map(Uuid::from_u128);
    let token = ring.sign_session(user.into(), organization().into(), session.into(), Duration::from_secs(900));
    token.unwrap().expose_secret().to_owned()
}

fn published(ring: &KeyRing) -> Vec<String> {
    let set: Value = serde_json::from_str(&ring.key_set()).unwrap();
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// The key that a token names.
fn key_of(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

#[tokio::test]
async fn both_kinds_of_tokens_hold_until_they_expire() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Rs256] {
        let (keys, time) = (Arc::new(MemoryKeys::default()), Time::new());
        let ring = process(&keys, &time, algorithm);
        ring.prepare().await.unwrap();
        let verifier = verifier(&ring, Vec::new());
        let (session, granted) = (session(&ring), granted(&ring, 1).await);
        // Once verified, and once remembered.
        for _ in 0..2 {
            let credential = verifier.verify(&session).await.unwrap();
            let Credential::Session { user, session, organization: of, valid_until } = credential else {
                unreachable!("a session")
            };
            let ids: [Uuid; 3] = [user.into(), session.into(), of.into()];
            assert_eq!(ids, [Uuid::from_u128(1), Uuid::from_u128(2), organization()]);
            assert_eq!((valid_until - time.now()).num_seconds(), 910);
            assert_eq!(actor(&verifier, &granted, "deals:write").await, Ok(("ana".into(), true)));
        }
        time.pass(Duration::from_secs(909));
        assert!(verifier.verify(&session).await.is_ok());
        time.pass(Duration::from_secs(1));
        assert_eq!(verifier.verify(&session).await, Err(Refusal::Expired));
        assert!(verifier.verify(&granted).await.is_ok());
        // A signature does not fit another message.
        let (head, signature) = granted.rsplit_once('.').unwrap();
        let (_, other) = session.rsplit_once('.').unwrap();
        assert_eq!(verifier.verify(&format!("{head}.{other}")).await, Err(Refusal::Invalid));
        assert_eq!(verifier.verify(&format!("{head}x.{signature}")).await, Err(Refusal::Invalid));
        assert_eq!(verifier.verify(head).await, Err(Refusal::Invalid));
    }
}

#[tokio::test]
async fn of_several_processes_one_makes_the_first_key() {
    let (keys, time) = (Arc::new(MemoryKeys::default()), Time::new());
    let rings: Vec<_> = (0..4).map(|_| process(&keys, &time, Algorithm::EdDsa)).collect();
    for ring in &rings {
        ring.prepare().await.unwrap();
    }
    assert_eq!(keys.all().await.unwrap().len(), 1);
    let late = fresh(Algorithm::EdDsa, &*time, time.now(), time.now()).unwrap();
    assert!(!keys.add(&late, Unless::Any).await.unwrap());
    assert_eq!(verifier(&rings[3], Vec::new()).verify(&session(&rings[0])).await.map(drop), Ok(()));
}

#[tokio::test]
async fn a_new_key_signs_when_others_have_heard_of_it_and_the_old_one_verifies() {
    let (keys, time) = (Arc::new(MemoryKeys::default()), Time::new());
    let (one, other) = (process(&keys, &time, Algorithm::EdDsa), process(&keys, &time, Algorithm::EdDsa));
    one.prepare().await.unwrap();
    other.prepare().await.unwrap();
    let verifier = verifier(&other, Vec::new());
    let rotation = KeyRotation::new(one.clone(), 90 * DAY);
    assert!(rotation.rotate_when_due().await.unwrap().is_none());
    time.pass(90 * DAY);
    let old = published(&one);
    let new = rotation.rotate_when_due().await.unwrap().unwrap();
    assert!(rotation.rotate_when_due().await.unwrap().is_none(), "once");
    one.prepare().await.unwrap();
    assert_eq!(published(&one), [new.id.clone(), old[0].clone()]);
    let before = session(&one);
    assert_eq!(key_of(&before), old[0]);
    time.pass(LEAD);
    // The other process has not read the keys since.
    let after = session(&one);
    assert_eq!(key_of(&after), new.id);
    for token in [&before, &after] {
        assert!(verifier.verify(token).await.is_ok());
    }
    assert!(
        one.standing().await.unwrap().iter().any(|(key, at)| key.id == old[0] && matches!(at, Standing::Verifying(_)))
    );
    time.pass(DAY);
    assert_eq!(published(&one), [new.id]);
    assert_eq!(verifier.verify(&before).await, Err(Refusal::Expired));
    assert!(one.standing().await.unwrap().iter().any(|(key, at)| key.id == old[0] && *at == Standing::Over));
}

#[tokio::test]
async fn a_key_verifies_for_as_long_as_what_was_signed_by_hand_holds() {
    let (keys, time) = (Arc::new(MemoryKeys::default()), Time::new());
    let ring = process(&keys, &time, Algorithm::EdDsa);
    ring.prepare().await.unwrap();
    let verifier = verifier(&ring, Vec::new());
    let token = granted(&ring, 24 * 365).await;
    KeyRotation::new(ring.clone(), 90 * DAY).rotate(Duration::ZERO).await.unwrap();
    for _ in 0..36 {
        time.pass(10 * DAY);
        ring.prepare().await.unwrap();
        assert!(verifier.verify(&token).await.is_ok());
    }
    time.pass(10 * DAY);
    ring.prepare().await.unwrap();
    assert!(verifier.verify(&token).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_a_revoked_key_has_signed_is_refused_although_it_was_remembered() {
    let (keys, time) = (Arc::new(MemoryKeys::default()), Time::new());
    let (one, other) = (process(&keys, &time, Algorithm::EdDsa), process(&keys, &time, Algorithm::EdDsa));
    one.prepare().await.unwrap();
    other.prepare().await.unwrap();
    let verifier = verifier(&other, Vec::new());
    let token = session(&one);
    assert!(verifier.verify(&token).await.is_ok());
    let rotation = KeyRotation::new(one.clone(), 90 * DAY);
    assert!(rotation.revoke("nobody").await.is_err());
    assert!(rotation.revoke(&key_of(&token)).await.unwrap().is_some());
    assert!(rotation.revoke(&key_of(&token)).await.unwrap().is_none());
    // A token of the new key makes the other process look, and forget.
    one.prepare().await.unwrap();
    let new = session(&one);
    assert_ne!(key_of(&new), key_of(&token));
    assert!(verifier.verify(&new).await.is_ok());
    assert_eq!(verifier.verify(&token).await, Err(Refusal::Invalid));
    assert!(keys.all().await.unwrap().iter().all(|key| key.private.is_some() == key.revoked_at.is_none()));
}

#[tokio::test(start_paused = true)]
async fn keys_that_nobody_knows_are_looked_for_now_and_then() {
    let (keys, time) = (Arc::new(MemoryKeys::default()), Time::new());
    let (one, other) = (process(&keys, &time, Algorithm::EdDsa), process(&keys, &time, Algorithm::EdDsa));
    one.prepare().await.unwrap();
    other.prepare().await.unwrap();
    let verifier = verifier(&other, Vec::new());
    let mut forged = session(&one);
    let rest = forged.split_off(forged.find('.').unwrap());
    let header = r#"{"alg":"EdDSA","kid":"nobody","typ":"at+jwt"}"#;
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let forged = format!("{}{rest}", BASE64_URL_SAFE_NO_PAD.encode(header));
    assert_eq!(verifier.verify(&forged).await, Err(Refusal::Invalid));
    time.pass(Duration::from_secs(1));
    KeyRotation::new(one.clone(), DAY).rotate(Duration::ZERO).await.unwrap();
    one.prepare().await.unwrap();
    let token = session(&one);
    assert_eq!(verifier.verify(&token).await, Err(Refusal::Invalid), "it has looked a moment ago");
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(verifier.verify(&token).await.is_ok());
    keys.set_down(true);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(verifier.verify(&forged).await, Err(Refusal::Invalid));
    assert!(verifier.verify(&session(&one)).await.is_ok(), "known keys go on");
}

#[tokio::test]
async fn another_algorithm_takes_over() {
    let (keys, time) = (Arc::new(MemoryKeys::default()), Time::new());
    process(&keys, &time, Algorithm::EdDsa).prepare().await.unwrap();
    let ring = process(&keys, &time, Algorithm::Rs256);
    ring.prepare().await.unwrap();
    let old = session(&ring);
    let new = KeyRotation::new(ring.clone(), 90 * DAY).rotate_when_due().await.unwrap().unwrap();
    assert_eq!(new.public["kty"], "RSA");
    time.pass(LEAD);
    ring.prepare().await.unwrap();
    let token = session(&ring);
    assert_eq!(key_of(&token), new.id);
    let verifier = verifier(&ring, Vec::new());
    assert!(verifier.verify(&token).await.is_ok() && verifier.verify(&old).await.is_ok());
}

#[tokio::test]
async fn what_nobody_would_accept_is_not_signed() {
    let (keys, time) = (Arc::new(MemoryKeys::default()), Time::new());
    let ring = process(&keys, &time, Algorithm::EdDsa);
    let grant =
        |subject: &str| Grant { subject: subject.into(), organization: organization().into(), scope: "".into() };
    let minute = Duration::from_secs(60);
    assert!(matches!(ring.sign(&grant("ana"), minute).await, Err(SignError::NoKey)));
    ring.prepare().await.unwrap();
    for subject in ["", "\n", "user:1", "api_key:1", "policy:x", "consumer:x", &"a".repeat(201)] {
        assert!(matches!(ring.sign(&grant(subject), minute).await, Err(SignError::Subject)), "{subject}");
    }
    assert!(matches!(ring.sign(&grant("ana"), Duration::MAX).await, Err(SignError::Lifetime)));
    let nowhere = Grant { organization: OrganizationId::DIRECTORY, ..grant("ana") };
    assert!(matches!(ring.sign(&nowhere, minute).await, Err(SignError::Organization)));
    let [user, session] = [1, 2].map(Uuid::from_u128);
    for (organization, lifetime) in
        [(OrganizationId::DIRECTORY, minute), (organization().into(), Duration::from_secs(3601))]
    {
        let refused = ring.sign_session(user.into(), organization, session.into(), lifetime);
        assert!(matches!(refused, Err(AppError::Internal(_))));
    }
}
