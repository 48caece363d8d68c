//! People and sessions, by the use cases.

use chrono::TimeDelta;
use fairlead_application::{
    Context,
    identity::{NewUser, ProfileRead, ProfileWrite, Purpose, SecondFactor, Ticket},
    ports::Clock,
};
use fairlead_domain::{identity::User, ids::OrganizationId};
use secrecy::{ExposeSecret, SecretString};

use crate::house::{House, PASSWORD, code, email, label, new_user, totp_code};

#[tokio::test]
async fn who_founds_an_organization_owns_it_and_is_signed_in() {
    let house = House::new();
    let (founded, signed_in) = house.founded("ana").await;
    let cx = house.context(&signed_in).await.unwrap();
    assert_eq!(cx.actor().as_str(), format!("user:{}", founded.owner));
    assert!(cx.may_all(&["contacts:erase", "organizations:close", "profile:write"]) && !cx.may_any(&["operator:read"]));
    let again = house.sign_in("ana", PASSWORD).await.unwrap();
    assert_eq!((again.organization, again.user), (founded.organization, founded.owner));
    // Somebody who was interrupted goes on; somebody else is not let in.
    let (second, _) = house.identity.found(&house.asking(), label("Second"), new_user("ana")).await.unwrap();
    assert_eq!(second.owner, founded.owner);
    let stranger = NewUser { password: "another password".into(), ..new_user("ana") };
    assert_eq!(code(house.identity.found(&house.asking(), label("Third"), stranger).await), "user.email_taken");
    let read = house.holding::<ProfileRead>(&signed_in).await;
    assert_eq!(house.identity.my_organizations(&house.asking(), &read).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_answered_alike() {
    let house = House::new();
    house.founded("ana").await;
    let refused = [house.sign_in("ana", "wrong password").await, house.sign_in("nobody", PASSWORD).await];
    let [one, two] = refused.map(|outcome| outcome.unwrap_err());
    assert_eq!((one.code(), one.to_string()), (two.code(), two.to_string()));
    assert_eq!(one.code(), "session.invalid_credentials");
    for _ in 0..4 {
        house.sign_in("ana", "wrong password").await.unwrap_err();
    }
    assert_eq!(code(house.sign_in("ana", PASSWORD).await), "access.too_many_attempts");
}

#[tokio::test]
async fn a_refresh_token_works_once_and_a_second_time_ends_the_session() {
    let house = House::new();
    let (_, first) = house.founded("ana").await;
    let second = house.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(second.session, first.session);
    let third = house.refresh(&second.refresh_token).await.unwrap();
    assert_eq!(code(house.refresh(&first.refresh_token).await), "session.ended");
    assert_eq!(code(house.refresh(&third.refresh_token).await), "session.ended");
    house.told_of(OrganizationId::DIRECTORY, &[first.session.into()]);
    assert_eq!(code(house.context(&third).await), "session.ended");
    assert_eq!(code(house.refresh(&"AAAA".into()).await), "session.invalid_refresh_token");
}

#[tokio::test]
async fn a_session_ends_by_itself_and_by_its_owner_alone() {
    let house = House::new();
    let ((_, ana), (_, bo)) = (house.founded("ana").await, house.founded("bo").await);
    let write = house.holding::<ProfileWrite>(&bo).await;
    let foreign = house.identity.end_session(&house.asking(), &write, Some(ana.session)).await;
    assert_eq!(code(foreign), "session.not_found");
    house.identity.end_session(&house.asking(), &write, None).await.unwrap();
    house.told_of(OrganizationId::DIRECTORY, &[bo.session.into()]);
    assert_eq!(code(house.context(&bo).await), "session.ended");
    house.context(&ana).await.unwrap();
    house.later(TimeDelta::days(31));
    assert_eq!(code(house.context(&ana).await), "session.ended");
    assert_eq!(code(house.refresh(&ana.refresh_token).await), "session.ended");
}

#[tokio::test]
async fn a_new_password_ends_what_the_former_one_began() {
    let house = House::new();
    let (founded, first) = house.founded("ana").await;
    house.later(TimeDelta::seconds(1));
    let (cx, asking) = (house.holding(&first).await, house.asking());
    let wrong = house.identity.change_password(&asking, &cx, Some("wrong".into()), "another horse".into());
    assert_eq!(code(wrong.await), "password.wrong");
    let changed = house.identity.change_password(&asking, &cx, Some(PASSWORD.into()), "another horse".into());
    let changed = changed.await.unwrap();
    house.told_of(OrganizationId::DIRECTORY, &[founded.owner.into()]);
    house.context(&changed).await.unwrap();
    assert_eq!(code(house.context(&first).await), "session.ended");
    assert_eq!(code(house.refresh(&first.refresh_token).await), "session.ended");
    assert_eq!(code(house.sign_in("ana", PASSWORD).await), "session.invalid_credentials");
    house.sign_in("ana", "another horse").await.unwrap();
}

#[tokio::test]
async fn links_work_once_and_for_a_time() {
    let house = House::new();
    let (founded, _) = house.founded("ana").await;
    let (owner, asking) = (founded.owner, house.asking());
    let ticket = |number| Ticket { tenant: OrganizationId::DIRECTORY, record: owner.into(), number };
    let verify = house.tickets.write(Purpose::VerifyEmail, &ticket(1));
    house.identity.verify_email(&asking, verify.expose_secret()).await.unwrap();
    let reset = house.tickets.write(Purpose::ResetPassword, &ticket(1));
    let set = async |token: &SecretString| {
        house.identity.reset_password(&asking, token.expose_secret(), "another horse".into()).await
    };
    assert_eq!(code(set(&reset).await), "user.link_invalid", "none was asked for");
    house.identity.request_password_reset(&asking, email("ana@example.com")).unwrap();
    let directory = Context::system(OrganizationId::DIRECTORY, "test");
    while house.app.read::<User>(&directory, owner).await.unwrap().unwrap().state.reset.expires_at.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(code(set(&verify).await), "ticket.invalid", "for another purpose");
    set(&reset).await.unwrap();
    assert_eq!(code(set(&reset).await), "user.link_invalid");
    house.sign_in("ana", "another horse").await.unwrap();
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_each_code_works_once() {
    let house = House::new();
    let (_, signed_in) = house.founded("ana").await;
    let (cx, asking) = (house.holding(&signed_in).await, house.asking());
    let setup = house.identity.begin_totp(&asking, &cx, Some(PASSWORD.into())).await.unwrap();
    house.sign_in("ana", PASSWORD).await.unwrap();
    assert_eq!(code(house.identity.enable_totp(&asking, &cx, "000000".into()).await), "totp.wrong_code");
    let now = || house.clock.now();
    let codes = house.identity.enable_totp(&asking, &cx, totp_code(&setup.secret, now())).await.unwrap();
    assert_eq!(code(house.sign_in("ana", PASSWORD).await), "session.totp_required");
    let by_totp = || Some(SecondFactor::Totp(totp_code(&setup.secret, now())));
    let used = house.sign_in_with("ana", PASSWORD, by_totp()).await;
    assert_eq!(code(used), "session.invalid_credentials", "the code was used to enable it");
    house.later(TimeDelta::seconds(30));
    house.sign_in_with("ana", PASSWORD, by_totp()).await.unwrap();
    assert_eq!(code(house.sign_in_with("ana", PASSWORD, by_totp()).await), "session.invalid_credentials");
    let by_paper = || Some(SecondFactor::RecoveryCode(codes[3].clone()));
    house.sign_in_with("ana", PASSWORD, by_paper()).await.unwrap();
    assert_eq!(code(house.sign_in_with("ana", PASSWORD, by_paper()).await), "session.invalid_credentials");
    house.identity.disable_totp(&asking, &cx, Some(PASSWORD.into())).await.unwrap();
    house.sign_in("ana", PASSWORD).await.unwrap();
}
