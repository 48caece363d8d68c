//! The partitions of answers to idempotency keys.

use fairlead_postgres::Maintenance;
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, eventually},
    store_contract,
};
use tokio_util::sync::CancellationToken;

/// No worker ran for weeks, so that answers went to the default partition: room is made for what comes, and in the end
/// the default partition is empty again.
#[tokio::test]
async fn a_neglected_table_is_put_in_order_again() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let admin = database.admin().await;
    let weeks = async || {
        let sql = "select count(*) from pg_inherits where inhparent = 'engine.command_results'::regclass";
        admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) - 1
    };
    let default = async || {
        let sql = "select count(*) from engine.command_results_other";
        admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    assert!(weeks().await >= 2, "this week and the next are there from the start");
    let drop_all = "do $$ declare v_name regclass; begin
                      for v_name in select inhrelid::regclass from pg_inherits
                                     where inhparent = 'engine.command_results'::regclass
                                       and inhrelid <> 'engine.command_results_other'::regclass loop
                        execute format('drop table %s', v_name);
                      end loop; end $$";
    admin.batch_execute(drop_all).await.unwrap();
    store_contract::answers_a_key_again(engine.store.clone()).await;
    assert_eq!((weeks().await, default().await), (0, 1), "an answer always finds a place");

    let work = || async {
        let stop = CancellationToken::new();
        let working = tokio::spawn(Maintenance::new(database.engine(), 7, 365).run(stop.clone()));
        eventually("room is made", async || weeks().await >= 1).await;
        (stop, working)
    };
    let (stop, working) = work().await;
    assert_eq!(default().await, 1, "what is not old stays");
    stop.cancel();
    working.await.unwrap();
    let old = "update engine.command_results_other set created_at = created_at - interval '1 month'";
    admin.batch_execute(old).await.unwrap();
    let (stop, working) = work().await;
    eventually("what is old is gone", async || default().await == 0).await;
    stop.cancel();
    working.await.unwrap();
    engine.stop().await;
}
