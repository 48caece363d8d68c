//! The inbox's partitions: who is forgotten, and who is not.

use deadpool_postgres::Client;
use uuid::Uuid;

use crate::stage::{SCHEMA, Stage};

async fn rotate(client: &Client, schema: &str) -> bool {
    let sql = format!("select {schema}.rotate_inbox(interval '30 days')");
    client.query_one(&sql, &[]).await.unwrap().get(0)
}

/// An event of that many days ago, handled that many days ago.
async fn insert(client: &Client, happened: i32, handled: i32) -> Uuid {
    let sql = format!(
        "insert into {SCHEMA}.inbox (tenant_id, consumer, event_id, handled_at)
         select gen_random_uuid(), 'a', overlay({SCHEMA}.inbox_bound(now() - $1::int * interval '1 day')::text
                                               placing right(gen_random_uuid()::text, 12) from 25)::uuid,
                now() - $2::int * interval '1 day' returning event_id"
    );
    client.query_one(&sql, &[&happened, &handled]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_was_handled_long_ago_is_forgotten_by_whole_weeks() {
    let stage = Stage::new().await;
    let client = stage.pool.get().await.unwrap();
    let partitions = async || {
        let sql =
            format!("select inhrelid::regclass::text from pg_inherits where inhparent = '{SCHEMA}.inbox'::regclass");
        let rows = client.query(&sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
    };
    let remembered = async |id: Uuid| {
        let sql = format!("select tableoid::regclass::text from {SCHEMA}.inbox where event_id = $1");
        client.query_opt(&sql, &[&id]).await.unwrap().map(|row| row.get::<_, String>(0))
    };
    let fresh = partitions().await;
    assert_eq!(fresh.len(), 4, "this week, the next two and all others: {fresh:?}");
    // As if the service had run for long.
    for days in [60, 50, 40] {
        let sql = format!("select {SCHEMA}.make_inbox_partition(now() - $1::int * interval '1 day')");
        client.execute(&sql, &[&days]).await.unwrap();
    }
    assert_eq!(partitions().await.len(), 7);
    let long_ago = insert(&client, 60, 60).await;
    let handled_late = insert(&client, 50, 3).await;
    let (recent, ahead) = (insert(&client, 1, 1).await, insert(&client, -100, 0).await);
    let (old, old_late) = (insert(&client, 300, 299).await, insert(&client, 300, 1).await);
    let other = format!("{SCHEMA}.inbox_other");
    assert_eq!(remembered(old).await.as_deref(), Some(other.as_str()));
    assert_eq!(remembered(ahead).await.as_deref(), Some(other.as_str()));
    assert_ne!(remembered(recent).await.as_deref(), Some(other.as_str()));

    assert!(rotate(&client, SCHEMA).await);
    assert_eq!(partitions().await.len(), 5, "the week of what was handled late stays: {:?}", partitions().await);
    for id in [handled_late, recent, ahead, old_late] {
        assert!(remembered(id).await.is_some());
    }
    for id in [long_ago, old] {
        assert!(remembered(id).await.is_none());
    }
    assert!(rotate(&client, SCHEMA).await);
    assert_eq!(partitions().await.len(), 5);
}

#[tokio::test]
async fn a_transaction_in_the_way_is_waited_for_without_holding_up_the_rest() {
    let stage = Stage::new().await;
    let (client, mut reader) = (stage.pool.get().await.unwrap(), stage.pool.get().await.unwrap());
    let sql = format!("select {SCHEMA}.make_inbox_partition(now() - interval '60 days')");
    client.execute(&sql, &[]).await.unwrap();
    let reading = reader.transaction().await.unwrap();
    reading.query(&format!("select from {SCHEMA}.inbox"), &[]).await.unwrap();
    assert!(!rotate(&client, SCHEMA).await, "in use");
    reading.commit().await.unwrap();
    assert!(rotate(&client, SCHEMA).await);
}

#[tokio::test]
async fn the_week_that_has_not_passed_is_never_dropped() {
    let stage = Stage::new().await;
    let client = stage.pool.get().await.unwrap();
    let sql = format!("select {SCHEMA}.drop_inbox_partition(date_trunc('week', now())::date)");
    assert!(client.execute(&sql, &[]).await.is_err());
}
