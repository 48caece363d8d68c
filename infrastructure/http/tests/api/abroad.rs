//! Signing in by a provider, as far as it is HTTP's business. What real providers answer is tried in `fairlead-oidc`.

use std::sync::Arc;

use async_trait::async_trait;
use fairlead_application::{
    identity::{
        Identity, ProviderSignIn,
        oidc::{Answer, ExternalIdentity, OidcError, Providers, VISIT, Visit},
    },
    ports::Clock,
};
use fairlead_domain::values::{ExternalSubject, Provider};
use serde_json::{Value, json};

use crate::{
    house::{PASSWORD, Somebody, somebody},
    memory::Ticking,
    service::{Answer as HttpAnswer, Ask, Service, settings},
};

/// A provider named `google`, to whom everybody is called as the code that they bring.
struct Abroad(Arc<Ticking>);

/// Signing in by it.
pub(crate) fn abroad(identity: &Identity, clock: &Arc<Ticking>) -> ProviderSignIn {
    ProviderSignIn::new(identity.clone(), Arc::new(Abroad(clock.clone())), &settings().secret)
}

#[async_trait]
impl Providers for Abroad {
    fn names(&self) -> Vec<Provider> {
        vec![Provider::new("google").unwrap()]
    }

    async fn begin(&self, provider: &str, context: Option<String>) -> Result<(String, Visit), OidcError> {
        if provider != "google" {
            return Err(OidcError::UnknownProvider);
        }
        let secret = |text: &str| text.to_owned();
        let visit = Visit {
            provider: secret("google"),
            state: secret("the state"),
            nonce: secret("secret nonce"),
            verifier: secret("secret verifier"),
            expires_at: self.0.now() + VISIT,
            context,
        };
        Ok(("https://google.example/auth?state=the%20state".to_owned(), visit))
    }

    async fn finish(&self, provider: &str, answer: &Answer, visit: &Visit) -> Result<ExternalIdentity, OidcError> {
        if answer.state.as_ref() != Some(&visit.state) {
            return Err(OidcError::NoVisit);
        }
        if answer.error.is_some() {
            return Err(OidcError::Denied);
        }
        let invalid = |cause: &str| OidcError::Invalid(cause.into());
        let code = answer.code.as_deref().ok_or_else(|| invalid("secret cause"))?;
        if code == "down" {
            return Err(OidcError::Unavailable("secret address".into()));
        }
        Ok(ExternalIdentity {
            provider: Provider::new(provider).unwrap(),
            subject: ExternalSubject::new(code).map_err(|_| invalid("secret cause"))?,
            email: None,
            email_verified: false,
            name: None,
            may_link_by_email: false,
        })
    }
}

/// Somebody goes to the provider, to sign in or to be linked; what they come back with.
pub(crate) async fn departed(service: &Service, to_link: Option<&Somebody>) -> Value {
    let answer = match to_link {
        Some(ana) => {
            let body = json!({ "provider": "google", "password": PASSWORD });
            ana.ask(service, "POST", "/v1/me/providers/authorize", body).await
        }
        None => {
            let body = json!({ "provider": "google" });
            service.bare("POST", "/v1/oidc/authorize").json(&body).answer().await
        }
    };
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(!answer.body.to_string().contains("secret"), "{}", answer.body);
    json!({ "provider": "google", "visit": answer.body["visit"], "state": "the state" })
}

/// Links somebody to the one of this name at the provider.
pub(crate) async fn linked(service: &Service, ana: &Somebody, name: &str) {
    let answer = link(service, ana, name).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
}

async fn link(service: &Service, ana: &Somebody, name: &str) -> HttpAnswer {
    let mut body = departed(service, Some(ana)).await;
    body["code"] = json!(name);
    ana.ask(service, "POST", "/v1/me/providers", body).await
}

async fn sign_in(service: &Service, more: Value) -> HttpAnswer {
    let mut body = departed(service, None).await;
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    service.bare("POST", "/v1/oidc/sign_in").json(&body).answer().await
}

#[tokio::test]
async fn who_is_linked_signs_in_by_the_provider_until_the_link_ends() {
    let service = Service::start().await;
    let names = service.bare("GET", "/v1/oidc/providers").answer().await;
    assert_eq!(names.body["data"], json!([{ "name": "google" }]));
    let ana = somebody(&service).await;
    sign_in(&service, json!({ "code": "ana" })).await.is_problem(403, "oidc.unknown_user");
    linked(&service, &ana, "ana").await;
    let me = ana.ask(&service, "GET", "/v1/me", Value::Null).await;
    assert_eq!(me.body["providers"], json!(["google"]));
    let signed_in = sign_in(&service, json!({ "code": "ana", "organization_id": ana.organization })).await;
    assert_eq!((signed_in.status.as_u16(), &signed_in.body["user_id"]), (201, &json!(ana.user)), "{}", signed_in.body);
    assert!(signed_in.header("location").ends_with(signed_in.body["session_id"].as_str().unwrap()));
    assert_eq!(signed_in.header("cache-control"), "no-store");
    let session = service.bare("GET", signed_in.header("location").rsplit_once('/').unwrap().0);
    let sessions = session.bearer_auth(signed_in.body["access_token"].as_str().unwrap()).answer().await;
    let own = sessions.body["data"].as_array().unwrap().iter().find(|row| row["provider"] == json!("google"));
    assert_eq!(own.unwrap()["methods"], json!(["oidc"]));
    let bo = somebody(&service).await;
    link(&service, &bo, "ana").await.is_problem(409, "user.identity_taken");
    let unlink = async |password: &str| {
        let body = json!({ "provider": "google", "password": password });
        ana.ask(&service, "POST", "/v1/me/providers/unlink", body).await
    };
    unlink("not the password").await.is_problem(403, "password.wrong");
    assert_eq!(unlink(PASSWORD).await.status, 204);
    sign_in(&service, json!({ "code": "ana" })).await.is_problem(403, "oidc.unknown_user");
}

#[tokio::test]
async fn what_came_back_is_for_what_it_was_begun_for() {
    let service = Service::start().await;
    let (ana, bo) = (somebody(&service).await, somebody(&service).await);
    linked(&service, &ana, "ana").await;
    for (more, status, code) in [
        (json!({ "code": "ana", "state": "another" }), 422, "oidc.no_visit"),
        (json!({ "code": "ana", "visit": "AAAA" }), 422, "oidc.no_visit"),
        (json!({ "code": "ana", "provider": "other" }), 422, "oidc.no_visit"),
        (json!({ "error": "access_denied" }), 403, "oidc.denied"),
        (json!({}), 403, "oidc.invalid_answer"),
        (json!({ "code": "down" }), 503, "service.unavailable"),
        (json!({ "code": "ana", "invitation": "AAAA" }), 422, "ticket.invalid"),
    ] {
        let answer = sign_in(&service, more.clone()).await;
        answer.is_problem(status, code);
        assert!(!answer.body.to_string().contains("secret"), "{}", answer.body);
    }
    // A visit to sign in links nobody, one to link signs nobody in, and each links its own user alone.
    let with_code = |mut body: Value| {
        body["code"] = json!("ana");
        body
    };
    let to_sign_in = with_code(departed(&service, None).await);
    let to_link = with_code(departed(&service, Some(&ana)).await);
    for (who, body) in [(&ana, &to_sign_in), (&bo, &to_link)] {
        let answer = who.ask(&service, "POST", "/v1/me/providers", body.clone()).await;
        answer.is_problem(422, "oidc.no_visit");
    }
    let answer = service.bare("POST", "/v1/oidc/sign_in").json(&to_link).answer().await;
    answer.is_problem(422, "oidc.no_visit");
    let unknown = service.bare("POST", "/v1/oidc/authorize").json(&json!({ "provider": "other" })).answer().await;
    unknown.is_problem(404, "oidc.unknown_provider");
    let wrong = json!({ "provider": "google", "password": "not the password" });
    let wrong = ana.ask(&service, "POST", "/v1/me/providers/authorize", wrong).await;
    wrong.is_problem(403, "password.wrong");
}
