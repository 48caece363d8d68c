//! The keys that sign tokens: one first key, sealed, and sealed anew.

use chrono::{TimeDelta, Utc};
use fairlead_application::{
    identity::tokens::{Algorithm, KeyError, SigningKey, SigningKeys, Unless},
    ports::{Clock, System},
};
use fairlead_postgres::{InstallationKeys, PostgresSigningKeys, engine_databases, key_status, rewrap_keys};
use fairlead_testing::database::{ENCRYPTION_KEYS, TestDatabase, connect};
use futures::future::join_all;
use secrecy::ExposeSecret;
use serde_json::json;

fn key(id: &str, algorithm: Algorithm) -> SigningKey {
    let now: chrono::DateTime<Utc> = System.now();
    SigningKey {
        id: id.to_owned(),
        algorithm,
        public: json!({ "kid": id }),
        private: Some(id.as_bytes().to_vec().into()),
        created_at: now,
        active_from: now,
        signed_until: None,
        revoked_at: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_first_keys_one_is_kept() {
    let database = TestDatabase::create().await;
    let keys = PostgresSigningKeys::new(database.engine());
    let adding = (0..8).map(|n| {
        let keys = keys.clone();
        async move { keys.add(&key(&n.to_string(), Algorithm::EdDsa), Unless::Any).await.unwrap() }
    });
    assert_eq!(join_all(adding).await.iter().filter(|added| **added).count(), 1);
    let first = &keys.all().await.unwrap()[0];
    let later = |minutes| Unless::MadeAfter(first.created_at - TimeDelta::minutes(minutes));
    assert!(!keys.add(&key("a", Algorithm::EdDsa), later(1)).await.unwrap());
    assert!(keys.add(&key("b", Algorithm::Rs256), later(1)).await.unwrap(), "of another algorithm");
    assert!(keys.add(&key("c", Algorithm::EdDsa), later(0)).await.unwrap(), "not after it");
    assert!(keys.add(&key("d", Algorithm::EdDsa), Unless::Never).await.unwrap());
    let all = keys.all().await.unwrap();
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|key| key.private.as_ref().unwrap().expose_secret() == key.id.as_bytes()));
    assert_eq!(all[0].algorithm, Algorithm::EdDsa);
}

#[tokio::test]
async fn a_revoked_key_is_destroyed_and_replaced() {
    let database = TestDatabase::create().await;
    let keys = PostgresSigningKeys::new(database.engine());
    keys.add(&key("old", Algorithm::EdDsa), Unless::Any).await.unwrap();
    let (soon, late) = (System.now() + TimeDelta::hours(1), System.now() + TimeDelta::hours(2));
    for until in [late, soon] {
        keys.extend("old", until).await.unwrap();
    }
    assert_eq!(keys.all().await.unwrap()[0].signed_until, Some(late));
    assert!(keys.revoke("old", System.now(), &key("new", Algorithm::EdDsa)).await.unwrap());
    assert!(!keys.revoke("old", System.now(), &key("newer", Algorithm::EdDsa)).await.unwrap());
    let all = keys.all().await.unwrap();
    let told: Vec<_> =
        all.iter().map(|key| (key.id.as_str(), key.private.is_some(), key.revoked_at.is_some())).collect();
    assert_eq!(told, [("new", true, false), ("old", false, true)]);
    for unknown in ["old", "nobody"] {
        assert!(matches!(keys.extend(unknown, late).await, Err(KeyError::Unknown(_))), "{unknown}");
    }
    let outcome = keys.revoke("nobody", late, &key("newer", Algorithm::EdDsa)).await;
    assert!(matches!(outcome, Err(KeyError::Unknown(_))));
}

#[tokio::test]
async fn private_halves_are_sealed_and_out_of_reach_of_requests() {
    let database = TestDatabase::create().await;
    let keys = PostgresSigningKeys::new(database.engine());
    keys.add(&key("the private half", Algorithm::EdDsa), Unless::Any).await.unwrap();
    let admin = database.admin().await;
    let row = admin.query_one("select private_key from identity.signing_keys", &[]).await.unwrap();
    let sealed: Vec<u8> = row.get(0);
    assert!(!sealed.windows(16).any(|bytes| bytes == b"the private half"));
    let app = connect(&database.app_url()).await;
    let error = app.query("select 1 from identity.signing_keys", &[]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42501");

    // Another key of the installation comes first; then the old one is taken out.
    let with = |settings: &str| {
        let installation: InstallationKeys = settings.parse().unwrap();
        engine_databases(&database.engine_url(), 2).unwrap().with_keys(installation)
    };
    let new = format!("new:{}", "5".repeat(64));
    let both = with(&format!("{new},{ENCRYPTION_KEYS}"));
    assert_eq!(key_status(&both).await.unwrap().installation, [("test".to_owned(), 1)]);
    assert!(PostgresSigningKeys::new(with(&new)).all().await.is_err());
    assert_eq!(rewrap_keys(&both).await.unwrap(), 1);
    assert_eq!(rewrap_keys(&both).await.unwrap(), 0);
    let read = PostgresSigningKeys::new(with(&new)).all().await.unwrap();
    assert_eq!(read[0].private.as_ref().unwrap().expose_secret(), b"the private half");
    // A sealed half put in another key's place does not open.
    let swap = "update identity.signing_keys set id = 'another'";
    admin.batch_execute(swap).await.unwrap();
    assert!(PostgresSigningKeys::new(with(&new)).all().await.is_err());
}
