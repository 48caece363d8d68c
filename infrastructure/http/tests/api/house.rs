//! People and records for the operations of the document.

use std::sync::atomic::{AtomicU32, Ordering};

use fairlead_application::{
    Context, Expected,
    identity::{Purpose, Ticket, Tickets},
    ports::EventStore,
};
use fairlead_domain::{
    identity::{Organization, OrganizationCommand},
    values::Label,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use totp_rs::{Algorithm, Secret, TOTP};
use uuid::Uuid;

use crate::service::{Answer, Ask, Service, organization, settings, token};

/// What everybody's password is in these tests, as in the document's examples.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Somebody who signed in.
pub(crate) struct Somebody {
    pub(crate) email: String,
    pub(crate) user: String,
    pub(crate) organization: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
}

/// The owner of a new organization.
pub(crate) async fn somebody(service: &Service) -> Somebody {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    service.ring.prepare().await.unwrap();
    let email = format!("ana{}@example.com", NUMBER.fetch_add(1, Ordering::SeqCst));
    let owner = json!({ "name": "Ana Lima", "email": email, "password": PASSWORD });
    let body = json!({ "name": "Lima & Co", "owner": owner });
    let answer = service.bare("POST", "/v1/organizations").json(&body).answer().await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    of(&answer.body["tokens"], email)
}

/// Who signed in by this answer.
pub(crate) fn of(tokens: &Value, email: String) -> Somebody {
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    Somebody {
        email,
        user: text("user_id"),
        organization: text("organization_id"),
        token: text("access_token"),
        refresh_token: text("refresh_token"),
    }
}

impl Somebody {
    pub(crate) async fn ask(&self, service: &Service, method: &str, path: &str, body: Value) -> Answer {
        let request = service.bare(method, path).bearer_auth(&self.token);
        let request = if body.is_null() { request } else { request.json(&body) };
        request.answer().await
    }

    /// Has a second factor from now on; answers its secret.
    pub(crate) async fn with_totp(&self, service: &Service) -> String {
        let secret = self.begun_totp(service).await;
        let enabled = self.ask(service, "POST", "/v1/me/totp/enable", json!({ "code": code(service, &secret) })).await;
        assert_eq!(enabled.body["recovery_codes"].as_array().map(Vec::len), Some(10), "{}", enabled.body);
        secret
    }

    /// Sets up a second factor; answers its secret.
    pub(crate) async fn begun_totp(&self, service: &Service) -> String {
        let begun = self.ask(service, "POST", "/v1/me/totp", json!({ "password": PASSWORD })).await;
        begun.body["secret"].as_str().unwrap_or_else(|| panic!("{}", begun.body)).to_owned()
    }
}

/// The present code of a second factor.
pub(crate) fn code(service: &Service, secret: &str) -> String {
    let secret = Secret::Encoded(secret.to_owned()).to_bytes().unwrap();
    let totp = TOTP::new(Algorithm::SHA1, 6, 0, 30, secret).unwrap();
    totp.generate(service.now().timestamp().cast_unsigned())
}

/// Makes sure that an organization of these tests is registered and active.
pub(crate) async fn registered(service: &Service, n: u128) -> String {
    let id = organization(n);
    let cx = Context::system(id.into(), "test");
    if service.store.load(&cx, &[id]).await.unwrap().streams.is_empty() {
        let register =
            OrganizationCommand::Register { name: Label::new("Lima & Co").unwrap(), owner: Uuid::from_u128(9).into() };
        service.app.execute::<Organization>(&cx, id.into(), Expected::New, register).await.unwrap();
    }
    for command in [OrganizationCommand::Reopen, OrganizationCommand::Resume] {
        drop(service.app.execute::<Organization>(&cx, id.into(), Expected::Any, command).await);
    }
    id.to_string()
}

/// The id of a new record of a collection in organization 1; `None` for a collection that is not known here.
pub(crate) async fn record(service: &Service, collection: &str) -> Option<String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let n = NUMBER.fetch_add(1, Ordering::SeqCst);
    let body = match collection {
        "contacts" => json!({ "name": "Ana" }),
        "roles" => json!({ "name": format!("{collection} {n}") }),
        "memberships" => json!({ "email": format!("bo{n}@example.com"), "roles": ["editor"] }),
        "api_keys" => json!({ "name": "Shop", "permissions": ["contacts:read"] }),
        "comments" => return Some(comment(service).await),
        "deals" => {
            let mut example = crate::everything::example("POST /v1/deals")?;
            example["pipeline_id"] = json!(Box::pin(record(service, "pipelines")).await);
            example
        }
        "activities" => {
            let mut example = crate::everything::example("POST /v1/activities")?;
            example["about"][0]["id"] = json!(Box::pin(record(service, "companies")).await);
            example
        }
        "organizations" => return Some(registered(service, 1).await),
        // As the document's example says, under a name that no other record has.
        _ => {
            let mut example = crate::everything::example(&format!("POST /v1/{collection}"))?;
            if example["name"].is_string() {
                example["name"] = json!(format!("{collection} {n}"));
            }
            if example["key"].is_string() {
                example["key"] = json!(format!("key_{n}"));
            }
            example
        }
    };
    let request = service.bare("POST", &format!("/v1/{collection}")).bearer_auth(token(1, "*:*"));
    let answer = request.json(&body).answer().await;
    assert_eq!(answer.status, 201, "{collection}: {}", answer.body);
    Some(answer.body["id"].as_str().unwrap().to_owned())
}

/// A comment of whoever holds a token without a name of its own.
async fn comment(service: &Service) -> String {
    let activity = Box::pin(record(service, "activities")).await.unwrap();
    let request = service.bare("POST", &format!("/v1/activities/{activity}/comments")).bearer_auth(token(1, "*:*"));
    let answer = request.json(&json!({ "text": "Called." })).answer().await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["id"].as_str().unwrap().to_owned()
}

/// Has somebody else own the organization besides, so that one may leave it.
pub(crate) async fn leaving(service: &Service, ana: &Somebody) -> Somebody {
    let (email, tickets) = (format!("heir-of-{}", ana.email), Tickets::new(&settings().secret));
    let invitation = json!({ "email": email, "roles": ["owner"] });
    let invited = ana.ask(service, "POST", "/v1/memberships", invitation).await;
    let record = invited.body["id"].as_str().unwrap_or_else(|| panic!("{}", invited.body)).parse().unwrap();
    let tenant = ana.organization.parse::<Uuid>().unwrap().into();
    let token = tickets.write(Purpose::AcceptInvitation, &Ticket { tenant, record, number: 1 });
    crate::logs::hide(token.expose_secret());
    let acceptance = json!({ "token": token.expose_secret(), "name": "Bo Ek", "password": PASSWORD });
    let accepted = service.bare("POST", "/v1/invitations/accept").json(&acceptance).answer().await;
    assert_eq!(accepted.status, 200, "{}", accepted.body);
    let sign_in = json!({ "email": email, "password": PASSWORD });
    let signed_in = service.bare("POST", "/v1/sessions").json(&sign_in).answer().await;
    of(&signed_in.body, email)
}
