//! Personal data: sealed in events, gone after an erasure, and never written under a key that is being destroyed.

use std::collections::BTreeSet;

use fairlead_application::{
    AppError, Expected, access::System as Everything, administration::SubscriptionAdministration,
};
use fairlead_domain::{
    crm::{Contact, ContactChange, ContactCommand, ContactProfile, Schema},
    ids::ContactId,
    kernel::{Aggregate, DomainError, ErrorKind, Personal, PersonalOf},
    values::{PersonName, Tag},
};
use fairlead_postgres::PostgresAdministration;
use fairlead_testing::{
    database::{TestDatabase, connect},
    engine::{Engine, caller, eventually},
    search,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::told::{TOLD, life, tags};

fn named(name: &str) -> ContactCommand {
    ContactCommand::Create(Box::new(ContactProfile::named(PersonName::new(name).unwrap())), Schema::default())
}

#[tokio::test]
async fn nothing_of_an_erased_person_is_left_to_be_found() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let (cx, id, other) = (caller(), engine.app.fresh::<ContactId>(), engine.app.fresh::<ContactId>());
    for command in life() {
        let mut keyed = (*cx).clone();
        keyed.idempotency =
            Some(fairlead_application::IdempotencyKey { key: Uuid::from(id).to_string(), fingerprint: [0; 32] });
        engine.app.execute::<Contact>(&cx, id, Expected::Any, command).await.unwrap();
    }
    engine.app.execute::<Contact>(&cx, other, Expected::New, named("Bystander")).await.unwrap();
    let admin = database.admin().await;
    let rows = async |id: ContactId| {
        let sql = "select count(*) from crm.contacts where id = $1";
        admin.query_one(sql, &[&Uuid::from(id)]).await.unwrap().get::<_, i64>(0)
    };
    eventually("both are projected", async || {
        let sql = "select (select count(*) from crm.timeline) = (select count(*) from engine.events)";
        rows(id).await + rows(other).await == 2 && admin.query_one(sql, &[]).await.unwrap().get(0)
    })
    .await;
    // The search can find what is there; and the events, all told, show nothing even now.
    let before = search::in_tables(&admin, &TOLD).await;
    assert!(before.contains("crm.timeline: Zebbina Quixmoor") && before.contains("engine.streams: quixsecond"));
    assert!(!before.iter().any(|place| place.starts_with("engine.events")), "{before:?}");
    assert!(!search::in_dump(&database.admin_url(), &TOLD).is_empty());

    engine.app.execute::<Contact>(&cx, id, Expected::Any, ContactCommand::Erase).await.unwrap();
    eventually("the read models have followed", async || {
        let sql = "select count(*) from crm.timeline where type = 'contact.erased'";
        rows(id).await == 0 && admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await;
    assert_eq!(search::in_tables(&admin, &TOLD).await, BTreeSet::new());
    assert_eq!(search::in_dump(&database.admin_url(), &TOLD), BTreeSet::new());
    let events = engine.log.peek(0, 100).await.unwrap();
    let shown: String = events.iter().map(|event| event.envelope().to_string()).collect();
    assert!(TOLD.iter().all(|told| !shown.contains(told)) && shown.contains("Bystander"));
    let shell = engine.app.read::<Contact>(&cx, id).await.unwrap().unwrap().state;
    assert!(shell.erased && shell.profile.name == Personal::Erased);
    // Folded anew, it is the same.
    admin.execute("update engine.streams set state_version = 0, state = '{}'", &[]).await.unwrap();
    assert_eq!(engine.app.read::<Contact>(&cx, id).await.unwrap().unwrap().state, shell);
    let bystander = engine.app.read::<Contact>(&cx, other).await.unwrap().unwrap().state;
    assert_eq!(bystander.profile.name, PersonName::new("Bystander").unwrap().into());
    engine.stop().await;
}

/// Where the read models have set the person aside, the erasure does not wait for an operator.
#[tokio::test]
async fn an_erased_person_is_forgotten_by_read_models_that_had_parked_them() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let admin = database.admin().await;
    let (cx, id) = (caller(), engine.app.fresh::<ContactId>());
    let execute = async |command| {
        engine.app.execute::<Contact>(&cx, id, Expected::Any, command).await.unwrap();
    };
    execute(named("Zebbina Quixmoor")).await;
    let count = async |sql: &str| admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);
    let rows = "select (select count(*) from crm.contacts) + (select count(*) from crm.timeline)";
    eventually("both are projected", async || count(rows).await == 2).await;
    let refuse = "alter table crm.contacts add constraint refused check (version < 2);
                  alter table crm.timeline add constraint refused check (version < 2)";
    admin.batch_execute(refuse).await.unwrap();
    execute(ContactCommand::Tag([Tag::new("a").unwrap()].into())).await;
    eventually("both have set it aside", async || count("select count(*) from engine.parked").await == 2).await;
    execute(ContactCommand::Erase).await;
    eventually("the rows are gone", async || count(rows).await == 0).await;
    assert_eq!(search::in_tables(&admin, &["Quixmoor"]).await, BTreeSet::new());
    assert_eq!(count("select count(*) from engine.parked").await, 2, "set aside they are still");

    let accept = "alter table crm.contacts drop constraint refused; alter table crm.timeline drop constraint refused";
    admin.batch_execute(accept).await.unwrap();
    let operator = PostgresAdministration::new(database.engine());
    for model in ["crm.contacts", "crm.timeline"] {
        assert_eq!(operator.replay(model, None).await.unwrap(), 1);
    }
    eventually("they are taken back", async || count("select count(*) from engine.parked").await == 0).await;
    assert_eq!(count("select count(*) from crm.timeline").await, 3, "the whole story, without the person");
    assert_eq!(count("select count(*) from crm.contacts").await, 0);
    assert_eq!(search::in_tables(&admin, &["Quixmoor"]).await, BTreeSet::new());
    engine.stop().await;
}

/// What was stored before there were keys stays readable, and goes on under a key.
#[tokio::test]
async fn events_of_old_in_clear_are_read_as_they_are() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let (cx, id) = (caller(), engine.app.fresh::<ContactId>());
    let rename = |name: &str| {
        let name = Some(PersonName::new(name).unwrap());
        ContactCommand::Change(Box::new(ContactChange { name, ..ContactChange::default() }))
    };
    engine.app.execute::<Contact>(&cx, id, Expected::New, named("Bo")).await.unwrap();
    let admin = database.admin().await;
    admin.execute(r#"update engine.events set data = '{"name": "Ana"}'"#, &[]).await.unwrap();
    admin.execute("delete from engine.subject_keys", &[]).await.unwrap();
    engine.app.execute::<Contact>(&cx, id, Expected::Any, rename("Cleo")).await.unwrap();
    let events = engine.store.events(&cx, id.into()).await.unwrap();
    let names: Vec<_> = events.iter().map(|event| event.data["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Ana", "Cleo"]);
    let stored = admin.query("select data::text from engine.events order by version", &[]).await.unwrap();
    assert!(stored[0].get::<_, &str>(0).contains("Ana") && !stored[1].get::<_, &str>(0).contains("Cleo"));
    // A projection that meets a state of an older shape folds events, sealed ones too.
    admin.execute("update engine.streams set state_version = 0, state = '{}'", &[]).await.unwrap();
    engine.app.execute::<Contact>(&cx, id, Expected::Any, ContactCommand::Tag(tags(["new"]))).await.unwrap();
    admin.execute("update engine.streams set state_version = 0, state = '{}'", &[]).await.unwrap();
    eventually("the row is there", async || {
        let sql = "select count(*) from crm.contacts where name = 'cleo' and tags = '{new}'";
        admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await;
    engine.stop().await;
}

#[tokio::test]
async fn what_was_tampered_with_does_not_open() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let (cx, a, b) = (caller(), engine.app.fresh::<ContactId>(), engine.app.fresh::<ContactId>());
    for id in [a, b] {
        engine.app.execute::<Contact>(&cx, id, Expected::New, named("Ana")).await.unwrap();
    }
    let admin = database.admin().await;
    let moved = "update engine.events e set data = (select f.data from engine.events f where f.stream_id = $2)
                  where e.stream_id = $1";
    admin.execute(moved, &[&Uuid::from(a), &Uuid::from(b)]).await.unwrap();
    assert!(engine.store.events(&cx, a.into()).await.is_err());
    assert!(engine.store.events(&cx, b.into()).await.is_ok());
    engine.stop().await;
}

/// A talk that holds words of somebody else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Talk {
    words: Vec<PersonalOf<String>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum TalkEvent {
    #[serde(rename = "talk.said")]
    Said { words: PersonalOf<String> },
}

#[derive(Debug, thiserror::Error)]
#[error("nothing is refused")]
struct Never;

impl DomainError for Never {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Internal
    }

    fn code(&self) -> &'static str {
        "talk.never"
    }
}

impl Aggregate for Talk {
    const CONTEXT: &'static str = "test";
    const TYPE: &'static str = "talk";
    const PLURAL: &'static str = "talks";
    type Id = Uuid;
    type Command = (Uuid, &'static str);
    type Event = TalkEvent;
    type Error = Never;

    fn decide(_: Option<&Self>, (subject, words): Self::Command) -> Result<Vec<TalkEvent>, Never> {
        Ok(vec![TalkEvent::Said { words: PersonalOf { subject, value: words.to_owned().into() } }])
    }

    fn init(event: &TalkEvent) -> Option<Self> {
        let TalkEvent::Said { words } = event;
        Some(Self { words: vec![words.clone()] })
    }

    fn apply(&mut self, event: &TalkEvent) {
        let TalkEvent::Said { words } = event;
        self.words.push(words.clone());
    }
}

async fn waits(admin: &tokio_postgres::Client) {
    eventually("an append waits for a lock", async || {
        let sql = "select exists (select from pg_stat_activity where datname = current_database()
                                     and query like '%engine.append%' and wait_event_type = 'Lock')";
        admin.query_one(sql, &[]).await.unwrap().get(0)
    })
    .await;
}

/// An append that uses a key holds it: the erasure waits, and what was written is erased with the rest.
#[tokio::test]
async fn an_erasure_waits_for_those_who_write_under_the_key() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let (cx, id, talk) = (caller(), engine.app.fresh::<ContactId>(), engine.app.fresh::<Uuid>());
    engine.app.execute::<Contact>(&cx, id, Expected::New, named("Ana")).await.unwrap();
    let admin = database.admin().await;
    // Held back after its append, on a lock that only this connection holds.
    admin
        .batch_execute(
            "create function wait() returns trigger language plpgsql as $$ begin
                           perform pg_advisory_xact_lock(77); return null; end $$;
                         create constraint trigger wait after insert on engine.events deferrable initially deferred
                           for each row when (new.type = 'talk.said') execute function wait();
                         select pg_advisory_lock(77)",
        )
        .await
        .unwrap();
    let (said, erased) =
        tokio::join!(engine.app.execute::<Talk>(&cx, talk, Expected::New, (id.into(), "Quixwords")), async {
            let watch = database.admin().await;
            waits(&watch).await;
            let erasing = engine.app.execute::<Contact>(&cx, id, Expected::Any, ContactCommand::Erase);
            let watching = async {
                eventually("the erasure waits too", async || {
                    let sql = "select count(*) from pg_stat_activity where datname = current_database()
                                  and query like '%engine.append%' and wait_event_type = 'Lock'";
                    watch.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 2
                })
                .await;
                admin.batch_execute("select pg_advisory_unlock(77)").await.unwrap();
            };
            tokio::join!(erasing, watching).0
        });
    said.unwrap();
    erased.unwrap();
    let words = &engine.store.events(&cx, talk).await.unwrap()[0].data["words"];
    assert_eq!(words["value"], json!({ "erased": true }));
    engine.stop().await;
}

/// While an erasure is under way nobody writes under the key; afterwards nothing personal is taken, and after a failure of
/// the erasure everything is as before.
#[tokio::test]
async fn who_comes_during_an_erasure_waits_and_then_finds_the_key_gone() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let (cx, id, talk) = (caller(), engine.app.fresh::<ContactId>(), engine.app.fresh::<Uuid>());
    engine.app.execute::<Contact>(&cx, id, Expected::New, named("Ana")).await.unwrap();
    let (eraser, watch) = (connect(&database.app_url()).await, database.admin().await);
    let (tenant, subject) = (Uuid::from(cx.tenant()), Uuid::from(id));
    let erasing = format!(
        "begin; select engine.append('{tenant}', 'tester', null, null, '[]', now(), '{{\"actor\": \"tester\"}}',
           '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}',
           '{{}}', '{{}}', '{{}}', p_erased_subjects => array['{subject}']::uuid[])"
    );
    for (end, taken) in [("rollback", true), ("commit", false)] {
        eraser.batch_execute(&erasing).await.unwrap();
        let (said, ()) =
            tokio::join!(engine.app.execute::<Talk>(&cx, talk, Expected::Any, (subject, "Quixwords")), async {
                waits(&watch).await;
                eraser.batch_execute(end).await.unwrap();
            });
        assert_eq!(said.is_ok(), taken, "{said:?}");
        assert!(taken || matches!(said, Err(AppError::SubjectErased)), "{said:?}");
    }
    assert_eq!(engine.app.read::<Talk>(&cx, talk).await.unwrap().unwrap().version, 1);
    let rename = ContactChange { name: Some(PersonName::new("Bo").unwrap()), ..ContactChange::default() };
    let rename = ContactCommand::Change(Box::new(rename));
    let refused = engine.app.execute::<Contact>(&cx, id, Expected::Any, rename).await;
    assert!(matches!(refused, Err(AppError::SubjectErased)), "{refused:?}");
    engine.stop().await;
}

/// A stream that becomes known under a key which another stream has made for the person meanwhile.
#[tokio::test]
async fn a_key_made_by_another_stream_is_used() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let (cx, id, talk) = (caller(), engine.app.fresh::<ContactId>(), engine.app.fresh::<Uuid>());
    engine.app.execute::<Talk>(&cx, talk, Expected::New, (id.into(), "Hello")).await.unwrap();
    engine.app.execute::<Contact>(&cx, id, Expected::New, named("Ana")).await.unwrap();
    let admin = database.admin().await;
    assert_eq!(admin.query("select from engine.subject_keys", &[]).await.unwrap().len(), 1);
    let cx = fairlead_application::Context::system(cx.tenant(), "policy:test");
    let _: &fairlead_application::access::Authorized<Everything> = &cx;
    engine.app.execute::<Contact>(&cx, id, Expected::Any, ContactCommand::Erase).await.unwrap();
    assert_eq!(engine.store.events(&cx, talk).await.unwrap()[0].data["words"]["value"], json!({ "erased": true }));
    engine.stop().await;
}
