//! Who may do what, put together for an API.

use std::{sync::Arc, time::Duration};

use fairlead_application::{
    App,
    backlog::Backlogs,
    identity::{
        AccessLog, AccessNotes, Identity, IdentityParts, IdentitySettings, KeyUses, Principals, ProviderSignIn,
    },
    ports::System,
};
use fairlead_oidc::OpenIdProviders;
use fairlead_postgres::{Changes, Databases, Nudge, PostgresKeyUses, PostgresStore, Wakeups};
use fairlead_tokens::KeyRing;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{Failure, causes, config::Config, mail::app_url, serve::Part};

/// How often the uses of keys are noted.
const NOTE_USES: Duration = Duration::from_secs(5);

/// Commands, and who may give them.
pub(crate) struct People {
    pub(crate) app: App,
    pub(crate) store: Arc<PostgresStore>,
    pub(crate) identity: Identity,
    pub(crate) providers: ProviderSignIn,
    pub(crate) principals: Principals,
    /// Takes notes of who asks, and who signs in.
    pub(crate) access_log: AccessLog,
    pub(crate) notes: AccessNotes,
    uses: Arc<dyn KeyUses>,
}

impl People {
    /// Over the requests' databases.
    pub(crate) fn new(
        config: &Config,
        databases: &Databases,
        nudge: &Arc<Nudge>,
        backlogs: Arc<Backlogs>,
        ring: Arc<KeyRing>,
    ) -> Result<Self, Failure> {
        let store = Arc::new(PostgresStore::new(databases.clone(), nudge.clone()));
        let app = App::new(store.clone(), Arc::new(System), Arc::new(System)).holding_back(backlogs);
        let uses: Arc<dyn KeyUses> = Arc::new(PostgresKeyUses::new(databases.clone()));
        let parts = IdentityParts {
            app: app.clone(),
            directory: store.clone(),
            tokens: ring,
            uses: uses.clone(),
            entropy: Arc::new(System),
            secret: config.secret()?,
            settings: IdentitySettings { open_registration: config.open_registration, ..IdentitySettings::default() },
        };
        let (access_log, notes) = AccessLog::new();
        let identity = Identity::new(parts)?.noting(access_log.clone());
        let principals = Principals::new(app.clone(), Arc::new(System));
        let (clock, entropy) = (Arc::new(System), Arc::new(System));
        let providers = OpenIdProviders::new(config.oidc_providers.clone(), &app_url(config)?, clock, entropy);
        let providers = providers.map_err(|error| format!("oidc_providers: {error}"))?;
        let providers = ProviderSignIn::new(identity.clone(), Arc::new(providers), &config.secret()?);
        Ok(Self { app, store, identity, providers, principals, access_log, notes, uses })
    }

    /// What keeps it up to date.
    pub(crate) fn parts(&self, engine: Databases, wakeups: Wakeups) -> [Part; 2] {
        let changes = Changes::new(engine, wakeups, self.principals.clone());
        let (principals, uses) = (self.principals.clone(), self.uses.clone());
        [
            Part::new("changes of access", |stop| changes.run(stop)),
            Part::new("uses of keys", |stop| note_uses(principals, uses, stop)),
        ]
    }
}

/// Has the uses of keys noted now and then, and at the end.
async fn note_uses(principals: Principals, uses: Arc<dyn KeyUses>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        stop.run_until_cancelled(sleep(NOTE_USES)).await;
        if let Err(error) = principals.note_uses(&*uses).await {
            warn!(error = causes(&error), "can't note the uses of keys");
        }
    }
}
