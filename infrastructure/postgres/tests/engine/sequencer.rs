//! The global order: dense, complete, in order within each stream, whatever transactions do.

use fairlead_application::Expected;
use fairlead_domain::{
    crm::{Contact, ContactCommand, ContactProfile, Schema},
    values::{PersonName, Tag},
};
use fairlead_testing::{
    database::{TestDatabase, connect},
    engine::{Engine, caller, eventually},
};
use tokio_postgres::Client;
use uuid::Uuid;

/// Appends one event to a stream of its own, as a bare statement of the restricted role.
pub(crate) fn bare_append(stream: Uuid, expected: i64) -> String {
    let (tenant, event, version) = (Uuid::nil(), stream, expected + 1);
    format!(
        "select engine.append('{tenant}', 'tester', null, null, '[]', now(), '{{\"actor\": \"tester\"}}',
             array['{stream}']::uuid[], array['thing'], array[{expected}]::bigint[], array[{version}]::bigint[],
             array['{{}}']::jsonb[], array[1]::smallint[], array[false], '{{}}', '{{}}', '{{}}', '{{}}', '{{}}',
             array['{stream}']::uuid[], array[{version}]::bigint[], array['{event}']::uuid[], array['thing.happened'],
             array[1]::smallint[], array['{{}}']::jsonb[])"
    )
}

/// Stream and version at each position; fails where a position is missing.
pub(crate) async fn order(admin: &Client) -> Vec<(Uuid, i64)> {
    let rows =
        admin.query("select position, stream_id, version from engine.outbox order by position", &[]).await.unwrap();
    for (n, row) in rows.iter().enumerate() {
        assert_eq!(row.get::<_, i64>(0), n as i64 + 1, "positions are dense");
    }
    rows.iter().map(|row| (row.get(1), row.get(2))).collect()
}

pub(crate) async fn tick(engine: &Client) -> i64 {
    engine.query_one("select engine.tick()", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_late_commit_is_neither_lost_nor_waited_for() {
    let database = TestDatabase::create().await;
    let (admin, engine) = (database.admin().await, connect(&database.engine_url()).await);
    let [slow, aborted, quick, nested] = [1, 2, 3, 4].map(Uuid::from_u128);
    let begun = connect(&database.app_url()).await;
    begun.batch_execute(&format!("begin; {}", bare_append(slow, 0))).await.unwrap();
    let lost = connect(&database.app_url()).await;
    lost.batch_execute(&format!("begin; {}", bare_append(aborted, 0))).await.unwrap();
    let app = connect(&database.app_url()).await;
    app.batch_execute(&bare_append(quick, 0)).await.unwrap();
    assert_eq!(tick(&engine).await, 1, "a commit is stamped while older transactions are open");
    assert_eq!(tick(&engine).await, 0);
    lost.batch_execute("rollback").await.unwrap();
    app.batch_execute(&format!("begin; savepoint s; {}; release s; commit", bare_append(nested, 0))).await.unwrap();
    assert_eq!(tick(&engine).await, 1, "a subtransaction's events count as their transaction's");
    begun.batch_execute("commit").await.unwrap();
    assert_eq!(tick(&engine).await, 1);
    assert_eq!(tick(&engine).await, 0);
    assert_eq!(order(&admin).await, [(quick, 1), (nested, 1), (slow, 1)]);
}

#[tokio::test]
async fn a_tick_that_does_not_commit_takes_nothing_with_it() {
    let database = TestDatabase::create().await;
    let (admin, engine) = (database.admin().await, connect(&database.engine_url()).await);
    let app = connect(&database.app_url()).await;
    app.batch_execute(&bare_append(Uuid::from_u128(1), 0)).await.unwrap();
    engine.batch_execute("begin; select engine.tick(); rollback").await.unwrap();
    assert_eq!(order(&admin).await, []);
    // Two at once take turns, and stamp nothing twice.
    let second = connect(&database.engine_url()).await;
    engine.batch_execute("begin; select engine.tick()").await.unwrap();
    let waiting = tokio::spawn(async move { tick(&second).await });
    eventually("the second tick waits for the first", async || {
        let sql = "select exists (select from pg_stat_activity
                                   where datname = current_database() and query like '%tick%' and wait_event_type = 'Lock')";
        admin.query_one(sql, &[]).await.unwrap().get(0)
    })
    .await;
    app.batch_execute(&bare_append(Uuid::from_u128(2), 0)).await.unwrap();
    engine.batch_execute("commit").await.unwrap();
    assert_eq!(waiting.await.unwrap(), 1);
    assert_eq!(order(&admin).await, [(Uuid::from_u128(1), 1), (Uuid::from_u128(2), 1)]);
}

/// Many writers on few streams, two sequencers: nothing lost, nothing twice, each stream in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_within_each_stream_holds_under_concurrency() {
    let database = TestDatabase::create().await;
    let (first, second) = (Engine::without_projections(&database).await, Engine::without_projections(&database).await);
    let (cx, app) = (caller(), first.app.clone());
    let streams: Vec<Uuid> = (0..5).map(|_| app.fresh()).collect();
    for stream in &streams {
        let profile = ContactProfile::named(PersonName::new("Ana").unwrap());
        let create = ContactCommand::Create(Box::new(profile), Schema::default());
        app.execute::<Contact>(&cx, (*stream).into(), Expected::New, create).await.unwrap();
    }
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let (app, cx, streams) = (app.clone(), cx.clone(), streams.clone());
        writers.spawn(async move {
            for n in 0..12 {
                let tag = Tag::new(&format!("w{writer}-{n}")).unwrap();
                let command = ContactCommand::Tag([tag].into());
                let stream = streams[(writer + n) % streams.len()];
                while let Err(error) = app.execute::<Contact>(&cx, stream.into(), Expected::Any, command.clone()).await
                {
                    assert_eq!(error.code(), "version.contended");
                }
            }
        });
    }
    writers.join_all().await;
    let admin = database.admin().await;
    eventually("everything has a position", async || order(&admin).await.len() == 8 * 12 + 5).await;
    let order = order(&admin).await;
    for stream in streams {
        let versions: Vec<_> = order.iter().filter(|(id, _)| *id == stream).map(|(_, version)| *version).collect();
        assert!(versions.is_sorted() && versions.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{versions:?}");
    }
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn a_commit_is_in_the_log_without_anybody_polling() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let mut log = engine.log.clone();
    let cx = caller();
    let create =
        ContactCommand::Create(Box::new(ContactProfile::named(PersonName::new("Ana").unwrap())), Schema::default());
    let id: Uuid = engine.app.fresh();
    engine.app.execute::<Contact>(&cx, id.into(), Expected::New, create).await.unwrap();
    let event = loop {
        if let Some(event) = log.peek(0, 10).await.unwrap().pop() {
            break event;
        }
        log.grown().await;
    };
    assert_eq!((event.position, event.incarnation, event.stream), (1, 1, id));
    assert_eq!((event.tenant, event.event.event_type.as_str()), (cx.tenant().into(), "contact.created"));
    assert_eq!(event.event, engine.store.events(&cx, id).await.unwrap()[0]);
    engine.stop().await;
}
