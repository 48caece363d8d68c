//! Partitions of subscriptions: shared among processes, handed over, and moved by their present owner alone.

use std::{collections::BTreeSet, sync::mpsc, thread, time::Duration};

use fairlead_application::{
    Expected,
    log::LogError,
    ports::{IdGenerator, System},
    subscription::{Checkpoint, Claim, Entry, Subscriptions},
};
use fairlead_domain::{
    crm::{Contact, ContactCommand, ContactProfile, Schema},
    values::PersonName,
};
use fairlead_postgres::{Listener, PostgresSubscriptions};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller, eventually},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

fn fresh() -> Uuid {
    System.next()
}

/// What a process has that works subscriptions, on connections of its own.
struct Worker {
    subscriptions: PostgresSubscriptions,
    stop: CancellationToken,
    keeper: tokio::task::JoinHandle<()>,
}

fn worker(database: &TestDatabase) -> Worker {
    let databases = database.engine();
    let (listener, wakeups) = Listener::new(databases.clone());
    let (subscriptions, keeper) = PostgresSubscriptions::new(databases, wakeups, 4);
    let stop = CancellationToken::new();
    tokio::spawn(listener.run(stop.clone()));
    let keeper = tokio::spawn(keeper.run(stop.clone()));
    Worker { subscriptions, stop, keeper }
}

impl Worker {
    /// Claims until nothing more falls to this process for a while.
    async fn claims(&self, wanted: usize) -> Vec<Box<dyn Claim>> {
        let mut claims = Vec::new();
        while claims.len() < wanted {
            let claim = timeout(Duration::from_secs(20), self.subscriptions.claim("tester")).await;
            claims.push(claim.unwrap().unwrap());
        }
        claims
    }
}

fn numbers(claims: &[Box<dyn Claim>]) -> BTreeSet<i16> {
    claims.iter().map(|claim| claim.partition()).collect()
}

fn at(position: i64) -> Checkpoint {
    Checkpoint { position, ahead: Vec::new() }
}

#[tokio::test]
async fn two_processes_share_the_partitions_and_the_one_left_takes_all() {
    let database = TestDatabase::create().await;
    let (first, second) = (worker(&database), worker(&database));
    let mut all = first.claims(4).await;
    assert_eq!(numbers(&all), BTreeSet::from([0, 1, 2, 3]));

    let claiming = tokio::spawn(async move { (second.claims(2).await, second) });
    for _ in 0..2 {
        let asked = futures::future::select_all(all.iter().map(|claim| claim.ended())).await.1;
        let claim = all.remove(asked);
        assert!(claim.holds(), "who is asked to let go may finish first");
        claim.advance(&Checkpoint { position: 7, ahead: vec![9..=11] }).await.unwrap();
        claim.release().await;
    }
    let (theirs, second) = claiming.await.unwrap();
    assert!(numbers(&theirs).is_disjoint(&numbers(&all)));
    for claim in &theirs {
        assert_eq!(*claim.checkpoint(), Checkpoint { position: 7, ahead: vec![9..=11] });
    }

    // It stops, and lets go: the other one goes on at once.
    for claim in theirs {
        claim.release().await;
    }
    second.stop.cancel();
    second.keeper.await.unwrap();
    all.extend(first.claims(2).await);
    assert_eq!(numbers(&all), BTreeSet::from([0, 1, 2, 3]));
    first.stop.cancel();
}

#[tokio::test]
async fn who_loses_its_connection_loses_its_partitions() {
    let database = TestDatabase::create().await;
    let (first, second) = (worker(&database), worker(&database));
    let held = first.claims(4).await;
    held[0].advance(&at(3)).await.unwrap();
    let admin = database.admin().await;
    let kill = "select pg_terminate_backend(pid) from pg_locks
                 where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())";
    admin.execute(kill, &[]).await.unwrap();
    first.stop.cancel();
    for claim in &held {
        timeout(Duration::from_secs(5), claim.ended()).await.unwrap();
        assert!(!claim.holds());
    }
    let theirs = second.claims(4).await;
    assert_eq!(theirs.iter().find(|claim| claim.partition() == 0).unwrap().checkpoint().position, 3);
    for claim in &held {
        assert!(matches!(claim.advance(&at(9)).await, Err(LogError::Lost)), "one of old changes nothing");
        let entry = Entry { position: 4, incarnation: 1, tenant: fresh(), stream: fresh(), version: 1 };
        assert!(matches!(claim.park(&entry, "late").await, Err(LogError::Lost)));
    }
    let rows = admin.query("select max(position) from engine.checkpoints where name = 'tester'", &[]).await.unwrap();
    assert_eq!(rows[0].get::<_, i64>(0), 3);
    second.stop.cancel();
}

/// A process is stopped as by SIGSTOP, in the middle of a transaction: its thread does nothing for a while, with all its
/// connections open.
#[tokio::test]
async fn who_was_stopped_and_wakes_up_finds_its_partitions_gone() {
    let database = TestDatabase::create().await;
    let (told, tell) = mpsc::channel();
    let (go_on, wait) = mpsc::channel::<()>();
    let (url, engine) = (database.engine_url(), database.engine());
    let stopped = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (listener, wakeups) = Listener::new(engine.clone());
            let (subscriptions, keeper) = PostgresSubscriptions::new(engine, wakeups, 1);
            let stop = CancellationToken::new();
            tokio::spawn(listener.run(stop.clone()));
            tokio::spawn(keeper.run(stop.clone()));
            let claim = subscriptions.claim("tester").await.unwrap();
            assert!(claim.holds());
            // As the engine's connections do, so that a transaction of a stopped worker ends.
            let client = fairlead_testing::database::connect(&url).await;
            let sql = "set idle_in_transaction_session_timeout = '5s'; begin;
                       select engine.advance('tester', 0::smallint, 1, 5)";
            client.batch_execute(sql).await.unwrap();
            told.send(()).unwrap();
            wait.recv().unwrap();
            // Awake, and nothing else has run yet.
            assert!(!claim.holds(), "time has passed");
            assert!(matches!(claim.advance(&at(9)).await, Err(LogError::Lost)));
            assert!(client.batch_execute("commit").await.is_err(), "the server ended the transaction");
            claim.ended().await;
        });
    });
    tokio::task::spawn_blocking(move || tell.recv().unwrap()).await.unwrap();
    let other = worker(&database);
    let claim = &other.claims(1).await[0];
    assert_eq!(claim.checkpoint().position, 0);
    claim.advance(&at(2)).await.unwrap();
    go_on.send(()).unwrap();
    tokio::task::spawn_blocking(move || stopped.join().unwrap()).await.unwrap();
    claim.advance(&at(3)).await.unwrap();
    other.stop.cancel();
}

#[tokio::test]
async fn nobody_works_a_paused_subscription() {
    let database = TestDatabase::create().await;
    let worker = worker(&database);
    let claims = worker.claims(4).await;
    let admin = database.admin().await;
    let pause = "insert into engine.controls values ('tester', true)
                 on conflict (subscription) do update set paused = true; notify fairlead_subscriptions";
    admin.batch_execute(pause).await.unwrap();
    for claim in claims {
        claim.ended().await;
        claim.release().await;
    }
    let mut waiting = Box::pin(worker.claims(4));
    let holders = "select count(*) from pg_locks where locktype = 'advisory' and objid < 32767
                      and database = (select oid from pg_database where datname = current_database())";
    assert_eq!(admin.query_one(holders, &[]).await.unwrap().get::<_, i64>(0), 0);
    assert!(timeout(Duration::from_millis(1_500), &mut waiting).await.is_err(), "nothing is handed out meanwhile");
    admin.batch_execute("update engine.controls set paused = false; notify fairlead_subscriptions").await.unwrap();
    assert_eq!(waiting.await.len(), 4);
    worker.stop.cancel();
}

#[tokio::test]
async fn partitions_see_each_stream_once_and_in_order_near_the_end_and_far_from_it() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let cx = caller();
    let create =
        || ContactCommand::Create(Box::new(ContactProfile::named(PersonName::new("Ana").unwrap())), Schema::default());
    let ids: Vec<Uuid> = (0..40).map(|_| fresh()).collect();
    let write = async |command: ContactCommand| {
        for id in &ids {
            engine.app.execute::<Contact>(&cx, (*id).into(), Expected::Any, command.clone()).await.unwrap();
        }
    };
    write(create()).await;
    let admin = database.admin().await;
    eventually("everything is ordered", async || {
        admin.query_one("select count(*) from engine.outbox", &[]).await.unwrap().get::<_, i64>(0) == 40
    })
    .await;
    // These begin after the first forty, which they find in the database, and hear of the others as they come.
    let worker = worker(&database);
    let claims = worker.claims(4).await;
    write(ContactCommand::Delete).await;
    let mut seen = Vec::new();
    for claim in &claims {
        let mut position = 0;
        while position < 80 {
            let stretch = claim.entries(position, 7).await.unwrap();
            assert!(stretch.entries.len() <= 7);
            assert!(stretch.entries.iter().all(|entry| entry.position <= stretch.reached));
            let events = claim.events(&stretch.entries).await.unwrap();
            assert!(events.iter().zip(&stretch.entries).all(|(event, entry)| event.position == entry.position));
            position = stretch.reached;
            if stretch.entries.is_empty() {
                timeout(Duration::from_millis(50), claim.grown()).await.ok();
            }
            seen.extend(stretch.entries);
        }
    }
    assert_eq!(seen.iter().map(|entry| entry.position).collect::<BTreeSet<_>>(), (1..=80).collect());
    assert_eq!(seen.len(), 80, "each in one partition");
    for id in ids {
        let versions: Vec<_> = seen.iter().filter(|entry| entry.stream == id).map(|entry| entry.version).collect();
        assert_eq!(versions, [1, 2]);
    }
    worker.stop.cancel();
    engine.stop().await;
}

/// Shares that don't come out even: every process must count alike, or a partition falls to nobody.
#[tokio::test]
async fn every_partition_falls_to_somebody_whatever_the_subscription_is_called() {
    let database = TestDatabase::create().await;
    let workers = [worker(&database), worker(&database), worker(&database)];
    let names: Vec<String> = (0..6).map(|n| format!("tester{n}")).collect();
    let (held, mut holding) = tokio::sync::mpsc::unbounded_channel();
    for worker in &workers {
        for name in &names {
            let (subscriptions, name, held) = (worker.subscriptions.clone(), name.clone(), held.clone());
            tokio::spawn(async move {
                loop {
                    let claim = subscriptions.claim(&name).await.unwrap();
                    let (held, name) = (held.clone(), name.clone());
                    tokio::spawn(async move {
                        held.send((name, claim.partition())).unwrap();
                        claim.ended().await;
                        claim.release().await;
                    });
                }
            });
        }
    }
    let mut missing: BTreeSet<(String, i16)> =
        names.iter().flat_map(|name| (0..4).map(move |partition| (name.clone(), partition))).collect();
    while !missing.is_empty() {
        let taken = timeout(Duration::from_secs(20), holding.recv()).await;
        let taken = taken.unwrap_or_else(|_| panic!("nobody takes {missing:?}")).unwrap();
        missing.remove(&taken);
    }
    let shares = "select count(*), min(n), max(n) from (
                    select classid, pid, count(*) as n from pg_locks
                     where locktype = 'advisory' and objid < 32767
                       and database = (select oid from pg_database where datname = current_database())
                     group by classid, pid) shares";
    let admin = database.admin().await;
    eventually("all shares are equal but for one", async || {
        let row = admin.query_one(shares, &[]).await.unwrap();
        (row.get::<_, i64>(0), row.get::<_, Option<i64>>(1), row.get::<_, Option<i64>>(2)) == (18, Some(1), Some(2))
    })
    .await;
    for worker in workers {
        worker.stop.cancel();
    }
}
