//! What is given up, and what an operator does about it.

use std::time::Duration;

use fairlead_application::envelope::SequencedEvent;
use fairlead_consumer::{Retries, Returned, Which};
use futures::StreamExt;
use lapin::{
    BasicProperties,
    options::{BasicGetOptions, BasicRejectOptions},
    types::AMQPValue,
};
use uuid::Uuid;

use crate::stage::{Act, Running, SCHEMA, Stage, stream, until, within};

/// A consumer that gives up after three attempts.
fn impatient(stage: &Stage) -> Running {
    let retries = Retries { attempts: 3, first: Duration::from_millis(20), longest: Duration::from_millis(50) };
    Running::start(stage.builder().lanes(2).retries(retries).handler(stage.recorder()).unwrap())
}

/// A stream of three whose first event has died.
async fn died(stage: &Stage) -> Vec<SequencedEvent> {
    let events = stream(3);
    stage.script.always(&events[0], Act::Fail);
    stage.publish_all(&events).await;
    stage.dead_letters(1).await;
    until("the others are set aside", async || stage.held().await == 3).await;
    // The letter is noted once the broker's confirm has come.
    let noted = format!("select count(*) from {SCHEMA}.inbox_held where letter_at is not null");
    until("the letter is noted", async || stage.eyes.query_one(&noted, &[]).await.unwrap().get::<_, i64>(0) == 1).await;
    events
}

fn which(event: &SequencedEvent) -> Which {
    Which::Stream { tenant: event.tenant.into(), stream: event.stream }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_last_attempt_the_stream_waits_for_an_operator() {
    let stage = Stage::new().await;
    let running = impatient(&stage);
    stage.consuming().await;
    let events = died(&stage).await;
    assert_eq!(stage.script.begun(&events[0]), 3);
    let letter = stage.channel.basic_get(stage.dead_queue().into(), BasicGetOptions { no_ack: true }).await.unwrap();
    let letter = letter.unwrap().delivery;
    assert_eq!(letter.data, events[0].envelope().to_string().into_bytes());
    assert_eq!(letter.properties.message_id().as_ref().unwrap().as_str(), events[0].event.id.to_string());
    let headers = letter.properties.headers().clone().unwrap();
    assert_eq!(headers.inner()["fairlead-error"], AMQPValue::LongString("told to fail".into()));
    assert_eq!(headers.inner()["fairlead-attempts"], AMQPValue::LongInt(3));
    assert!(headers.inner().contains_key("fairlead-first-failure"));
    let held = stage.operator().held(10).await.unwrap();
    assert!(held[0].dead_at.is_some() && held[0].due_at.is_none());
    assert_eq!(held[0].messages, 3);
    assert_eq!(stage.metric("fairlead_consumer_dead_total"), 1.0);

    let operator = stage.operator();
    assert_eq!(operator.replay(which(&stream(1)[0])).await.unwrap(), 0, "another stream");
    stage.script.behave(&events[0]);
    assert_eq!(operator.replay(which(&events[0])).await.unwrap(), 1);
    stage.took_effect_once_and_in_order(&events).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_fails_again_dies_again() {
    let stage = Stage::new().await;
    let running = impatient(&stage);
    stage.consuming().await;
    let events = died(&stage).await;
    assert_eq!(stage.operator().replay(Which::All).await.unwrap(), 1);
    stage.dead_letters(2).await;
    assert_eq!(stage.script.begun(&events[0]), 6, "all attempts anew");
    assert_eq!(stage.effects().await, Vec::<Uuid>::new());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_event_is_dead_at_once_and_can_be_discarded() {
    let stage = Stage::new().await;
    let running = stage.start();
    stage.consuming().await;
    let events = stream(3);
    stage.script.always(&events[0], Act::Reject);
    stage.publish_all(&events).await;
    stage.dead_letters(1).await;
    assert_eq!(stage.script.begun(&events[0]), 1);
    let operator = stage.operator();
    until("the others are set aside", async || stage.held().await == 3).await;
    let (tenant, id) = (events[0].tenant.into(), events[0].stream);
    assert!(!operator.discard(tenant, id, events[1].event.id).await.unwrap(), "not the one that is waited for");
    assert!(operator.discard(tenant, id, events[0].event.id).await.unwrap());
    assert!(!operator.discard(tenant, id, events[0].event.id).await.unwrap());
    stage.took_effect_once_and_in_order(&events[1..]).await;
    // It counts as handled, whether it comes from the queue or from the dead letters.
    stage.publish(&events[0]).await;
    let settled = Returned { settled: 1, ..Returned::default() };
    assert_eq!(operator.replay_dead_letters(&stage.host.url(), 10).await.unwrap(), settled);
    until("the duplicate is dropped", async || stage.metric("fairlead_consumer_duplicates_total") > 0.5).await;
    assert_eq!(stage.script.begun(&events[0]), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_brings_its_stream_back_in_order() {
    let stage = Stage::new().await;
    let running = impatient(&stage);
    stage.consuming().await;
    let events = died(&stage).await;
    stage.script.behave(&events[0]);
    let (operator, url) = (stage.operator(), stage.host.url());
    assert_eq!(operator.replay_dead_letters(&url, 0).await.unwrap(), Returned::default());
    let replayed = Returned { replayed: 1, ..Returned::default() };
    assert_eq!(operator.replay_dead_letters(&url, 10).await.unwrap(), replayed);
    stage.took_effect_once_and_in_order(&events).await;
    assert_eq!(operator.replay_dead_letters(&url, 10).await.unwrap(), Returned::default());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_put_away_and_holds_nobody_up() {
    let stage = Stage::new().await;
    let running = stage.start();
    stage.consuming().await;
    stage.publish_raw("crm.contact.tagged", b"\xffno event", BasicProperties::default()).await;
    let events = stream(2);
    stage.publish_all(&events).await;
    stage.took_effect_once_and_in_order(&events).await;
    stage.dead_letters(1).await;
    assert_eq!(stage.metric("fairlead_consumer_dead_total"), 1.0);
    // Brought back it is still none: it lands here once more, and the operator's call has ended meanwhile.
    let requeued = Returned { requeued: 1, ..Returned::default() };
    assert_eq!(stage.operator().replay_dead_letters(&stage.host.url(), 10).await.unwrap(), requeued);
    until("it is put away again", async || stage.metric("fairlead_consumer_dead_total") > 1.5).await;
    stage.dead_letters(1).await;
    let letter = stage.channel.basic_get(stage.dead_queue().into(), BasicGetOptions { no_ack: true }).await.unwrap();
    let letter = letter.unwrap().delivery;
    assert_eq!(letter.data, b"\xffno event");
    let headers = letter.properties.headers().clone().unwrap();
    assert!(headers.inner().contains_key("fairlead-error"));
    assert_eq!(headers.inner()["fairlead-routing-key"], AMQPValue::LongString(stage.name.as_str().into()));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_put_away_comes_back() {
    let stage = Stage::new().await;
    let running = stage.start();
    stage.consuming().await;
    running.stop().await;
    // Somebody else rejects a message of the queue, so that the broker itself puts it away.
    let events = stream(1);
    stage.publish_all(&events).await;
    let queue = stage.name.as_str().into();
    let consuming = stage.channel.basic_consume(queue, "else".into(), Default::default(), Default::default()).await;
    let message = within("it is delivered", consuming.unwrap().next()).await.unwrap().unwrap();
    message.reject(BasicRejectOptions { requeue: false }).await.unwrap();
    stage.dead_letters(1).await;
    stage.channel.basic_cancel("else".into(), Default::default()).await.unwrap();
    let running = stage.start();
    stage.consuming().await;
    let requeued = Returned { requeued: 1, ..Returned::default() };
    assert_eq!(stage.operator().replay_dead_letters(&stage.host.url(), 10).await.unwrap(), requeued);
    stage.took_effect_once_and_in_order(&events).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_ends_the_program_is_given_up_as_well() {
    let stage = Stage::new().await;
    stage.bound().await;
    let (deadly, others) = (stream(2), stream(3));
    stage.script.always(&deadly[0], Act::Hang);
    stage.publish_all(&[deadly.clone(), others.clone()].concat()).await;
    let mut lives = 0;
    loop {
        let running = impatient(&stage);
        let begun = stage.script.begun(&deadly[0]);
        let is_dead = async || stage.operator().held(10).await.unwrap().iter().any(|held| held.dead_at.is_some());
        until("it is at work, or given up", async || stage.script.begun(&deadly[0]) > begun || is_dead().await).await;
        if is_dead().await {
            stage.took_effect_once_and_in_order(&others).await;
            stage.dead_letters(1).await;
            running.stop().await;
            break;
        }
        running.crash().await;
        lives += 1;
        assert!(lives < 30, "it is tried for ever");
    }
    assert!(lives > 3, "the queue's deliveries and the table's attempts");
    stage.script.behave(&deadly[0]);
    let running = impatient(&stage);
    assert_eq!(stage.operator().replay(Which::All).await.unwrap(), 1);
    stage.took_effect_once_and_in_order(&[others, deadly].concat()).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_is_taken_off() {
    let stage = Stage::new().await;
    stage.bound().await;
    stage.operator().unbind(&stage.host.url(), "crm.contact.#").await.unwrap();
    let options = lapin::options::BasicPublishOptions { mandatory: true, ..Default::default() };
    let key = "crm.contact.tagged".into();
    let publishing =
        stage.channel.basic_publish("fairlead.events".into(), key, options, b"", BasicProperties::default());
    let confirmation = publishing.await.unwrap().await.unwrap();
    assert!(matches!(confirmation, lapin::Confirmation::Ack(Some(_))), "nobody wants it now: {confirmation:?}");
}
