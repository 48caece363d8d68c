//! A foreign transaction left open delays nothing and slows nothing.

use fairlead_testing::database::{TestDatabase, connect};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::sequencer::{bare_append, tick};

/// How many pages a tick touches while it stamps one event: a measure of work that no noise disturbs.
async fn pages_of_a_tick(engine: &Client, app: &Client, stream: u128) -> i64 {
    app.batch_execute(&bare_append(Uuid::from_u128(stream), 0)).await.unwrap();
    let sql = "explain (analyze, buffers, format json) select engine.tick()";
    let plan: serde_json::Value = engine.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(plan[0]["Plan"]["Actual Rows"].as_f64(), Some(1.0));
    let pages = |name: &str| plan[0]["Plan"][name].as_i64().unwrap();
    pages("Shared Hit Blocks") + pages("Shared Read Blocks")
}

/// The same for an advance of a subscription and for asking whether a write is covered.
async fn pages_of_a_checkpoint(engine: &Client, app: &Client) -> i64 {
    let mut sum = 0;
    for (client, sql) in [
        (engine, "engine.advance('tester', 0::smallint, 1, 1)"),
        (app, "engine.coverage(gen_random_uuid(), 'tester', 1, 1, -1)"),
    ] {
        let sql = format!("explain (analyze, buffers, format json) select {sql}");
        let plan: serde_json::Value = client.query_one(&sql, &[]).await.unwrap().get(0);
        sum += plan[0]["Plan"]["Shared Hit Blocks"].as_i64().unwrap();
    }
    sum
}

/// Opens a transaction that has written and that holds a snapshot, and leaves it open.
async fn leave_open(url: &str) -> Client {
    let client = connect(url).await;
    let sql = "begin isolation level repeatable read; create temporary table t (); select txid_current()";
    client.batch_execute(sql).await.unwrap();
    client
}

#[tokio::test]
async fn a_hundred_thousand_ticks_under_an_open_transaction_cost_no_more_than_the_first() {
    let database = TestDatabase::create().await;
    let elsewhere = TestDatabase::create().await;
    let (engine, app) = (connect(&database.engine_url()).await, connect(&database.app_url()).await);
    let _here = leave_open(&database.admin_url()).await;
    let _there = leave_open(&elsewhere.admin_url()).await;
    let subscribe = "select engine.subscribe('tester', 1::smallint, 0); select engine.take_over('tester', 0::smallint)";
    engine.batch_execute(subscribe).await.unwrap();

    // The first calls of a session also read the catalog.
    for n in 1..=20 {
        pages_of_a_tick(&engine, &app, n).await;
        pages_of_a_checkpoint(&engine, &app).await;
    }
    let (first, first_checkpoint) =
        (pages_of_a_tick(&engine, &app, 21).await, pages_of_a_checkpoint(&engine, &app).await);

    // One event, one tick, one checkpoint, each a transaction of its own, on the server's side of the wire.
    let admin = database.admin().await;
    let append = bare_append(Uuid::nil(), 0).replacen("select", "perform", 1);
    let append =
        append.replace(&format!("'{}']::uuid[], array['thing']", Uuid::nil()), "v_stream]::uuid[], array['thing']");
    let append = append.replace(&format!("array['{}']::uuid[]", Uuid::nil()), "array[v_stream]::uuid[]");
    let load = format!(
        "do $$ declare v_stream uuid; begin
           for i in 1 .. 100000 loop
             v_stream := gen_random_uuid();
             {append};
             commit;
             perform engine.tick();
             perform engine.advance('tester', 0::smallint, 1, i);
             commit;
           end loop;
         end $$"
    );
    admin.batch_execute("set synchronous_commit = off").await.unwrap();
    admin.batch_execute(&load).await.unwrap();
    let ticks: i64 = admin.query_one("select max(number) from engine.ticks", &[]).await.unwrap().get(0);
    assert_eq!(ticks, 100_021, "each commit was stamped at once, by a tick of its own");

    let (last, last_checkpoint) =
        (pages_of_a_tick(&engine, &app, 22).await, pages_of_a_checkpoint(&engine, &app).await);
    // Indexes have grown by a level; nothing else may have.
    assert!(last <= first + 40, "a tick touched {first} pages at first and {last} in the end");
    assert!(
        last_checkpoint <= first_checkpoint + 20,
        "a checkpoint touched {first_checkpoint}, then {last_checkpoint}"
    );
    assert_eq!(tick(&engine).await, 0);
}

/// A transaction with a hundred thousand events that stays open is not looked through at each tick.
#[tokio::test]
async fn what_an_open_transaction_has_written_is_not_looked_at_before_it_ends() {
    let database = TestDatabase::create().await;
    let (engine, app) = (connect(&database.engine_url()).await, connect(&database.app_url()).await);
    let admin = database.admin().await;
    for n in 1..=20 {
        pages_of_a_tick(&engine, &app, n).await;
    }
    let alone = pages_of_a_tick(&engine, &app, 21).await;
    let big = connect(&database.admin_url()).await;
    let sql = "begin; insert into engine.events (tenant_id, stream_id, version, event_id, type, schema_version, data,
                                                 metadata, occurred_at)
               select gen_random_uuid(), gen_random_uuid(), 1, gen_random_uuid(), 'thing.happened', 1, '{}', '{}', now()
                 from generate_series(1, 100000)";
    big.batch_execute(sql).await.unwrap();
    // The first tick that meets it puts it on the list of those in progress; the others only know the list.
    pages_of_a_tick(&engine, &app, 22).await;
    let beside = pages_of_a_tick(&engine, &app, 23).await;
    assert!(beside <= alone + 40, "a tick touched {alone} pages, and {beside} beside an open transaction");
    big.batch_execute("commit").await.unwrap();
    assert_eq!(tick(&engine).await, 100_000);
    let count: i64 = admin.query_one("select count(*) from engine.outbox", &[]).await.unwrap().get(0);
    assert_eq!(count, 100_023);
}
