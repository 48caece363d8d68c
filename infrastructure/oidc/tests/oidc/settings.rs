//! Settings that fit together, and those that don't.

use std::sync::Arc;

use fairlead_application::{identity::oidc::Providers, ports::System};
use fairlead_oidc::{InvalidProvider, OidcProvider, OpenIdProviders};
use serde_json::{Value, json};

use crate::{
    liar::{SECRET, merge},
    real::{APP, provider},
};

fn settings(more: &Value) -> Value {
    let mut all =
        json!({ "name": "acme", "issuer": "https://id.example", "client_id": "fairlead", "client_secret": SECRET });
    merge(&mut all, more);
    all
}

fn all(settings: &[Value]) -> Result<OpenIdProviders, InvalidProvider> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = settings.iter().cloned().map(provider).collect();
    OpenIdProviders::new(settings, APP, Arc::new(System), Arc::new(System))
}

#[test]
fn settings_that_do_not_fit_together_are_refused() {
    for (more, problem) in [
        (json!({ "name": "Acme" }), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "client_id": "" }), "client_id"),
        (json!({ "issuer": "http://id.example" }), "https"),
        (json!({ "issuer": "https://id.example?tenant=1" }), "query"),
        (json!({ "issuer": "" }), "https"),
        (json!({ "scopes": ["email", "a b"] }), "scope"),
        (json!({ "scopes": [""] }), "scope"),
        (json!({ "allowed_domains": ["@example.com"] }), "allowed_domains"),
        (json!({ "allowed_domains": ["*.example.com"] }), "allowed_domains"),
        (json!({ "multi_tenant": true }), "multi_tenant"),
        (
            json!({
                "issuer": "https://login.microsoftonline.com/common/v2.0", "multi_tenant": true,
                "emails_are_verified": true,
            }),
            "emails_are_verified",
        ),
    ] {
        let told = all(&[settings(&more)]).err().unwrap().to_string();
        assert!(told.contains(problem) && !told.contains(SECRET), "{more}: {told}");
    }
    let told = all(&[settings(&json!({})), settings(&json!({}))]).err().unwrap();
    assert!(told.problem.contains("another provider"), "{told}");
    for wrong in [json!({ "typo": 1 }), json!({ "issuer": null }), json!({ "link_by_email": "yes" })] {
        assert!(serde_json::from_value::<OidcProvider>(settings(&wrong)).is_err(), "{wrong}");
    }
    assert!(!format!("{:?}", provider(settings(&json!({})))).contains(SECRET));
}

#[test]
fn providers_are_named_in_their_order() {
    let names = |names: &[&str]| -> Vec<_> {
        let settings: Vec<_> = names.iter().map(|name| settings(&json!({ "name": name }))).collect();
        all(&settings).unwrap().names().iter().map(|name| name.as_str().to_owned()).collect()
    };
    assert_eq!(names(&["google", "acme"]), ["google", "acme"]);
    assert!(names(&[]).is_empty());
}
