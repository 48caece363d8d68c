//! Signing in by a provider: the program, a real provider, and a browser between them.

use std::{fs, path::Path};

use fairlead_testing::{
    browser::Browser,
    engine::eventually,
    provider::{CLIENT, CLIENT_SECRET, RealProvider},
};
use serde_json::{Value, json};

use crate::{
    people::{link, send},
    process::Installation,
};

const APP: &str = "https://app.example.com";
const PASSWORD: &str = "correct horse battery";

/// Somebody goes to the provider and signs in there; what they come back with.
async fn back(installation: &Installation, token: Option<&str>, login: &str) -> Value {
    let (path, body) = match token {
        Some(_) => ("/v1/me/providers/authorize", json!({ "provider": "acme", "password": PASSWORD })),
        None => ("/v1/oidc/authorize", json!({ "provider": "acme" })),
    };
    let (status, left) = send(installation, "POST", &installation.url(path), token, body).await;
    assert_eq!(status, 200, "{left}");
    let answer = Browser::new(APP).sign_in(left["authorization_url"].as_str().unwrap(), login).await;
    json!({
        "provider": "acme", "visit": left["visit"], "state": answer.state, "code": answer.code, "iss": answer.issuer,
    })
}

#[tokio::test]
async fn people_sign_in_by_a_provider() {
    let provider = RealProvider::start(&format!("{APP}/oidc/acme")).await;
    let mut installation = Installation::new().await;
    let settings = |issuer: &str| {
        json!([{ "name": "acme", "issuer": issuer, "client_id": CLIENT, "client_secret": CLIENT_SECRET }]).to_string()
    };
    installation.settings.insert("FAIRLEAD_APP_URL", APP.to_owned());
    installation.settings.insert("FAIRLEAD_OPEN_REGISTRATION", "true".to_owned());
    installation.settings.insert("FAIRLEAD_OIDC_PROVIDERS", settings("http://id.example"));
    let refused = installation.output(&["api"]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && told.contains("oidc_providers: acme: issuer"), "{told}");
    assert!(!told.contains(CLIENT_SECRET));
    installation.settings.insert("FAIRLEAD_OIDC_PROVIDERS", settings(&provider.issuer));
    let folder = installation.settings["FAIRLEAD_MAIL_DIRECTORY"].clone();
    let log = Path::new(&folder).with_extension("providers.log");
    let process = installation.start_logging("dev", &log);
    installation.ready().await;
    let post = async |path: &str, token: Option<&str>, body: &Value| {
        send(&installation, "POST", &installation.url(path), token, body.clone()).await
    };

    let owner = json!({ "name": "Ana Lima", "email": "ana@example.com", "password": PASSWORD });
    let (_, registered) = post("/v1/organizations", None, &json!({ "name": "Lima & Co", "owner": owner })).await;
    let ana = registered["tokens"]["access_token"].as_str().unwrap();
    let (status, refused) = post("/v1/oidc/sign_in", None, &back(&installation, None, "ana").await).await;
    assert_eq!((status, &refused["code"]), (403, &json!("oidc.not_linked")), "the address alone says nothing");
    let linked = back(&installation, Some(ana), "ana").await;
    assert_eq!(post("/v1/me/providers", Some(ana), &linked).await.0, 204);
    let came = back(&installation, None, "ana").await;
    let (status, signed_in) = post("/v1/oidc/sign_in", None, &came).await;
    assert_eq!((status, &signed_in["user_id"]), (201, &registered["tokens"]["user_id"]), "{signed_in}");
    let (status, again) = post("/v1/oidc/sign_in", None, &came).await;
    assert_eq!((status, &again["code"]), (403, &json!("oidc.invalid_answer")), "an answer works once");
    let token = signed_in["access_token"].as_str();
    assert_eq!(send(&installation, "GET", &installation.url("/v1/contacts"), token, Value::Null).await.0, 200);

    // Who was invited comes in by it, under whatever address.
    let invitation = json!({ "email": "bo@example.com", "roles": ["editor"] });
    assert_eq!(post("/v1/memberships", Some(ana), &invitation).await.0, 201);
    eventually("the invitation is there", async || link(&folder, "accept-invitation").is_some()).await;
    let mut came = back(&installation, None, "unknown").await;
    came["invitation"] = json!(link(&folder, "accept-invitation"));
    let (status, bo) = post("/v1/oidc/sign_in", None, &came).await;
    assert_eq!((status, &bo["organization_id"]), (201, &registered["tokens"]["organization_id"]), "{bo}");
    let (_, me) =
        send(&installation, "GET", &installation.url("/v1/me"), bo["access_token"].as_str(), Value::Null).await;
    assert_eq!((&me["email"], &me["providers"]), (&json!("bo@example.com"), &json!(["acme"])));
    assert_eq!((&me["name"], &me["has_password"]), (&json!("unknown of the tests"), &json!(false)));
    let (status, refused) = post("/v1/oidc/sign_in", None, &back(&installation, None, "eve").await).await;
    assert_eq!((status, &refused["code"]), (403, &json!("oidc.unknown_user")));

    drop(process);
    let text = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    assert!(text.contains("a provider's answer was refused"), "{text}");
    let parts = ["visit", "state", "code"].map(|name| came[name].as_str().unwrap().to_owned());
    for secret in parts.iter().map(String::as_str).chain([CLIENT_SECRET, PASSWORD, "@example.com", token.unwrap()]) {
        assert!(!text.contains(secret), "the log tells a secret");
    }
}
