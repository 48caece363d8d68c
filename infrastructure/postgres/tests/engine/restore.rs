//! A dump restored into another cluster, whose transaction ids are lower or higher than the old one's.

use fairlead_postgres::{adopt, engine_databases, sequencer_status};
use fairlead_testing::{
    cluster::{Cluster, copy},
    database::{TestDatabase, connect},
    engine::Engine,
};
use uuid::Uuid;

use crate::sequencer::{bare_append, order, tick};

async fn restored_from_to(old_xid: u32, new_xid: u32) {
    let (old, new) = (Cluster::start(old_xid), Cluster::start(new_xid));
    let source = TestDatabase::create_on(&old.url()).await;
    let (app, engine) = (connect(&source.app_url()).await, connect(&source.engine_url()).await);
    for n in 1..=5 {
        app.batch_execute(&bare_append(Uuid::from_u128(n), 0)).await.unwrap();
    }
    assert_eq!(tick(&engine).await, 5);
    // Committed, but not stamped yet when the dump is taken; the second one by a transaction that is open at first.
    app.batch_execute(&bare_append(Uuid::from_u128(1), 1)).await.unwrap();
    app.batch_execute(&bare_append(Uuid::from_u128(6), 0)).await.unwrap();

    let target = TestDatabase::empty_on(&new.url());
    let server = connect(&new.url()).await;
    for role in ["fairlead_owner", "fairlead_app", "fairlead_engine"] {
        server.batch_execute(&format!("create role {role}")).await.unwrap();
    }
    let name = target.admin_url().rsplit('/').next().unwrap().to_owned();
    server.batch_execute(&format!("create database {name} owner fairlead_owner")).await.unwrap();
    copy(&source.admin_url(), &target.admin_url());

    let databases = engine_databases(&target.engine_url(), 2).unwrap();
    assert!(!sequencer_status(&databases).await.unwrap().at_home, "another server is noticed");
    let admin = target.admin().await;
    let running = Engine::without_projections(&target).await;
    // An append before the adoption is stamped by it, too.
    let app = connect(&target.app_url()).await;
    app.batch_execute(&bare_append(Uuid::from_u128(7), 0)).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(order(&admin).await.len(), 5, "the sequencer does not tick away from home");
    let adoption = adopt(&databases).await.unwrap();
    assert_eq!((adoption.stamped, adoption.incarnation), (3, 2));
    let status = sequencer_status(&databases).await.unwrap();
    assert!(status.at_home && status.position == 8 && status.incarnation == 2);

    // Life goes on: streams of old and new ones, and nothing of old is stamped again when ids come by.
    let engine = connect(&target.engine_url()).await;
    for n in 10..30 {
        app.batch_execute(&bare_append(Uuid::from_u128(n), 0)).await.unwrap();
        tick(&engine).await;
    }
    app.batch_execute(&bare_append(Uuid::from_u128(1), 2)).await.unwrap();
    tick(&engine).await;
    let order = order(&admin).await;
    let expected =
        (1..=5).map(|n| (n, 1)).chain([(1, 2), (6, 1), (7, 1)]).chain((10..30).map(|n| (n, 1))).chain([(1, 3)]);
    assert_eq!(order, expected.map(|(n, version)| (Uuid::from_u128(n), version)).collect::<Vec<_>>());
    let incarnations = "select incarnation, count(*) from engine.outbox group by 1 order by 1";
    let incarnations = admin.query(incarnations, &[]).await.unwrap();
    let incarnations: Vec<(i32, i64)> = incarnations.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(incarnations, [(1, 5), (2, 24)]);
    running.stop().await;
}

#[tokio::test]
async fn into_a_cluster_with_lower_transaction_ids() {
    restored_from_to(3 << 20, 0).await;
}

#[tokio::test]
async fn into_a_cluster_with_higher_transaction_ids() {
    restored_from_to(0, 3 << 20).await;
}

/// The old cluster's ids lie just ahead of the new one's, so that the counter runs through them while life goes on.
#[tokio::test]
async fn into_a_cluster_that_is_about_to_use_the_same_transaction_ids() {
    restored_from_to(0, 0).await;
}
