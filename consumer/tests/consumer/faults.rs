//! Cut connections, instances that come and go, a database that is away.

use crate::stage::{Act, Recorder, Running, Script, Stage, stream, streams, until};

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_to_the_broker_lose_nothing() {
    let stage = Stage::new().await;
    let running = stage.start();
    stage.consuming().await;
    let events = streams(10, 60);
    stage.publish_all(&events).await;
    for part in 1..=4 {
        until("some took effect", async || stage.effects().await.len() >= part * 100).await;
        stage.host.close_connections().await;
    }
    stage.took_effect_once_and_in_order(&events).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_instance_takes_over() {
    let stage = Stage::new().await;
    let first = stage.start();
    stage.consuming().await;
    let script = Script::default();
    let second = Running::start(stage.builder().lanes(4).handler(Recorder(script.clone())).unwrap());
    let events = streams(10, 30);
    // The first never finishes this one, so that something is left for the second however fast it is.
    stage.script.shut(&events[150]);
    stage.publish_all(&events).await;
    until("the first has begun it", async || stage.script.begun(&events[150]) == 1).await;
    assert_eq!(script.calls(), 0, "one instance has the queue");
    first.crash().await;
    stage.took_effect_once_and_in_order(&events).await;
    assert!(script.calls() > 0);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_instance_that_lost_its_queue_and_its_successor_do_not_meet_in_a_stream() {
    let stage = Stage::new().await;
    let first = stage.start();
    stage.consuming().await;
    let events = stream(3);
    stage.script.shut(&events[0]);
    stage.publish_all(&events).await;
    until("the first has begun", async || stage.script.begun(&events[0]) == 1).await;
    let second = stage.start();
    stage.host.close_connections().await;
    // Whoever has the queue now waits for the stream's lock, which the handler at work holds.
    let waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted
                      and database = (select oid from pg_database where datname = current_database())";
    until("the second waits", async || stage.eyes.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) > 0).await;
    stage.script.open(&events[0]);
    stage.took_effect_once_and_in_order(&events).await;
    assert_eq!(stage.script.begun(&events[0]), 1);
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_is_waited_for() {
    let stage = Stage::new().await;
    let running = stage.start();
    stage.consuming().await;
    let events = streams(6, 40);
    let failing = stream(2);
    stage.script.once(&failing[0], [Act::Fail; 3]);
    stage.publish_all(&[failing.clone(), events.clone()].concat()).await;
    let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()";
    for part in 1..=4 {
        until("some took effect", async || stage.effects().await.len() >= part * 40).await;
        stage.eyes.query_one(cut, &[]).await.unwrap();
    }
    stage.took_effect_once_and_in_order(&[failing, events].concat()).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_somebody_deleted_is_made_again() {
    let stage = Stage::new().await;
    let running = stage.start();
    stage.consuming().await;
    for queue in [stage.name.clone(), stage.dead_queue()] {
        stage.channel.queue_delete(queue.into(), lapin::options::QueueDeleteOptions::default()).await.unwrap();
    }
    until("it is there again", async || stage.depth(&stage.name).await.is_some_and(|(_, consumers)| consumers > 0))
        .await;
    let events = stream(2);
    stage.publish_all(&events).await;
    stage.took_effect_once_and_in_order(&events).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_not_there_is_waited_for_and_does_not_keep_from_stopping() {
    let stage = Stage::new().await;
    let builder = stage.builder().broker("amqp://nobody:nothing@127.0.0.1:1/%2f");
    let running = Running::start(builder.handler(stage.recorder()).unwrap());
    tokio::task::yield_now().await;
    running.stop().await;
}
