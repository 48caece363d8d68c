//! Commands through `App::execute`, one event each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use fairlead_application::{
    App, Expected,
    access::{Authorized, System as Everything},
    ports::System,
};
use fairlead_domain::{
    crm::{Contact, ContactChange, ContactCommand, ContactProfile, Schema},
    values::{Email, PersonName, Points},
};
use fairlead_postgres::{Nudge, PostgresStore, app_databases};
use fairlead_testing::{
    database::{TestDatabase, keys},
    engine::caller,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{SECONDS, WRITERS};

/// Streams that the second figure changes.
pub(crate) const STREAMS: usize = 2_000;

/// An application over a database without readers, and streams to change.
pub(crate) struct Append {
    app: App,
    cx: Authorized<Everything>,
    streams: Arc<Vec<Uuid>>,
    names: Arc<AtomicUsize>,
}

impl Append {
    /// Opens a connection for each writer, and creates the streams.
    pub(crate) async fn prepare(database: &TestDatabase) -> Self {
        let databases =
            app_databases(&database.app_url(), WRITERS).expect("the database for requests").with_keys(keys());
        let store = Arc::new(PostgresStore::new(databases, Arc::new(Nudge::default())));
        let app = App::new(store, Arc::new(System), Arc::new(System));
        let (cx, names) = (caller(), Arc::new(AtomicUsize::new(0)));
        let streams: Vec<Uuid> = (0..STREAMS).map(|_| app.fresh()).collect();
        for stream in &streams {
            let command = create(names.fetch_add(1, Ordering::Relaxed));
            app.execute::<Contact>(&cx, (*stream).into(), Expected::New, command).await.expect("a contact");
        }
        Self { app, cx, streams: Arc::new(streams), names }
    }

    /// Creations a second.
    pub(crate) async fn new_streams(&self) -> f64 {
        self.measured(|app, _, n| (app.fresh(), Expected::New, create(n))).await
    }

    /// Changes a second: load, decide, append.
    pub(crate) async fn existing_streams(&self) -> f64 {
        self.measured(|_, streams, n| {
            let name = PersonName::new(&format!("Ana {n}")).expect("a name");
            let change = ContactChange { name: Some(name), ..ContactChange::default() };
            // A prime stride keeps writers apart most of the time.
            (streams[n.wrapping_mul(7919) % STREAMS], Expected::Any, ContactCommand::Change(Box::new(change)))
        })
        .await
    }

    async fn measured(
        &self,
        command: impl Fn(&App, &[Uuid], usize) -> (Uuid, Expected, ContactCommand) + Copy + Send + Sync + 'static,
    ) -> f64 {
        let begun = Instant::now();
        let end = begun + Duration::from_secs(SECONDS);
        let mut writers = JoinSet::new();
        for _ in 0..WRITERS {
            let (app, cx) = (self.app.clone(), self.cx.clone());
            let (streams, names) = (self.streams.clone(), self.names.clone());
            writers.spawn(async move {
                let mut done = 0_u32;
                while Instant::now() < end {
                    let (id, expected, command) = command(&app, &streams, names.fetch_add(1, Ordering::Relaxed));
                    app.execute::<Contact>(&cx, id.into(), expected, command).await.expect("a command");
                    done += 1;
                }
                done
            });
        }
        let done: u32 = writers.join_all().await.into_iter().sum();
        f64::from(done) / begun.elapsed().as_secs_f64()
    }
}

fn create(n: usize) -> ContactCommand {
    let mut profile = ContactProfile::named(PersonName::new(&format!("Ana {n}")).expect("a name"));
    profile.emails = Points::one(Email::new(&format!("ana{n}@example.com")).expect("an address"));
    ContactCommand::Create(Box::new(profile), Schema::default())
}
