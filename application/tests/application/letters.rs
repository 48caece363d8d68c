//! Which letters are written: those alone that are not void when they are.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use fairlead_application::{
    App, Context, Expected,
    access::{Authorized, System as Everything},
    identity::{Correspondence, Letter, Purpose, Request, Ticket, Tickets},
    memory::MemoryStore,
    ports::{Clock, System},
};
use fairlead_domain::{
    identity::{
        BuiltInRole, Membership, MembershipCommand, MembershipProfile, Organization, OrganizationCommand, RoleRef,
        User, UserCommand,
    },
    ids::{OrganizationId, UserId},
    values::{Email, Label, PersonName},
};
use uuid::Uuid;

const ANA: u128 = 0xa;
const BO: u128 = 0xb;
const SHIPS: u128 = 0x5;

struct Desk {
    app: App,
    tickets: Tickets,
    correspondence: Correspondence,
}

fn user(id: u128) -> UserId {
    Uuid::from_u128(id).into()
}

fn ships() -> OrganizationId {
    Uuid::from_u128(SHIPS).into()
}

fn in_an_hour() -> DateTime<Utc> {
    System.now() + TimeDelta::hours(1)
}

fn as_system(tenant: OrganizationId) -> Authorized<Everything> {
    Context::system(tenant, "policy:test")
}

impl Desk {
    /// Ana is registered.
    async fn new() -> Self {
        let app = App::new(Arc::new(MemoryStore::default()), Arc::new(System), Arc::new(System));
        let tickets = Tickets::new(&vec![7; 32].into());
        let correspondence = Correspondence::new(app.clone(), tickets.clone(), "https://app.example.com/");
        let desk = Self { app, tickets, correspondence };
        let (email, name) = (Email::new("ana@example.com").unwrap(), PersonName::new("Ana Lima").unwrap());
        desk.user(ANA, UserCommand::Register { email, name }).await;
        desk
    }

    async fn user(&self, id: u128, command: UserCommand) {
        let cx = as_system(OrganizationId::DIRECTORY);
        self.app.execute::<User>(&cx, user(id), Expected::Any, command).await.unwrap();
    }

    async fn membership(&self, id: u128, command: MembershipCommand) {
        self.app.execute::<Membership>(&as_system(ships()), user(id), Expected::Any, command).await.unwrap();
    }

    async fn organization(&self, command: OrganizationCommand) {
        self.app.execute::<Organization>(&as_system(ships()), ships(), Expected::Any, command).await.unwrap();
    }

    /// Ana has founded Ships and invites Bo, who is not there yet.
    async fn invite(&self, expires_at: DateTime<Utc>) {
        let name = Label::new("Ships \"R\" Us").unwrap();
        self.organization(OrganizationCommand::Register { name, owner: user(ANA) }).await;
        self.user(BO, UserCommand::Invite { email: Email::new("bo@example.com").unwrap() }).await;
        self.invite_again(expires_at).await;
    }

    async fn invite_again(&self, expires_at: DateTime<Utc>) {
        let profile = MembershipProfile { roles: [RoleRef::BuiltIn(BuiltInRole::Viewer)].into(), projects: None };
        let invited_by = Some(user(ANA));
        self.membership(BO, MembershipCommand::Invite { profile, invited_by, expires_at }).await;
    }

    async fn letter(&self, purpose: Purpose, number: u32) -> Option<Letter> {
        let (tenant, user) = match purpose {
            Purpose::AcceptInvitation => (ships(), user(BO)),
            _ => (OrganizationId::DIRECTORY, user(ANA)),
        };
        let event = Uuid::from_u128(77);
        let request = Request { event, occurred_at: System.now(), tenant, user, purpose, number };
        self.correspondence.letter(&request).await.unwrap()
    }

    /// The letter to be sent, which must hold a link to this path, with the ticket for it.
    async fn expect(&self, purpose: Purpose, number: u32, path: &str) -> Letter {
        let letter = self.letter(purpose, number).await.unwrap();
        let beginning = format!("https://app.example.com/{path}?token=");
        let link = letter.text.lines().find(|line| line.starts_with(&beginning)).unwrap();
        assert!(letter.html.contains(&format!("href=\"{link}\"")));
        let (tenant, record) = match purpose {
            Purpose::AcceptInvitation => (ships(), Uuid::from_u128(BO)),
            _ => (OrganizationId::DIRECTORY, Uuid::from_u128(ANA)),
        };
        let ticket = self.tickets.read(purpose, &link[beginning.len()..]).unwrap();
        assert_eq!(ticket, Ticket { tenant, record, number });
        assert_eq!(letter.message_id, Uuid::from_u128(77));
        letter
    }
}

#[tokio::test]
async fn an_address_is_verified_by_the_newest_link_while_it_works() {
    let desk = Desk::new().await;
    desk.user(ANA, UserCommand::RequestVerification { expires_at: in_an_hour() }).await;
    let letter = desk.expect(Purpose::VerifyEmail, 1, "verify-email").await;
    assert_eq!((letter.to.address.as_str(), &*letter.subject), ("ana@example.com", "Verify your e-mail address"));
    assert_eq!(letter.to.name.unwrap().as_str(), "Ana Lima");
    desk.user(ANA, UserCommand::RequestVerification { expires_at: in_an_hour() }).await;
    assert_eq!(desk.letter(Purpose::VerifyEmail, 1).await, None);
    // What is read is what holds at present, the address too.
    desk.user(ANA, UserCommand::Rename { name: PersonName::new("Ana Reis").unwrap() }).await;
    assert!(desk.expect(Purpose::VerifyEmail, 2, "verify-email").await.text.contains("Hello Ana Reis,"));
    desk.user(ANA, UserCommand::VerifyEmail { number: 2, at: System.now() }).await;
    assert_eq!(desk.letter(Purpose::VerifyEmail, 2).await, None);
    desk.user(ANA, UserCommand::ChangeEmail { email: Email::new("ana@elsewhere.example").unwrap() }).await;
    assert_eq!(desk.letter(Purpose::VerifyEmail, 2).await, None);
    desk.user(ANA, UserCommand::RequestVerification { expires_at: System.now() }).await;
    assert_eq!(desk.letter(Purpose::VerifyEmail, 3).await, None, "it has expired");
}

#[tokio::test]
async fn a_password_is_reset_by_those_who_are_there() {
    for gone in [
        UserCommand::SetPassword { at: System.now() },
        UserCommand::ChangeEmail { email: Email::new("ana@elsewhere.example").unwrap() },
        UserCommand::Deactivate,
        UserCommand::Erase,
    ] {
        let desk = Desk::new().await;
        desk.user(ANA, UserCommand::RequestPasswordReset { expires_at: in_an_hour() }).await;
        desk.expect(Purpose::ResetPassword, 1, "reset-password").await;
        assert_eq!(desk.letter(Purpose::VerifyEmail, 1).await, None, "one link is not another");
        desk.user(ANA, gone).await;
        assert_eq!(desk.letter(Purpose::ResetPassword, 1).await, None);
    }
}

#[tokio::test]
async fn an_invitation_says_who_invites_whereto() {
    let desk = Desk::new().await;
    desk.invite(in_an_hour()).await;
    let letter = desk.expect(Purpose::AcceptInvitation, 1, "accept-invitation").await;
    assert_eq!((letter.to.address.as_str(), letter.to.name), ("bo@example.com", None));
    assert_eq!(letter.subject, "Ana Lima invites you to Ships \"R\" Us");
    desk.invite_again(in_an_hour()).await;
    assert_eq!(desk.letter(Purpose::AcceptInvitation, 1).await, None);
    // Who invited is known as long as they are.
    desk.user(ANA, UserCommand::Erase).await;
    let letter = desk.expect(Purpose::AcceptInvitation, 2, "accept-invitation").await;
    assert!(letter.subject.starts_with("You are invited to Ships") && !letter.text.contains("Ana"));
}

#[tokio::test]
async fn void_invitations_are_not_sent() {
    let desk = Desk::new().await;
    desk.invite(System.now()).await;
    assert_eq!(desk.letter(Purpose::AcceptInvitation, 1).await, None, "it has expired");
    desk.invite_again(in_an_hour()).await;
    desk.membership(BO, MembershipCommand::Accept { number: 2, at: System.now() }).await;
    assert_eq!(desk.letter(Purpose::AcceptInvitation, 2).await, None, "it was accepted");
    desk.membership(BO, MembershipCommand::Remove).await;
    assert_eq!(desk.letter(Purpose::AcceptInvitation, 2).await, None, "it was taken back");
    desk.invite_again(in_an_hour()).await;
    desk.expect(Purpose::AcceptInvitation, 3, "accept-invitation").await;
    desk.organization(OrganizationCommand::Close { at: System.now() }).await;
    assert_eq!(desk.letter(Purpose::AcceptInvitation, 3).await, None, "the organization is gone");
    desk.organization(OrganizationCommand::Reopen).await;
    desk.user(BO, UserCommand::Erase).await;
    assert_eq!(desk.letter(Purpose::AcceptInvitation, 3).await, None, "the person is gone");
}
