//! Activities and comments: what they tell about a person goes with the person, wherever it stands.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Utc};
use fairlead_application::{
    AppError, Context, Expected,
    access::{Authorized, System as Everything},
    administration::SubscriptionAdministration,
    crm::{ContactsRead, ForgetActivities, ForgetContacts, Timelines},
    policy::{AnyPolicy, Policy},
    ports::{IdGenerator, System},
};
use fairlead_domain::{
    crm::{
        Activity, ActivityChange, ActivityCommand, ActivityKind, ActivityProfile, Attachment, Author, Comment,
        CommentCommand, CommentProfile, Contact, ContactCommand, ContactProfile, Schema,
    },
    kernel::{Aggregate, Patch, PersonalOf},
    values::{FileName, FileUrl, MediaType, PersonName, Prose, RecordRef, RecordType, Subject},
};
use fairlead_postgres::{PostgresAdministration, RecordTimeline};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller, eventually},
    search,
};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::{
    policies::{Worker, begun},
    verify::told,
};

/// Everything that is told about the person below.
const TOLD: [&str; 9] = [
    "Zebulon Quixworth",
    "Quixsubject",
    "Quixbody",
    "quixoffer.pdf",
    "quixfiles.example",
    "Quixchange",
    "Quixlater",
    "Quixcomment",
    "Quixdeleted",
];

fn fresh() -> Uuid {
    System.next()
}

fn company(id: Uuid) -> RecordRef {
    RecordRef { record_type: RecordType::Company, id }
}

fn noon() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn profile(kind: ActivityKind, subject: &str, about: &[RecordRef]) -> ActivityProfile {
    ActivityProfile::new(kind, Subject::new(subject).unwrap(), about.to_vec())
}

fn attachment() -> Attachment {
    Attachment {
        id: fresh().into(),
        name: FileName::new("quixoffer.pdf").unwrap().into(),
        url: FileUrl::new("https://quixfiles.example/1").unwrap().into(),
        media_type: MediaType::new("application/pdf").unwrap(),
        size: 1,
        sha256: None,
    }
}

fn said(about: Uuid, activity: Uuid, text: &str) -> CommentCommand {
    CommentCommand::Create(Box::new(CommentProfile {
        activity_id: activity.into(),
        author: Author::new("user:ana"),
        text: PersonalOf { subject: about, value: Prose::new(text).unwrap().into() },
        mentions: BTreeSet::new(),
    }))
}

/// An engine with the policies at work that make records forget.
struct Stage {
    database: TestDatabase,
    engine: Engine,
    admin: Client,
    worker: Worker,
    cx: Authorized<Everything>,
}

impl Stage {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let engine = Engine::start(&database).await;
        let admin = database.admin().await;
        let policies: [Arc<dyn AnyPolicy>; 2] = [Arc::new(ForgetContacts::new()), Arc::new(ForgetActivities::new())];
        let worker = Worker::start(&engine, policies);
        for name in [ForgetContacts::NAME, ForgetActivities::NAME] {
            begun(&admin, name).await;
        }
        Self { database, engine, admin, worker, cx: caller() }
    }

    async fn execute<A: Aggregate>(&self, id: Uuid, command: A::Command) {
        self.engine.app.execute::<A>(&self.cx, id.into(), Expected::Any, command).await.unwrap();
    }

    async fn person(&self, name: &str) -> Uuid {
        let profile = ContactProfile::named(PersonName::new(name).unwrap());
        let id = fresh();
        self.execute::<Contact>(id, ContactCommand::Create(Box::new(profile), Schema::default())).await;
        id
    }

    async fn activity(&self, profile: ActivityProfile) -> Uuid {
        let id = fresh();
        let seen = profile.about.iter().copied().collect();
        self.execute::<Activity>(id, ActivityCommand::Create { profile: Box::new(profile), seen }).await;
        id
    }

    async fn read(&self, id: Uuid) -> Activity {
        self.engine.app.read::<Activity>(&self.cx, id.into()).await.unwrap().unwrap().state
    }

    async fn count(&self, sql: &str) -> i64 {
        self.admin.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Waits until read models and policies have handled everything.
    async fn settled(&self) {
        let operator = PostgresAdministration::new(self.database.engine());
        let sql = "select (select count(*) from engine.outbox) = (select count(*) from engine.events)";
        eventually("everything is handled", async || {
            let status = operator.subscriptions().await.unwrap();
            let handled = status.iter().flat_map(|status| &status.partitions).all(|partition| partition.behind == 0);
            handled && self.admin.query_one(sql, &[]).await.unwrap().get(0)
        })
        .await;
    }

    async fn stop(self) {
        self.worker.stop().await;
        self.engine.stop().await;
    }
}

/// What activities and comments tell about a person: living and deleted, alone and with others, since when the activity
/// was about somebody else.
async fn tell(stage: &Stage, ana: Uuid, firm: Uuid) -> [Uuid; 3] {
    let mut call = profile(ActivityKind::Call, "Quixsubject", &[company(firm), RecordRef::contact(ana)]);
    call.body = Some(Prose::new("Quixbody\nwith two lines").unwrap().into());
    call.attachments = vec![attachment()];
    call.due_at = Some(noon());
    let shared = stage.activity(call).await;
    let change = ActivityChange { body: Patch::Set(Prose::new("Quixchange").ok()), ..ActivityChange::default() };
    stage.execute::<Activity>(shared, ActivityCommand::Change(Box::new(change))).await;
    stage.execute::<Activity>(shared, ActivityCommand::Complete { at: noon(), outcome: None }).await;
    stage.execute::<Comment>(fresh(), said(ana, shared, "Quixcomment")).await;
    let deleted = fresh();
    stage.execute::<Comment>(deleted, said(ana, shared, "Quixdeleted")).await;
    let by = fairlead_domain::crm::Editor { actor: Author::new("user:ana"), moderates: false };
    stage.execute::<Comment>(deleted, CommentCommand::Delete { by }).await;
    let alone = stage.activity(profile(ActivityKind::Task, "Quixsubject too", &[RecordRef::contact(ana)])).await;
    // Words about the person stay the person's, though the activity is about the firm alone by now.
    let moved = stage.activity(profile(ActivityKind::Note, "Quixlater", &[RecordRef::contact(ana)])).await;
    let change =
        ActivityChange { about: Some(vec![company(firm)]), seen: [company(firm)].into(), ..ActivityChange::default() };
    stage.execute::<Activity>(moved, ActivityCommand::Change(Box::new(change))).await;
    [shared, alone, moved]
}

#[tokio::test]
async fn nothing_that_was_told_about_an_erased_person_is_left_to_be_found() {
    let stage = Stage::new().await;
    let (ana, bo, firm) = (stage.person("Zebulon Quixworth").await, stage.person("Bystander").await, fresh());
    let [shared, alone, moved] = tell(&stage, ana, firm).await;
    let other = stage.activity(profile(ActivityKind::Note, "About the bystander", &[RecordRef::contact(bo)])).await;
    stage.settled().await;
    let before = search::in_tables(&stage.admin, &TOLD).await;
    for place in [
        "engine.streams: Quixcomment",
        "crm.activities: Quixchange",
        "engine.streams: Quixdeleted",
        "crm.timeline: quixoffer.pdf",
        "crm.activities: Quixlater",
        "crm.timeline: Quixbody",
    ] {
        assert!(before.contains(place), "{place}: {before:?}");
    }
    assert!(!before.iter().any(|place| place.starts_with("engine.events")), "{before:?}");
    assert_eq!(told(&stage.database).await, BTreeSet::new());

    stage.execute::<Contact>(ana, ContactCommand::Erase).await;
    eventually("all is forgotten", async || {
        stage
            .count("select count(*) from engine.events where type in ('activity.forgotten', 'comment.forgotten')")
            .await
            == 5
    })
    .await;
    stage.settled().await;
    assert_eq!(search::in_tables(&stage.admin, &TOLD).await, BTreeSet::new());
    assert_eq!(search::in_dump(&stage.database.admin_url(), &TOLD), BTreeSet::new());
    let events = stage.engine.log.peek(0, 100).await.unwrap();
    let shown: String = events.iter().map(|event| event.envelope().to_string()).collect();
    assert!(TOLD.iter().all(|told| !shown.contains(told)) && shown.contains("About the bystander"));
    assert_eq!(told(&stage.database).await, BTreeSet::new(), "every row is as its events tell");
    let shell = stage.read(shared).await;
    assert!(!shell.is_deleted() && shell.completed_at.is_some() && shell.profile.subject.known().is_none());
    assert!(stage.read(alone).await.is_deleted(), "about nobody else, it went with its words");
    assert!(!stage.read(moved).await.is_deleted());
    assert!(stage.read(other).await.profile.subject.known().is_some());
    // Nothing new can be told, and what tells nothing goes on.
    let words = ActivityChange { subject: Subject::new("Quixnew").ok(), ..ActivityChange::default() };
    let words = ActivityCommand::Change(Box::new(words));
    let refused = stage.engine.app.execute::<Activity>(&stage.cx, shared.into(), Expected::Any, words).await;
    assert!(matches!(refused, Err(AppError::SubjectErased)), "{refused:?}");
    stage.execute::<Activity>(shared, ActivityCommand::Reopen).await;
    stage.stop().await;
}

#[tokio::test]
async fn an_activity_about_nobody_is_erased_with_its_comments() {
    let stage = Stage::new().await;
    let firm = fresh();
    let mut note = profile(ActivityKind::Note, "Quixsubject", &[company(firm)]);
    note.body = Some(Prose::new("Quixbody").unwrap().into());
    let id = stage.activity(note).await;
    stage.execute::<Comment>(fresh(), said(id, id, "Quixcomment")).await;
    stage.settled().await;
    assert!(search::in_tables(&stage.admin, &TOLD).await.contains("crm.timeline: Quixbody"));
    stage.execute::<Activity>(id, ActivityCommand::Erase).await;
    eventually("its comments are forgotten", async || {
        stage.count("select count(*) from engine.events where type = 'comment.forgotten'").await == 1
    })
    .await;
    stage.settled().await;
    assert_eq!(search::in_tables(&stage.admin, &TOLD).await, BTreeSet::new());
    assert_eq!(stage.count("select count(*) from crm.activities").await, 0);
    assert_eq!(stage.count("select count(*) from crm.timeline").await, 2, "the company's timeline keeps the fact");
    assert_eq!(told(&stage.database).await, BTreeSet::new());
    stage.stop().await;
}

/// Where read models have set a stream aside, the erasure does not wait for an operator.
#[tokio::test]
async fn words_are_forgotten_by_read_models_that_had_parked_the_record() {
    let stage = Stage::new().await;
    let (ana, firm) = (stage.person("Zebulon Quixworth").await, fresh());
    let about = [RecordRef::contact(ana), company(firm)];
    let id = stage.activity(profile(ActivityKind::Task, "Quixsubject", &about)).await;
    stage.settled().await;
    let refuse = "alter table crm.activities add constraint refused check (version < 2);
                  alter table crm.timeline add constraint refused check (version < 2)";
    stage.admin.batch_execute(refuse).await.unwrap();
    stage.execute::<Activity>(id, ActivityCommand::Pin).await;
    let parked = "select count(*) from engine.parked";
    eventually("both have set it aside", async || stage.count(parked).await == 2).await;
    assert!(!search::in_tables(&stage.admin, &["Quixsubject"]).await.is_empty());
    stage.execute::<Contact>(ana, ContactCommand::Erase).await;
    eventually("its words are gone", async || search::in_tables(&stage.admin, &["Quixsubject"]).await.is_empty()).await;
    // The contact's own stream is refused by the timeline too, in its second version.
    eventually("three are set aside", async || stage.count(parked).await == 3).await;

    let accept = "alter table crm.activities drop constraint refused; alter table crm.timeline drop constraint refused";
    stage.admin.batch_execute(accept).await.unwrap();
    let operator = PostgresAdministration::new(stage.database.engine());
    operator.replay("crm.activities", None).await.unwrap();
    operator.replay("crm.timeline", None).await.unwrap();
    eventually("they are taken back", async || stage.count(parked).await == 0).await;
    stage.settled().await;
    assert_eq!(stage.count("select count(*) from crm.activities").await, 1);
    assert_eq!(told(&stage.database).await, BTreeSet::new(), "every row is as its events tell");
    assert_eq!(search::in_tables(&stage.admin, &TOLD).await, BTreeSet::new());
    stage.stop().await;
}

/// A projection that writes words about a person down holds the person's key, so that the erasure comes behind it.
#[tokio::test]
async fn an_erasure_waits_for_a_timeline_that_is_being_written() {
    let stage = Stage::new().await;
    let ana = stage.person("Zebulon Quixworth").await;
    stage.settled().await;
    stage
        .admin
        .batch_execute(
            "create function public.wait() returns trigger language plpgsql as $$ begin
               perform pg_advisory_xact_lock(78); return new; end $$;
             create trigger wait before insert on crm.timeline for each row
               when (new.type = 'activity.created') execute function public.wait();
             select pg_advisory_lock(78)",
        )
        .await
        .unwrap();
    let about = [company(fresh()), RecordRef::contact(ana)];
    stage.activity(profile(ActivityKind::Note, "Quixsubject", &about)).await;
    let watch = stage.database.admin().await;
    let waiting = async |like: &str| {
        let sql =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
                      and query like $1";
        watch.query_one(sql, &[&like]).await.unwrap().get::<_, i64>(0) == 1
    };
    eventually("the projection waits", async || waiting("%insert into crm.timeline%").await).await;
    let erasing = stage.execute::<Contact>(ana, ContactCommand::Erase);
    let watching = async {
        eventually("the erasure waits for it", async || waiting("%engine.append%").await).await;
        stage.admin.batch_execute("select pg_advisory_unlock(78)").await.unwrap();
    };
    tokio::join!(erasing, watching);
    eventually("all is forgotten", async || {
        stage.count("select count(*) from engine.events where type = 'activity.forgotten'").await == 1
    })
    .await;
    stage.settled().await;
    assert_eq!(search::in_tables(&stage.admin, &TOLD).await, BTreeSet::new());
    stage.stop().await;
}

#[tokio::test]
async fn a_timeline_shows_what_is_about_the_record_as_far_as_one_may_read_that() {
    let stage = Stage::new().await;
    let (ana, firm) = (stage.person("Ana").await, fresh());
    let own = Uuid::from_u128(0xA11CE);
    let mut note = profile(ActivityKind::Task, "Owned", &[RecordRef::contact(ana)]);
    note.owner_id = Some(own.into());
    let owned = stage.activity(note).await;
    let other =
        stage.activity(profile(ActivityKind::Task, "Another's", &[company(firm), RecordRef::contact(ana)])).await;
    stage.execute::<Activity>(owned, ActivityCommand::Complete { at: noon(), outcome: None }).await;
    let change =
        ActivityChange { about: Some(vec![company(firm)]), seen: [company(firm)].into(), ..ActivityChange::default() };
    stage.execute::<Activity>(other, ActivityCommand::Change(Box::new(change))).await;
    stage.execute::<Activity>(other, ActivityCommand::Pin).await;
    stage.settled().await;
    let timelines = Timelines::new(Arc::new(RecordTimeline::new(stage.database.app())));
    let shown = async |cx: Context| {
        let cx: Authorized<ContactsRead> = cx.authorize().unwrap();
        let contact = stage.engine.app.read::<Contact>(&stage.cx, ana.into()).await.unwrap().unwrap();
        let entries = timelines.record(&cx, &contact, None, 10).await.unwrap();
        entries.into_iter().map(|entry| (entry.event_type, entry.record_id)).collect::<Vec<_>>()
    };
    let named = |names: &[(&str, Uuid)]| names.iter().map(|(name, id)| ((*name).to_owned(), *id)).collect::<Vec<_>>();
    let all = named(&[
        ("activity.about_changed", other),
        ("activity.completed", owned),
        ("activity.created", other),
        ("activity.created", owned),
        ("contact.created", ana),
    ]);
    assert_eq!(shown((*stage.cx).clone()).await, all, "what came when it was about the company alone is not there");
    let holding = |scope: &str| {
        let access = fairlead_application::access::Access::parse(scope);
        Context::new(stage.cx.tenant(), stage.cx.actor().clone(), access)
    };
    assert_eq!(shown(holding("contacts:read activities:read")).await, all);
    assert_eq!(shown(holding("contacts:read")).await, named(&[("contact.created", ana)]));
    let grant = |permission: &str, over| fairlead_domain::values::Grant {
        permission: fairlead_domain::values::Permission::new(permission).unwrap(),
        over,
    };
    use fairlead_domain::values::Over;
    let grants = [grant("contacts:read", Over::All), grant("activities:read", Over::Own)];
    let access = fairlead_application::access::Access::new(grants, Some(own.into()), None::<[_; 0]>);
    let cx = Context::new(stage.cx.tenant(), stage.cx.actor().clone(), access);
    let owned_only = named(&[("activity.completed", owned), ("activity.created", owned), ("contact.created", ana)]);
    assert_eq!(shown(cx).await, owned_only);
    stage.stop().await;
}
