//! Members, roles, keys, and the end of an organization or a person, by the use cases.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use fairlead_application::{
    Context, Expected,
    identity::{MembershipsRead, ProfileWrite, memory::MemoryKeyUses},
    ports::{Clock, EventStore},
};
use fairlead_domain::{
    identity::{ApiKeyProfile, Membership, Organization, OrganizationCommand, RoleChange, RoleProfile, RoleRef, User},
    ids::OrganizationId,
    kernel::Patch,
    values::{Grant, Over, Permission as Pattern},
};
use secrecy::ExposeSecret;

use crate::house::{House, PASSWORD, code, email, label, profile};

#[tokio::test]
async fn who_is_invited_joins_and_may_do_what_their_roles_say() {
    let house = House::new();
    let (founded, ana) = house.founded("ana").await;
    let bo = house.joined(&ana, "bo", profile(&["editor"])).await;
    assert_eq!(bo.organization, founded.organization);
    let cx = house.context(&bo).await.unwrap();
    assert!(
        cx.may_all(&["contacts:write", "memberships:read"]) && !cx.may_any(&["memberships:write", "contacts:erase"])
    );
    let directory = Context::system(OrganizationId::DIRECTORY, "test");
    assert!(house.app.read::<User>(&directory, bo.user).await.unwrap().unwrap().state.email_verified);

    let owner = house.holding(&ana).await;
    let roles = Some(BTreeSet::from(["viewer".parse().unwrap()]));
    let change = house.identity.change_member(&owner, bo.user, Expected::Any, roles, Patch::Keep);
    assert_eq!(change.await.unwrap().receipts.len(), 1);
    assert!(house.context(&bo).await.unwrap().may_any(&["contacts:write"]), "nobody was told yet");
    house.told_of(founded.organization, &[bo.user.into()]);
    assert!(!house.context(&bo).await.unwrap().may_any(&["contacts:write"]));

    house.identity.remove_member(&owner, bo.user, Expected::Any).await.unwrap();
    house.told_of(founded.organization, &[bo.user.into()]);
    assert_eq!(code(house.context(&bo).await), "session.no_member");
    assert_eq!(code(house.sign_in("bo", PASSWORD).await), "session.no_organization");
    let read = house.holding::<MembershipsRead>(&ana).await;
    let (members, more) = house.identity.members(&house.asking(), &read, None, 10).await.unwrap();
    assert_eq!((members.len(), more), (1, false));
    assert!(members[0].user.is_some());
}

#[tokio::test]
async fn the_last_owner_can_not_go() {
    let house = House::new();
    let (founded, ana) = house.founded("ana").await;
    let owner = house.holding(&ana).await;
    let gone = house.identity.remove_member(&owner, ana.user, Expected::Any).await;
    assert_eq!(code(gone), "organization.last_owner");
    let demoted = Some(BTreeSet::from(["admin".parse::<RoleRef>().unwrap()]));
    let demoted = house.identity.change_member(&owner, ana.user, Expected::Any, demoted, Patch::Keep).await;
    assert_eq!(code(demoted), "organization.last_owner");
    let within = Context::system(founded.organization, "test");
    let membership = house.app.read::<Membership>(&within, ana.user).await.unwrap().unwrap();
    assert_eq!(membership.state.profile, profile(&["owner"]), "nothing happened by halves");
    let profile_write = house.holding::<ProfileWrite>(&ana).await;
    let erased = house.identity.erase_myself(&house.asking(), &profile_write, Some(PASSWORD.into())).await;
    assert_eq!(code(erased), "organization.last_owner");

    let bo = house.joined(&ana, "bo", profile(&["owner"])).await;
    let owners =
        async || house.app.read::<Organization>(&within, founded.organization).await.unwrap().unwrap().state.owners;
    assert_eq!(owners().await, BTreeSet::from([ana.user, bo.user]));
    house.identity.remove_member(&owner, ana.user, Expected::Any).await.unwrap();
    assert_eq!(owners().await, BTreeSet::from([bo.user]));
}

#[tokio::test]
async fn nobody_passes_on_more_than_they_have() {
    let house = House::new();
    let (_, ana) = house.founded("ana").await;
    let admin = house.joined(&ana, "adam", profile(&["admin"])).await;
    let (cx, asking) = (house.holding(&admin).await, house.asking());
    let invited = house.identity.invite(&asking, &cx, email("eve@example.com"), profile(&["owner"])).await;
    assert_eq!(code(invited), "access.beyond_own");
    let deposed = house.identity.remove_member(&cx, ana.user, Expected::Any).await;
    assert_eq!(code(deposed), "access.beyond_own");
    let everything = Grant { permission: Pattern::new("*:*").unwrap(), over: Over::Own };
    let role = |grants: BTreeSet<Grant>, inherits: BTreeSet<RoleRef>| RoleProfile {
        name: label("Helper"),
        description: None,
        grants,
        inherits,
    };
    let roles = house.holding(&admin).await;
    let defined = house.identity.define_role(&roles, role(BTreeSet::from([everything.clone()]), BTreeSet::new())).await;
    assert_eq!(code(defined), "access.beyond_own");
    let operator = Grant { permission: Pattern::new("operator:read").unwrap(), over: Over::All };
    let of_owner = house.holding(&ana).await;
    let defined = house.identity.define_role(&of_owner, role(BTreeSet::from([operator]), BTreeSet::new())).await;
    assert_eq!(code(defined), "access.beyond_own");
    // What an owner defines an administrator can't hand out, nor change, if it grants more than the administrator has.
    let defined = role(BTreeSet::from([everything]), BTreeSet::new());
    let strong = house.identity.define_role(&of_owner, defined).await.unwrap().receipts[0].id;
    let handed = profile(&[&strong.to_string()]);
    assert_eq!(code(house.identity.invite(&asking, &cx, email("eve@example.com"), handed).await), "access.beyond_own");
    let change = RoleChange { name: Some(label("Other")), ..RoleChange::default() };
    let changed = house.identity.change_role(&roles, strong.into(), Expected::Any, change).await;
    assert_eq!(code(changed), "access.beyond_own");
    let circular =
        RoleChange { inherits: Some(BTreeSet::from([RoleRef::Custom(strong.into())])), ..RoleChange::default() };
    let circular = house.identity.change_role(&of_owner, strong.into(), Expected::Any, circular).await;
    assert_eq!(code(circular), "role.circular");
    let keys = house.holding(&admin).await;
    let key = ApiKeyProfile {
        name: label("Shop"),
        permissions: BTreeSet::from([Pattern::new("*:*").unwrap()]),
        projects: None,
        expires_at: None,
        issued_by: "user".to_owned(),
    };
    assert_eq!(code(house.identity.issue_key(&keys, key).await), "access.beyond_own");
}

#[tokio::test]
async fn a_key_acts_until_it_is_revoked_and_its_secret_is_kept_as_a_hash() {
    let house = House::new();
    let (founded, ana) = house.founded("ana").await;
    let keys = house.holding(&ana).await;
    let key = ApiKeyProfile {
        name: label("Shop"),
        permissions: BTreeSet::from([Pattern::new("contacts:read").unwrap()]),
        projects: None,
        expires_at: Some(house.clock.now() + TimeDelta::days(2)),
        issued_by: "user".to_owned(),
    };
    let issued = house.identity.issue_key(&keys, key).await.unwrap();
    let (id, text) = (issued.outcome.receipts[0].id, issued.key.expose_secret().to_owned());
    let cx = house.principals.of_key(&text, None).await.unwrap();
    assert_eq!((cx.tenant(), cx.actor().as_str()), (founded.organization, &*format!("api_key:{id}")));
    assert!(cx.may_any(&["contacts:read"]) && !cx.may_any(&["contacts:write", "profile:read"]));
    let noted = MemoryKeyUses::default();
    for _ in 0..2 {
        house.principals.note_uses(&noted).await.unwrap();
    }
    assert_eq!(noted.noted().len(), 1, "each use is noted once");

    let rotated =
        house.identity.rotate_key(&keys, id.into(), Expected::Any, Some(house.clock.now() + TimeDelta::hours(1)));
    let rotated = rotated.await.unwrap().key.expose_secret().to_owned();
    house.told_of(founded.organization, &[id]);
    for key in [&text, &rotated] {
        house.principals.of_key(key, None).await.unwrap();
    }
    house.later(TimeDelta::hours(2));
    assert_eq!(code(house.principals.of_key(&text, None).await), "access.invalid_key");
    house.principals.of_key(&rotated, None).await.unwrap();
    let secrets = house.store.secrets(&Context::system(founded.organization, "test"), id).await.unwrap();
    assert!(secrets.0.iter().all(|(_, hash)| hash.expose_secret().len() == 32));

    house.identity.revoke_key(&keys, id.into(), Expected::Any).await.unwrap();
    house.told_of(founded.organization, &[id]);
    assert_eq!(code(house.principals.of_key(&rotated, None).await), "access.invalid_key");
    assert!(house.store.secrets(&Context::system(founded.organization, "test"), id).await.unwrap().0.is_empty());
}

#[tokio::test]
async fn nothing_can_be_done_in_an_organization_that_is_closed_but_to_reopen_it() {
    let house = House::new();
    let (founded, ana) = house.founded("ana").await;
    let within = Context::system(founded.organization, "test");
    let close = OrganizationCommand::Close { at: house.clock.now() };
    house.app.execute::<Organization>(&within, founded.organization, Expected::Any, close).await.unwrap();
    let cx = house.context(&ana).await.unwrap();
    assert!(cx.may_all(&["organizations:close", "organizations:read", "profile:write"]));
    assert!(!cx.may_any(&["contacts:read", "organizations:write", "memberships:write"]));
}

#[tokio::test]
async fn who_erases_themselves_is_gone_everywhere() {
    let house = House::new();
    let (founded, ana) = house.founded("ana").await;
    let bo = house.joined(&ana, "bo", profile(&["editor"])).await;
    let write = house.holding::<ProfileWrite>(&bo).await;
    assert_eq!(
        code(house.identity.erase_myself(&house.asking(), &write, Some("wrong".into())).await),
        "password.wrong"
    );
    house.identity.erase_myself(&house.asking(), &write, Some(PASSWORD.into())).await.unwrap();
    house.told_of(OrganizationId::DIRECTORY, &[bo.user.into()]);
    assert_eq!(code(house.context(&bo).await), "session.ended");
    assert_eq!(code(house.sign_in("bo", PASSWORD).await), "session.invalid_credentials");
    let directory = Context::system(OrganizationId::DIRECTORY, "test");
    assert!(house.store.secrets(&directory, bo.user.into()).await.unwrap().0.is_empty());
    let events = house.store.events(&directory, bo.user.into()).await.unwrap();
    assert!(events.iter().all(|event| !event.data.to_string().contains("bo@example.com")));
    for stream in [bo.user.into(), bo.session.into()] {
        let loaded = house.store.load(&directory, &[stream]).await.unwrap();
        let state = loaded.streams[0].state.get();
        assert!(!state.contains("bo@example.com") && !state.contains("192.0.2.1"), "{state}");
    }
    let read = house.holding::<MembershipsRead>(&ana).await;
    let (members, _) = house.identity.members(&house.asking(), &read, None, 10).await.unwrap();
    assert_eq!(members.len(), 1, "{}", founded.organization);
}
