//! Keys that sign tokens, in a running program.

use std::time::Duration;

use fairlead_testing::engine::eventually;
use serde_json::Value;

use crate::process::{Installation, answered};

async fn status(installation: &Installation, token: &str) -> u16 {
    answered(installation.http.get(installation.url("/v1/contacts")).bearer_auth(token)).await.0
}

async fn published(installation: &Installation) -> usize {
    let (_, set): (u16, Value) = answered(installation.http.get(installation.url("/.well-known/jwks.json"))).await;
    set["keys"].as_array().unwrap().len()
}

#[tokio::test]
async fn keys_are_exchanged_and_revoked_while_the_program_runs() {
    let installation = Installation::new().await;
    let first = installation.token("*:*");
    let _process = installation.start("dev");
    installation.ready().await;
    assert_eq!((status(&installation, &first).await, published(&installation).await), (200, 1));
    installation.stdout(&["signing-keys", "rotate"]);
    let list = installation.stdout(&["signing-keys", "list"]);
    let lines: Vec<_> = list.lines().filter(|line| !line.starts_with(' ')).collect();
    assert!(lines.len() == 2 && lines[0].contains("signs from") && lines[1].ends_with("  signs"), "{list}");
    assert!(list.contains("signed by hand hold until"), "{list}");
    installation.stdout(&["signing-keys", "rotate", "--now"]);
    let second = installation.token("*:*");
    // Of a key that the process has not heard of: it looks.
    assert_eq!((status(&installation, &second).await, status(&installation, &first).await), (200, 200));
    assert_eq!(published(&installation).await, 3);

    let key = lines[1].split(' ').next().unwrap();
    assert!(installation.stdout(&["signing-keys", "revoke", key]).contains("is revoked"));
    assert!(installation.stdout(&["signing-keys", "revoke", key]).contains("already"));
    assert!(!installation.output(&["signing-keys", "revoke", "nobody"]).status.success());
    let third = installation.token("*:*");
    // At most two seconds after it has looked last.
    eventually("the new key is known", async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        status(&installation, &third).await == 200
    })
    .await;
    assert_eq!((status(&installation, &first).await, status(&installation, &second).await), (401, 200));
}

#[tokio::test]
async fn another_algorithm_and_an_issuer_that_is_trusted() {
    let mut installation = Installation::new().await;
    installation.settings.insert("FAIRLEAD_TOKEN_ALGORITHM", "RS256".to_owned());
    let claims = r#"{"iss":"acme","aud":"fairlead","sub":"ana","org":"00000000-0000-0000-0000-000000000007","scope":"*:*","exp":4000000000}"#;
    let secret = "a secret of thirty-two characters";
    let issuers = format!(r#"[{{"issuer":"acme","audience":"fairlead","algorithms":["HS256"],"secret":"{secret}"}}]"#);
    installation.settings.insert("FAIRLEAD_TRUSTED_ISSUERS", issuers);
    let token = installation.token("*:*");
    let _process = installation.start("api");
    eventually("it serves", async || {
        tokio::time::sleep(Duration::from_millis(50)).await;
        installation.http.get(installation.url("/health/live")).send().await.is_ok()
    })
    .await;
    assert_eq!(status(&installation, &token).await, 200);
    let claims: Value = serde_json::from_str(claims).unwrap();
    let key = |secret: &str| jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    let sign = |secret: &str| jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key(secret)).unwrap();
    assert_eq!(status(&installation, &sign(secret)).await, 200);
    assert_eq!(status(&installation, &sign(&secret.to_uppercase())).await, 401);
}
