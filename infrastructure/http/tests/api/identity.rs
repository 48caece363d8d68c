//! Signing in and out, members, roles and keys, as those do it who use them.

use fairlead_application::identity::IdentitySettings;
use fairlead_domain::ids::OrganizationId;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    house::{PASSWORD, Somebody, code, leaving, of, somebody},
    memory::Part,
    service::{Answer, Ask, Service, settings, token},
};

async fn sign_in(service: &Service, body: Value) -> Answer {
    service.bare("POST", "/v1/sessions").json(&body).answer().await
}

async fn refresh(service: &Service, token: &str) -> Answer {
    service.bare("POST", "/v1/sessions/refresh").json(&json!({ "refresh_token": token })).answer().await
}

async fn contacts(service: &Service, token: &str) -> Answer {
    service.bare("GET", "/v1/contacts").bearer_auth(token).answer().await
}

#[tokio::test]
async fn who_registers_works_at_once_and_signs_in_again() {
    let service = Service::start().await;
    let ana = somebody(&service).await;
    assert_eq!(contacts(&service, &ana.token).await.status, 200);
    let profile = ana.ask(&service, "GET", "/v1/me", Value::Null).await;
    assert_eq!((&profile.body["email"], &profile.body["email_verified"]), (&json!(ana.email), &json!(false)));
    let shown = ana.ask(&service, "GET", &format!("/v1/organizations/{}", ana.organization), Value::Null).await;
    assert_eq!((&shown.body["name"], &shown.body["owners"]), (&json!("Lima & Co"), &json!([ana.user])));
    let again = sign_in(&service, json!({ "email": ana.email, "password": PASSWORD })).await;
    assert_eq!((again.status.as_u16(), &again.body["token_type"]), (201, &json!("Bearer")), "{}", again.body);
    assert_eq!((&again.body["expires_in"], &again.body["organization_id"]), (&json!(900), &json!(ana.organization)));
    assert!(again.header("location").ends_with(again.body["session_id"].as_str().unwrap()));
    assert_eq!(again.header("cache-control"), "no-store");
    let made = ana.ask(&service, "POST", "/v1/contacts", json!({ "name": "Bo" })).await;
    assert_eq!(made.status, 201);
    let events = ana.ask(&service, "GET", &format!("{}/events", made.header("location")), Value::Null).await;
    assert_eq!(events.body["data"][0]["actor"], json!(format!("user:{}", ana.user)), "{}", events.body);
}

#[tokio::test]
async fn nobody_learns_whether_an_address_is_known() {
    let service = Service::start().await;
    let ana = somebody(&service).await;
    let mut told = Vec::new();
    for email in [&*ana.email, "nobody@example.com"] {
        let wrong = sign_in(&service, json!({ "email": email, "password": "not the password" })).await;
        wrong.is_problem(401, "session.invalid_credentials");
        let reset = service.bare("POST", "/v1/password_resets").json(&json!({ "email": email })).answer().await;
        told.push((wrong.body["detail"].clone(), reset.status, reset.body));
    }
    assert_eq!(told[0], told[1]);
    for token in ["", "x", "AAAA"] {
        let body = json!({ "token": token, "password": PASSWORD });
        let reset = service.bare("POST", "/v1/password_resets/confirm").json(&body).answer().await;
        assert!(reset.status.is_client_error(), "{}", reset.body);
    }
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_the_session() {
    let service = Service::start().await;
    let ana = somebody(&service).await;
    let next = refresh(&service, &ana.refresh_token).await;
    assert_eq!(next.status, 200, "{}", next.body);
    let next = of(&next.body, ana.email.clone());
    assert_eq!(contacts(&service, &next.token).await.status, 200);
    refresh(&service, &ana.refresh_token).await.is_problem(401, "session.ended");
    refresh(&service, &next.refresh_token).await.is_problem(401, "session.ended");
    for token in [&ana.token, &next.token] {
        let answer = contacts(&service, token).await;
        let challenge = answer.is_problem(401, "session.ended").header("www-authenticate");
        assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
    }
    refresh(&service, "nonsense").await.is_problem(401, "session.invalid_refresh_token");
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_those_whose_they_are() {
    let service = Service::start().await;
    let (ana, eve) = (somebody(&service).await, somebody(&service).await);
    let other = sign_in(&service, json!({ "email": ana.email, "password": PASSWORD })).await;
    let other = of(&other.body, ana.email.clone());
    let first = ana.ask(&service, "GET", "/v1/sessions?limit=1", Value::Null).await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = ana.ask(&service, "GET", &format!("/v1/sessions?limit=1&cursor={cursor}"), Value::Null).await;
    let id = |page: &Answer| page.body["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!((second.body["has_more"].clone(), id(&first) != id(&second)), (json!(false), true));
    assert_eq!(first.body["data"][0]["address"], json!("127.0.0.1"), "{}", first.body);
    let path = format!("/v1/sessions/{}", id(&second));
    eve.ask(&service, "DELETE", &path, Value::Null).await.is_problem(404, "session.not_found");
    assert_eq!(contacts(&service, &other.token).await.status, 200);
    assert_eq!(ana.ask(&service, "DELETE", &path, Value::Null).await.status, 204);
    contacts(&service, &other.token).await.is_problem(401, "session.ended");
    assert_eq!(ana.ask(&service, "POST", "/v1/sessions/sign_out", Value::Null).await.status, 204);
    contacts(&service, &ana.token).await.is_problem(401, "session.ended");
}

#[tokio::test]
async fn a_second_factor_is_asked_for() {
    let service = Service::start().await;
    let ana = somebody(&service).await;
    let secret = ana.with_totp(&service).await;
    let credentials = json!({ "email": ana.email, "password": PASSWORD });
    sign_in(&service, credentials.clone()).await.is_problem(401, "session.totp_required");
    let mut with = credentials;
    with["totp"] = json!(code(&service, &secret));
    sign_in(&service, with).await.is_problem(401, "session.invalid_credentials");
    let codes = ana.ask(&service, "POST", "/v1/me/recovery_codes", json!({ "password": PASSWORD })).await;
    let recovery =
        json!({ "email": ana.email, "password": PASSWORD, "recovery_code": codes.body["recovery_codes"][3] });
    assert_eq!(sign_in(&service, recovery.clone()).await.status, 201);
    sign_in(&service, recovery).await.is_problem(401, "session.invalid_credentials");
}

#[tokio::test]
async fn who_works_in_two_organizations_switches() {
    let service = Service::start().await;
    let ana = somebody(&service).await;
    let second = ana.ask(&service, "POST", "/v1/me/organizations", json!({ "name": "Second" })).await;
    assert_eq!(second.status, 201, "{}", second.body);
    let own = ana.ask(&service, "GET", "/v1/me/organizations", Value::Null).await;
    assert_eq!(own.body["data"].as_array().map(Vec::len), Some(2), "{}", own.body);
    let switched = json!({ "organization_id": second.body["organization_id"] });
    let switched = ana.ask(&service, "POST", "/v1/sessions/switch", switched).await;
    let there = of(&switched.body, ana.email.clone());
    assert_eq!(json!(there.organization), second.body["organization_id"]);
    there.ask(&service, "POST", "/v1/contacts", json!({ "name": "Bo" })).await;
    let counted = async |who: &Somebody| contacts(&service, &who.token).await.body["data"].as_array().map(Vec::len);
    assert_eq!((counted(&there).await, counted(&ana).await), (Some(1), Some(0)));
    let eve = somebody(&service).await;
    let foreign = json!({ "organization_id": ana.organization });
    eve.ask(&service, "POST", "/v1/sessions/switch", foreign).await.is_problem(403, "session.no_member");
}

#[tokio::test]
async fn what_a_member_may_do_changes_with_the_next_request() {
    let service = Service::start().await;
    let ana = somebody(&service).await;
    let bo = leaving(&service, &ana).await;
    assert_eq!(contacts(&service, &bo.token).await.status, 200);
    let role = json!({ "name": "Intern", "grants": [{ "permission": "contacts:write", "over": "own" }] });
    let role = ana.ask(&service, "POST", "/v1/roles", role).await;
    let path = format!("/v1/memberships/{}", bo.user);
    let roles = json!({ "roles": [role.body["id"]] });
    let changed = ana.ask(&service, "PATCH", &path, roles).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    contacts(&service, &bo.token).await.is_problem(403, "access.forbidden");
    let own = json!({ "name": "Own", "owner_id": bo.user });
    assert_eq!(bo.ask(&service, "POST", "/v1/contacts", own).await.status, 201);
    let foreign = json!({ "name": "Foreign", "owner_id": ana.user });
    bo.ask(&service, "POST", "/v1/contacts", foreign).await.is_problem(403, "access.out_of_reach");
    let grants = json!({ "grants": [{ "permission": "contacts:read" }] });
    let role = format!("/v1/roles/{}", role.body["id"].as_str().unwrap());
    assert_eq!(ana.ask(&service, "PATCH", &role, grants).await.status, 200);
    assert_eq!(contacts(&service, &bo.token).await.status, 200);
    bo.ask(&service, "DELETE", &path, Value::Null).await.is_problem(403, "access.forbidden");
    assert_eq!(ana.ask(&service, "DELETE", &path, Value::Null).await.status, 200);
    contacts(&service, &bo.token).await.is_problem(401, "session.no_member");
    let own = format!("/v1/memberships/{}", ana.user);
    ana.ask(&service, "DELETE", &own, Value::Null).await.is_problem(409, "organization.last_owner");
}

#[tokio::test]
async fn who_is_deactivated_is_out_until_an_operator_says_otherwise() {
    let service = Service::start().await;
    let ana = somebody(&service).await;
    let deactivate =
        async |password: &str| ana.ask(&service, "POST", "/v1/me/deactivate", json!({ "password": password })).await;
    deactivate("not the password").await.is_problem(403, "password.wrong");
    assert_eq!(deactivate(PASSWORD).await.status, 204);
    contacts(&service, &ana.token).await.is_problem(401, "session.ended");
    refresh(&service, &ana.refresh_token).await.is_problem(401, "session.ended");
    let credentials = json!({ "email": ana.email, "password": PASSWORD });
    sign_in(&service, credentials.clone()).await.is_problem(401, "session.invalid_credentials");
    let path = format!("/v1/operator/users/{}/reactivate", ana.user);
    let reactivated = service.bare("POST", &path).bearer_auth(token(1, "operator:write")).answer().await;
    assert_eq!(reactivated.status, 200, "{}", reactivated.body);
    refresh(&service, &ana.refresh_token).await.is_problem(401, "session.ended");
    assert_eq!(sign_in(&service, credentials).await.status, 201);
}

#[tokio::test]
async fn who_leaves_is_no_member_and_the_last_owner_stays() {
    let service = Service::start().await;
    let ana = somebody(&service).await;
    let path = format!("/v1/me/organizations/{}", ana.organization);
    ana.ask(&service, "DELETE", &path, Value::Null).await.is_problem(409, "organization.last_owner");
    let heir = leaving(&service, &ana).await;
    assert_eq!(ana.ask(&service, "DELETE", &path, Value::Null).await.status, 204);
    contacts(&service, &ana.token).await.is_problem(401, "session.no_member");
    heir.ask(&service, "DELETE", &path, Value::Null).await.is_problem(409, "organization.last_owner");
    let foreign = format!("/v1/me/organizations/{}", somebody(&service).await.organization);
    heir.ask(&service, "DELETE", &foreign, Value::Null).await.is_problem(404, "membership.not_found");
}

#[tokio::test]
async fn a_key_acts_within_what_it_was_given_and_is_exchanged() {
    let service = Service::start().await;
    let ana = somebody(&service).await;
    let body = json!({ "name": "Shop", "permissions": ["contacts:read"] });
    let issued = ana.ask(&service, "POST", "/v1/api_keys", body).await;
    let key = issued.body["key"].as_str().unwrap_or_else(|| panic!("{}", issued.body)).to_owned();
    assert!(key.starts_with("flk_") && issued.header("location").starts_with("/v1/api_keys/"));
    assert_eq!(contacts(&service, &key).await.status, 200);
    let write = service.bare("POST", "/v1/contacts").bearer_auth(&key).json(&json!({ "name": "Bo" })).answer().await;
    write.is_problem(403, "access.forbidden");
    service.bare("GET", "/v1/me").bearer_auth(&key).answer().await.is_problem(403, "access.forbidden");
    service.principals.note_uses(&*service.uses).await.unwrap();
    let path = issued.header("location").to_owned();
    let shown = ana.ask(&service, "GET", &path, Value::Null).await;
    assert_eq!(shown.body["last_used_from"], json!("127.0.0.1"), "{}", shown.body);
    assert!(shown.body["last_used_at"].is_string() && !shown.body.to_string().contains(&key[8..]));
    let rotated = ana.ask(&service, "POST", &format!("{path}/rotate"), json!({ "overlap_seconds": 60 })).await;
    let second = rotated.body["key"].as_str().unwrap().to_owned();
    for key in [&key, &second] {
        assert_eq!(contacts(&service, key).await.status, 200);
    }
    let rotated = ana.ask(&service, "POST", &format!("{path}/rotate"), json!({ "overlap_seconds": 0 })).await;
    let third = rotated.body["key"].as_str().unwrap().to_owned();
    for key in [&key, &second] {
        contacts(&service, key).await.is_problem(401, "access.invalid_key");
    }
    let mut forged = third.clone().into_bytes();
    let last = forged.len() - 2;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    contacts(&service, &String::from_utf8(forged).unwrap()).await.is_problem(401, "access.invalid_key");
    assert_eq!(ana.ask(&service, "DELETE", &path, Value::Null).await.status, 200);
    contacts(&service, &third).await.is_problem(401, "access.invalid_key");
}

#[tokio::test]
async fn operators_register_suspend_and_resume() {
    let closed = IdentitySettings::default();
    let service = Service::of(settings(), vec![Part::Up("store")], closed);
    service.ring.prepare().await.unwrap();
    let owner = json!({ "name": "Ana Lima", "email": "ana@example.com", "password": PASSWORD });
    let body = json!({ "name": "Lima & Co", "owner": owner });
    let refused = service.bare("POST", "/v1/organizations").json(&body).answer().await;
    refused.is_problem(403, "registration.closed");
    let operator = token(1, "operator:*");
    let operate = async |path: &str, body: Option<&Value>| {
        let request = service.bare("POST", &format!("/v1/operator/organizations{path}")).bearer_auth(&operator);
        body.map_or(request.try_clone().unwrap(), |body| request.json(body)).answer().await
    };
    let registered = operate("", Some(&body)).await;
    assert_eq!(registered.status, 201, "{}", registered.body);
    assert!(registered.body.get("tokens").is_none(), "operators don't act as others");
    let signed_in = sign_in(&service, json!({ "email": "ana@example.com", "password": PASSWORD })).await;
    let ana = of(&signed_in.body, "ana@example.com".to_owned());
    ana.ask(&service, "POST", "/v1/me/organizations", json!({ "name": "More" }))
        .await
        .is_problem(403, "registration.closed");
    assert_eq!(operate(&format!("/{}/suspend", ana.organization), Some(&json!({}))).await.status, 200);
    contacts(&service, &ana.token).await.is_problem(403, "access.forbidden");
    let shown = ana.ask(&service, "GET", &format!("/v1/organizations/{}", ana.organization), Value::Null).await;
    assert_eq!(shown.body["status"], json!("suspended"));
    assert_eq!(operate(&format!("/{}/resume", ana.organization), None).await.status, 200);
    assert_eq!(contacts(&service, &ana.token).await.status, 200);
    let unknown = operate(&format!("/{}/suspend", Uuid::from_u128(77)), Some(&json!({}))).await;
    unknown.is_problem(404, "organization.not_found");
    let directory = operate(&format!("/{}/suspend", Uuid::from(OrganizationId::DIRECTORY)), Some(&json!({}))).await;
    directory.is_problem(404, "organization.not_found");
}

#[tokio::test]
async fn an_address_tries_so_often_and_accounts_are_guarded() {
    let service =
        Service::with(crate::service::Settings { tries_per_address: 11, ..settings() }, vec![Part::Up("store")]);
    let attempt = || sign_in(&service, json!({ "email": "nobody@example.com", "password": "not the password" }));
    for n in 0..11 {
        let answer = attempt().await;
        let expected = if n < 5 { 401 } else { 429 };
        assert_eq!(answer.status, expected, "{n}: {}", answer.body);
        assert!(n < 5 || answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1));
    }
    let refused = sign_in(&service, json!({ "email": "another@example.com", "password": "not the password" })).await;
    refused.is_problem(429, "access.too_many_attempts");
    let refused = refresh(&service, "nonsense").await;
    assert!(refused.is_problem(429, "access.too_many_attempts").header("retry-after").parse::<u32>().is_ok());
}
