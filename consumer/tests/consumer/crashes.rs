//! `kill -9` in each window between the database's commit and the broker's knowledge of it. A proxy holds the broker's
//! side still, so that the window is open for as long as it takes.

use fairlead_application::envelope::SequencedEvent;
use fairlead_consumer::{Operator, Returned};
use serde_json::json;
use uuid::Uuid;

use crate::{
    process::{Mailer, NAME, client, count},
    proxy::Proxy,
    stage::{Stage, event, until},
};

const LETTERS: &str = "select count(*) from mailer.letters";

/// A contact whose address changes.
fn addresses<const N: usize>(addresses: [&str; N]) -> [SequencedEvent; N] {
    let (tenant, contact) = (Uuid::now_v7(), Uuid::now_v7());
    let mut version = 0;
    addresses.map(|address| {
        version += 1;
        match version {
            1 => event(tenant, contact, version, "contact.created", json!({ "name": "Ana", "email": address })),
            _ => event(tenant, contact, version, "contact.email_changed", json!({ "email": address })),
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn between_commit_and_acknowledgement() {
    let stage = Stage::new().await;
    let proxy = Proxy::start(&stage.host.url()).await;
    let mailer = Mailer::start(&stage, &proxy.through(&stage.host.url())).await;
    let client = client(&stage).await;
    let events = addresses(["a@example.com", "b@example.com"]);
    proxy.open_forth(false);
    stage.publish(&events[0]).await;
    until("the letter is written", async || count(&client, LETTERS).await == 1).await;
    mailer.kill().await;
    drop(proxy);
    // The acknowledgement never came: the event is delivered again, and dropped.
    until("it is back in the queue", async || stage.depth(NAME).await == Some((1, 0))).await;
    let mailer = Mailer::start(&stage, &stage.host.url()).await;
    stage.publish(&events[1]).await;
    until("the next letter is written", async || count(&client, LETTERS).await >= 2).await;
    mailer.terminate().await;
    assert_eq!(stage.depth(NAME).await, Some((0, 0)), "everything was acknowledged");
    assert_eq!(count(&client, LETTERS).await, 2);
    let in_order = "select count(*) from mailer.letters where number = version or number > version";
    assert_eq!(count(&client, in_order).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn between_setting_aside_and_acknowledgement() {
    let stage = Stage::new().await;
    let proxy = Proxy::start(&stage.host.url()).await;
    let mailer = Mailer::start(&stage, &proxy.through(&stage.host.url())).await;
    let client = client(&stage).await;
    let refuse = "alter table mailer.letters add constraint nobody check (address <> 'a@example.com')";
    client.batch_execute(refuse).await.unwrap();
    let events = addresses(["a@example.com", "b@example.com"]);
    proxy.open_forth(false);
    stage.publish_all(&events).await;
    until("both are set aside", async || count(&client, "select count(*) from mailer.inbox_held").await == 2).await;
    mailer.kill().await;
    drop(proxy);
    until("both are back in the queue", async || stage.depth(NAME).await == Some((2, 0))).await;
    client.batch_execute("alter table mailer.letters drop constraint nobody").await.unwrap();
    let mailer = Mailer::start(&stage, &stage.host.url()).await;
    until("the letters are written", async || count(&client, LETTERS).await >= 2).await;
    mailer.terminate().await;
    // They may have been written from the table; then the messages may still be on their way, and come back.
    until("everything is acknowledged", async || {
        let mailer = Mailer::start(&stage, &stage.host.url()).await;
        until("the queue is empty", async || stage.depth(NAME).await.is_some_and(|(ready, _)| ready == 0)).await;
        mailer.terminate().await;
        stage.depth(NAME).await == Some((0, 0))
    })
    .await;
    let rows = client.query("select version from mailer.letters order by number", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<i64>>(), [1, 2]);
    assert_eq!(count(&client, "select count(*) from mailer.inbox_held").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn between_a_dead_letter_and_its_note() {
    let stage = Stage::new().await;
    let proxy = Proxy::start(&stage.host.url()).await;
    let mailer = Mailer::start(&stage, &proxy.through(&stage.host.url())).await;
    let client = client(&stage).await;
    let events = addresses(["a@nowhere.invalid", "b@example.com"]);
    proxy.open_forth(false);
    stage.publish_all(&events).await;
    until("the stream is dead", async || {
        count(&client, "select count(*) from mailer.inbox_held where dead_at is not null").await == 1
    })
    .await;
    // The letter goes out; the confirm doesn't come back.
    proxy.open_back(false);
    proxy.open_forth(true);
    let dead = format!("{NAME}.dead");
    until("the letter is in the queue", async || stage.depth(&dead).await.is_some_and(|(ready, _)| ready == 1)).await;
    let noted = "select count(*) from mailer.inbox_held where letter_at is not null";
    assert_eq!(count(&client, noted).await, 0);
    mailer.kill().await;
    drop(proxy);
    let mailer = Mailer::start(&stage, &stage.host.url()).await;
    until("it is written again", async || count(&client, noted).await == 1).await;
    until("there are two", async || stage.depth(&dead).await.is_some_and(|(ready, _)| ready == 2)).await;
    // Whichever is brought back, the table decides.
    let operator = Operator::new(NAME, stage.pool.clone(), "mailer").unwrap();
    let (tenant, contact, id) = (events[0].tenant.into(), events[0].stream, events[0].event.id);
    assert!(operator.discard(tenant, contact, id).await.unwrap());
    until("the next letter is written", async || count(&client, LETTERS).await == 1).await;
    let settled = Returned { settled: 2, ..Returned::default() };
    assert_eq!(operator.replay_dead_letters(&stage.host.url(), 10).await.unwrap(), settled);
    mailer.terminate().await;
    assert_eq!(count(&client, LETTERS).await, 1);
    assert_eq!(count(&client, "select count(*) from mailer.inbox_held").await, 0);
}
