//! What it costs to recognize somebody: a request's token and permission; and a password.

use std::{hint::black_box, sync::Arc, time::Duration, time::Instant};

use fairlead_application::{
    App,
    identity::{
        Asking, Identity, IdentityParts, IdentitySettings, NewUser, Passwords, Principals, SignIn,
        memory::{MemoryKeyUses, MemoryKeys},
        tokens::{Algorithm, Credential, Credentials},
    },
    memory::MemoryStore,
    ports::System,
};
use fairlead_domain::values::{Email, Label, Origin, PersonName};
use fairlead_tokens::{KeyRing, Names, Verifier};
use secrecy::{ExposeSecret, SecretString};

/// How often each round asks for a token.
const TIMES: u32 = 100_000;
/// How many people take turns.
const PEOPLE: usize = 100;
/// How often each round signs in.
const SIGN_INS: u32 = 20;
/// What everybody's password is.
const PASSWORD: &str = "correct horse battery";

/// People who have signed in, and whoever recognizes them.
pub(crate) struct Checking {
    identity: Identity,
    verifier: Verifier,
    principals: Principals,
    tokens: Vec<SecretString>,
    /// A password by itself, with the hash of it.
    bare: (Passwords, SecretString),
}

fn email(n: usize) -> Email {
    Email::new(&format!("person{n}@example.com")).expect("an address")
}

fn asking() -> Asking {
    Asking { origin: Origin::new(None, None), correlation_id: None, trace_parent: None }
}

impl Checking {
    /// Has them register.
    pub(crate) async fn prepare() -> Self {
        let names = Names { issuer: "bench".to_owned(), audience: "bench".to_owned() };
        let (keys, system) = (Arc::new(MemoryKeys::default()), Arc::new(System));
        let ring = KeyRing::new(names, Algorithm::EdDsa, keys, system.clone(), system.clone(), system.clone());
        ring.prepare().await.expect("a key");
        let (ring, store) = (Arc::new(ring), Arc::new(MemoryStore::default()));
        let app = App::new(store.clone(), system.clone(), system.clone());
        let principals = Principals::new(app.clone(), system.clone());
        principals.followed(true);
        let parts = IdentityParts {
            app,
            directory: store,
            tokens: ring.clone(),
            uses: Arc::new(MemoryKeyUses::default()),
            entropy: system,
            secret: vec![7; 32].into(),
            settings: IdentitySettings::default(),
        };
        let identity = Identity::new(parts).expect("the use cases");
        let mut tokens = Vec::new();
        for n in 0..PEOPLE {
            let name = PersonName::new("Ana Lima").expect("a name");
            let owner = NewUser { email: email(n), name, password: PASSWORD.into() };
            let founded = identity.found(&asking(), Label::new("Bench").expect("a name"), owner).await;
            tokens.push(founded.expect("an organization").1.expect("a session").access_token);
        }
        let passwords = Passwords::new().expect("passwords");
        let hash = passwords.hash(PASSWORD.into()).await.expect("a hash");
        let verifier = Verifier::new(ring, Vec::new()).expect("a verifier");
        Self { identity, verifier, principals, tokens, bare: (passwords, hash) }
    }

    /// Microseconds for each token with its permission.
    pub(crate) async fn microseconds(&self) -> f64 {
        let begun = Instant::now();
        for token in self.tokens.iter().cycle().take(TIMES as usize) {
            let credential = self.verifier.verify(black_box(token.expose_secret())).await.expect("our own token");
            let Credential::Session { user, organization, session, .. } = credential else {
                unreachable!("a session's token")
            };
            let cx = self.principals.of_session(organization, user, session).await.expect("a session");
            assert!(cx.access().grants(black_box("contacts:write")));
        }
        begun.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
    }

    /// Sign-ins a second, one after the other.
    pub(crate) async fn sign_ins(&self) -> f64 {
        let begun = Instant::now();
        for n in 0..SIGN_INS as usize {
            let sign_in =
                SignIn { email: email(n), password: PASSWORD.into(), second_factor: None, organization: None };
            self.identity.sign_in(&asking(), sign_in).await.expect("the right password");
        }
        rate(begun.elapsed())
    }

    /// Bare passwords a second, recognized by the same hash.
    pub(crate) async fn passwords(&self) -> f64 {
        let begun = Instant::now();
        let (passwords, hash) = &self.bare;
        for _ in 0..SIGN_INS {
            assert!(passwords.verify(Some(hash.expose_secret()), PASSWORD.into()).await.expect("an answer"));
        }
        rate(begun.elapsed())
    }
}

fn rate(elapsed: Duration) -> f64 {
    f64::from(SIGN_INS) / elapsed.as_secs_f64()
}
