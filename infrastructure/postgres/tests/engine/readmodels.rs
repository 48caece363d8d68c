//! Read models: timelines, streams that are set aside and taken back, and rebuilding beside the live one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use fairlead_application::{
    AppError, Context, Expected,
    access::{Authorized, System as Everything},
    administration::{
        AdministrationError, ParkedPlace, ParkedQuery, RebuildState, StreamKey, SubscriptionAdministration,
    },
    crm::{ContactsRead, Timelines},
    list::{Filter, ListQuery, Listed, Sort},
    ports::{IdGenerator, System},
};
use fairlead_domain::{
    crm::{Contact, ContactChange, ContactCommand, ContactProfile, Schema},
    values::PersonName,
};
use fairlead_postgres::{PostgresAdministration, RecordTimeline};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller, eventually},
};
use tokio_postgres::Client;
use uuid::Uuid;

fn fresh() -> Uuid {
    System.next()
}

fn create(name: &str) -> ContactCommand {
    ContactCommand::Create(Box::new(ContactProfile::named(PersonName::new(name).unwrap())), Schema::default())
}

fn rename(name: &str) -> ContactCommand {
    ContactCommand::Change(Box::new(ContactChange { name: PersonName::new(name).ok(), ..Default::default() }))
}

/// A reader who has to see the write of the last command.
async fn after(
    engine: &Engine,
    cx: &Authorized<Everything>,
    id: Uuid,
    command: ContactCommand,
) -> Authorized<ContactsRead> {
    let outcome = engine.app.execute::<Contact>(cx, id.into(), Expected::Any, command).await.unwrap();
    let mut reader: Context = (**cx).clone();
    reader.read_after = outcome.token;
    reader.authorize().unwrap()
}

async fn listed(engine: &Engine, reader: &Authorized<ContactsRead>) -> Result<Vec<(Uuid, i64)>, AppError> {
    let sort = Sort::parse("-created", Contact::FIELDS).unwrap();
    let query = ListQuery { filter: Filter::Everything, sort, limit: 200, after: None, search: None };
    let page = engine.contacts.page(reader, &query).await?;
    Ok(page.rows.iter().map(|row| (row.id, row.version)).collect())
}

#[tokio::test]
async fn a_timeline_tells_what_happened_to_the_record_alone() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let timelines = Timelines::new(Arc::new(RecordTimeline::new(database.app())));
    let (cx, id, other) = (caller(), fresh(), fresh());
    after(&engine, &cx, other, create("Bo")).await;
    after(&engine, &cx, id, create("Ana")).await;
    let reader = after(&engine, &cx, id, rename("Ann")).await;
    let contact = engine.app.read::<Contact>(&reader, id.into()).await.unwrap().unwrap();
    let entries = timelines.record(&reader, &contact, None, 10).await.unwrap();
    let told: Vec<_> = entries.iter().map(|entry| (&*entry.event_type, entry.version)).collect();
    assert_eq!(told, [("contact.renamed", 2), ("contact.created", 1)]);
    assert_eq!(entries[0].data["name"], "Ann");
    let before = timelines.record(&reader, &contact, Some(entries[0].position), 10).await.unwrap();
    assert_eq!(before, entries[1..]);
    let stranger: Authorized<ContactsRead> = (*caller()).clone().authorize().unwrap();
    assert_eq!(timelines.record(&stranger, &contact, None, 10).await.unwrap(), []);
    engine.stop().await;
}

/// Makes the read model refuse rows of that name.
async fn refuse(admin: &Client, name: &str) {
    let sql = format!("alter table crm.contacts add constraint refused check (name <> '{name}')");
    admin.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_cannot_be_projected_is_set_aside_and_taken_back_by_a_replay() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let admin = database.admin().await;
    let operator = PostgresAdministration::new(database.engine());
    refuse(&admin, "broken").await;
    let (cx, sound, broken) = (caller(), fresh(), fresh());
    // Together, so that they are likely to be in one batch.
    let (reader, failed) =
        tokio::join!(after(&engine, &cx, sound, create("Ana")), after(&engine, &cx, broken, create("broken")));
    assert_eq!(listed(&engine, &reader).await.unwrap(), [(sound, 1)], "others go on");
    eventually("it is told", async || matches!(listed(&engine, &failed).await, Err(AppError::Parked))).await;
    // What comes later to that stream is not shown either, although it could be: that would be out of order.
    let later = after(&engine, &cx, broken, rename("mended")).await;
    eventually("it is told too", async || matches!(listed(&engine, &later).await, Err(AppError::Parked))).await;
    assert_eq!(listed(&engine, &reader).await.unwrap(), [(sound, 1)]);

    let parked = operator.parked(&ParkedQuery::first(Some("crm.contacts"), 10)).await.unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!((parked[0].stream, parked[0].first_version, parked[0].attempts), (broken, 1, 1));
    assert!(parked[0].error.contains("refused") && !parked[0].error.contains("broken"), "{}", parked[0].error);
    // Nothing comes behind it, and nobody else's stream of that id is meant.
    let behind = ParkedQuery { subscription: None, after: Some(parked[0].place()), limit: 10 };
    assert_eq!(operator.parked(&behind).await.unwrap(), []);
    let earlier = ParkedPlace { parked_at: parked[0].parked_at - TimeDelta::microseconds(1), ..parked[0].place() };
    let from_there = ParkedQuery { after: Some(earlier), ..behind };
    assert_eq!(operator.parked(&from_there).await.unwrap(), parked);
    let stranger = StreamKey { tenant: fresh(), stream: broken };
    assert_eq!(operator.replay("crm.contacts", Some(stranger)).await.unwrap(), 0);
    let status = operator.subscriptions().await.unwrap();
    let contacts = status.iter().find(|status| status.name == "crm.contacts").unwrap();
    assert_eq!(contacts.partitions.len(), 4);
    assert!(contacts.partitions.iter().all(|partition| partition.held));
    assert_eq!(contacts.partitions.iter().map(|partition| partition.parked).sum::<i64>(), 1);

    // A replay that fails leaves it where it is, and counts.
    let refuse_all = "alter table crm.contacts drop constraint refused; alter table crm.contacts add constraint refused
                      check (name <> 'mended')";
    admin.batch_execute(refuse_all).await.unwrap();
    assert_eq!(operator.replay("crm.contacts", None).await.unwrap(), 1);
    eventually("it is tried", async || operator.parked(&ParkedQuery::first(None, 10)).await.unwrap()[0].attempts == 2)
        .await;
    admin.batch_execute("alter table crm.contacts drop constraint refused").await.unwrap();
    let key = StreamKey { tenant: parked[0].tenant, stream: broken };
    assert!(matches!(operator.replay("nobody", Some(key)).await, Err(AdministrationError::Unknown(_))));
    assert_eq!(operator.replay("crm.contacts", Some(key)).await.unwrap(), 1);
    eventually("it is taken back", async || operator.parked(&ParkedQuery::first(None, 10)).await.unwrap().is_empty())
        .await;
    let mut rows = listed(&engine, &later).await.unwrap();
    rows.sort();
    let mut expected = vec![(sound, 1), (broken, 2)];
    expected.sort();
    assert_eq!(rows, expected);
    assert!(matches!(operator.replay("nobody", None).await, Err(AdministrationError::Unknown(_))));
    engine.stop().await;
}

/// Every row of a read model that differs from what is expected of the streams.
async fn differences(admin: &Client) -> i64 {
    let sql = "select count(*) from (select tenant_id, stream_id as id, version, state from engine.streams
                                      where deleted_at is null) s
                 full join crm.contacts c using (tenant_id, id)
                where c.version is distinct from s.version or c.state is distinct from s.state";
    admin.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn read_models_are_rebuilt_beside_the_live_ones_under_load() {
    let database = TestDatabase::create().await;
    let engine = Arc::new(Engine::start(&database).await);
    let admin = database.admin().await;
    let operator = PostgresAdministration::new(database.engine());
    let cx = caller();
    let ids: Vec<Uuid> = (0..1_500).map(|_| fresh()).collect();
    for chunk in ids.chunks(500) {
        let steps: Vec<_> = chunk
            .iter()
            .map(|id| fairlead_application::Step::new::<Contact>(&cx, (*id).into(), Expected::New, create("Ana")))
            .collect();
        engine.app.execute_all(&cx, &steps).await.unwrap();
    }
    eventually("all are listed", async || differences(&admin).await == 0).await;
    // Rows that no event accounts for, and one that is missing, show that it is another table afterwards.
    admin.batch_execute("delete from crm.contacts where id = (select id from crm.contacts limit 1)").await.unwrap();
    admin
        .batch_execute("update crm.contacts set name = 'wrong'; update crm.timeline set actor = 'wrong'")
        .await
        .unwrap();

    // Some are deleted, restored and renamed all the while.
    let done = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (engine, done, cx, ids) = (engine.clone(), done.clone(), cx.clone(), ids.clone());
        async move {
            let mut n = 0_usize;
            while !done.load(Ordering::SeqCst) {
                let id = ids[(n * 7) % ids.len()];
                for command in [ContactCommand::Delete, ContactCommand::Restore, rename(&format!("Ana {n}"))] {
                    engine.app.execute::<Contact>(&cx, id.into(), Expected::Any, command).await.unwrap();
                }
                let gone = ids[(n * 7 + 3) % ids.len()];
                engine.app.execute::<Contact>(&cx, gone.into(), Expected::Any, ContactCommand::Delete).await.unwrap();
                n += 1;
            }
        }
    });
    for name in ["crm.contacts", "crm.timeline"] {
        operator.rebuild(name).await.unwrap();
        eventually("the rebuilt table is in place", async || {
            let status = operator.rebuilds().await.unwrap();
            let status = status.into_iter().find(|status| status.subscription == name).unwrap();
            assert_ne!(status.state, RebuildState::Failed, "{:?}", status.error);
            if status.state == RebuildState::Done {
                assert!(status.done == status.total && status.total >= 1_500)
            }
            status.state == RebuildState::Done
        })
        .await;
    }
    done.store(true, Ordering::SeqCst);
    load.await.unwrap();
    eventually("all are listed as they are", async || differences(&admin).await == 0).await;
    let timeline =
        "select (select count(*) from crm.timeline where actor <> 'wrong') = (select count(*) from engine.events)";
    eventually("timelines are whole", async || admin.query_one(timeline, &[]).await.unwrap().get(0)).await;
    // The new tables are guarded like the old ones, and nothing is left beside them.
    let sql = "select count(*) filter (where c.relname like '%rebuilt'),
                      count(*) filter (where c.relrowsecurity and c.relforcerowsecurity
                                         and (select count(*) from pg_policy p where p.polrelid = c.oid) = 2
                                         and has_table_privilege('fairlead_app', c.oid, 'select')
                                         and not has_table_privilege('fairlead_app', c.oid, 'insert')
                                         and pg_get_userbyid(c.relowner) = 'fairlead_owner'),
                      count(*)
                 from pg_class c where c.relnamespace = 'crm'::regnamespace and c.relkind = 'r'";
    let row = admin.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (0, row.get::<_, i64>(2)));
    let sql = "select count(*) from engine.subscriptions where name like '%.rebuild'";
    assert_eq!(admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 0);
    assert!(matches!(operator.rebuild("relay").await, Err(AdministrationError::NoReadModel(_))));
    tokio::time::timeout(Duration::from_secs(30), Arc::into_inner(engine).unwrap().stop()).await.unwrap();
}

#[tokio::test]
async fn a_rebuild_parks_what_it_cannot_project_and_hands_it_on() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let admin = database.admin().await;
    let operator = PostgresAdministration::new(database.engine());
    let (cx, sound, broken) = (caller(), fresh(), fresh());
    after(&engine, &cx, sound, create("Ana")).await;
    let reader = after(&engine, &cx, broken, create("broken")).await;
    assert_eq!(listed(&engine, &reader).await.unwrap().len(), 2);
    let not_valid = "alter table crm.contacts add constraint refused check (name <> 'broken') not valid";
    admin.batch_execute(not_valid).await.unwrap();
    operator.rebuild("crm.contacts").await.unwrap();
    eventually("it is in place", async || operator.rebuilds().await.unwrap()[0].state == RebuildState::Done).await;
    assert!(matches!(listed(&engine, &reader).await, Err(AppError::Parked)));
    let parked = operator.parked(&ParkedQuery::first(None, 10)).await.unwrap();
    assert_eq!((parked.len(), &*parked[0].subscription, parked[0].stream), (1, "crm.contacts", broken));
    admin.batch_execute("alter table crm.contacts drop constraint refused").await.unwrap();
    operator.replay("crm.contacts", None).await.unwrap();
    eventually("it is taken back", async || operator.parked(&ParkedQuery::first(None, 10)).await.unwrap().is_empty())
        .await;
    assert_eq!(listed(&engine, &reader).await.unwrap().len(), 2);
    engine.stop().await;
}
