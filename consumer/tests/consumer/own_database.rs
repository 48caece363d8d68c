//! A consumer whose effects are in Fairlead's own database, as the role of the engine, under row-level security.

use std::time::Duration;

use chrono::TimeDelta;
use fairlead_application::envelope::SequencedEvent;
use fairlead_consumer::{
    Consumer, ConsumerCounts, Consumers, DeadLettersError, Failure, HeldQuery, Operator, Retries, Which,
};
use fairlead_testing::database::TestDatabase;

use crate::stage::{Act, Running, Stage, stream, streams, until};

/// The one stream that waits, looked for in all ways.
async fn pages_of_one(operator: &Operator, failing: &SequencedEvent) {
    let all = HeldQuery { limit: 10, ..HeldQuery::default() };
    let held = operator.held_page(&all).await.unwrap();
    assert_eq!((held.len(), held[0].stream, held[0].event), (1, failing.stream, failing.event.id));
    let dead = |dead| HeldQuery { dead: Some(dead), ..all };
    assert_eq!(operator.held_page(&dead(true)).await.unwrap(), held);
    assert_eq!(operator.held_page(&dead(false)).await.unwrap(), []);
    let behind = HeldQuery { after: Some((held[0].held_at, held[0].tenant, held[0].stream)), ..all };
    assert_eq!(operator.held_page(&behind).await.unwrap(), []);
    let earlier = held[0].held_at - TimeDelta::microseconds(1);
    let from_there = HeldQuery { after: Some((earlier, held[0].tenant, held[0].stream)), ..all };
    assert_eq!(operator.held_page(&from_there).await.unwrap(), held);
}

#[tokio::test(flavor = "multi_thread")]
async fn works_for_all_tenants_as_the_engine_s_role() {
    let database = TestDatabase::create().await;
    let url = database.engine_url();
    let admin = database.admin().await;
    let stage = Stage::with(database, url).await;
    let retries = Retries { attempts: 2, first: Duration::from_millis(20), longest: Duration::from_millis(50) };
    let builder = Consumer::builder(&stage.name).broker(stage.host.url()).database(stage.pool.clone(), "engine");
    let running = builder.bind("crm.#").lanes(2).retries(retries).handler(stage.recorder()).unwrap();
    let running = Running::start(running);
    stage.consuming().await;
    let (failing, others) = (stream(3), streams(3, 5));
    stage.script.always(&failing[0], Act::Fail);
    stage.publish_all(&[failing.clone(), others.clone()].concat()).await;
    stage.publish_all(&others).await;
    stage.dead_letters(1).await;
    stage.took_effect_once_and_in_order(&others).await;
    let operator = Operator::new(&stage.name, stage.pool.clone(), "engine").unwrap();
    until("the stream is set aside", async || operator.held(10).await.unwrap().iter().any(|held| held.messages == 3))
        .await;
    pages_of_one(&operator, &failing[0]).await;
    let consumers = Consumers::new(stage.pool.clone(), "engine").unwrap();
    let counts = ConsumerCounts { name: stage.name.clone(), held: 1, dead: 1 };
    assert_eq!(consumers.counts().await.unwrap(), std::slice::from_ref(&counts));
    assert_eq!(consumers.counts_of(&stage.name).await.unwrap(), Some(counts));
    assert_eq!(consumers.counts_of("nobody").await.unwrap(), None);
    let nobody = consumers.operator("nobody").unwrap().replay_dead_letters(&stage.host.url(), 1).await;
    assert!(matches!(nobody, Err(DeadLettersError::NoQueue(queue)) if queue == "nobody.dead"));
    stage.script.behave(&failing[0]);
    assert_eq!(operator.replay(Which::All).await.unwrap(), 1);
    stage.took_effect_once_and_in_order(&[others, failing].concat()).await;
    running.stop().await;
    // One that has nothing to complain of is known by what it has handled.
    assert_eq!(consumers.counts().await.unwrap(), []);
    let sound = ConsumerCounts { name: stage.name.clone(), held: 0, dead: 0 };
    assert_eq!(consumers.counts_of(&stage.name).await.unwrap(), Some(sound));
    assert_eq!(consumers.counts_of("nobody").await.unwrap(), None);

    // What the database says of a value is told without the value.
    let client = stage.pool.get().await.unwrap();
    let missing = "insert into engine.inbox values (gen_random_uuid(), 'secret', null)";
    for (refused, told) in [(missing, "null value in column"), ("select 'secret'::uuid", "SQLSTATE 22P02")] {
        let Failure::Retry(text) = Failure::from(client.execute(refused, &[]).await.unwrap_err()) else { panic!() };
        assert!(text.contains(told) && !text.contains("secret"), "{text}");
    }

    // The role sees what it has to see to keep the inbox in order.
    let client = stage.pool.get().await.unwrap();
    let make = "select engine.make_inbox_partition(now() - $1::int * interval '1 day')";
    for days in [60, 50] {
        client.execute(make, &[&days]).await.unwrap();
    }
    let late = "insert into engine.inbox (tenant_id, consumer, event_id)
                values (gen_random_uuid(), 'a', engine.inbox_bound(now() - interval '50 days'))";
    client.execute(late, &[]).await.unwrap();
    let count = "select count(*) from pg_inherits where inhparent = 'engine.inbox'::regclass";
    let before: i64 = admin.query_one(count, &[]).await.unwrap().get(0);
    let rotated = client.query_one("select engine.rotate_inbox(interval '30 days')", &[]).await.unwrap();
    assert!(rotated.get::<_, bool>(0));
    assert_eq!(admin.query_one(count, &[]).await.unwrap().get::<_, i64>(0), before - 1);
}
