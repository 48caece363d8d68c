//! Microsoft's door for all tenants, each of which is an issuer of its own.

use fairlead_application::identity::oidc::OidcError;
use serde_json::{Value, json};

use crate::liar::{Liar, merge};

const TENANT: &str = "0d3a5b0e-7a55-4c9c-9f0c-1d7b1c3a2e4f";
const OTHER: &str = "6b1f1c1e-0f5e-4b53-8f1e-3f0c7d7e9a10";

/// A liar that describes itself as Microsoft does.
fn microsoft() -> Liar {
    let liar = Liar::start();
    let issuer = format!("{}/{{tenantid}}/v2.0", liar.url);
    let description = liar.description(json!({ "issuer": issuer }));
    liar.set("/organizations/v2.0/.well-known/openid-configuration", 200, &description);
    liar
}

fn settings(liar: &Liar, more: &Value) -> Value {
    let mut all = json!({ "issuer": format!("{}/organizations/v2.0", liar.url), "multi_tenant": true });
    merge(&mut all, more);
    all
}

/// What a token of a tenant claims.
fn of(liar: &Liar, tenant: &str, more: &Value) -> Value {
    let mut all = json!({ "iss": format!("{}/{tenant}/v2.0", liar.url), "tid": tenant, "email_verified": null });
    merge(&mut all, more);
    all
}

#[tokio::test]
async fn each_tenant_is_an_issuer_and_its_subjects_are_its_own() {
    let liar = microsoft();
    let subject = async |tenant: &str| {
        let who = liar.claimed(settings(&liar, &json!({})), of(&liar, tenant, &json!({}))).await.unwrap();
        who.subject.as_str().to_owned()
    };
    assert_eq!(subject(TENANT).await, format!("{TENANT}/ana"));
    assert_eq!(subject(OTHER).await, format!("{OTHER}/ana"));
    for more in [
        json!({ "tid": OTHER }),
        json!({ "tid": null }),
        json!({ "tid": "" }),
        json!({ "tid": "common" }),
        json!({ "tid": "{tenantid}" }),
        json!({ "iss": format!("{}/{{tenantid}}/v2.0", liar.url) }),
        json!({ "iss": format!("{}/organizations/v2.0", liar.url) }),
        json!({ "iss": format!("https://other.example/{TENANT}/v2.0") }),
    ] {
        let outcome = liar.claimed(settings(&liar, &json!({})), of(&liar, TENANT, &more)).await;
        assert!(matches!(outcome, Err(OidcError::Invalid(_))), "{more}: {outcome:?}");
    }
}

#[tokio::test]
async fn an_address_is_verified_when_the_tenant_has_shown_that_its_domain_is_its_own() {
    let liar = microsoft();
    for (claimed, verified) in [
        (json!(true), true),
        (json!(1), true),
        (json!("1"), true),
        (json!("true"), true),
        (json!(false), false),
        (json!("0"), false),
        (json!([true]), false),
        (Value::Null, false),
    ] {
        let settings = settings(&liar, &json!({ "link_by_email": true }));
        let who = liar.claimed(settings, of(&liar, TENANT, &json!({ "xms_edov": claimed }))).await.unwrap();
        assert_eq!((who.email_verified, who.may_link_by_email), (verified, verified), "{claimed}");
    }
}

#[tokio::test]
async fn one_issuer_is_not_taken_for_many() {
    let liar = microsoft();
    // Without the setting the description must call itself as the settings do.
    let one = settings(&liar, &json!({ "multi_tenant": false }));
    assert!(matches!(liar.claimed(one, json!({})).await, Err(OidcError::Unavailable(_))));
}
