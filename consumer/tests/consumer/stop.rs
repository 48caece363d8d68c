//! Stopping in order.

use std::time::Duration;

use crate::stage::{Running, Stage, stream, until, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_at_work_is_finished_and_the_rest_stays_in_the_queue() {
    let stage = Stage::new().await;
    let running = Running::start(stage.builder().handler(stage.recorder()).unwrap());
    stage.consuming().await;
    let events = stream(3);
    stage.script.shut(&events[0]);
    stage.publish_all(&events).await;
    until("the handler is at work", async || stage.script.begun(&events[0]) == 1).await;
    running.stop.cancel();
    tokio::task::yield_now().await;
    assert!(!running.task.is_finished());
    stage.script.open(&events[0]);
    within("the consumer stops", running.task).await.unwrap();
    assert_eq!(stage.effects().await, [events[0].event.id]);
    until("the rest is back in the queue", async || stage.depth(&stage.name).await == Some((2, 0))).await;
    let running = stage.start();
    stage.took_effect_once_and_in_order(&events).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_does_not_end_is_cut_off_and_its_event_comes_again() {
    let stage = Stage::new().await;
    let builder = stage.builder().grace(Duration::from_millis(100));
    let running = Running::start(builder.handler(stage.recorder()).unwrap());
    stage.consuming().await;
    let events = stream(2);
    stage.script.shut(&events[0]);
    stage.publish_all(&events).await;
    until("the handler is at work", async || stage.script.begun(&events[0]) == 1).await;
    running.stop().await;
    assert!(stage.effects().await.is_empty(), "rolled back");
    stage.script.open(&events[0]);
    let running = stage.start();
    stage.took_effect_once_and_in_order(&events).await;
    assert_eq!(stage.script.begun(&events[0]), 2);
    running.stop().await;
}
