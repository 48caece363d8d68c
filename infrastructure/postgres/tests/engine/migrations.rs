//! Every migration goes up, down and up again.

use std::str::FromStr;

use fairlead_application::{
    Expected,
    ports::{IdGenerator, System},
};
use fairlead_domain::{
    crm::{
        Activity, AttributeKind, Comment, Company, Contact, ContactCommand, ContactList, ContactProfile,
        CustomFieldProfile, Deal, Schema,
    },
    kernel::testing::Story,
    values::{AttributeKey, AttributeValue, Label, PersonName, RecordRef, RecordType},
};
use fairlead_migrations::{Login, Migrator, MigratorTrait, connect_as_owner, prepare};
use fairlead_testing::{
    database::{TestDatabase, connect},
    engine::{Engine, caller},
};
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

#[tokio::test]
async fn down_leaves_nothing_and_up_works_again() {
    let database = TestDatabase::create().await;
    let admin = database.admin().await;
    let objects = async || {
        let sql = "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                    where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
                      and c.relname not like 'seaql%'";
        admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    let migrated = objects().await;
    let options = PgConnectOptions::from_str(&database.admin_url()).unwrap();
    let owner = connect_as_owner(&options).await.unwrap();
    for _ in Migrator::migrations() {
        Migrator::down(&owner, Some(1)).await.unwrap();
    }
    assert_eq!(objects().await, 0);
    Migrator::up(&owner, None).await.unwrap();
    assert_eq!(objects().await, migrated);
}

#[tokio::test]
async fn references_of_what_is_there_already_are_noted() {
    async fn live<A: Story>(engine: &Engine) {
        for (commands, cx) in [(A::story(), caller()), (A::living(), caller())] {
            let id: Uuid = System.next();
            for command in commands {
                engine.app.execute::<A>(&cx, id.into(), Expected::Any, command).await.unwrap();
            }
        }
    }
    /// A contact with a custom attribute that refers to another.
    async fn refer(engine: &Engine) {
        let (key, record) = (AttributeKey::new("partner").unwrap(), RecordRef::contact(System.next()));
        let mut field = CustomFieldProfile::new(
            RecordType::Contact,
            key.clone(),
            Label::new("Partner").unwrap(),
            AttributeKind::Reference,
        );
        field.refers_to = Some(RecordType::Contact);
        let mut profile = ContactProfile::named(PersonName::new("Ana").unwrap());
        profile.attributes.insert(key, AttributeValue::Record(record).into());
        let create = ContactCommand::Create(Box::new(profile), Schema::new([field], [record].into()));
        engine.app.execute::<Contact>(&caller(), System.next().into(), Expected::New, create).await.unwrap();
    }
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    live::<Contact>(&engine).await;
    live::<Company>(&engine).await;
    live::<Deal>(&engine).await;
    live::<Activity>(&engine).await;
    live::<Comment>(&engine).await;
    live::<ContactList>(&engine).await;
    refer(&engine).await;
    let admin = database.admin().await;
    let noted = async || -> Vec<String> {
        let rows = admin.query("select r::text from engine.record_references r order by r", &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    let before = noted().await;
    assert!(before.len() >= 10, "{before:?}");
    let options = PgConnectOptions::from_str(&database.admin_url()).unwrap();
    let owner = connect_as_owner(&options).await.unwrap();
    let is_it = |migration: &&str| migration.ends_with("_references");
    let migrations = Migrator::migrations();
    let names: Vec<_> = migrations.iter().map(|migration| migration.name()).collect();
    let since = names.iter().rev().position(is_it).unwrap() + 1;
    Migrator::down(&owner, Some(u32::try_from(since).unwrap())).await.unwrap();
    Migrator::up(&owner, None).await.unwrap();
    assert_eq!(noted().await, before);
}

#[tokio::test]
async fn preparing_makes_what_is_missing_and_can_be_repeated() {
    let server = fairlead_testing::required("FAIRLEAD_TEST_DATABASE_URL");
    let database = TestDatabase::empty_on(&server);
    let options = PgConnectOptions::from_str(&database.admin_url()).unwrap();
    let name = format!("fairlead_test_login \"{}", Uuid::from_u128(std::process::id().into()).simple());
    let login = Login { name: name.clone(), password: Some("o'clock".to_owned()), group: "fairlead_app" };
    for _ in 0..2 {
        prepare(&options, std::slice::from_ref(&login)).await.unwrap();
    }
    let admin = connect(&database.admin_url()).await;
    let sql = "select rolcanlogin and not rolsuper and pg_has_role(oid, 'fairlead_app', 'member') and
                      has_database_privilege(oid, current_database(), 'connect') and
                      not has_database_privilege(oid, current_database(), 'create') from pg_roles where rolname = $1";
    assert!(admin.query_one(sql, &[&name]).await.unwrap().get::<_, bool>(0));
    admin.batch_execute(&format!("drop role \"{}\"", name.replace('"', "\"\""))).await.unwrap();
}
