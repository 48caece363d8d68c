//! Several relays and several tenants, parked streams and their replay.

use fairlead_rabbitmq::EXCHANGE;
use fairlead_testing::broker::VirtualHost;
use lapin::{
    BasicProperties,
    options::{BasicPublishOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable},
};

use crate::{
    memory_log::{MemoryLog, stream_id},
    support::{Load, Running, all_published, assert_complete_and_in_order, channel, published, within},
};

#[tokio::test(flavor = "multi_thread")]
async fn partitions_go_from_one_relay_to_another_in_mid_load() {
    let host = VirtualHost::create().await;
    let log = MemoryLog::partitioned(4);
    let load = Load::start(&log, 60);
    let first = Running::start(&log, &host);
    within("the first holds all", log.until(|| log.members() == [Some(0); 4])).await;
    let second = Running::start(&log.member(1), &host);
    for round in 0..4 {
        within("the relays are at work", log.reached(log.checkpoint() + 500)).await;
        for partition in 0..4 {
            let member = (round + u32::try_from(partition).unwrap()) % 2;
            log.hand_over(partition, member);
            within("it was handed over", log.until(|| log.members()[partition] == Some(member))).await;
        }
    }
    load.stop().await;
    within("everything is recorded", log.reached(log.last())).await;
    let messages = all_published(&host, &log.events()).await;
    assert_complete_and_in_order(&log.events(), &messages);
    // Who is asked to leave waits for what is in flight, and records it.
    assert_eq!(messages.len(), log.events().len());
    first.stop().await;
    second.stop().await;
    assert_eq!(log.members(), [None; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_was_stopped_publishes_nothing_when_it_wakes() {
    let host = VirtualHost::create().await;
    let log = MemoryLog::new();
    let load = Load::start(&log, 30);
    let first = Running::start_apart(&log, &host);
    within("the first is at work", log.reached(500)).await;
    log.stop(Some(0));
    log.expel(Some(1));
    let second = Running::start(&log.member(1), &host);
    within("the second is at work", log.until(|| log.holder() == (2, true))).await;
    within("it goes on", log.reached(log.checkpoint() + 500)).await;
    load.stop().await;
    within("everything is recorded", log.reached(log.last())).await;
    let before = all_published(&host, &log.events()).await;
    let last = log.advances().len();
    log.stop(None);
    // Each would publish this one.
    log.append(1);
    within("the last is recorded", log.reached(log.last())).await;
    first.stop().await;
    second.stop().await;
    let messages = all_published(&host, &log.events()).await;
    assert_complete_and_in_order(&log.events(), &messages);
    assert_eq!(messages.len(), before.len() + 1);
    assert!(log.advances()[last..].iter().all(|(epoch, _)| *epoch == 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_one_tenant_does_not_hold_up_another() {
    let host = VirtualHost::create().await;
    let log = MemoryLog::new();
    // Even streams belong to one tenant, odd ones to the other.
    for number in 0..20_000 {
        log.append(2 * (number % 2_000));
    }
    let relay = Running::start(&log, &host);
    within("the relay is at work", log.reached(500)).await;
    log.append(1);
    within("everything is recorded", log.reached(20_001)).await;
    let messages = all_published(&host, &log.events()).await;
    let id = log.events().last().unwrap().event.id.to_string();
    let place = messages.iter().position(|message| message.id == id).unwrap();
    assert!(place < 15_000, "it was published as number {place}");
    assert_eq!(messages.len(), 20_001);
    relay.stop().await;
}

/// A queue that is full, and has the broker refuse what it should get as well.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_broker_refuses_sets_its_stream_aside_until_its_replay() {
    const FULL: &str = "full";
    let host = VirtualHost::create().await;
    let log = MemoryLog::partitioned(2);
    let load = Load::start(&log, 30);
    let relay = Running::start(&log, &host);
    within("the relay is at work", log.reached(100)).await;
    let (_connection, channel) = channel(&host).await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(1));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    channel.queue_declare(FULL.into(), QueueDeclareOptions::default(), arguments).await.unwrap();
    let (key, none) = ("crm.contact.deleted", FieldTable::default());
    channel.queue_bind(FULL.into(), EXCHANGE.into(), key.into(), QueueBindOptions::default(), none).await.unwrap();
    let publishing =
        channel.basic_publish("".into(), FULL.into(), BasicPublishOptions::default(), b"", BasicProperties::default());
    publishing.await.unwrap().await.unwrap();

    log.append(99);
    log.append_named(99, |_| "contact.deleted");
    log.append_named(99, |_| "contact.restored");
    within("the stream is set aside", log.until(|| !log.parked().is_empty())).await;
    let parked = log.parked()[0];
    assert_eq!((parked.stream, parked.first_version), (stream_id(99), 2));
    log.append(99);
    within("the others go on", log.reached(log.last())).await;

    // A replay that fails leaves it set aside.
    log.demand_replays();
    let before = log.last();
    within("the others go on", log.reached(before + 500)).await;
    channel.queue_delete(FULL.into(), QueueDeleteOptions::default()).await.unwrap();
    within("it is taken back", async {
        while !log.parked().is_empty() {
            log.demand_replays();
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    })
    .await;
    log.append(99);
    load.stop().await;
    within("everything is recorded", log.reached(log.last())).await;
    let messages = all_published(&host, &log.events()).await;
    assert_complete_and_in_order(&log.events(), &messages);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_killed_repeats_little() {
    let host = VirtualHost::create().await;
    let log = MemoryLog::with(30_000, 3_000);
    let relay = Running::start(&log, &host);
    within("the relay is at work", log.reached(5_000)).await;
    relay.kill().await;
    log.expel(None);
    let relay = Running::start(&log, &host);
    within("everything is recorded", log.reached(30_000)).await;
    let messages = published(&host, |counts| counts.len() >= 30_000).await;
    assert_complete_and_in_order(&log.events(), &messages);
    assert!(messages.len() < 45_000, "{} messages for 30,000 events", messages.len());
    relay.stop().await;
}
