//! The audit log: what events tell, and what is noted beside them.

use std::{net::IpAddr, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use fairlead_application::{
    Actor, AppError, Context, Expected,
    access::{Access, Authorized, System as Everything},
    identity::{AccessAction, AccessLog, AccessNote, Audit, AuditEntry, AuditQuery, AuditRead, NotePlace, user_actor},
    ports::{Clock, IdGenerator, System},
};
use fairlead_domain::{
    crm::{Contact, ContactCommand},
    identity::{Membership, MembershipCommand},
    ids::{OrganizationId, UserId},
    kernel::testing::Story,
    values::{Grant, Origin, Over, Permission},
};
use fairlead_postgres::{AccessKeeper, AuditLog};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller, eventually},
};
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::projection::create;

const PROGRAM: &str = "Mozilla/5.0 (Zebra)";

pub(crate) fn fresh() -> Uuid {
    System.next()
}

pub(crate) fn address(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
    pub(crate) engine: Engine,
    pub(crate) admin: Client,
    audit: Audit,
    pub(crate) log: AccessLog,
    pub(crate) stop: CancellationToken,
    pub(crate) keeping: JoinHandle<()>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::create().await;
        let (engine, admin) = (Engine::start(&database).await, database.admin().await);
        let (log, notes) = AccessLog::new();
        let stop = CancellationToken::new();
        let keeping = tokio::spawn(AccessKeeper::new(database.app(), notes).run(stop.clone()));
        let audit = Audit::new(Arc::new(AuditLog::new(database.app())), Arc::new(System), 365);
        Self { database, engine, admin, audit, log, stop, keeping }
    }

    /// Has everything kept that was noted, and ends.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.keeping.await.unwrap();
        self.engine.stop().await;
    }

    pub(crate) async fn count(&self, sql: &str) -> i64 {
        self.admin.query_one(&format!("select count(*) from {sql}"), &[]).await.unwrap().get(0)
    }

    /// Waits until the log tells about every event.
    pub(crate) async fn told(&self) {
        eventually("every event is told", async || {
            self.count("identity.audit").await == self.count("engine.events").await
        })
        .await;
    }

    pub(crate) async fn entries(&self, cx: &Context, query: AuditQuery) -> Vec<AuditEntry> {
        let reader: Authorized<AuditRead> = cx.clone().authorize().unwrap();
        self.audit.entries(&reader, &query).await.unwrap()
    }

    /// What was done and to which version, the newest first.
    pub(crate) async fn actions(&self, cx: &Context, query: AuditQuery) -> Vec<(String, Option<i64>)> {
        self.entries(cx, query).await.into_iter().map(|entry| (entry.action, entry.version)).collect()
    }
}

pub(crate) fn all() -> AuditQuery {
    AuditQuery { limit: 100, ..AuditQuery::default() }
}

/// The same caller in the course of a request.
pub(crate) fn asking(cx: &Authorized<Everything>, correlation_id: Uuid) -> Authorized<Everything> {
    let mut cx: Context = (**cx).clone();
    cx.correlation_id = Some(correlation_id);
    cx.authorize().unwrap()
}

/// A note of a command, from a place.
pub(crate) fn note(cx: &Context, last: u8) -> AccessNote {
    AccessNote {
        id: fresh(),
        place: NotePlace::Organization(cx.tenant()),
        at: System.now(),
        correlation_id: cx.correlation_id,
        actor: cx.actor().clone(),
        action: None,
        resource: (None, None),
        permission: Some("contacts:write"),
        code: None,
        origin: Origin::new(Some(address(last)), Some(PROGRAM)),
    }
}

pub(crate) fn refused(cx: &Context, last: u8) -> AccessNote {
    AccessNote {
        action: Some(AccessAction::AccessRefused),
        resource: (Some("contact".to_owned()), Some(Uuid::from_u128(7))),
        code: Some("access.forbidden".to_owned()),
        ..note(cx, last)
    }
}

#[tokio::test]
async fn the_log_tells_who_did_what_to_what_and_from_where() {
    let stage = Stage::new().await;
    let (one, other) = (caller(), caller());
    let cx = asking(&one, fresh());
    let ids = [fresh(), fresh()];
    for id in ids {
        stage.engine.app.execute::<Contact>(&cx, id.into(), Expected::New, create("Ana")).await.unwrap();
    }
    stage.log.note(note(&cx, 1));
    // Somebody else with the same correlation, and the same caller in an earlier request.
    stage.log.note(AccessNote { actor: Actor::new("somebody"), ..note(&cx, 2) });
    stage.log.note(AccessNote { at: System.now() - TimeDelta::minutes(1), ..note(&cx, 3) });
    let unnoted = stage.engine.app.execute::<Contact>(&one, ids[0].into(), Expected::Any, ContactCommand::Delete).await;
    stage.log.note(refused(&cx, 1));
    stage.engine.app.execute::<Contact>(&other, fresh().into(), Expected::New, create("Bo")).await.unwrap();
    eventually("it is noted", async || stage.count("identity.access_log").await == 4).await;
    stage.told().await;

    let mut after: Context = (*one).clone();
    after.read_after = unnoted.unwrap().token;
    let entries = stage.entries(&after, all()).await;
    let found: Vec<_> = entries.iter().map(|entry| (&*entry.action, entry.resource_id, entry.version)).collect();
    assert_eq!(
        found,
        [
            ("access.refused", Some(Uuid::from_u128(7)), None),
            ("contact.deleted", Some(ids[0]), Some(2)),
            ("contact.created", Some(ids[1]), Some(1)),
            ("contact.created", Some(ids[0]), Some(1)),
        ]
    );
    let [refusal, deleted, created, _] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!(
        (refusal.code.as_deref(), refusal.permission.as_deref()),
        (Some("access.forbidden"), Some("contacts:write"))
    );
    assert_eq!((refusal.address, refusal.user_agent.as_deref()), (Some(address(1)), Some(PROGRAM)));
    assert_eq!(
        (deleted.address, deleted.correlation_id, &*deleted.permission.clone().unwrap_or_default()),
        (None, None, "")
    );
    assert_eq!((created.address, created.user_agent.as_deref()), (Some(address(1)), Some(PROGRAM)));
    assert_eq!((&*created.actor, created.resource_type.as_deref()), (one.actor().as_str(), Some("contact")));
    assert!(created.changes.contains(&"name".to_owned()) && !format!("{entries:?}").contains("Ana"), "{created:?}");
    // Another organization has a log of its own.
    assert_eq!(stage.actions(&other, all()).await, [("contact.created".to_owned(), Some(1))]);
    stage.end().await;
}

#[tokio::test]
async fn every_filter_and_every_page_leads_to_the_entries_that_meet_it() {
    let stage = Stage::new().await;
    let cx = caller();
    let elsewhere = Context::new(cx.tenant(), Actor::new("elsewhere"), cx.access().clone()).authorize().unwrap();
    let (id, another) = (fresh(), fresh());
    for (n, command) in Contact::story().into_iter().enumerate() {
        let cx = if n % 2 == 0 { &cx } else { &elsewhere };
        stage.engine.app.execute::<Contact>(cx, id.into(), Expected::Any, command).await.unwrap();
    }
    let between = System.now();
    stage.engine.app.execute::<Contact>(&cx, another.into(), Expected::New, create("Bo")).await.unwrap();
    for _ in 0..3 {
        stage.log.note(refused(&elsewhere, 1));
    }
    stage.log.note(AccessNote { action: Some(AccessAction::SessionStarted), ..note(&cx, 2) });
    stage.told().await;
    eventually("it is noted", async || stage.count("identity.access_log").await == 4).await;

    let whole = stage.entries(&cx, all()).await;
    assert_eq!(whole.len() as i64, stage.count("engine.events").await + 4);
    assert!(whole.windows(2).all(|pair| (pair[0].occurred_at, pair[0].id) > (pair[1].occurred_at, pair[1].id)));
    let actor = |name: &str| Some(name.to_owned());
    let text = actor;
    type Meets = fn(&AuditEntry, DateTime<Utc>, Uuid) -> bool;
    let filters: [(AuditQuery, Meets); 9] = [
        (AuditQuery { actor: actor("elsewhere"), ..all() }, |it, _, _| it.actor == "elsewhere"),
        (AuditQuery { action: text("contact.created"), ..all() }, |it, _, _| it.action == "contact.created"),
        (AuditQuery { action: text("access.refused"), ..all() }, |it, _, _| it.action == "access.refused"),
        (AuditQuery { resource_type: text("contact"), ..all() }, |it, _, _| {
            it.resource_type.as_deref() == Some("contact")
        }),
        (AuditQuery { resource_id: Some(id), ..all() }, |it, _, id| it.resource_id == Some(id)),
        (AuditQuery { refused: Some(true), ..all() }, |it, _, _| it.code.is_some()),
        (AuditQuery { refused: Some(false), ..all() }, |it, _, _| it.code.is_none()),
        (AuditQuery { from: Some(between), ..all() }, |it, between, _| it.occurred_at >= between),
        (AuditQuery { until: Some(between), ..all() }, |it, between, _| it.occurred_at < between),
    ];
    for (query, meets) in filters {
        let expected: Vec<_> = whole.iter().filter(|entry| meets(entry, between, id)).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < whole.len(), "{query:?}");
        let mut paged = Vec::new();
        let mut query = AuditQuery { limit: 2, ..query };
        loop {
            let page = stage.entries(&cx, query.clone()).await;
            query.behind = page.last().map(|last| (last.occurred_at, last.id));
            paged.extend(page.iter().cloned());
            if page.len() < 2 {
                break;
            }
        }
        assert_eq!(paged, expected, "{query:?}");
    }
    stage.end().await;
}

#[tokio::test]
async fn who_reaches_some_records_alone_is_told_nothing() {
    let stage = Stage::new().await;
    let grant = |over| [Grant { permission: Permission::new("audit:read").unwrap(), over }];
    let project = [Uuid::from_u128(3).into()];
    for access in [
        Access::new(grant(Over::Own), Some(Uuid::from_u128(1).into()), None::<[_; 0]>),
        Access::new(grant(Over::Projects), None, None::<[_; 0]>),
        Access::new(grant(Over::All), None, Some(project)),
    ] {
        let cx = Context::new(caller().tenant(), Actor::new("a"), access).authorize().unwrap();
        let refused = stage.audit.entries(&cx, &all()).await;
        assert!(matches!(refused, Err(AppError::Refused { code: "audit.in_part", .. })), "{refused:?}");
    }
    stage.end().await;
}

/// Two organizations of a user, and one into which they are invited.
async fn belonging(stage: &Stage, user: UserId) -> [Authorized<Everything>; 3] {
    let callers = [caller(), caller(), caller()];
    let story = Membership::story();
    let (inviting, joining) = (&story[0], &story[story.len() - 1]);
    assert!(matches!((inviting, joining), (MembershipCommand::Invite { .. }, MembershipCommand::Join(_))));
    for (n, cx) in callers.iter().enumerate() {
        let command = if n < 2 { joining.clone() } else { inviting.clone() };
        stage.engine.app.execute::<Membership>(cx, user, Expected::New, command).await.unwrap();
    }
    callers
}

#[tokio::test]
async fn a_failed_sign_in_is_told_where_the_user_works_and_to_nobody_else() {
    let stage = Stage::new().await;
    let user: UserId = fresh().into();
    let [one, other, inviting] = belonging(&stage, user).await;
    let directory = Context::system(OrganizationId::DIRECTORY, "test");
    let failed = |place, actor| AccessNote {
        place,
        actor,
        action: Some(AccessAction::SessionRefused),
        ..refused(&directory, 9)
    };
    stage.log.note(failed(NotePlace::OrganizationsOf(user), user_actor(user)));
    stage.log.note(failed(NotePlace::OrganizationsOf(fresh().into()), Actor::new("anonymous")));
    eventually("it is noted", async || stage.count("identity.access_log").await == 3).await;
    stage.told().await;
    let refused = || AuditQuery { refused: Some(true), ..all() };
    for cx in [&one, &other] {
        let entries = stage.entries(cx, refused()).await;
        let found: Vec<_> = entries.iter().map(|entry| (entry.actor.clone(), &*entry.action, entry.address)).collect();
        assert_eq!(found, [(format!("user:{user}"), "session.refused", Some(address(9)))]);
    }
    assert_eq!(stage.entries(&inviting, refused()).await, []);
    assert_eq!(stage.entries(&directory, refused()).await.len(), 1, "of nobody's");
    stage.end().await;
}
