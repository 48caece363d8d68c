//! People and organizations by the use cases, over the store in memory.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use fairlead_application::{
    App, AppError, Context,
    access::{Authorized, Permission},
    identity::{
        Acceptance, Asking, Founded, Identity, IdentityParts, IdentitySettings, NewUser, Principals, Purpose,
        SecondFactor, SignIn, SignedIn, Ticket, Tickets, memory::MemoryKeyUses, tokens::AccessTokens,
    },
    memory::MemoryStore,
    ports::{Clock, System},
};
use fairlead_domain::{
    identity::MembershipProfile,
    ids::{OrganizationId, SessionId, UserId},
    values::{Email, Label, Origin, PersonName},
};
use secrecy::{ExposeSecret, SecretString};
use totp_rs::{Algorithm, Secret, TOTP};
use uuid::Uuid;

/// A clock that is moved on.
pub(crate) struct Hands(Mutex<DateTime<Utc>>);

impl Clock for Hands {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// Tokens that say what they are for; signing is another's business.
struct Plain;

impl AccessTokens for Plain {
    fn sign_session(
        &self,
        user: UserId,
        organization: OrganizationId,
        session: SessionId,
        _: Duration,
    ) -> Result<SecretString, AppError> {
        Ok(format!("{user} {organization} {session}").into())
    }
}

pub(crate) struct House {
    pub(crate) identity: Identity,
    pub(crate) principals: Principals,
    pub(crate) app: App,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<Hands>,
    pub(crate) tickets: Tickets,
}

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) fn email(text: &str) -> Email {
    Email::new(text).unwrap()
}

pub(crate) fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

pub(crate) fn new_user(name: &str) -> NewUser {
    NewUser {
        email: email(&format!("{name}@example.com")),
        name: PersonName::new(name).unwrap(),
        password: PASSWORD.into(),
    }
}

pub(crate) fn code<T>(outcome: Result<T, AppError>) -> String {
    outcome.err().map(|error| error.code()).unwrap_or_default()
}

impl House {
    pub(crate) fn new() -> Self {
        let (store, clock) = (Arc::new(MemoryStore::default()), Arc::new(Hands(Mutex::new(System.now()))));
        let app = App::new(store.clone(), clock.clone(), Arc::new(System));
        let secret = || vec![7; 32].into();
        let parts = IdentityParts {
            app: app.clone(),
            directory: store.clone(),
            tokens: Arc::new(Plain),
            uses: Arc::new(MemoryKeyUses::default()),
            entropy: Arc::new(System),
            secret: secret(),
            settings: IdentitySettings::default(),
        };
        let identity = Identity::new(parts).unwrap();
        let principals = Principals::new(app.clone(), clock.clone());
        principals.followed(true);
        Self { identity, principals, app, store, clock, tickets: Tickets::new(&secret()) }
    }

    pub(crate) fn later(&self, by: TimeDelta) {
        *self.clock.0.lock().unwrap() += by;
    }

    pub(crate) fn asking(&self) -> Asking {
        let address = Some("192.0.2.1".parse().unwrap());
        Asking { origin: Origin::new(address, Some("curl")), correlation_id: None, trace_parent: None }
    }

    pub(crate) async fn founded(&self, name: &str) -> (Founded, SignedIn) {
        let (founded, signed_in) = self.identity.found(&self.asking(), label(name), new_user(name)).await.unwrap();
        (founded, signed_in.unwrap())
    }

    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> Result<SignedIn, AppError> {
        self.sign_in_with(name, password, None).await
    }

    pub(crate) async fn sign_in_with(
        &self,
        name: &str,
        password: &str,
        second_factor: Option<SecondFactor>,
    ) -> Result<SignedIn, AppError> {
        let email = email(&format!("{name}@example.com"));
        let sign_in = SignIn { email, password: password.into(), second_factor, organization: None };
        self.identity.sign_in(&self.asking(), sign_in).await
    }

    pub(crate) async fn context(&self, signed_in: &SignedIn) -> Result<Context, AppError> {
        self.principals.of_session(signed_in.organization, signed_in.user, signed_in.session).await
    }

    pub(crate) async fn holding<P: Permission>(&self, signed_in: &SignedIn) -> Authorized<P> {
        self.context(signed_in).await.unwrap().authorize().unwrap()
    }

    /// What the worker tells when these streams have changed.
    pub(crate) fn told_of(&self, tenant: OrganizationId, streams: &[Uuid]) {
        let streams: Vec<_> = streams.iter().map(|stream| (tenant.into(), *stream)).collect();
        self.principals.changed(&streams);
    }

    pub(crate) async fn refresh(&self, token: &SecretString) -> Result<SignedIn, AppError> {
        self.identity.refresh(&self.asking(), token.expose_secret()).await
    }

    /// Has somebody invited and accept, and signs them in.
    pub(crate) async fn joined(&self, owner: &SignedIn, name: &str, profile: MembershipProfile) -> SignedIn {
        let cx = self.holding(owner).await;
        let address = email(&format!("{name}@example.com"));
        let invited = self.identity.invite(&self.asking(), &cx, address, profile).await.unwrap();
        let ticket = Ticket { tenant: owner.organization, record: invited.receipts[0].id, number: 1 };
        let token = self.tickets.write(Purpose::AcceptInvitation, &ticket);
        let acceptance = Acceptance { name: PersonName::new(name).unwrap(), password: PASSWORD.into() };
        self.identity.accept(&self.asking(), token.expose_secret(), Some(acceptance)).await.unwrap();
        self.sign_in(name, PASSWORD).await.unwrap()
    }
}

pub(crate) fn profile(roles: &[&str]) -> MembershipProfile {
    MembershipProfile { roles: roles.iter().map(|role| role.parse().unwrap()).collect(), projects: None }
}

pub(crate) fn totp_code(secret: &SecretString, at: DateTime<Utc>) -> SecretString {
    let secret = Secret::Encoded(secret.expose_secret().to_owned()).to_bytes().unwrap();
    let totp = TOTP::new(Algorithm::SHA1, 6, 0, 30, secret).unwrap();
    totp.generate(at.timestamp().cast_unsigned()).into()
}
