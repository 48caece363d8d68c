//! The engine's parts put together as the program does, on one database, without a broker and without HTTP.

use std::{future::Future, sync::Arc, time::Duration};

use fairlead_application::{
    App, Context,
    access::{Authorized, System as Everything},
    list::Lists,
    ports::{EventStore, System},
};
use fairlead_domain::crm::Contact;
use fairlead_postgres::{
    Databases, Listener, Nudge, Nudger, PostgresLog, PostgresStore, PostgresSubscriptions, Projections, Sequencer,
    lists,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::database::TestDatabase;

/// Into how many partitions tests divide a subscription.
const PARTITIONS: i16 = 4;

/// A running engine. Its parts are told to stop when it is dropped.
pub struct Engine {
    /// Executes commands as the restricted role.
    pub app: App,
    /// The store below it.
    pub store: Arc<dyn EventStore>,
    /// Lists of contacts, from the read model.
    pub contacts: Lists<Contact>,
    /// The log in global order.
    pub log: PostgresLog,
    /// The partitions of subscriptions.
    pub subscriptions: PostgresSubscriptions,
    /// For requests.
    pub requests: Databases,
    /// For the engine.
    pub databases: Databases,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Engine {
    /// Starts sequencer and projections.
    pub async fn start(database: &TestDatabase) -> Self {
        let mut engine = Self::without_projections(database).await;
        engine.project();
        engine
    }

    /// Starts the sequencer alone.
    pub async fn without_projections(database: &TestDatabase) -> Self {
        let (requests, databases) = (database.app(), database.engine());
        let nudge = Arc::new(Nudge::default());
        let store = Arc::new(PostgresStore::new(requests.clone(), nudge.clone()));
        let (listener, wakeups) = Listener::new(databases.clone());
        let (subscriptions, keeper) = PostgresSubscriptions::new(databases.clone(), wakeups.clone(), PARTITIONS);
        let mut engine = Self {
            app: App::new(store.clone(), Arc::new(System), Arc::new(System)),
            store,
            contacts: lists(&requests).of::<Contact>().expect("lists of contacts").clone(),
            log: PostgresLog::new(databases.clone(), wakeups.clone()),
            subscriptions,
            requests: requests.clone(),
            databases: databases.clone(),
            stop: CancellationToken::new(),
            tasks: JoinSet::new(),
        };
        let stop = engine.stop.clone();
        engine.tasks.spawn(listener.run(stop.clone()));
        engine.tasks.spawn(keeper.run(stop.clone()));
        engine.tasks.spawn(Nudger::new(requests, nudge).run(stop.clone()));
        engine.tasks.spawn(Sequencer::new(databases, wakeups).run(stop));
        engine
    }

    /// Starts the projections.
    pub fn project(&mut self) {
        self.tasks.spawn(Projections::new(self.subscriptions.clone()).run(self.stop.clone()));
    }

    /// Stops everything and waits for it.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A caller of a fresh tenant who may do everything there.
pub fn caller() -> Authorized<Everything> {
    let mut cx = crate::store_contract::caller();
    cx = Context::new(cx.tenant(), cx.actor().clone(), fairlead_application::access::Access::parse("*:*"));
    cx.authorize().expect("every permission")
}

/// Waits until a condition holds.
///
/// # Panics
/// It does not within twenty seconds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let patience = Duration::from_secs(20);
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(patience, waiting).await.is_ok(), "waited in vain until {what}");
}
