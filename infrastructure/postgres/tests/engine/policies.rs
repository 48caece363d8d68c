//! Policies: what follows from an event happens exactly once, as a request of its tenant, or is recorded as refused.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use fairlead_application::{
    App, AppError, Expected, Step,
    access::{Authorized, System as Everything},
    administration::{ParkedQuery, SubscriptionAdministration},
    crm::TagNewContacts,
    policy::{AnyPolicy, Happened, MAX_HOPS, Policy},
    ports::{IdGenerator, System},
};
use fairlead_domain::{
    crm::{Contact, ContactCommand, ContactEvent, ContactProfile, Schema},
    values::{PersonName, Tag},
};
use fairlead_postgres::{Nudge, Nudger, Policies, PostgresAdministration};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller, eventually},
};
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

fn fresh() -> Uuid {
    System.next()
}

fn create() -> ContactCommand {
    ContactCommand::Create(Box::new(ContactProfile::named(PersonName::new("Ana").unwrap())), Schema::default())
}

fn tag(label: &str) -> ContactCommand {
    ContactCommand::Tag([Tag::new(label).unwrap()].into())
}

fn untag(label: &str) -> ContactCommand {
    ContactCommand::Untag([Tag::new(label).unwrap()].into())
}

fn tagging() -> Arc<dyn AnyPolicy> {
    Arc::new(TagNewContacts::new(Tag::new("new").ok()))
}

/// Policies at work in a process of their own.
pub(crate) struct Worker {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Worker {
    pub(crate) fn start(engine: &Engine, policies: impl IntoIterator<Item = Arc<dyn AnyPolicy>>) -> Self {
        let (stop, nudge) = (CancellationToken::new(), Arc::new(Nudge::default()));
        let nudger = Nudger::new(engine.databases.clone(), nudge.clone()).run(stop.clone());
        let policies = Policies::new(engine.subscriptions.clone(), nudge, policies).run(stop.clone());
        let task = tokio::spawn(async move {
            tokio::join!(nudger, policies);
        });
        Self { stop, task }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// Waits until a policy has its partitions, so that what comes next is new to it.
pub(crate) async fn begun(admin: &Client, policy: &str) {
    let sql = "select count(*) from engine.status() where name = $1 and holder is not null";
    eventually("the policy is at work", async || admin.query_one(sql, &[&policy]).await.unwrap().get::<_, i64>(0) == 4)
        .await;
}

async fn execute(engine: &Engine, cx: &Authorized<Everything>, id: Uuid, command: ContactCommand) {
    engine.app.execute::<Contact>(cx, id.into(), Expected::Any, command).await.unwrap();
}

/// Type, actor, correlation and causation of a stream's events.
async fn told(admin: &Client, stream: Uuid) -> Vec<(String, String, Option<String>, Option<String>)> {
    let sql = "select type, metadata->>'actor', metadata->>'correlation_id', metadata->>'causation_id'
                 from engine.events where stream_id = $1 order by version";
    let rows = admin.query(sql, &[&stream]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

async fn count(admin: &Client, sql: &str) -> i64 {
    admin.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_follows_names_what_it_follows_from_and_is_a_request_of_its_tenant() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let admin = database.admin().await;
    let (cx, before, id) = (caller(), fresh(), fresh());
    execute(&engine, &cx, before, create()).await;
    eventually("it has a position", async || count(&admin, "select count(*) from engine.outbox").await == 1).await;
    // As whom the events are written.
    let watch = "create table public.writers (login text, tenant text);
                 grant insert on public.writers to public;
                 create function public.watch() returns trigger language plpgsql as $$ begin
                   insert into public.writers values (current_user, current_setting('app.tenant_id', true)); return null;
                 end $$;
                 create trigger watch after insert on engine.events for each row execute function public.watch()";
    admin.batch_execute(watch).await.unwrap();
    let worker = Worker::start(&engine, [tagging()]);
    begun(&admin, TagNewContacts::NAME).await;
    let mut traced = (*cx).clone();
    traced.correlation_id = Some(Uuid::from_u128(7));
    execute(&engine, &traced.authorize().unwrap(), id, create()).await;
    eventually("it is tagged", async || told(&admin, id).await.len() == 2).await;

    let events = told(&admin, id).await;
    let created: Uuid = admin
        .query_one("select event_id from engine.events where stream_id = $1 and version = 1", &[&id])
        .await
        .unwrap()
        .get(0);
    let (event, actor, correlation, causation) = &events[1];
    assert_eq!((&**event, &**actor), ("contact.tagged", "policy:crm.tag_new_contacts"));
    assert_eq!(correlation.as_deref(), Some(&*Uuid::from_u128(7).to_string()), "the request's, carried on");
    assert_eq!(causation.as_deref(), Some(&*created.to_string()));
    let writers = "select distinct login, tenant from public.writers";
    let writers = admin.query(writers, &[]).await.unwrap();
    let writers: Vec<(&str, &str)> = writers.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(writers, [("fairlead_app", &*Uuid::from(cx.tenant()).to_string())]);
    assert_eq!(told(&admin, before).await.len(), 1, "what was before the policy is passed over");

    // Once more, with nobody's correlation: then it is the event's own.
    let other = fresh();
    execute(&engine, &cx, other, create()).await;
    eventually("it is tagged", async || told(&admin, other).await.len() == 2).await;
    let events = told(&admin, other).await;
    assert_eq!(events[1].2, events[1].3);
    worker.stop().await;
    engine.stop().await;
}

/// Makes another contact for each that is tagged; done twice, that would show.
struct Companion;

#[async_trait]
impl Policy for Companion {
    type On = Contact;
    const NAME: &'static str = "test.companion";

    fn events(&self) -> &'static [&'static str] {
        &["contact.tagged"]
    }

    async fn react(&self, app: &App, cx: &Authorized<Everything>, _: Happened<Contact>) -> Result<(), AppError> {
        app.execute::<Contact>(cx, app.fresh(), Expected::New, create()).await.map(drop)
    }
}

/// Connections break in mid-work, over and over, and the workers change: each event has its effect once.
#[tokio::test]
async fn the_effect_happens_exactly_once() {
    const CONTACTS: i64 = 200;
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let admin = database.admin().await;
    let companion = || [Arc::new(Companion) as Arc<dyn AnyPolicy>];
    let mut worker = Worker::start(&engine, companion());
    begun(&admin, Companion::NAME).await;
    let cx = caller();
    for _ in 0..CONTACTS {
        let steps = [(Expected::New, create()), (Expected::Any, tag("a"))];
        let id = fresh();
        let steps = steps.map(|(expected, command)| Step::new::<Contact>(&cx, id.into(), expected, command));
        engine.app.execute_all(&cx, &steps).await.unwrap();
    }
    // Whoever is in the middle of a transaction.
    let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null";
    let created = "select count(*) from engine.events where type = 'contact.created'";
    let mut rounds = 0;
    while count(&admin, created).await < 2 * CONTACTS && rounds < 100 {
        rounds += 1;
        admin.query_one(cut, &[]).await.unwrap();
        if rounds % 10 == 0 {
            worker.stop().await;
            worker = Worker::start(&engine, companion());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let behind = "select sum(behind)::bigint from engine.status() where name = 'test.companion'";
    eventually("all are done", async || count(&admin, behind).await == 0).await;
    worker.stop().await;
    assert_eq!(count(&admin, created).await, 2 * CONTACTS);
    engine.stop().await;
}

/// Takes the label off again; refuses to read anything until it is told that it can.
struct Untagging(AtomicBool);

#[async_trait]
impl Policy for Untagging {
    type On = Contact;
    const NAME: &'static str = "test.untag";

    fn events(&self) -> &'static [&'static str] {
        &["contact.tagged"]
    }

    async fn react(&self, app: &App, cx: &Authorized<Everything>, event: Happened<Contact>) -> Result<(), AppError> {
        assert!(matches!(event.event, ContactEvent::Tagged { .. }));
        if self.0.load(Ordering::Relaxed) {
            return Err(AppError::internal("not yet"));
        }
        app.execute::<Contact>(cx, event.id, Expected::Any, untag("new")).await.map(drop)
    }
}

/// Does one thing that is allowed and one that is not.
struct Deleting;

#[async_trait]
impl Policy for Deleting {
    type On = Contact;
    const NAME: &'static str = "test.delete";

    fn events(&self) -> &'static [&'static str] {
        &["contact.tagged"]
    }

    async fn react(&self, app: &App, cx: &Authorized<Everything>, event: Happened<Contact>) -> Result<(), AppError> {
        app.execute::<Contact>(cx, event.id, Expected::Any, ContactCommand::Delete).await?;
        app.execute::<Contact>(cx, event.id, Expected::Any, tag("late")).await.map(drop)
    }
}

#[tokio::test]
async fn a_refusal_is_recorded_and_leaves_nothing_half_done() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let admin = database.admin().await;
    let worker = Worker::start(&engine, [Arc::new(Deleting) as Arc<dyn AnyPolicy>]);
    begun(&admin, Deleting::NAME).await;
    let (cx, id) = (caller(), fresh());
    execute(&engine, &cx, id, create()).await;
    execute(&engine, &cx, id, tag("a")).await;
    execute(&engine, &cx, id, tag("b")).await;
    let operator = PostgresAdministration::new(database.engine());
    let refusals = async || operator.refusals(Some(Deleting::NAME), 10).await.unwrap();
    eventually("both are recorded", async || refusals().await.len() == 2).await;
    let first = &refusals().await[1];
    assert_eq!((&*first.policy, &*first.code), (Deleting::NAME, "contact.deleted"));
    assert_eq!((first.tenant, first.stream, first.version), (cx.tenant().into(), id, 2));
    assert_eq!(operator.refusals(Some("nobody"), 10).await.unwrap(), []);
    assert_eq!(told(&admin, id).await.len(), 3, "the deletion before the refusal is undone");
    worker.stop().await;
    engine.stop().await;
}

/// Tags what is untagged and untags what is tagged, for ever.
struct Seesaw;

#[async_trait]
impl Policy for Seesaw {
    type On = Contact;
    const NAME: &'static str = "test.seesaw";

    fn events(&self) -> &'static [&'static str] {
        &["contact.tagged", "contact.untagged"]
    }

    async fn react(&self, app: &App, cx: &Authorized<Everything>, event: Happened<Contact>) -> Result<(), AppError> {
        let answer = if matches!(event.event, ContactEvent::Tagged { .. }) { untag("a") } else { tag("a") };
        app.execute::<Contact>(cx, event.id, Expected::Any, answer).await.map(drop)
    }
}

#[tokio::test]
async fn a_loop_is_caught() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let admin = database.admin().await;
    let worker = Worker::start(&engine, [Arc::new(Seesaw) as Arc<dyn AnyPolicy>]);
    begun(&admin, Seesaw::NAME).await;
    let (cx, id) = (caller(), fresh());
    execute(&engine, &cx, id, create()).await;
    execute(&engine, &cx, id, tag("a")).await;
    let caught = "select count(*) from engine.refusals where code = 'policy.loop'";
    eventually("it is caught", async || count(&admin, caught).await == 1).await;
    let hops = "select max((metadata->>'hops')::integer)::bigint from engine.events";
    assert_eq!(count(&admin, hops).await, i64::from(MAX_HOPS));
    let events = usize::from(MAX_HOPS) + 2;
    assert_eq!(told(&admin, id).await.len(), events);
    // What somebody asks for begins anew.
    execute(&engine, &cx, id, untag("a")).await;
    eventually("it is caught again", async || count(&admin, caught).await == 2).await;
    assert_eq!(told(&admin, id).await.len(), events + 1 + usize::from(MAX_HOPS));
    worker.stop().await;
    engine.stop().await;
}

#[tokio::test]
async fn what_a_policy_cannot_take_in_is_set_aside_and_taken_back_by_a_replay() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let admin = database.admin().await;
    let operator = PostgresAdministration::new(database.engine());
    let policy = Arc::new(Untagging(AtomicBool::new(true)));
    let worker = Worker::start(&engine, [policy.clone() as Arc<dyn AnyPolicy>]);
    begun(&admin, Untagging::NAME).await;
    let (cx, id) = (caller(), fresh());
    execute(&engine, &cx, id, create()).await;
    execute(&engine, &cx, id, tag("new")).await;
    let parked = async || operator.parked(&ParkedQuery::first(Some(Untagging::NAME), 10)).await.unwrap();
    eventually("it is set aside", async || parked().await.len() == 1).await;
    assert_eq!((parked().await[0].stream, parked().await[0].first_version), (id, 2));
    execute(&engine, &cx, id, untag("new")).await;
    execute(&engine, &cx, id, tag("new")).await;
    operator.replay(Untagging::NAME, None).await.unwrap();
    eventually("it was tried", async || parked().await[0].attempts == 2).await;
    policy.0.store(false, Ordering::Relaxed);
    operator.replay(Untagging::NAME, None).await.unwrap();
    eventually("it is taken back", async || parked().await.is_empty()).await;
    let events = told(&admin, id).await;
    let actors: Vec<_> = events.iter().map(|(event, actor, ..)| (&**event, actor.starts_with("policy:"))).collect();
    assert_eq!(actors.last(), Some(&("contact.untagged", true)));
    assert_eq!(actors.iter().filter(|(_, policy)| *policy).count(), 1, "it was so already for the second");
    worker.stop().await;
    engine.stop().await;
}

/// Looks for a record of another tenant.
struct Prying(Uuid);

#[async_trait]
impl Policy for Prying {
    type On = Contact;
    const NAME: &'static str = "test.pry";

    fn events(&self) -> &'static [&'static str] {
        &["contact.created"]
    }

    async fn react(&self, app: &App, cx: &Authorized<Everything>, _: Happened<Contact>) -> Result<(), AppError> {
        assert!(app.read::<Contact>(cx, self.0.into()).await?.is_none());
        app.execute::<Contact>(cx, self.0.into(), Expected::Any, tag("pried")).await.map(drop)
    }
}

#[tokio::test]
async fn a_policy_reaches_its_events_tenant_alone() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let admin = database.admin().await;
    let foreign = fresh();
    execute(&engine, &caller(), foreign, create()).await;
    eventually("it has a position", async || count(&admin, "select count(*) from engine.outbox").await == 1).await;
    let worker = Worker::start(&engine, [Arc::new(Prying(foreign)) as Arc<dyn AnyPolicy>]);
    begun(&admin, Prying::NAME).await;
    execute(&engine, &caller(), fresh(), create()).await;
    let refused = "select count(*) from engine.refusals where code = 'contact.not_found'";
    eventually("it is refused", async || count(&admin, refused).await == 1).await;
    assert_eq!(told(&admin, foreign).await.len(), 1);
    worker.stop().await;
    engine.stop().await;
}
