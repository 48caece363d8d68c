//! People: how they come in by letters and passwords, and that every process hears at once of what they may no longer.

use std::{cell::RefCell, fs, path::Path};

use fairlead_testing::engine::eventually;
use serde_json::{Value, json};

use crate::{
    mail::letters,
    process::{Installation, answered, free_address},
};

const PASSWORD: &str = "correct horse battery";

/// Sends a body, with a token where there is one.
pub(crate) async fn send(
    installation: &Installation,
    method: &str,
    url: &str,
    token: Option<&str>,
    body: Value,
) -> (u16, Value) {
    let request = installation.http.request(method.parse().unwrap(), url);
    let request = token.iter().fold(request, |request, token| request.bearer_auth(token));
    answered(if body.is_null() { request } else { request.json(&body) }).await
}

/// The token of the link in the letter that came last.
pub(crate) fn link(folder: &str, path: &str) -> Option<String> {
    let start = format!("https://app.example.com/{path}?token=");
    letters(folder)
        .iter()
        .rev()
        .find_map(|letter| letter.lines().find_map(|line| line.strip_prefix(&start)).map(str::to_owned))
}

#[tokio::test]
async fn people_come_in_by_letters_and_every_process_hears_when_they_go() {
    let mut installation = Installation::new().await;
    installation.settings.insert("FAIRLEAD_APP_URL", "https://app.example.com".to_owned());
    installation.settings.insert("FAIRLEAD_OPEN_REGISTRATION", "true".to_owned());
    let folder = installation.settings["FAIRLEAD_MAIL_DIRECTORY"].clone();
    let log = Path::new(&folder).with_extension("log");
    let process = installation.start_logging("dev", &log);
    let other = free_address();
    let _other = installation.start_with("api", &[("FAIRLEAD_HTTP_ADDRESS", &other)]);
    installation.ready().await;
    let url = |path: &str| installation.url(path);
    let elsewhere = |path: &str| format!("http://{other}{path}");
    eventually("the other process serves", async || {
        installation.http.get(elsewhere("/health/ready")).send().await.is_ok_and(|answer| answer.status() == 200)
    })
    .await;

    let owner = json!({ "name": "Ana Lima", "email": "ana@example.com", "password": PASSWORD });
    let body = json!({ "name": "Lima & Co", "owner": owner });
    let (status, registered) = send(&installation, "POST", &url("/v1/organizations"), None, body).await;
    assert_eq!(status, 201, "{registered}");
    let ana = registered["tokens"]["access_token"].as_str().unwrap().to_owned();
    let (status, _) = send(&installation, "POST", &url("/v1/me/email_verification"), Some(&ana), Value::Null).await;
    assert_eq!(status, 202);
    // The letter of the registration may be there first, whose link is void by now.
    let (tried, confirm) = (RefCell::default(), url("/v1/email_verifications/confirm"));
    eventually("the newest link verifies the address", async || {
        let token = link(&folder, "verify-email");
        if tried.replace(token.clone()) == token {
            return false;
        }
        send(&installation, "POST", &confirm, None, json!({ "token": token })).await.0 == 204
    })
    .await;
    let (_, me) = send(&installation, "GET", &url("/v1/me"), Some(&ana), Value::Null).await;
    assert_eq!(me["email_verified"], json!(true));

    let invitation = json!({ "email": "bo@example.com", "roles": ["editor"] });
    let (status, invited) = send(&installation, "POST", &url("/v1/memberships"), Some(&ana), invitation).await;
    assert_eq!(status, 201, "{invited}");
    eventually("the invitation is there", async || link(&folder, "accept-invitation").is_some()).await;
    let invitation = link(&folder, "accept-invitation").unwrap();
    let acceptance = json!({ "token": invitation, "name": "Bo Ek", "password": PASSWORD });
    let accept = url("/v1/invitations/accept");
    assert_eq!(send(&installation, "POST", &accept, None, acceptance).await.0, 200);
    // Whoever finds the link afterwards sets no other password by it.
    let again = json!({ "token": invitation, "name": "Eve", "password": "the password of another" });
    send(&installation, "POST", &accept, None, again).await;
    let sign_in = json!({ "email": "bo@example.com", "password": PASSWORD });
    let (_, bo) = send(&installation, "POST", &url("/v1/sessions"), None, sign_in).await;
    let (bo, refresh) = (bo["access_token"].as_str().unwrap().to_owned(), bo["refresh_token"].clone());
    let key = json!({ "name": "Shop", "permissions": ["contacts:read"] });
    let (_, key) = send(&installation, "POST", &url("/v1/api_keys"), Some(&ana), key).await;
    let (key, key_path) =
        (key["key"].as_str().unwrap().to_owned(), format!("/v1/api_keys/{}", key["id"].as_str().unwrap()));
    for token in [&bo, &key] {
        for contacts in [url("/v1/contacts"), elsewhere("/v1/contacts")] {
            assert_eq!(send(&installation, "GET", &contacts, Some(token), Value::Null).await.0, 200);
        }
    }
    eventually("the use is noted", async || {
        send(&installation, "GET", &url(&key_path), Some(&ana), Value::Null).await.1["last_used_at"].is_string()
    })
    .await;

    // Whoever is told to go is gone in every process; and so is a key.
    let membership = url(&format!("/v1/memberships/{}", invited["id"].as_str().unwrap()));
    assert_eq!(send(&installation, "DELETE", &membership, Some(&ana), Value::Null).await.0, 200);
    assert_eq!(send(&installation, "DELETE", &url(&key_path), Some(&ana), Value::Null).await.0, 200);
    for token in [&bo, &key] {
        for contacts in [url("/v1/contacts"), elsewhere("/v1/contacts")] {
            eventually("they are out", async || {
                send(&installation, "GET", &contacts, Some(token), Value::Null).await.0 == 401
            })
            .await;
        }
    }
    // A new password by a link ends the sessions of before.
    let reset = json!({ "email": "bo@example.com" });
    assert_eq!(send(&installation, "POST", &url("/v1/password_resets"), None, reset).await.0, 202);
    eventually("the letter is there", async || link(&folder, "reset-password").is_some()).await;
    let token = link(&folder, "reset-password").unwrap();
    let new = json!({ "token": token, "password": "another horse battery" });
    assert_eq!(send(&installation, "POST", &url("/v1/password_resets/confirm"), None, new).await.0, 204);
    let refresh = json!({ "refresh_token": refresh });
    let (status, refused) = send(&installation, "POST", &url("/v1/sessions/refresh"), None, refresh.clone()).await;
    assert_eq!((status, &refused["code"]), (401, &json!("session.ended")));

    drop(process);
    let text = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    let refresh = refresh["refresh_token"].as_str().unwrap();
    for secret in
        [PASSWORD, "another horse battery", &*ana, &*bo, &*key, refresh, &*token, &*invitation, "ana@example.com"]
    {
        assert!(!text.contains(secret), "the log tells a secret");
    }
}
