//! Whose events wait for being published, and who is held back for that.

use std::sync::Arc;

use fairlead_application::{
    App, AppError, Expected, Step,
    access::{Authorized, System as Everything},
    backlog::Backlogs,
    batch::Mode,
    ports::System,
    subscription::RELAY,
};
use fairlead_domain::crm::Contact;
use fairlead_postgres::{BacklogKeeper, Nudge, PostgresStore};
use fairlead_testing::{
    database::{TestDatabase, connect},
    engine::{Engine, caller, eventually},
};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::{projection::create, sequencer::tick};

const BOUND: u64 = 10;

/// An API's application, and what keeps it informed.
struct Stage {
    database: TestDatabase,
    app: App,
    keeper: BacklogKeeper,
}

impl Stage {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let backlogs = Arc::new(Backlogs::new(BOUND));
        let store = Arc::new(PostgresStore::new(database.app(), Arc::new(Nudge::default())));
        let app = App::new(store, Arc::new(System), Arc::new(System)).holding_back(backlogs.clone());
        let keeper = BacklogKeeper::new(database.engine(), RELAY, backlogs);
        Self { database, app, keeper }
    }

    async fn create(&self, cx: &Authorized<Everything>) -> Result<(), AppError> {
        self.app.execute::<Contact>(cx, self.app.fresh(), Expected::New, create("Ana")).await.map(drop)
    }

    /// Whether a tenant is held back, once more as it is known now.
    async fn holds(&self, cx: &Authorized<Everything>) -> bool {
        self.keeper.look().await.unwrap();
        let step =
            Step::new::<Contact>(cx, self.app.fresh(), Expected::Any, fairlead_domain::crm::ContactCommand::Delete);
        // There is no such contact, so that nothing changes when it passes.
        let one = self.app.execute_all(cx, std::slice::from_ref(&step)).await;
        let many = self.app.execute_batch(cx, &[step], Mode::Atomic).await;
        let held = matches!(one, Err(AppError::HeldBack));
        assert_eq!(matches!(many.map_err(|failure| failure.error), Err(AppError::HeldBack)), held);
        held
    }
}

/// A partition's checkpoint.
async fn advance(engine: &Client, partition: i16, position: i64, ahead: &str) {
    let sql = "select engine.advance($1, $2, (engine.take_over($1, $2)).epoch, $3, $4::text::int8multirange)";
    let row = engine.query_one(sql, &[&RELAY, &partition, &position, &ahead]).await.unwrap();
    assert!(row.get::<_, bool>(0));
}

async fn positions(engine: &Client, cx: &Authorized<Everything>) -> Vec<i64> {
    let sql = "select position from engine.outbox where tenant_id = $1 order by 1";
    let rows = engine.query(sql, &[&Uuid::from(cx.tenant())]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn who_has_too_many_unpublished_events_is_held_back_until_half_of_them_are_left() {
    let stage = Stage::new().await;
    let engine = connect(&stage.database.engine_url()).await;
    engine.batch_execute("select engine.subscribe('relay', 4::smallint, 0)").await.unwrap();
    let (importer, other) = (caller(), caller());
    for _ in 0..10 {
        stage.create(&importer).await.unwrap();
    }
    stage.create(&other).await.unwrap();
    tick(&engine).await;
    assert!(!stage.holds(&importer).await, "it has as many as it may, although more wait in all");
    for _ in 0..3 {
        stage.create(&importer).await.unwrap();
    }
    assert!(stage.holds(&importer).await, "some of them have no position yet");
    tick(&engine).await;
    assert!(stage.holds(&importer).await);
    assert!(!stage.holds(&other).await);
    stage.create(&other).await.unwrap();

    // What one partition has published is gone, and what it has confirmed ahead is too.
    let own = positions(&engine, &importer).await;
    for partition in 0..4 {
        advance(&engine, partition, own[5], "{}").await;
    }
    assert!(stage.holds(&importer).await, "7 are left");
    for partition in 0..4 {
        advance(&engine, partition, own[5], &format!("{{[{},{}]}}", own[9], own[9])).await;
    }
    assert!(stage.holds(&importer).await, "6 are left");
    for partition in 0..4 {
        advance(&engine, partition, own[5], &format!("{{[{},{}]}}", own[9], own[10])).await;
    }
    assert!(!stage.holds(&importer).await, "5 are left");
    for _ in 0..5 {
        stage.create(&importer).await.unwrap();
    }
    tick(&engine).await;
    assert!(!stage.holds(&importer).await, "it may have 10 again");
    stage.create(&importer).await.unwrap();
    assert!(stage.holds(&importer).await);
    // A partition that is behind holds what is in its slots, and nothing else.
    let end = *positions(&engine, &importer).await.last().unwrap();
    for partition in 0..3 {
        advance(&engine, partition, end, "{}").await;
    }
    let sql = "select count(*) from engine.outbox where tenant_id = $1 and slot % 4 = 3 and position > $2
                  and position not in ($3, $4)";
    let left = engine.query_one(sql, &[&Uuid::from(importer.tenant()), &own[5], &own[9], &own[10]]).await.unwrap();
    let unplaced = 1;
    assert_eq!(stage.holds(&importer).await, left.get::<_, i64>(0) + unplaced > 5);
}

#[tokio::test]
async fn events_without_a_position_wait_too() {
    let stage = Stage::new().await;
    let (importer, other) = (caller(), caller());
    for _ in 0..11 {
        stage.create(&importer).await.unwrap();
    }
    stage.create(&other).await.unwrap();
    assert!(stage.holds(&importer).await && !stage.holds(&other).await);
    // Those of a restored database can't be told by their transactions.
    let admin = stage.database.admin().await;
    admin.batch_execute("update engine.sequencer set system_identifier = 1").await.unwrap();
    assert!(!stage.holds(&importer).await);
}

#[tokio::test]
async fn what_a_running_installation_publishes_holds_nobody_back() {
    let stage = Stage::new().await;
    let engine = Engine::without_projections(&stage.database).await;
    let admin = stage.database.admin().await;
    let importer = caller();
    for _ in 0..25 {
        stage.create(&importer).await.unwrap();
    }
    let ordered = "select count(*) from engine.outbox";
    eventually("all is ordered", async || admin.query_one(ordered, &[]).await.unwrap().get::<_, i64>(0) == 25).await;
    assert!(stage.holds(&importer).await, "no relay ever ran");
    admin.batch_execute("select engine.subscribe('relay', 4::smallint, 25)").await.unwrap();
    assert!(!stage.holds(&importer).await);
    engine.stop().await;
}
