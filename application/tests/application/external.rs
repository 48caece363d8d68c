//! Signing in by providers, by the use cases: whom a provider's word is taken for.

use fairlead_application::identity::{ProfileWrite, Purpose, SignedIn, Ticket, oidc::ExternalIdentity};
use fairlead_domain::{
    identity::{Session, SessionMethod, User},
    ids::{OrganizationId, UserId},
    values::{ExternalSubject, PersonName, Provider},
};
use secrecy::ExposeSecret;

use crate::house::{House, PASSWORD, code, email, profile, totp_code};

/// What `acme` says about somebody: the address is verified, and may link.
fn vouched(name: &str) -> ExternalIdentity {
    ExternalIdentity {
        provider: Provider::new("acme").unwrap(),
        subject: ExternalSubject::new(&format!("acme-{name}")).unwrap(),
        email: Some(email(&format!("{name}@example.com"))),
        email_verified: true,
        name: Some(PersonName::new("Name From Acme").unwrap()),
        may_link_by_email: true,
    }
}

impl House {
    async fn by_provider(&self, who: ExternalIdentity) -> Result<SignedIn, fairlead_application::AppError> {
        self.identity.sign_in_by_provider(&self.asking(), who, None, None).await
    }

    async fn verify(&self, user: UserId) {
        let ticket = Ticket { tenant: OrganizationId::DIRECTORY, record: user.into(), number: 1 };
        let token = self.tickets.write(Purpose::VerifyEmail, &ticket);
        self.identity.verify_email(&self.asking(), token.expose_secret()).await.unwrap();
    }

    async fn known(&self, user: UserId) -> User {
        let cx = fairlead_application::Context::system(OrganizationId::DIRECTORY, "test");
        self.app.read::<User>(&cx, user).await.unwrap().unwrap().state
    }

    /// Invites somebody who is not registered; answers who it is, and the link that was sent.
    async fn invited(&self, owner: &SignedIn, name: &str) -> (UserId, secrecy::SecretString) {
        let cx = self.holding(owner).await;
        let address = email(&format!("{name}@example.com"));
        let invited = self.identity.invite(&self.asking(), &cx, address, profile(&["editor"])).await.unwrap();
        let ticket = Ticket { tenant: owner.organization, record: invited.receipts[0].id, number: 1 };
        (invited.receipts[0].id.into(), self.tickets.write(Purpose::AcceptInvitation, &ticket))
    }
}

#[tokio::test]
async fn nobody_is_registered_silently() {
    let house = House::new();
    house.founded("ana").await;
    assert_eq!(code(house.by_provider(vouched("bo")).await), "oidc.unknown_user");
    let nameless = ExternalIdentity { email: None, ..vouched("bo") };
    assert_eq!(code(house.by_provider(nameless).await), "oidc.unknown_user");
}

#[tokio::test]
async fn a_verified_address_links_where_it_may_and_the_subject_counts_from_then_on() {
    let house = House::new();
    let (founded, _) = house.founded("ana").await;
    assert_eq!(code(house.by_provider(vouched("ana")).await), "oidc.not_linked", "ana has verified nothing");
    house.verify(founded.owner).await;
    let unverified = ExternalIdentity { email_verified: false, may_link_by_email: false, ..vouched("ana") };
    assert_eq!(code(house.by_provider(unverified.clone()).await), "oidc.unknown_user");
    let strict = ExternalIdentity { may_link_by_email: false, ..vouched("ana") };
    assert_eq!(code(house.by_provider(strict).await), "oidc.not_linked");
    let signed_in = house.by_provider(vouched("ana")).await.unwrap();
    assert_eq!((signed_in.user, signed_in.organization), (founded.owner, founded.organization));
    // Whatever the provider says about the address later.
    house.by_provider(unverified).await.unwrap();
    let moved = ExternalIdentity { email: Some(email("other@example.com")), ..vouched("ana") };
    assert_eq!(house.by_provider(moved).await.unwrap().user, founded.owner);
    let cx = fairlead_application::Context::system(OrganizationId::DIRECTORY, "test");
    let session = house.app.read::<Session>(&cx, signed_in.session).await.unwrap().unwrap().state;
    assert_eq!(session.methods.into_iter().collect::<Vec<_>>(), [SessionMethod::Oidc]);
    assert_eq!(session.provider.unwrap().as_str(), "acme");
}

#[tokio::test]
async fn a_second_factor_is_not_given_up_by_an_address() {
    let house = House::new();
    let (founded, signed_in) = house.founded("ana").await;
    house.verify(founded.owner).await;
    let (cx, asking) = (house.holding::<ProfileWrite>(&signed_in).await, house.asking());
    let setup = house.identity.begin_totp(&asking, &cx, Some(PASSWORD.into())).await.unwrap();
    use fairlead_application::ports::Clock;
    let now = house.clock.now();
    house.identity.enable_totp(&asking, &cx, totp_code(&setup.secret, now)).await.unwrap();
    assert_eq!(code(house.by_provider(vouched("ana")).await), "oidc.not_linked");
    house.identity.link_provider(&asking, &cx, vouched("ana")).await.unwrap();
    house.by_provider(vouched("ana")).await.unwrap();
}

#[tokio::test]
async fn who_was_invited_registers_by_the_provider() {
    let house = House::new();
    let (_, ana) = house.founded("ana").await;
    let (bo, token) = house.invited(&ana, "bo").await;
    let strict = ExternalIdentity { may_link_by_email: false, ..vouched("bo") };
    assert_eq!(code(house.by_provider(strict).await), "oidc.unknown_user");
    // Registered, and in no organization before the invitation is accepted.
    assert_eq!(code(house.by_provider(vouched("bo")).await), "session.no_organization");
    let known = house.known(bo).await;
    assert!(known.is_active() && known.email_verified && !known.has_password);
    assert_eq!(known.name.unwrap().known().unwrap().as_str(), "Name From Acme");
    house.identity.accept(&house.asking(), token.expose_secret(), None).await.unwrap();
    let signed_in = house.by_provider(vouched("bo")).await.unwrap();
    assert_eq!((signed_in.user, signed_in.organization), (bo, ana.organization));
}

#[tokio::test]
async fn an_invitation_is_accepted_by_signing_in() {
    let house = House::new();
    let (_, ana) = house.founded("ana").await;
    let (bo, token) = house.invited(&ana, "bo").await;
    // The link was received at the address, so the provider's word about another one does not matter.
    let elsewhere = ExternalIdentity {
        email: Some(email("bo@elsewhere.example")),
        email_verified: false,
        may_link_by_email: false,
        name: None,
        ..vouched("bo")
    };
    let asking = house.asking();
    let accept = async |who: ExternalIdentity, token: &str| {
        house.identity.sign_in_by_provider(&asking, who, None, Some(token)).await
    };
    assert_eq!(code(accept(elsewhere.clone(), "AAAA").await), "ticket.invalid");
    let signed_in = accept(elsewhere.clone(), token.expose_secret()).await.unwrap();
    assert_eq!((signed_in.user, signed_in.organization), (bo, ana.organization));
    let known = house.known(bo).await;
    assert!(known.email_verified && known.is_active());
    assert_eq!(known.name.unwrap().known().unwrap().as_str(), "bo@example.com");
    // Of somebody who has registered, the invitation is accepted by themselves alone.
    let (_, dora) = house.founded("dora").await;
    let (_, token) = house.invited(&dora, "bo").await;
    assert_eq!(code(accept(vouched("eve"), token.expose_secret()).await), "oidc.unknown_user");
    house.identity.link_provider(&asking, &house.holding(&dora).await, vouched("dora")).await.unwrap();
    assert_eq!(code(accept(vouched("dora"), token.expose_secret()).await), "oidc.not_linked");
    let signed_in = accept(elsewhere, token.expose_secret()).await.unwrap();
    assert_eq!((signed_in.user, signed_in.organization), (bo, dora.organization));
}

#[tokio::test]
async fn an_identity_is_linked_to_one_user() {
    let house = House::new();
    let ((_, ana), (_, bo)) = (house.founded("ana").await, house.founded("bo").await);
    let asking = house.asking();
    let link = async |signed_in: &SignedIn| {
        let cx = house.holding(signed_in).await;
        house.identity.link_provider(&asking, &cx, vouched("ana")).await
    };
    link(&ana).await.unwrap();
    link(&ana).await.unwrap();
    assert_eq!(code(link(&bo).await), "user.identity_taken");
    let other = ExternalIdentity { provider: Provider::new("other").unwrap(), ..vouched("ana") };
    let other = ExternalIdentity { may_link_by_email: false, ..other };
    assert_eq!(code(house.by_provider(other).await), "oidc.not_linked", "another provider's subject is another one");
    assert_eq!(house.by_provider(vouched("ana")).await.unwrap().user, ana.user);
}

#[tokio::test]
async fn a_link_ends_with_the_password_and_never_locks_out() {
    let house = House::new();
    let (_, ana) = house.founded("ana").await;
    let (cx, asking) = (house.holding::<ProfileWrite>(&ana).await, house.asking());
    house.identity.link_provider(&asking, &cx, vouched("ana")).await.unwrap();
    let unlink = async |cx, password: Option<&str>| {
        house.identity.unlink_provider(&asking, cx, "acme", password.map(Into::into)).await
    };
    assert_eq!(code(unlink(&cx, None).await), "password.wrong");
    unlink(&cx, Some(PASSWORD)).await.unwrap();
    unlink(&cx, Some(PASSWORD)).await.unwrap();
    assert_eq!(code(house.by_provider(vouched("ana")).await), "oidc.not_linked");
    let (_, token) = house.invited(&ana, "bo").await;
    let bo = house.identity.sign_in_by_provider(&asking, vouched("bo"), None, Some(token.expose_secret())).await;
    let bo = house.holding::<ProfileWrite>(&bo.unwrap()).await;
    assert_eq!(code(unlink(&bo, None).await), "user.last_way_in");
    house.identity.change_password(&asking, &bo, None, "another horse".into()).await.unwrap();
    unlink(&bo, Some("another horse")).await.unwrap();
}
