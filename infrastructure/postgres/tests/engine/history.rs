//! A tenant's log and a record's, as the restricted role; and the end of the log, as the engine.

use std::collections::BTreeSet;

use fairlead_application::{
    AppError, Context, Expected,
    access::{Access, Authorized, Extent, System as Everything},
    envelope::{Place, SequencedEvent},
    history::{CATCH_UP, EventsRead, Gap, History, HistoryPort, LogPage, LogQuery, Wanted},
    live::Tail,
    ports::{IdGenerator, System},
};
use fairlead_domain::{
    crm::{Contact, ContactCommand, ContactProfile, Schema},
    kernel::testing::Story,
    values::PersonName,
};
use fairlead_postgres::{Listener, Nudge, PostgresStore, PostgresTail};
use fairlead_testing::{
    database::{TestDatabase, connect},
    engine::{Engine, caller, eventually},
};
use serde_json::Value;
use uuid::Uuid;

struct World {
    database: TestDatabase,
    engine: Engine,
    store: PostgresStore,
}

impl World {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let engine = Engine::without_projections(&database).await;
        let store = PostgresStore::new(database.app(), Nudge::default().into());
        Self { database, engine, store }
    }

    /// Lives the story of a contact; answers the context of a reader that has seen it.
    async fn story(&self, cx: &Authorized<Everything>, id: Uuid) -> Authorized<EventsRead> {
        let mut reader = Context::new(cx.tenant(), cx.actor().clone(), Access::parse("*:*"));
        for command in Contact::story() {
            let outcome = self.engine.app.execute::<Contact>(cx, id.into(), Expected::Any, command).await.unwrap();
            reader.read_after = outcome.token;
        }
        reader.authorize().unwrap()
    }

    async fn log(&self, cx: &Authorized<EventsRead>, after: i64, limit: u16, event_type: Option<&str>) -> LogPage {
        let query = LogQuery { after, until: None, limit, wanted: Wanted::by(cx, None, event_type) };
        self.store.log(cx, &query).await.unwrap()
    }
}

fn versions(events: &[SequencedEvent]) -> Vec<i64> {
    events.iter().map(|event| event.event.version).collect()
}

#[tokio::test]
async fn a_tenant_reads_its_own_log_in_order() {
    let world = World::new().await;
    let (cx, other, id) = (caller(), caller(), System.next());
    let stranger = world.story(&other, id).await;
    let reader = world.story(&cx, id).await;
    let stories = i64::try_from(world.engine.store.events(&cx, id).await.unwrap().len()).unwrap();
    // The reader's own write is there, since it waits for it.
    let all = world.log(&reader, 0, 200, None).await;
    assert_eq!(versions(&all.events), (1..=stories).collect::<Vec<_>>());
    assert!(all.events.iter().all(|event| event.tenant == Uuid::from(cx.tenant()) && event.stream == id));
    assert_eq!((all.reached, all.more), (all.events.last().unwrap().position, false));
    let stored: Vec<_> = all.events.iter().map(|event| event.event.clone()).collect();
    assert_eq!(stored, world.engine.store.events(&cx, id).await.unwrap());
    for limit in 1..=5 {
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let page = world.log(&reader, after, limit, None).await;
            assert!(page.events.len() <= usize::from(limit) && page.reached >= after);
            (after, found) = (page.reached, [found, page.events].concat());
            if !page.more {
                break;
            }
        }
        assert_eq!(found, all.events, "by {limit}");
    }
    let renamed = world.log(&reader, 0, 200, Some("contact.renamed")).await;
    assert!(
        !renamed.events.is_empty() && renamed.events.iter().all(|event| event.event.event_type == "contact.renamed")
    );
    assert_eq!(renamed.reached, all.reached, "what is not wanted is passed over");
    let foreign = world.log(&stranger, 0, 200, None).await;
    let (own, others): (BTreeSet<_>, BTreeSet<_>) =
        (foreign.events.iter().map(|e| e.position).collect(), all.events.iter().map(|e| e.position).collect());
    assert!(own.is_disjoint(&others) && own.len() == others.len());
    let nobody = Context::new(cx.tenant(), cx.actor().clone(), Access::parse("events:read")).authorize().unwrap();
    let query = LogQuery { after: 0, until: None, limit: 10, wanted: Wanted::by(&nobody, None, None) };
    assert!(world.store.log(&nobody, &query).await.unwrap().events.is_empty());
    world.engine.stop().await;
}

#[tokio::test]
async fn a_record_has_its_history_and_no_other() {
    let world = World::new().await;
    let (cx, other, id) = (caller(), caller(), System.next());
    world.story(&cx, id).await;
    let stored = world.engine.store.events(&cx, id).await.unwrap();
    let page = world.store.record(&cx, "contact", Extent::Everything, id, 0, 200).await.unwrap().unwrap();
    assert_eq!((page.events, page.more), (stored.clone(), false));
    let page = world.store.record(&cx, "contact", Extent::Everything, id, 1, 2).await.unwrap().unwrap();
    assert_eq!((&page.events[..], page.more), (&stored[1..3], true));
    assert_eq!(
        world.store.record(&cx, "contact", Extent::Everything, id, 10_000, 2).await.unwrap().unwrap().events,
        []
    );
    for (cx, aggregate, id) in [(&other, "contact", id), (&cx, "deal", id), (&cx, "contact", System.next())] {
        assert_eq!(world.store.record(cx, aggregate, Extent::Everything, id, 0, 200).await.unwrap(), None);
    }
    world.engine.stop().await;
}

/// A reader that was away is told how much it missed, and whether the log is still the same.
#[tokio::test]
async fn a_gap_is_measured_within_one_life_of_the_log() {
    let world = World::new().await;
    let (cx, id) = (caller(), System.next());
    let reader = world.story(&cx, id).await;
    let all = world.log(&reader, 0, 200, None).await.events;
    let (first, last) = (all[0].position, all.last().unwrap().position);
    let count = u32::try_from(all.len()).unwrap();
    let gap = async |incarnation, position, limit| {
        world.store.gap(&cx, Place { incarnation, position }, limit).await.unwrap()
    };
    assert_eq!(gap(1, 0, CATCH_UP).await, Gap::Missed(count));
    assert_eq!(gap(1, first, CATCH_UP).await, Gap::Missed(count - 1));
    assert_eq!(gap(1, last, CATCH_UP).await, Gap::Missed(0));
    assert_eq!(gap(1, 0, 3).await, Gap::Missed(3), "nobody counts further than asked");
    assert_eq!(gap(1, last + 1, 3).await, Gap::Unknown, "the log has not got there");
    assert_eq!(gap(2, last, 3).await, Gap::Unknown, "that life has not begun");
    let history = History::new(std::sync::Arc::new(PostgresStore::new(world.database.app(), Nudge::default().into())));
    history.resumable(&reader, Place { incarnation: 1, position: first }).await.unwrap();
    let refused = history.resumable(&reader, Place { incarnation: 1, position: last + 1 }).await;
    assert!(matches!(refused, Err(AppError::Refused { code: "events.new_life", .. })), "{refused:?}");

    fairlead_postgres::adopt(&world.engine.databases).await.unwrap();
    assert_eq!(gap(1, last, 3).await, Gap::Missed(0), "what was seen before the new life is still true");
    let command =
        ContactCommand::Create(Box::new(ContactProfile::named(PersonName::new("Bo").unwrap())), Schema::default());
    world.engine.app.execute::<Contact>(&cx, System.next().into(), Expected::New, command).await.unwrap();
    eventually("the new life has an event", async || gap(1, last, 3).await == Gap::Missed(1)).await;
    assert_eq!(gap(1, last + 1, 3).await, Gap::Unknown, "in the old life that was another event");
    assert_eq!(gap(2, last + 1, 3).await, Gap::Missed(0));
    world.engine.stop().await;
}

/// A small tenant in a huge log of many reads by index: pages that are touched don't grow with the log.
#[tokio::test]
async fn a_small_tenant_is_not_lost_in_a_huge_log() {
    let world = World::new().await;
    let (cx, id) = (caller(), System.next());
    let reader = world.story(&cx, id).await;
    let own = world.log(&reader, 0, 200, None).await.events.len();
    world.engine.stop().await;
    let admin = world.database.admin().await;
    admin
        .batch_execute(
            "insert into engine.outbox (position, tenant_id, stream_id, version, incarnation, slot)
             select 1000 + g, md5('t' || g % 50)::uuid, md5('s' || g % 5000)::uuid, g / 5000 + 1, 1, 0
               from generate_series(1, 200000) g;
             insert into engine.events (tenant_id, stream_id, version, event_id, type, schema_version, data, metadata,
                                        occurred_at)
             select o.tenant_id, o.stream_id, o.version, gen_random_uuid(), 'contact.renamed', 1, '{}',
                    '{\"actor\": \"a\"}', now()
               from engine.outbox o where o.position > 1000;
             ",
        )
        .await
        .unwrap();
    admin.batch_execute("vacuum analyze engine.outbox").await.unwrap();
    admin.batch_execute("vacuum analyze engine.events").await.unwrap();
    let app = connect(&format!("{}%20-c%20enable_seqscan%3Doff%20-c%20jit%3Doff", world.database.app_url())).await;
    let tenant = Uuid::from(cx.tenant());
    let blocks = async |call: &str| {
        let mut last = Value::Null;
        // From the sixth call on the plan is the generic one.
        for _ in 0..8 {
            let sql = format!("explain (analyze, buffers, format json) select * from {call}");
            last = app.query_one(&sql, &[]).await.unwrap().get::<_, Value>(0)[0]["Plan"].take();
        }
        let count = |name: &str| last[name].as_i64().unwrap();
        (count("Shared Hit Blocks") + count("Shared Read Blocks"), count("Actual Rows"))
    };
    let limit = |n: usize| n as i64 + 1;
    let (touched, rows) = blocks(&format!("engine.read_log('{tenant}', 0, null, 2000, 50, '{{contact}}', null)")).await;
    assert_eq!(rows, limit(own));
    assert!(touched < 150, "{touched} blocks for a page of a small tenant");
    let big: Uuid = app.query_one("select md5('t7')::uuid", &[]).await.unwrap().get(0);
    let (touched, rows) =
        blocks(&format!("engine.read_log('{big}', 100000, null, 2000, 50, '{{contact}}', null)")).await;
    assert_eq!(rows, limit(50));
    assert!(touched < 600, "{touched} blocks for a page of a large tenant");
    let (touched, rows) =
        blocks(&format!("engine.read_log('{big}', 0, null, 2000, 50, '{{contact}}', 'contact.never')")).await;
    assert_eq!(rows, 1, "the end of the span alone");
    assert!(touched < 20_000, "{touched} blocks for a span without a match");
    let within = "'{}', null, '{}', '{contact}', gen_random_uuid(), null";
    let (touched, rows) = blocks(&format!("engine.read_log_within('{big}', 0, null, 2000, 50, {within})")).await;
    assert_eq!(rows, 1, "nothing is own");
    assert!(touched < 30_000, "{touched} blocks for a span of records of others");
    let (touched, _) = blocks(&format!("engine.gap('{tenant}', 1, 0, 10001)")).await;
    assert!(touched < 60, "{touched} blocks for a gap");
    let (touched, _) = blocks(&format!("engine.read_record('{tenant}', '{id}', 'contact', 0, 51)")).await;
    assert!(touched < 60, "{touched} blocks for a record");
}

#[tokio::test]
async fn the_tail_holds_what_is_asked_for_and_tells_how_far_it_is() {
    let world = World::new().await;
    let (cx, other, id) = (caller(), caller(), System.next());
    let reader = world.story(&cx, id).await;
    let stranger = world.story(&other, id).await;
    let (own, foreign) = (world.log(&reader, 0, 200, None).await, world.log(&stranger, 0, 200, None).await);
    let end = own.reached.max(foreign.reached);
    let (listener, wakeups) = Listener::new(world.database.engine());
    let stop = tokio_util::sync::CancellationToken::new();
    let listening = tokio::spawn(listener.run(stop.clone()));
    let mut tail = PostgresTail::new(world.database.engine(), wakeups);
    assert_eq!(tail.end().await.unwrap(), Place { incarnation: 1, position: end });
    let tenants = [Uuid::from(cx.tenant())];
    let stretch = tail.read(0, 1000, Some(&tenants)).await.unwrap().unwrap();
    assert_eq!((stretch.events, stretch.reached.position), (own.events.clone(), end));
    let everything = tail.read(0, 1000, None).await.unwrap().unwrap();
    assert_eq!(everything.events.len(), own.events.len() + foreign.events.len());
    let nothing = tail.read(0, 1000, Some(&[])).await.unwrap().unwrap();
    assert_eq!((nothing.events.len(), nothing.reached.position), (0, end));
    let part = tail.read(1, 3, None).await.unwrap().unwrap();
    assert_eq!((part.events.len(), part.reached.position), (3, 4));
    assert_eq!(tail.read(end, 1000, None).await.unwrap(), None);
    // Somebody ends its connections: it goes on by new ones.
    let admin = world.database.admin().await;
    let kill = "select pg_terminate_backend(pid) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid()";
    admin.execute(kill, &[]).await.unwrap();
    eventually("the log grows", async || {
        let command =
            ContactCommand::Create(Box::new(ContactProfile::named(PersonName::new("Bo").unwrap())), Schema::default());
        world.engine.app.execute::<Contact>(&cx, System.next().into(), Expected::New, command).await.is_ok()
    })
    .await;
    loop {
        tail.grown().await;
        if let Ok(Some(stretch)) = tail.read(end, 1000, Some(&tenants)).await {
            assert_eq!(stretch.events[0].position, end + 1);
            break;
        }
    }
    stop.cancel();
    listening.await.unwrap();
    world.engine.stop().await;
}
