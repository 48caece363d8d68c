//! What readiness says of the order and its readers.

use std::{sync::Arc, time::Duration};

use fairlead_application::{
    App, Expected,
    health::{Condition, HealthCheck},
    ports::System,
};
use fairlead_domain::crm::Contact;
use fairlead_postgres::{Limits, Nudge, Observer, PostgresStore};
use fairlead_testing::{
    database::{TestDatabase, connect},
    engine::{Engine, caller, eventually},
};

use crate::{projection::create, sequencer::tick};

const PATIENT: Limits = Limits { sequencing: Duration::from_secs(10), handling: Duration::from_secs(60) };
const IMPATIENT: Limits = Limits { sequencing: Duration::ZERO, handling: Duration::ZERO };

async fn part(observer: &Observer, name: &str) -> Option<Condition> {
    observer.check().await.into_iter().find(|condition| condition.part == name)
}

/// How the sequencer is, as both roles see it, asked anew.
async fn sequencer(database: &TestDatabase, limits: Limits, nudge: &Arc<Nudge>) -> [Condition; 2] {
    let own = Observer::of_own(database.app(), limits, nudge.clone());
    let all = Observer::of_all(database.engine(), limits);
    [part(&own, "sequencer").await.unwrap(), part(&all, "sequencer").await.unwrap()]
}

#[tokio::test]
async fn an_event_that_gets_no_position_is_noticed_by_both_roles() {
    let database = TestDatabase::create().await;
    let nudge = Arc::new(Nudge::default());
    let store = Arc::new(PostgresStore::new(database.app(), nudge.clone()));
    let app = App::new(store, Arc::new(System), Arc::new(System));
    assert!(sequencer(&database, IMPATIENT, &nudge).await.iter().all(|condition| condition.up), "nothing to do");
    for _ in 0..3 {
        app.execute::<Contact>(&caller(), app.fresh(), Expected::New, create("Ana")).await.unwrap();
    }
    for condition in sequencer(&database, IMPATIENT, &nudge).await {
        assert!(!condition.up && condition.detail.as_ref().unwrap().contains("no position"), "{condition:?}");
    }
    assert!(
        sequencer(&database, PATIENT, &nudge).await.iter().all(|condition| condition.up),
        "it is not that long yet"
    );
    tick(&connect(&database.engine_url()).await).await;
    assert!(sequencer(&database, IMPATIENT, &nudge).await.iter().all(|condition| condition.up));
    // The next one is noticed again.
    app.execute::<Contact>(&caller(), app.fresh(), Expected::New, create("Ana")).await.unwrap();
    assert!(sequencer(&database, IMPATIENT, &nudge).await.iter().all(|condition| !condition.up));
}

#[tokio::test]
async fn a_restored_database_waits_for_its_adoption() {
    let database = TestDatabase::create().await;
    database.admin().await.execute("update engine.sequencer set system_identifier = 1", &[]).await.unwrap();
    for condition in sequencer(&database, PATIENT, &Arc::default()).await {
        assert!(!condition.up && condition.detail.as_ref().unwrap().contains("adopt"), "{condition:?}");
    }
}

#[tokio::test]
async fn a_reader_is_stuck_when_it_is_late_and_does_not_move() {
    let database = TestDatabase::create().await;
    let mut engine = Engine::start(&database).await;
    let admin = database.admin().await;
    let reader = async |limits| {
        let own = Observer::of_own(database.app(), limits, Arc::default());
        let all = Observer::of_all(database.engine(), limits);
        let [own, all] = [part(&own, "crm.contacts").await, part(&all, "crm.contacts").await];
        assert_eq!(own.as_ref().map(|condition| condition.up), all.as_ref().map(|condition| condition.up));
        all
    };
    engine.app.execute::<Contact>(&caller(), engine.app.fresh(), Expected::New, create("Ana")).await.unwrap();
    eventually("all partitions have passed it", async || {
        let sql =
            "select count(distinct partition) from engine.checkpoints where name = 'crm.contacts' and position > 0";
        admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 4
    })
    .await;
    engine.stop().await;
    engine = Engine::without_projections(&database).await;
    let condition = reader(IMPATIENT).await.unwrap();
    assert!(condition.up && condition.detail.is_none(), "it has handled everything: {condition:?}");

    engine.app.execute::<Contact>(&caller(), engine.app.fresh(), Expected::New, create("Ana")).await.unwrap();
    eventually("it is late", async || reader(IMPATIENT).await.is_some_and(|condition| !condition.up)).await;
    assert!(reader(PATIENT).await.unwrap().up, "it is not that late yet");
    // Late for an hour, and moving: a read model that is built anew.
    admin.execute("update engine.ticks set at = at - interval '1 hour'", &[]).await.unwrap();
    let condition = reader(PATIENT).await.unwrap();
    assert!(condition.up && condition.detail.as_ref().unwrap().contains("catching up"), "{condition:?}");
    // Late for an hour, and at rest.
    admin.execute("update engine.checkpoints set at = at - interval '1 hour'", &[]).await.unwrap();
    let condition = reader(PATIENT).await.unwrap();
    assert!(!condition.up && condition.detail.as_ref().unwrap().contains("1 events behind"), "{condition:?}");
}
