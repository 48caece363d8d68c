//! Lists of activities and comments, and agendas: what they find, and by which index.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use fairlead_application::{
    Context, Expected,
    access::{Access, Authorized, System as Everything},
    crm::{ActivitiesRead, Agendas, CommentEdit, Comments, NewComment, Zone},
    list::{AllLists, Filter, ListQuery, Listed, Lists, Search, Sort},
    ports::{Clock, IdGenerator, System},
};
use fairlead_domain::{
    crm::{Activity, ActivityCommand, ActivityKind, Priority},
    values::{Grant, Over, Permission, Prose, RecordRef},
};
use fairlead_postgres::{AGENDA, AGENDA_OF_ALL, ActivityAgenda, lists};
use fairlead_testing::{
    database::{TestDatabase, connect},
    engine::{Engine, caller},
};
use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::activities::profile;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Some activities about two contacts, and the same in another organization.
struct Plans {
    database: TestDatabase,
    engine: Engine,
    cx: Authorized<Everything>,
    all: AllLists,
    names: BTreeMap<Uuid, &'static str>,
}

impl Plans {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let engine = Engine::start(&database).await;
        let cx = caller();
        let all = lists(&engine.requests);
        let mut plans = Self { database, engine, cx, all, names: BTreeMap::new() };
        let (ana, bo) = (RecordRef::contact(id(0xA)), RecordRef::contact(id(0xB)));
        let mut note = profile(ActivityKind::Note, "Likes the sea", &[ana]);
        note.mentions = [id(7).into()].into();
        note.body = Prose::new("Told Émile of it").ok().map(Into::into);
        plans.add("note", note, &[ActivityCommand::Pin]).await;
        let mut call = profile(ActivityKind::Call, "Call about the offer", &[ana, bo]);
        call.due_at = Some(at("2026-03-01T11:00:00Z"));
        call.assignee_id = Some(id(1).into());
        plans.add("call", call, &[]).await;
        let mut task = profile(ActivityKind::Task, "Send the offer", &[bo]);
        task.due_at = Some(at("2026-03-01T22:00:00Z"));
        task.assignee_id = Some(id(1).into());
        task.owner_id = Some(id(1).into());
        task.priority = Some(Priority::High);
        plans.add("task", task, &[]).await;
        let mut later = profile(ActivityKind::Task, "Ask again", &[bo]);
        later.due_at = Some(at("2026-03-03T09:00:00Z"));
        later.assignee_id = Some(id(1).into());
        plans.add("later", later, &[]).await;
        let mut done = profile(ActivityKind::Meeting, "Meeting", &[bo]);
        done.due_at = Some(at("2026-02-01T09:00:00Z"));
        done.assignee_id = Some(id(1).into());
        let complete = ActivityCommand::Complete { at: at("2026-02-01T10:00:00Z"), outcome: None };
        plans.add("done", done, &[complete]).await;
        plans.add("gone", profile(ActivityKind::Task, "Gone", &[bo]), &[ActivityCommand::Delete]).await;
        plans
    }

    async fn add(
        &mut self,
        name: &'static str,
        profile: fairlead_domain::crm::ActivityProfile,
        then: &[ActivityCommand],
    ) {
        let id = System.next();
        let seen = profile.about.iter().copied().collect();
        let begin = ActivityCommand::Create { profile: Box::new(profile), seen };
        for command in std::iter::once(&begin).chain(then) {
            let outcome = self.engine.app.execute::<Activity>(&self.cx, id.into(), Expected::Any, command.clone());
            let token = outcome.await.unwrap().token;
            let mut cx = (*self.cx).clone();
            cx.read_after = token;
            self.cx = cx.authorize().unwrap();
        }
        self.engine.app.execute::<Activity>(&caller(), id.into(), Expected::New, begin).await.unwrap();
        self.names.insert(id, name);
    }

    fn activities(&self) -> &Lists<Activity> {
        self.all.of::<Activity>().unwrap()
    }

    /// What a filter lets through, in the order asked for, over pages of `limit`.
    async fn found(&self, filter: &str, words: Option<&str>, sort: &str, limit: u16) -> Vec<&'static str> {
        let mut query = ListQuery {
            filter: Filter::parse(filter, Activity::FIELDS).unwrap(),
            search: words.map(|words| Search::parse(words).unwrap()),
            sort: Sort::parse(sort, Activity::FIELDS).unwrap(),
            limit,
            after: None,
        };
        let mut found = Vec::new();
        loop {
            let page = self.activities().page(&self.cx, &query).await.unwrap();
            assert!(page.rows.len() <= limit.into());
            found.extend(page.rows.iter().map(|row| self.names[&row.id]));
            match page.next {
                Some(next) => query.after = Some(next),
                None => return found,
            }
        }
    }

    /// As a request of the tenant sees the database.
    async fn as_request(&self) -> Client {
        let app = connect(&self.database.app_url()).await;
        let tenant = Uuid::from(self.cx.tenant());
        app.batch_execute(&format!("select set_config('app.tenant_id', '{tenant}', false)")).await.unwrap();
        app
    }
}

#[tokio::test]
async fn filters_and_words_find_what_they_say() {
    let plans = Plans::new().await;
    let (ana, bo, user) = (id(0xA), id(0xB), id(1));
    let cases: [(String, Option<&str>, &[&str]); 20] = [
        (String::new(), None, &["note", "call", "task", "later", "done"]),
        ("kind:task".into(), None, &["task", "later"]),
        ("kind:!task".into(), None, &["note", "call", "done"]),
        (format!("about:{ana}"), None, &["note", "call"]),
        (format!("about:{ana} about:{bo}"), None, &["call"]),
        (format!("about:!{ana}"), None, &["task", "later", "done"]),
        (format!("assignee:{user}"), None, &["call", "task", "later", "done"]),
        ("assignee:null".into(), None, &["note"]),
        (format!("owner:{user}"), None, &["task"]),
        ("completed:true".into(), None, &["done"]),
        ("completed:false kind:meeting".into(), None, &[]),
        ("pinned:true".into(), None, &["note"]),
        (format!("mention:{}", id(7)), None, &["note"]),
        ("priority:high".into(), None, &["task"]),
        ("due:<2026-03-02".into(), None, &["call", "task", "done"]),
        ("due:null".into(), None, &["note"]),
        ("created:>2026-01-01 updated:>2026-01-01".into(), None, &["note", "call", "task", "later", "done"]),
        (String::new(), Some("offer"), &["call", "task"]),
        (format!("about:{ana}"), Some("offer"), &["call"]),
        (String::new(), Some("emile tol"), &["note"]),
    ];
    for (filter, words, expected) in cases {
        assert_eq!(plans.found(&filter, words, "created", 200).await, expected, "{filter} {words:?}");
    }
    for limit in 1..=3 {
        assert_eq!(plans.found("", None, "due", limit).await, ["done", "call", "task", "later", "note"], "{limit}");
        assert_eq!(plans.found("", None, "-due", limit).await, ["later", "task", "call", "done", "note"], "{limit}");
    }
    plans.engine.stop().await;
}

/// A clock that stands still.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        at("2026-03-01T12:00:00Z")
    }
}

#[tokio::test]
async fn an_agenda_shows_what_is_to_be_done_by_when() {
    let plans = Plans::new().await;
    let agendas = Agendas::new(Arc::new(ActivityAgenda::new(plans.database.app())), Arc::new(Noon));
    let shown = async |access: Access, zone: &str, limit: u16| {
        let mut cx = Context::new(plans.cx.tenant(), plans.cx.actor().clone(), access);
        cx.read_after = plans.cx.read_after;
        let cx: Authorized<ActivitiesRead> = cx.authorize().unwrap();
        let agenda = agendas.of(&cx, Some(id(1).into()), Zone::parse(zone).unwrap(), limit).await.unwrap();
        [agenda.overdue, agenda.today, agenda.upcoming]
            .map(|part| (part.count, part.rows.iter().map(|row| plans.names[&row.id]).collect::<Vec<_>>()))
    };
    let all = || Access::parse("activities:read");
    let expected = [(1, vec!["call"]), (1, vec!["task"]), (1, vec!["later"])];
    assert_eq!(shown(all(), "UTC", 10).await, expected);
    // There it is Sunday until 10:00 UTC on, and the task is due on Monday.
    let expected = [(1, vec!["call"]), (0, vec![]), (2, vec!["task", "later"])];
    assert_eq!(shown(all(), "Asia/Tokyo", 10).await, expected);
    assert_eq!(shown(all(), "Asia/Tokyo", 1).await[2], (2, vec!["task"]), "counted beyond the page");
    let grant = Grant { permission: Permission::new("activities:read").unwrap(), over: Over::Own };
    let own = Access::new([grant], Some(id(1).into()), None::<[_; 0]>);
    assert_eq!(shown(own, "UTC", 10).await, [(0, vec![]), (1, vec!["task"]), (0, vec![])]);
    let stranger: Authorized<ActivitiesRead> = (*caller()).clone().authorize().unwrap();
    let agenda = agendas.of(&stranger, None, Zone::UTC, 10).await.unwrap();
    assert_eq!(agenda, Default::default());
    plans.engine.stop().await;
}

async fn plan(app: &Client, sql: &str) -> String {
    let plan: Value = app.query_one(&format!("explain (format json) {sql}"), &[]).await.unwrap().get(0);
    plan.to_string()
}

/// Every order, the agenda and the comments of an activity are served by an index, as the restricted role.
#[tokio::test]
async fn nothing_that_is_asked_needs_a_scan_or_a_sort() {
    let plans = Plans::new().await;
    assert_eq!(plans.found("", None, "created", 1).await.len(), 5, "the projection has caught up");
    let admin = plans.database.admin().await;
    let tenant = Uuid::from(plans.cx.tenant());
    let fill = "insert into crm.activities
                select tenant_id, gen_random_uuid(), gen_random_uuid(), 1, kind, array[gen_random_uuid()],
                       now() + g * interval '1 minute', g % 3 = 0, null, false, null,
                       ('00000000-0000-0000-0000-' || lpad((g % 40)::text, 12, '0'))::uuid, '{}', null, null,
                       now() - g * interval '1 s', now() - g * interval '1 s', state, words
                  from crm.activities, generate_series(1, 8000) g where tenant_id = $1 and priority = 'high'";
    assert_eq!(admin.execute(fill, &[&tenant]).await.unwrap(), 8000);
    let fill = "insert into crm.comments
                select $1, gen_random_uuid(), gen_random_uuid(), 1,
                       ('00000000-0000-0000-0000-' || lpad((g % 400)::text, 12, '0'))::uuid, now(), now(), '{}'
                  from generate_series(1, 8000) g";
    admin.execute(fill, &[&tenant]).await.unwrap();
    admin.batch_execute("vacuum analyze crm.activities").await.unwrap();
    admin.batch_execute("vacuum analyze crm.comments").await.unwrap();
    let app = plans.as_request().await;
    for column in ["created_at", "updated_at", "due_at"] {
        for direction in ["asc", "desc"] {
            let present = if column == "due_at" { "and due_at is not null" } else { "" };
            let sql = format!(
                "select id from crm.activities where tenant_id = '{tenant}' {present}
                  order by {column} {direction}, id {direction} limit 51"
            );
            let plan = plan(&app, &sql).await;
            assert!(plan.contains("Index") && !plan.contains("Sort") && !plan.contains("Seq Scan"), "{column}: {plan}");
        }
    }
    for column in ["assignee_id", "owner_id", "project_id"] {
        let sql = format!(
            "select id from crm.activities where tenant_id = '{tenant}' and {column} = '{}'
              order by created_at desc, id desc limit 51",
            id(7)
        );
        let plan = plan(&app, &sql).await;
        assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "{column}: {plan}");
    }
    let sql = format!(
        "select id from crm.comments where tenant_id = '{tenant}' and activity_id = '{}' order by created_at, id limit 51",
        id(7)
    );
    let comments = plan(&app, &sql).await;
    assert!(comments.contains("comments_activity") && !comments.contains("Sort"), "{comments}");
    let literals = [
        ("$1", format!("'{tenant}'::uuid")),
        ("$2", format!("'{}'::uuid", id(7))),
        ("$3", "(now())".to_owned()),
        ("$4", "(now() + interval '1 day')".to_owned()),
        ("$5", "50".to_owned()),
        ("$6", "null".to_owned()),
        ("$7", "null".to_owned()),
    ];
    for (sql, index) in [(AGENDA, "activities_agenda"), (AGENDA_OF_ALL, "activities_open")] {
        let agenda = literals.iter().fold(sql.to_owned(), |sql, (name, value)| sql.replace(name, value));
        let agenda = agenda.replace(&format!("'{}'::uuid::uuid is null", id(7)), "true");
        let agenda = plan(&app, &agenda).await;
        assert_eq!(agenda.matches(index).count(), 2, "{agenda}");
        assert!(!agenda.contains("Seq Scan"), "{agenda}");
    }
    plans.engine.stop().await;
}

/// What is about a record, or holds words, is found by the index above the policies, of one tenant alone.
#[tokio::test]
async fn what_is_about_a_record_is_looked_up() {
    let plans = Plans::new().await;
    assert_eq!(plans.found("", None, "created", 10).await.len(), 5, "the projection has caught up");
    let app = plans.as_request().await;
    let looked_up = async |arguments: &str| {
        let sql = format!("select crm.activity_ids({arguments})");
        let ids: Option<Vec<Uuid>> = app.query_one(&sql, &[]).await.unwrap().get(0);
        ids.map(|ids| ids.len())
    };
    let ana = id(0xA);
    assert_eq!(looked_up(&format!("null, array['{ana}']::uuid[], null, 10")).await, Some(2));
    assert_eq!(looked_up(&format!("null, array['{ana}']::uuid[], null, 1")).await, None, "too many");
    assert_eq!(looked_up(&format!("null, null, array['{}']::uuid[], 10", id(7))).await, Some(1));
    assert_eq!(looked_up("null, null, null, 10").await, None, "nothing is asked");
    let nobody = connect(&plans.database.app_url()).await;
    let sql = format!("select crm.activity_ids(null, array['{ana}']::uuid[], null, 10)");
    assert_eq!(nobody.query_one(&sql, &[]).await.unwrap().get::<_, Vec<Uuid>>(0), Vec::<Uuid>::new(), "no tenant");
    plans.engine.stop().await;
}

#[tokio::test]
async fn comments_are_listed_by_their_activity_and_follow_who_may_reach_it() {
    let plans = Plans::new().await;
    let comments = Comments::new(plans.engine.app.clone());
    let of = |name: &str| *plans.names.iter().find(|(_, known)| **known == name).unwrap().0;
    let holder = |scope: &str, over: Over, token| {
        let grant = Grant { permission: Permission::new(scope).unwrap(), over };
        let access = Access::new([grant], Some(id(1).into()), None::<[_; 0]>);
        let mut cx = Context::new(plans.cx.tenant(), plans.cx.actor().clone(), access);
        cx.read_after = token;
        cx
    };
    let say = |text: &str| NewComment { text: Prose::new(text).unwrap(), mentions: [].into() };
    let writer = || holder("comments:write", Over::All, None).authorize().unwrap();
    let first = comments.create(&writer(), of("task").into(), say("One")).await.unwrap();
    let second = comments.create(&writer(), of("task").into(), say("Two")).await.unwrap();
    comments.create(&writer(), of("call").into(), say("Other")).await.unwrap();
    let edit = CommentEdit { text: Prose::new("Once").ok(), mentions: None };
    let edited = comments.change(&writer(), first.receipts[0].id.into(), Expected::Any, edit).await.unwrap();
    let page = async |name: &str, over: Over, after| {
        let reader = holder("comments:read", over, edited.token).authorize().unwrap();
        comments.page(&reader, &plans.all, of(name).into(), after, 1).await
    };
    let one = page("task", Over::All, None).await.unwrap();
    let two = page("task", Over::All, one.next.clone()).await.unwrap();
    assert_eq!((one.rows[0].id, one.rows[0].state.edited), (first.receipts[0].id, true));
    assert_eq!((two.rows[0].id, &two.next), (second.receipts[0].id, &None));
    // The task is the caller's own, the call is not; the deleted one is nobody's any more.
    assert_eq!(page("task", Over::Own, None).await.unwrap().rows.len(), 1);
    for (name, over) in [("call", Over::Own), ("gone", Over::All)] {
        assert_eq!(page(name, over, None).await.unwrap_err().code(), "activity.not_found", "{name}");
    }
    plans.engine.stop().await;
}
