//! Order and exactly-once, while all goes well and while handlers fail.

use uuid::Uuid;

use crate::stage::{Act, Running, Stage, stream, streams, until};

#[tokio::test(flavor = "multi_thread")]
async fn events_take_effect_once_though_they_come_twice() {
    let stage = Stage::new().await;
    let running = stage.start();
    stage.consuming().await;
    let events = streams(10, 20);
    stage.publish_all(&events).await;
    stage.publish_all(&events).await;
    // Behind it no duplicate can hide: one lane works through its stream's messages in order.
    let last = stream(1);
    stage.publish_all(&last).await;
    stage.took_effect_once_and_in_order(&[events.clone(), last].concat()).await;
    until("the duplicates are counted", async || {
        stage.metric("fairlead_consumer_duplicates_total") as usize == events.len()
    })
    .await;
    assert_eq!(stage.metric("fairlead_consumer_handled_total") as usize, events.len() + 1);
    assert_eq!(stage.effects().await.len(), events.len() + 1);
    running.stop().await;
    assert_eq!(stage.depth(&stage.name).await.unwrap(), (0, 0), "everything was acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_event_holds_its_own_stream_alone() {
    let stage = Stage::new().await;
    let running = stage.start();
    stage.consuming().await;
    let (failing, others) = (stream(6), streams(6, 10));
    stage.script.always(&failing[1], Act::Fail);
    stage.publish_all(&failing).await;
    stage.publish_all(&others).await;
    let done = [&failing[..1], &others].concat();
    stage.took_effect_once_and_in_order(&done).await;
    until("the rest of the stream is set aside", async || stage.held().await == 5).await;
    until("it is tried again", async || stage.script.begun(&failing[1]) > 3).await;
    assert!(failing[2..].iter().all(|event| stage.script.begun(event) == 0), "nobody passes");
    let held = stage.operator().held(10).await.unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].event, held[0].messages, held[0].stream), (failing[1].event.id, 5, failing[0].stream));
    assert_eq!((held[0].reason.as_deref(), held[0].error.as_deref()), (Some("failed"), Some("told to fail")));
    assert_eq!(held[0].routing_key, "crm.contact.tagged");
    assert!(held[0].due_at.is_some() && held[0].dead_at.is_none() && held[0].failed_at.is_some());
    until("what is held is told", async || stage.metric("fairlead_consumer_held") > 4.5).await;

    stage.script.behave(&failing[1]);
    stage.took_effect_once_and_in_order(&[failing, others].concat()).await;
    until("nothing is held", async || stage.held().await == 0).await;
    assert!(stage.metric("fairlead_consumer_retries_total") > 3.0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_holds_through_failures_of_all_kinds_on_two_instances() {
    let stage = Stage::new().await;
    let builder = || stage.builder().lanes(3).time_limit(std::time::Duration::from_millis(300));
    let running: Vec<_> = (0..2).map(|_| Running::start(builder().handler(stage.recorder()).unwrap())).collect();
    stage.consuming().await;
    let events = streams(8, 12);
    let acts = [Act::Fail, Act::Panic, Act::Swallow, Act::Hang];
    for (number, event) in events.iter().enumerate().filter(|(number, _)| number % 5 == 0) {
        stage.script.once(event, (0..=number % 3).map(|turn| acts[(number / 5 + turn) % acts.len()]));
    }
    stage.publish_all(&events).await;
    stage.took_effect_once_and_in_order(&events).await;
    for running in running {
        running.stop().await;
    }
    assert!(stage.script.calls() > events.len() + 15, "handlers failed as they were told");
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_with_the_same_stream_are_apart() {
    let stage = Stage::new().await;
    let running = stage.start();
    stage.consuming().await;
    let (failing, mut other) = (stream(2), stream(2));
    other.iter_mut().for_each(|event| event.stream = failing[0].stream);
    stage.script.always(&failing[0], Act::Fail);
    stage.publish_all(&failing).await;
    stage.publish_all(&other).await;
    stage.took_effect_once_and_in_order(&other).await;
    stage.script.behave(&failing[0]);
    stage.took_effect_once_and_in_order(&[other, failing].concat()).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_consumers_of_one_database_do_not_know_each_other() {
    let stage = Stage::new().await;
    let names = [format!("{}-a", stage.name), format!("{}-b", stage.name)];
    let events = stream(3);
    let running: Vec<_> = names
        .iter()
        .map(|name| {
            let builder = fairlead_consumer::Consumer::builder(name).broker(stage.host.url()).bind("crm.#");
            let builder = builder.database(stage.pool.clone(), crate::stage::SCHEMA);
            Running::start(builder.handler(stage.recorder()).unwrap())
        })
        .collect();
    for name in &names {
        until("it consumes", async || stage.depth(name).await.is_some_and(|(_, consumers)| consumers > 0)).await;
    }
    stage.publish_all(&events).await;
    until("both have all", async || stage.effects().await.len() == 6).await;
    let mut effects: Vec<Uuid> = stage.effects().await;
    effects.sort_unstable();
    effects.dedup();
    assert_eq!(effects.len(), 3);
    for running in running {
        running.stop().await;
    }
}
