//! The end of an organization: nothing of it is left, whatever was in the middle of something, and nobody else notices.

use std::collections::{BTreeMap, BTreeSet};

use fairlead_application::{
    Expected, IdempotencyKey,
    access::{Authorized, System as Everything},
    administration::{RebuildState, SubscriptionAdministration},
    ports::{Clock, System},
    verify::{Difference, Report, Verifier},
};
use fairlead_domain::{
    crm::Contact,
    for_each_aggregate,
    identity::{
        Membership, MembershipCommand, MembershipProfile, Organization, OrganizationCommand, OrganizationStatus,
    },
    ids::{OrganizationId, UserId},
    kernel::{Aggregate, testing::Story},
    values::Label,
};
use fairlead_postgres::{
    EndedAgain, ErasureJournal, PostgresAdministration, PostgresVerifier, PurgeKeeper, Purges, read_erasures,
};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller, eventually},
    search,
};
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::catalog::tables_of_states;

/// What is kept of an organization that is gone.
const KEPT: [&str; 2] = ["engine.outbox", "engine.purged"];
/// Where commands leave no row by themselves.
const BESIDE: [&str; 8] = [
    "insert into engine.parked (tenant_id, stream_id, subscription, partition, first_version, error)
     values ($1, gen_random_uuid(), 'tester', 0, 1, 'broken')",
    "insert into engine.refusals (tenant_id, event_id, policy, stream_id, version, code)
     values ($1, gen_random_uuid(), 'tester', gen_random_uuid(), 1, 'refused')",
    "insert into engine.secrets (tenant_id, stream_id, name, sealed) values ($1, $1, 'password', '')",
    "insert into engine.inbox (tenant_id, consumer, event_id) values ($1, 'tester', gen_random_uuid())",
    "insert into engine.inbox_held (tenant_id, consumer, stream_id, number, event_id, routing_key, body, attempts)
     values ($1, 'tester', gen_random_uuid(), 1, gen_random_uuid(), 'a.b.c', '', 1)",
    "insert into identity.api_key_uses (tenant_id, key_id, used_at) values ($1, gen_random_uuid(), now())",
    "insert into identity.origins (tenant_id, actor, user_agent, seen_at) values ($1, 'somebody', '', now())",
    "insert into identity.access_log (tenant_id, id, occurred_at, actor) values ($1, gen_random_uuid(), now(), 'somebody')",
];

/// An installation with two organizations of the same kind; one of them is to end.
struct Stage {
    database: TestDatabase,
    engine: Engine,
    admin: Client,
    purges: Purges,
    cx: Authorized<Everything>,
    other: Authorized<Everything>,
}

/// A record as its story begins, but of those that the stage has anyway. Where a read model keeps what events alone tell, the story
/// goes on.
async fn begin<A: Story>(engine: &Engine, cx: &Authorized<Everything>) {
    if A::CONTEXT != Organization::CONTEXT && A::TYPE != Contact::TYPE {
        let (id, told) = (engine.app.fresh::<Uuid>(), if A::KEPT_BESIDE.is_empty() { 1 } else { usize::MAX });
        for command in A::living().into_iter().take(told) {
            engine.app.execute::<A>(cx, id.into(), Expected::Any, command).await.unwrap();
        }
    }
}

macro_rules! begin_all {
    ($($aggregate:ty),+ $(,)?) => {
        async fn begin_the_rest(engine: &Engine, cx: &Authorized<Everything>) {
            $(begin::<$aggregate>(engine, cx).await;)+
        }
    };
}
for_each_aggregate!(begin_all);

impl Stage {
    async fn new(projecting: bool) -> Self {
        let database = TestDatabase::create().await;
        let mut engine = Engine::without_projections(&database).await;
        if projecting {
            engine.project();
        }
        let (cx, other, admin) = (caller(), caller(), database.admin().await);
        for cx in [&cx, &other] {
            let organization = cx.tenant();
            let execute = async |command| {
                engine.app.execute::<Organization>(cx, organization, Expected::Any, command).await.unwrap();
            };
            let owner = UserId::from(engine.app.fresh::<Uuid>());
            execute(OrganizationCommand::Register { name: Label::new("Quixworth Ltd").unwrap(), owner }).await;
            let roles = [fairlead_domain::identity::BuiltInRole::Owner.into()].into();
            let join = MembershipCommand::Join(MembershipProfile { roles, projects: None });
            engine.app.execute::<Membership>(cx, owner, Expected::New, join).await.unwrap();
            let contact = engine.app.fresh::<Uuid>().into();
            for (n, command) in Contact::living().into_iter().enumerate() {
                let mut keyed = (**cx).clone();
                keyed.idempotency = Some(IdempotencyKey { key: n.to_string(), fingerprint: [0; 32] });
                let keyed: Authorized<Everything> = keyed.authorize().unwrap();
                engine.app.execute::<Contact>(&keyed, contact, Expected::Any, command).await.unwrap();
            }
            // Of every other read model a row.
            begin_the_rest(&engine, cx).await;
            execute(OrganizationCommand::Close { at: chrono::DateTime::UNIX_EPOCH }).await;
            for sql in BESIDE {
                admin.execute(sql, &[&Uuid::from(organization)]).await.unwrap();
            }
        }
        let purges = Purges::new(database.engine());
        Self { database, engine, admin, purges, cx, other }
    }
    async fn projected(&self) {
        eventually("everything is projected", async || {
            for table in tables_of_states(&self.admin).await {
                let two = format!("select count(*) = 2 from {table}");
                if !self.admin.query_one(&two, &[]).await.unwrap().get::<_, bool>(0) {
                    return false;
                }
            }
            let sql = "select (select count(distinct event_id) from crm.timeline)
                              = (select count(*) from engine.events
                                  where split_part(type, '.', 1) in ('contact', 'company', 'deal', 'activity'))
                          and (select count(*) from crm.contact_list_members) = 6
                          and (select count(*) from identity.audit) = (select count(*) from engine.events)";
            self.admin.query_one(sql, &[]).await.unwrap().get::<_, bool>(0)
        })
        .await;
    }

    /// How many rows each table has of a tenant; partitions count with their table.
    async fn rows(&self, tenant: OrganizationId) -> BTreeMap<String, i64> {
        let sql = "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
                     join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
                    where c.relkind in ('r', 'p') and not c.relispartition";
        let mut rows = BTreeMap::new();
        for table in self.admin.query(sql, &[]).await.unwrap() {
            let table: String = table.get(0);
            let count = format!("select count(*) from {table} where tenant_id = $1");
            let count = self.admin.query_one(&count, &[&Uuid::from(tenant)]).await.unwrap().get(0);
            rows.insert(table, count);
        }
        rows
    }

    /// What `fairlead verify` would say.
    async fn differences(&self) -> Vec<Difference> {
        let mut found = Found::default();
        PostgresVerifier::new(self.database.engine()).verify(None, &mut found).await.unwrap();
        found.0
    }

    /// Purges until nobody is waited for.
    async fn purged(&self, organization: OrganizationId) {
        eventually("the organization is gone", async || {
            self.purges.sweep(organization, |_| {}).await.unwrap().is_empty()
        })
        .await;
    }

    /// What is still parked, and by whom.
    async fn parked(&self) -> i64 {
        let sql = "select count(*) from engine.parked where subscription <> 'tester'";
        self.admin.query_one(sql, &[]).await.unwrap().get(0)
    }
}

#[derive(Default)]
struct Found(Vec<Difference>);

impl Report for Found {
    fn found(&mut self, difference: Difference) {
        self.0.push(difference);
    }

    fn progressed(&mut self, _: u64, _: u64) {}
}

#[tokio::test]
async fn nothing_is_left_of_an_organization_that_was_purged_and_everything_of_others() {
    let stage = Stage::new(true).await;
    stage.projected().await;
    let (own, other) = (stage.cx.tenant(), stage.other.tenant());
    let before = stage.rows(own).await;
    let empty: Vec<_> = before.iter().filter(|(table, rows)| **rows == 0 && *table != "engine.purged").collect();
    assert!(empty.is_empty(), "the test must leave rows in every table, or it shows nothing: {empty:?}");
    let others = stage.rows(other).await;
    let positions = "select count(*), max(position) from engine.outbox";
    let order = stage.admin.query_one(positions, &[]).await.unwrap();

    stage.purges.end(own, "operator:tester").await.unwrap();
    let refused = stage.engine.app.execute::<Organization>(&stage.cx, own, Expected::Any, OrganizationCommand::Reopen);
    assert_eq!(refused.await.unwrap_err().code(), "organization.purged");
    stage.purged(own).await;

    let left: BTreeSet<_> =
        stage.rows(own).await.into_iter().filter(|(_, rows)| *rows > 0).map(|(table, _)| table).collect();
    assert_eq!(left, BTreeSet::from(KEPT.map(str::to_owned)));
    assert_eq!(stage.rows(other).await, others);
    assert_eq!(stage.differences().await, []);
    let after = stage.admin.query_one(positions, &[]).await.unwrap();
    let counted = |row: &tokio_postgres::Row| (row.get::<_, i64>(0), row.get::<_, i64>(1));
    let (count, last) = counted(&order);
    assert_eq!(counted(&after), (count + 1, last + 1), "the end has a place of its own, and no other is missing");
    let told = "select count(*) from engine.outbox where tenant_id = $1 and (stream_id <> $1 or version <> -position)";
    assert_eq!(stage.admin.query_one(told, &[&Uuid::from(own)]).await.unwrap().get::<_, i64>(0), 0);
    let known = stage.purges.organizations().await.unwrap();
    let standing: BTreeMap<_, _> =
        known.iter().map(|known| (known.id, (known.status, known.purged_at.is_some()))).collect();
    let expected = [(own, (OrganizationStatus::Purged, true)), (other, (OrganizationStatus::Closed, false))];
    assert_eq!(standing, expected.into());

    // What comes in by the side, such as through a token of a foreign issuer, goes as well.
    let late = Contact::story().remove(0);
    let id = stage.engine.app.fresh::<Uuid>().into();
    stage.engine.app.execute::<Contact>(&stage.cx, id, Expected::New, late).await.unwrap();
    eventually("that is deleted too", async || {
        stage.purges.sweep(own, |_| {}).await.unwrap();
        stage.rows(own).await.iter().all(|(table, rows)| *rows == 0 || KEPT.contains(&&**table))
    })
    .await;
    assert_eq!(stage.rows(other).await, others);
    stage.engine.stop().await;
}

#[tokio::test]
async fn nobody_can_find_what_was_told_there() {
    let mut stage = Stage::new(true).await;
    stage.projected().await;
    let told = ["Ana Maria Lima", "ana.maria@example.com", "Quixworth"];
    assert!(!search::in_tables(&stage.admin, &told).await.is_empty());
    for cx in [stage.cx.clone(), stage.other.clone()] {
        stage.purges.end(cx.tenant(), "operator:tester").await.unwrap();
        stage.purged(cx.tenant()).await;
    }
    assert_eq!(search::in_tables(&stage.admin, &told).await, BTreeSet::new());
    assert_eq!(search::in_dump(&stage.database.admin_url(), &told), BTreeSet::new());
    assert_eq!(stage.engine.log.peek(0, 100).await.unwrap(), []);
    // Read models can be made anew from a log with empty places, and the order goes on behind them.
    let operator = PostgresAdministration::new(stage.database.engine());
    for model in ["crm.contacts", "crm.timeline"] {
        operator.rebuild(model).await.unwrap();
    }
    eventually("both are rebuilt", async || {
        operator.rebuilds().await.unwrap().iter().filter(|rebuild| rebuild.state == RebuildState::Done).count() == 2
    })
    .await;
    stage.cx = caller();
    let id = stage.engine.app.fresh::<Uuid>().into();
    stage.engine.app.execute::<Contact>(&stage.cx, id, Expected::New, Contact::story().remove(0)).await.unwrap();
    eventually("the list goes on", async || stage.rows(stage.cx.tenant()).await["crm.timeline"] == 1).await;
    assert_eq!((stage.parked().await, stage.differences().await), (0, vec![]));
    stage.engine.stop().await;
}

/// A worker that dies leaves something deleted and something not; verifying meets it, and another worker goes on.
#[tokio::test]
async fn a_purge_that_was_interrupted_anywhere_is_taken_up_again() {
    let stage = Stage::new(true).await;
    stage.projected().await;
    let (own, other) = (stage.cx.tenant(), stage.other.tenant());
    let others = stage.rows(other).await;
    let engine = stage.database.engine();
    let client = fairlead_testing::database::connect(&stage.database.engine_url()).await;
    let purge = async |rows: i64| {
        client
            .query_one("select engine.purge($1, $2)", &[&Uuid::from(own), &rows])
            .await
            .map(|row| row.get::<_, i64>(0))
    };
    let refused = purge(1).await.unwrap_err();
    assert!(refused.as_db_error().unwrap().message().contains("has not ended"), "{refused}");
    stage.purges.end(own, "operator:tester").await.unwrap();
    let mut steps = 0;
    while purge(3).await.unwrap() > 0 {
        steps += 1;
        assert_eq!(stage.differences().await, [], "after {steps} steps");
    }
    assert!(steps > 8, "{steps}");
    let keeper = PurgeKeeper::new(engine, 0);
    let stop = CancellationToken::new();
    let running = tokio::spawn(keeper.run(stop.clone()));
    // The keeper looks once a minute; what it waited for then is here by now.
    eventually("it is finished", async || {
        stage.purges.sweep(own, |_| {}).await.unwrap();
        stage.purges.organizations().await.unwrap().iter().any(|known| known.id == own && known.purged_at.is_some())
    })
    .await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!((stage.rows(other).await, stage.differences().await), (others, vec![]));
    stage.engine.stop().await;
}

/// Readers that were away meet a log in which the organization's places are empty, but for its end.
#[tokio::test]
async fn readers_that_are_behind_do_not_stumble_and_the_journal_hears_of_the_end() {
    let mut stage = Stage::new(false).await;
    let (own, other) = (stage.cx.tenant(), stage.other.tenant());
    // The partitions are there, and nobody works them.
    for name in ["crm.contacts", "crm.timeline", "erasure-journal"] {
        let sql = "select engine.subscribe($1, 4::smallint, 0)";
        stage.admin.execute(sql, &[&name]).await.unwrap();
    }
    stage.purges.end(own, "operator:tester").await.unwrap();
    eventually("all but the end is deleted", async || {
        let behind = stage.purges.sweep(own, |_| {}).await.unwrap();
        behind == ["crm.contacts", "crm.timeline", "erasure-journal"] && stage.rows(own).await["engine.streams"] == 1
    })
    .await;
    let path = std::env::temp_dir().join(format!("fairlead-purge-{own}.jsonl"));
    let stop = CancellationToken::new();
    let journal = ErasureJournal::new(stage.engine.subscriptions.clone(), &path).run(stop.clone());
    let journal = tokio::spawn(journal);
    stage.engine.project();
    stage.purged(own).await;
    eventually("others are projected", async || stage.rows(other).await["crm.contacts"] == 1).await;
    let (noted, unreadable) = read_erasures(&path).unwrap();
    stop.cancel();
    journal.await.unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(unreadable, 0);
    let ends: Vec<_> = noted.iter().map(|line| (line.tenant, &*line.aggregate, line.stream)).collect();
    assert_eq!(ends, [(own.into(), "organization", own.into())]);
    assert_eq!((stage.parked().await, stage.differences().await), (0, vec![]));
    stage.engine.stop().await;
}

#[tokio::test]
async fn what_was_closed_long_ago_ends_by_itself_and_what_is_open_does_not() {
    let stage = Stage::new(true).await;
    let (own, other) = (stage.cx.tenant(), stage.other.tenant());
    let open = caller();
    let register = OrganizationCommand::Register { name: Label::new("Open").unwrap(), owner: stage.engine.app.fresh() };
    stage.engine.app.execute::<Organization>(&open, open.tenant(), Expected::New, register).await.unwrap();
    let refused = stage.purges.end(open.tenant(), "operator:tester").await.unwrap_err();
    assert_eq!(refused.code(), "organization.not_closed");
    // One of the two was closed yesterday.
    let reopened =
        [OrganizationCommand::Reopen, OrganizationCommand::Close { at: System.now() - chrono::TimeDelta::days(1) }];
    for command in reopened {
        stage.engine.app.execute::<Organization>(&stage.other, other, Expected::Any, command).await.unwrap();
    }
    let stop = CancellationToken::new();
    let keeper = tokio::spawn(PurgeKeeper::new(stage.database.engine(), 30).run(stop.clone()));
    let status = async |id| {
        let known = stage.purges.organizations().await.unwrap();
        known.iter().find(|known| known.id == id).map(|known| known.status).unwrap()
    };
    eventually("what was closed long ago has ended", async || status(own).await == OrganizationStatus::Purged).await;
    stop.cancel();
    keeper.await.unwrap();
    assert_eq!(status(other).await, OrganizationStatus::Closed);
    assert_eq!(status(open.tenant()).await, OrganizationStatus::Active);
    // After a restore it ends whatever the copy says of it.
    let again = async |id| stage.purges.end_again(id, "operator:tester").await.unwrap();
    assert_eq!(again(open.tenant()).await, EndedAgain::Now);
    assert_eq!(again(open.tenant()).await, EndedAgain::Before);
    assert_eq!(again(own).await, EndedAgain::Before);
    assert_eq!(again(caller().tenant()).await, EndedAgain::Unknown);
    stage.purged(open.tenant()).await;
    assert_eq!(again(open.tenant()).await, EndedAgain::Before);
    stage.engine.stop().await;
}
