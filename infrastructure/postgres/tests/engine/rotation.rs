//! Keys are exchanged while commands go on, and no event is touched.

use std::sync::atomic::{AtomicBool, Ordering};

use fairlead_application::Expected;
use fairlead_domain::{
    crm::{Contact, ContactChange, ContactCommand, ContactProfile, Schema},
    ids::ContactId,
    values::PersonName,
};
use fairlead_postgres::{InstallationKeys, VaultError, key_status, rewrap_keys, rotate_tenant_keys};
use fairlead_testing::{
    database::{ENCRYPTION_KEYS, TestDatabase},
    engine::{Engine, caller},
};
use uuid::Uuid;

fn name(text: &str) -> PersonName {
    PersonName::new(text).unwrap()
}

fn create(text: &str) -> ContactCommand {
    ContactCommand::Create(Box::new(ContactProfile::named(name(text))), Schema::default())
}

fn rename(text: &str) -> ContactCommand {
    ContactCommand::Change(Box::new(ContactChange { name: Some(name(text)), ..ContactChange::default() }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_go_on_while_keys_are_rotated() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let tenants = [caller(), caller(), caller()];
    let done = AtomicBool::new(false);
    let writing = async {
        let mut streams = Vec::new();
        while !done.load(Ordering::Relaxed) || streams.len() < 30 {
            let (cx, id) = (&tenants[streams.len() % 3], engine.app.fresh::<ContactId>());
            engine.app.execute::<Contact>(cx, id, Expected::New, create("Ana")).await.unwrap();
            engine.app.execute::<Contact>(cx, id, Expected::Any, rename("Bo")).await.unwrap();
            streams.push((cx, id));
            let (old_cx, old) = streams[streams.len() / 2];
            engine
                .app
                .execute::<Contact>(old_cx, old, Expected::Any, rename(&format!("Cleo {}", streams.len())))
                .await
                .unwrap();
        }
        streams
    };
    let rotating = async {
        // At least one tenant has keys that must be wrapped anew.
        fairlead_testing::engine::eventually("somebody is known", async || {
            key_status(&engine.databases).await.unwrap().subjects > 5
        })
        .await;
        for round in 2..=4 {
            assert_eq!(rotate_tenant_keys(&engine.databases).await.unwrap().round, round);
        }
        done.store(true, Ordering::Relaxed);
    };
    let (streams, ()) = tokio::join!(writing, rotating);
    let admin = database.admin().await;
    for (cx, id) in &streams {
        let state = engine.app.read::<Contact>(cx, *id).await.unwrap().unwrap().state;
        let events = engine.store.events(cx, Uuid::from(*id)).await.unwrap();
        assert_eq!(fairlead_application::recorded::refold::<Contact>(events).unwrap(), state);
    }
    assert_eq!(
        engine.log.peek(0, 10_000).await.unwrap().iter().filter(|e| e.event.data["name"] == "Ana").count(),
        streams.len()
    );
    let status = key_status(&engine.databases).await.unwrap();
    assert_eq!((status.round, status.subjects), ((4, true), streams.len() as i64));
    let numbers = admin.query("select distinct number from engine.tenant_keys", &[]).await.unwrap();
    assert_eq!(numbers.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>(), [4], "older keys are gone");
    engine.stop().await;
}

#[tokio::test]
async fn a_rotation_that_was_interrupted_is_finished_by_the_next() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let tenants = [caller(), caller(), caller()];
    let mut ids = Vec::new();
    for cx in &tenants {
        let id = engine.app.fresh::<ContactId>();
        engine.app.execute::<Contact>(cx, id, Expected::New, create("Ana")).await.unwrap();
        ids.push(id);
    }
    let admin = database.admin().await;
    let mut sorted = tenants.each_ref().map(|cx| Uuid::from(cx.tenant()));
    sorted.sort_unstable();
    // It fails on the second tenant, after the new key was stored.
    admin
        .batch_execute(&format!(
            "create function fail() returns trigger language plpgsql as $$ begin raise 'power'; end $$;
         create trigger fail before update on engine.subject_keys for each row when (old.tenant_id = '{}')
           execute function fail()",
            sorted[1]
        ))
        .await
        .unwrap();
    assert!(matches!(rotate_tenant_keys(&engine.databases).await, Err(VaultError::Database(_))));
    assert_eq!(key_status(&engine.databases).await.unwrap().round, (2, false));
    for (cx, id) in tenants.iter().zip(&ids) {
        engine.app.execute::<Contact>(cx, *id, Expected::Any, rename("Bo")).await.unwrap();
        assert_eq!(engine.store.events(cx, Uuid::from(*id)).await.unwrap()[0].data["name"], "Ana");
    }
    admin.batch_execute("drop trigger fail on engine.subject_keys").await.unwrap();
    let finished = rotate_tenant_keys(&engine.databases).await.unwrap();
    assert_eq!((finished.round, finished.tenants, finished.rewrapped), (2, 1, 2));
    let numbers = admin.query("select number from engine.tenant_keys", &[]).await.unwrap();
    assert_eq!(numbers.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>(), [2, 2, 2]);
    for (cx, id) in tenants.iter().zip(&ids) {
        assert_eq!(engine.store.events(cx, Uuid::from(*id)).await.unwrap()[1].data["name"], "Bo");
    }
    engine.stop().await;
}

#[tokio::test]
async fn an_installation_key_can_be_exchanged() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let (cx, id) = (caller(), engine.app.fresh::<ContactId>());
    engine.app.execute::<Contact>(&cx, id, Expected::New, create("Ana")).await.unwrap();
    let keys = |text: &str| text.parse::<InstallationKeys>().unwrap();
    let new = format!("new:{}", "ab".repeat(32));
    let both = database.engine().with_keys(keys(&format!("{new},{ENCRYPTION_KEYS}")));
    assert_eq!(rewrap_keys(&both).await.unwrap(), 1);
    assert_eq!(rewrap_keys(&both).await.unwrap(), 0);
    assert_eq!(key_status(&both).await.unwrap().installation, [("new".to_owned(), 1)]);
    let store = |databases| fairlead_postgres::PostgresStore::new(databases, std::sync::Arc::default());
    use fairlead_application::ports::EventStore;
    let with_new = store(database.app().with_keys(keys(&new)));
    assert_eq!(with_new.events(&cx, id.into()).await.unwrap()[0].data["name"], "Ana");
    let with_old = store(database.app()).events(&cx, id.into()).await.unwrap_err();
    let cause = std::error::Error::source(&with_old).unwrap().to_string();
    assert!(cause.contains("encryption_keys does not have the key new"), "{cause}");
    engine.stop().await;
}
