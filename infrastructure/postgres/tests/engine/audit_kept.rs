//! How long the audit log is kept, and what is left of who is erased.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use fairlead_application::{
    App, Context, Expected,
    administration::{RebuildState, SubscriptionAdministration},
    identity::{AccessNote, AuditQuery, user_actor},
    ports::{Clock, System},
};
use fairlead_domain::{
    crm::Contact,
    identity::{User, UserCommand},
    ids::{OrganizationId, UserId},
    kernel::Aggregate,
    values::Email,
};
use fairlead_postgres::{Maintenance, PostgresAdministration};
use fairlead_testing::engine::{caller, eventually};
use tokio_util::sync::CancellationToken;

use crate::{
    audit::{Stage, address, all, asking, fresh, note, refused},
    projection::create,
    verify::told,
};

/// A clock that is behind.
struct Behind(TimeDelta);

impl Clock for Behind {
    fn now(&self) -> DateTime<Utc> {
        System.now() - self.0
    }
}

#[tokio::test]
async fn entries_are_told_for_their_time_alone_and_deleted_then() {
    let stage = Stage::new().await;
    let cx = asking(&caller(), fresh());
    let (old, young) = (fresh(), fresh());
    let past = App::new(stage.engine.store.clone(), Arc::new(Behind(TimeDelta::days(400))), Arc::new(System));
    past.execute::<Contact>(&cx, old.into(), Expected::New, create("Ana")).await.unwrap();
    stage.engine.app.execute::<Contact>(&cx, young.into(), Expected::New, create("Bo")).await.unwrap();
    stage.log.note(AccessNote { at: System.now() - TimeDelta::days(400), ..note(&cx, 1) });
    stage.log.note(AccessNote { at: System.now() - TimeDelta::days(400), ..refused(&cx, 1) });
    stage.log.note(note(&cx, 2));
    stage.told().await;
    eventually("it is noted", async || stage.count("identity.access_log").await == 3).await;
    let told_now = async || stage.actions(&cx, all()).await;
    let expected = [("contact.created".to_owned(), Some(1))];
    assert_eq!(told_now().await, expected, "what has had its time is not told, although it is there");
    assert_eq!(told(&stage.database).await, BTreeSet::new());

    let shorten = async || {
        let stop = CancellationToken::new();
        let working = tokio::spawn(Maintenance::new(stage.database.engine(), 7, 365).run(stop.clone()));
        let left = "(select from identity.audit union all select from identity.access_log
                     union all select from identity.origins) rows";
        eventually("what is old is gone", async || stage.count(left).await == 3).await;
        stop.cancel();
        working.await.unwrap();
    };
    shorten().await;
    assert_eq!(stage.count(&format!("identity.audit where subject_id = '{young}'")).await, 1);
    assert_eq!(told_now().await, expected);
    assert_eq!(told(&stage.database).await, BTreeSet::new(), "what has had its time is not missed");
    // A younger one is.
    stage
        .admin
        .batch_execute("create temp table kept as select * from identity.audit; delete from identity.audit")
        .await
        .unwrap();
    assert_eq!(
        told(&stage.database).await,
        BTreeSet::from(["identity.audit: the row of event 1 is missing".to_owned()])
    );

    // Events are for ever, so that a rebuild makes the old entry again; until the next time it is there, and not told.
    let operator = PostgresAdministration::new(stage.database.engine());
    operator.rebuild("identity.audit").await.unwrap();
    eventually("it is in place", async || operator.rebuilds().await.unwrap()[0].state == RebuildState::Done).await;
    assert_eq!(stage.count("identity.audit").await, 2);
    assert_eq!(told_now().await, expected);
    assert_eq!(stage.entries(&cx, all()).await[0].address, Some(address(2)), "from where is not lost by a rebuild");
    shorten().await;
    assert_eq!(told_now().await, expected);
    stage.end().await;
}

#[tokio::test]
async fn of_who_was_erased_no_entry_tells_from_where() {
    let stage = Stage::new().await;
    let (user, other): (UserId, UserId) = (fresh().into(), fresh().into());
    let directory = Context::system(OrganizationId::DIRECTORY, "test");
    for (user, email) in [(user, "ana@example.com"), (other, "bo@example.com")] {
        let invite = UserCommand::Invite { email: Email::new(email).unwrap() };
        stage.engine.app.execute::<User>(&directory, user, Expected::New, invite).await.unwrap();
    }
    let organizations = [caller(), caller()];
    let mut contexts = Vec::new();
    for cx in &organizations {
        for user in [user, other] {
            let acting = Context::new(cx.tenant(), user_actor(user), cx.access().clone()).authorize().unwrap();
            let cx = asking(&acting, fresh());
            stage.engine.app.execute::<Contact>(&cx, fresh().into(), Expected::New, create("Ana")).await.unwrap();
            stage.log.note(note(&cx, 1));
            stage.log.note(refused(&cx, 2));
            contexts.push(cx);
        }
    }
    eventually("it is noted", async || stage.count("identity.access_log").await == 8).await;
    stage.told().await;
    assert_eq!(stage.count("identity.origins").await, 8);
    let erase = User::erasure().unwrap();
    stage.engine.app.execute::<User>(&directory, user, Expected::Any, erase).await.unwrap();
    eventually("it is forgotten", async || stage.count("identity.origins").await == 4).await;
    // What is noted afterwards tells no more.
    stage.log.note(note(&contexts[0], 3));
    stage.log.note(note(&contexts[1], 3));
    eventually("it is noted", async || stage.count("identity.access_log").await == 10).await;
    assert_eq!(stage.count("identity.origins").await, 5);
    for (n, cx) in contexts.iter().enumerate() {
        let of_actor = AuditQuery { actor: Some(cx.actor().as_str().to_owned()), ..all() };
        let entries = stage.entries(cx, of_actor).await;
        let found: Vec<_> =
            entries.iter().map(|entry| (&*entry.action, entry.address.is_some(), entry.user_agent.is_some())).collect();
        let known = n % 2 == 1;
        assert_eq!(found, [("access.refused", known, known), ("contact.created", known, known)]);
    }
    stage.told().await;
    assert_eq!(told(&stage.database).await, BTreeSet::new());
    // A rebuild changes nothing of it.
    let operator = PostgresAdministration::new(stage.database.engine());
    operator.rebuild("identity.audit").await.unwrap();
    eventually("it is in place", async || operator.rebuilds().await.unwrap()[0].state == RebuildState::Done).await;
    assert_eq!(stage.count("identity.origins").await, 5);
    stage.end().await;
}

#[tokio::test]
async fn what_was_noted_is_kept_before_the_end_and_once() {
    let stage = Stage::new().await;
    let cx = asking(&caller(), fresh());
    let twice = refused(&cx, 1);
    for n in 0..1_200 {
        stage.log.note(note(&cx, u8::try_from(n % 5).unwrap()));
    }
    stage.log.note(twice.clone());
    stage.log.note(twice);
    let Stage { database, engine, stop, keeping, admin, .. } = stage;
    stop.cancel();
    keeping.await.unwrap();
    let sql = "select (select count(*) from identity.access_log), (select count(*) from identity.origins)";
    let row = admin.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1_201, 5));
    engine.stop().await;
    drop(database);
}
