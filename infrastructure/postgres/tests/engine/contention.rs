//! Many commands at once on the same streams and keys.

use std::collections::BTreeSet;

use fairlead_application::{AppError, Expected, IdempotencyKey, access::System as Everything};
use fairlead_domain::{
    crm::{Contact, ContactChange, ContactCommand, ContactProfile, PointsChange, Schema},
    values::{Email, PersonName, Points, Tag},
};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller},
};
use tokio::task::JoinSet;
use uuid::Uuid;

fn create(email: Option<&str>) -> ContactCommand {
    let mut profile = ContactProfile::named(PersonName::new("Ana").unwrap());
    profile.emails = email.map(|email| Points::one(Email::new(email).unwrap())).unwrap_or_default();
    ContactCommand::Create(Box::new(profile), Schema::default())
}

fn move_to(email: &str) -> ContactCommand {
    let emails = PointsChange::Primary(Some(Email::new(email).unwrap()));
    ContactCommand::Change(Box::new(ContactChange { emails, ..ContactChange::default() }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_at_once_on_one_stream_all_take_effect() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let (cx, id) = (caller(), engine.app.fresh::<Uuid>());
    engine.app.execute::<Contact>(&cx, id.into(), Expected::New, create(None)).await.unwrap();
    let mut commands = JoinSet::new();
    for n in 0..50 {
        let (app, cx) = (engine.app.clone(), cx.clone());
        let command = ContactCommand::Tag(BTreeSet::from([Tag::new(&format!("t{n}")).unwrap()]));
        commands.spawn(async move { app.execute::<Contact>(&cx, id.into(), Expected::Any, command).await.map(drop) });
    }
    for outcome in commands.join_all().await {
        outcome.unwrap();
    }
    assert_eq!(engine.app.read::<Contact>(&cx, id.into()).await.unwrap().unwrap().version, 51);
    engine.stop().await;
}

/// Two contacts that each want the other's address are both refused, without a deadlock that the database must find.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crossing_claims_never_deadlock() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let (cx, a, b) = (caller(), engine.app.fresh::<Uuid>(), engine.app.fresh::<Uuid>());
    for (id, email) in [(a, "a@example.com"), (b, "b@example.com")] {
        engine.app.execute::<Contact>(&cx, id.into(), Expected::New, create(Some(email))).await.unwrap();
    }
    for _ in 0..40 {
        let (to_b, to_a) = tokio::join!(
            engine.app.execute::<Contact>(&cx, a.into(), Expected::Any, move_to("b@example.com")),
            engine.app.execute::<Contact>(&cx, b.into(), Expected::Any, move_to("a@example.com")),
        );
        assert!(matches!(to_b, Err(AppError::Taken { .. })), "{to_b:?}");
        assert!(matches!(to_a, Err(AppError::Taken { .. })), "{to_a:?}");
    }
    let admin = database.admin().await;
    admin.batch_execute("select pg_stat_clear_snapshot()").await.unwrap();
    let sql = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 0);
    engine.stop().await;
}

#[tokio::test]
async fn a_stream_locked_by_others_is_not_taken_for_a_duplicate_at_work() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let (cx, id) = (caller(), engine.app.fresh::<Uuid>());
    engine.app.execute::<Contact>(&cx, id.into(), Expected::New, create(None)).await.unwrap();
    let admin = database.admin().await;
    admin.batch_execute("begin; select from engine.streams for update").await.unwrap();
    let mut keyed = (*cx).clone();
    keyed.idempotency = Some(IdempotencyKey { key: "k".to_owned(), fingerprint: [0; 32] });
    let keyed = keyed.authorize::<Everything>().unwrap();
    let delete = || ContactCommand::Delete;
    let (first, second) =
        tokio::join!(engine.app.execute::<Contact>(&keyed, id.into(), Expected::Any, delete()), async {
            // The duplicate comes while the first one waits for the stream, and waits for the first one.
            fairlead_testing::engine::eventually("the first one waits", async || {
                let waiting = "select exists (select from pg_stat_activity where datname = current_database()
                                                 and query like '%engine.append%' and wait_event_type = 'Lock')";
                database.admin().await.query_one(waiting, &[]).await.unwrap().get(0)
            })
            .await;
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            engine.app.execute::<Contact>(&keyed, id.into(), Expected::Any, delete()).await
        });
    assert!(matches!(first, Err(AppError::Unavailable(_))), "{first:?}");
    // When the first one gives up, the second one may just have begun to wait for the stream.
    assert!(matches!(second, Err(AppError::KeyInProgress | AppError::Unavailable(_))), "{second:?}");
    admin.batch_execute("commit").await.unwrap();
    engine.app.execute::<Contact>(&keyed, id.into(), Expected::Any, delete()).await.unwrap();
    engine.stop().await;
}
