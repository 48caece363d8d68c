//! Verifying finds whatever is not as the events tell, and nothing else.

use std::collections::BTreeSet;

use fairlead_application::{
    Expected, Step,
    administration::SubscriptionAdministration,
    ports::{IdGenerator, System},
    verify::{Difference, Report, Summary, Verifier},
};
use fairlead_domain::{
    crm::{Contact, ContactCommand},
    kernel::testing::Story,
    values::Tag,
};
use fairlead_postgres::{PostgresAdministration, PostgresVerifier, read_models};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller, eventually},
};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::{catalog::written_columns, projection::create};

#[derive(Default)]
struct Found {
    differences: Vec<Difference>,
    progress: Vec<(u64, u64)>,
}

impl Report for Found {
    fn found(&mut self, difference: Difference) {
        self.differences.push(difference);
    }

    fn progressed(&mut self, streams: u64, of: u64) {
        self.progress.push((streams, of));
    }
}

async fn verified(database: &TestDatabase, organization: Option<Uuid>) -> (Found, Summary) {
    let mut found = Found::default();
    let verifier = PostgresVerifier::new(database.engine());
    let summary = verifier.verify(organization.map(Into::into), &mut found).await.unwrap();
    assert_eq!(summary.differences, found.differences.len() as u64);
    (found, summary)
}

/// What is found, in words, without repetitions.
pub(crate) async fn told(database: &TestDatabase) -> BTreeSet<String> {
    let (found, _) = verified(database, None).await;
    found.differences.iter().map(|difference| difference.fault.to_string()).collect()
}

/// A tenant's contacts: one with the whole story, and others that are left in several states.
struct Stage {
    database: TestDatabase,
    engine: Engine,
    admin: Client,
    tenant: Uuid,
    /// Has lived the whole story; is alive.
    told: Uuid,
    erased: Uuid,
    deleted: Uuid,
}

impl Stage {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let engine = Engine::start(&database).await;
        let admin = database.admin().await;
        let cx = caller();
        let [told, erased, deleted] = [(); 3].map(|()| System.next());
        // The stories share an address.
        for (id, last) in [
            (erased, vec![ContactCommand::Erase]),
            (deleted, vec![ContactCommand::Delete]),
            (told, vec![ContactCommand::Tag([Tag::new("late").unwrap()].into())]),
        ] {
            for command in Contact::living().into_iter().chain(last) {
                engine.app.execute::<Contact>(&cx, id.into(), Expected::Any, command).await.unwrap();
            }
        }
        // Another tenant, whose streams are met before or after.
        for _ in 0..3 {
            engine.app.execute::<Contact>(&caller(), System.next().into(), Expected::New, create("Bo")).await.unwrap();
        }
        let stage = Self { tenant: cx.tenant().into(), database, engine, admin, told, erased, deleted };
        stage.projected().await;
        stage
    }

    /// Waits until all read models have handled everything.
    async fn projected(&self) {
        let operator = PostgresAdministration::new(self.database.engine());
        let models = read_models().len();
        let sql = "select (select count(*) from engine.outbox) = (select count(*) from engine.events)";
        eventually("everything is projected", async || {
            let status = operator.subscriptions().await.unwrap();
            let handled = status.iter().flat_map(|status| &status.partitions).all(|partition| partition.behind == 0);
            status.len() == models && handled && self.admin.query_one(sql, &[]).await.unwrap().get(0)
        })
        .await;
    }

    /// What is found after this was done to the database, which is taken back then.
    async fn after(&self, sql: &str) -> BTreeSet<String> {
        let tables = ["engine.streams", "engine.events", "engine.outbox", "engine.reservations", "engine.subject_keys"];
        let tables = tables.into_iter().chain(["crm.contacts", "crm.contact_values", "crm.timeline", "identity.audit"]);
        for (n, table) in tables.clone().enumerate() {
            let keep = format!("create temp table kept_{n} as select * from {table}");
            self.admin.batch_execute(&keep).await.unwrap();
        }
        let sql = sql
            .replace("$told", &format!("'{}'", self.told))
            .replace("$erased", &format!("'{}'", self.erased))
            .replace("$deleted", &format!("'{}'", self.deleted))
            .replace("$tenant", &format!("'{}'", self.tenant));
        self.admin.batch_execute(&sql).await.unwrap();
        let found = told(&self.database).await;
        for (n, table) in tables.enumerate() {
            let identity = if table == "engine.events" { "overriding system value" } else { "" };
            let columns = written_columns(&self.admin, table).await;
            let restore = format!(
                "delete from {table}; insert into {table} ({columns}) {identity} select {columns} from kept_{n};
                 drop table kept_{n}"
            );
            self.admin.batch_execute(&restore).await.unwrap();
        }
        found
    }

    async fn finds<const N: usize>(&self, sql: &str, expected: [&str; N]) {
        assert_eq!(self.after(sql).await, expected.map(str::to_owned).into(), "{sql}");
    }
}

#[tokio::test]
async fn what_is_as_it_should_be_differs_in_nothing() {
    let stage = Stage::new().await;
    let (found, summary) = verified(&stage.database, None).await;
    assert_eq!(found.differences, []);
    let events: i64 = stage.admin.query_one("select count(*) from engine.events", &[]).await.unwrap().get(0);
    assert_eq!((summary.streams, summary.events.cast_signed(), summary.stale), (6, events, 0));
    assert_eq!(found.progress, [(0, 6), (6, 6)]);
    let models = summary.read_models.iter().map(|model| (model.name, model.compared, model.behind, model.parked));
    let models: Vec<_> = models.filter(|model| *model != (model.0, 0, 0, 0)).collect();
    assert_eq!(models, [("crm.contacts", 6, 0, 0), ("crm.timeline", 6, 0, 0), ("identity.audit", 6, 0, 0)]);
    let (found, summary) = verified(&stage.database, Some(stage.tenant)).await;
    assert_eq!((found.differences, summary.streams), (vec![], 3));

    // More than are read at once.
    let cx = caller();
    let ids: Vec<Uuid> = (0..1_200).map(|_| System.next()).collect();
    for chunk in ids.chunks(400) {
        let steps = chunk.iter().map(|id| Step::new::<Contact>(&cx, (*id).into(), Expected::New, create("Ana")));
        stage.engine.app.execute_all(&cx, &steps.collect::<Vec<_>>()).await.unwrap();
    }
    stage.projected().await;
    let (found, summary) = verified(&stage.database, None).await;
    assert_eq!((found.differences, summary.streams), (vec![], 1_206));
    assert_eq!(found.progress, [0, 500, 1_000, 1_206].map(|done| (done, 1_206)));

    // A state of an older shape is folded anew by whoever reads it, and is not compared.
    let old = "update engine.streams set state_version = 0, state = '{\"other\": true}'";
    stage.admin.batch_execute(old).await.unwrap();
    let (found, summary) = verified(&stage.database, None).await;
    assert_eq!((found.differences, summary.stale), (vec![], 1_206));
    stage.engine.stop().await;
}

#[tokio::test]
async fn a_stream_that_is_not_what_its_events_tell_is_found() {
    let stage = Stage::new().await;
    let told = "where stream_id = $told";
    let set = |column: &str| format!("update engine.streams set {column} {told}");
    let state = set("state = jsonb_set(state, '{name}', '\"Bo\"')");
    stage
        .finds(
            &state,
            ["the stored state differs at /name", "crm.contacts: the row differs in name, parts, state, twins, words"],
        )
        .await;
    let more = set("state = state || '{\"nickname\": \"Bo\"}'");
    assert_eq!(stage.after(&more).await, ["the stored state differs at /nickname".to_owned()].into());
    stage.finds(&set("state = '[]'"), ["the stored state can't be read"]).await;
    stage.finds(&set("deleted_at = now()"), ["deleted_at is not as the events tell"]).await;
    let version = set("version = version + 1");
    let row = "crm.contacts: the row differs in version";
    stage.finds(&version, ["the stream is at version 29, its last event has 28", row]).await;
    stage
        .finds(
            &set("aggregate = 'unheard'"),
            ["this program knows no such aggregate", "crm.contacts: nothing accounts for the row"],
        )
        .await;
    stage
        .finds(
            &format!("delete from engine.streams {told}"),
            [
                "there are events, but no stream",
                "a key of contact.email is reserved without need",
                "a key of contact.external_id is reserved without need",
                "it is noted to refer to 00000000-0000-0000-0000-000000000004, to which it does not",
                "crm.contacts: nothing accounts for the row",
            ],
        )
        .await;
    stage.engine.stop().await;
}

#[tokio::test]
async fn an_event_or_a_position_that_is_missing_or_surplus_is_found() {
    let stage = Stage::new().await;
    let surplus = ["crm.timeline: nothing accounts for the row", "identity.audit: nothing accounts for the row"];
    // What tells the whole profile.
    let sql = "select position, version from engine.outbox join engine.events using (tenant_id, stream_id, version)
                where stream_id = $1 and type = 'contact.absorbed'";
    let row = stage.admin.query_one(sql, &[&stage.told]).await.unwrap();
    let (position, version): (i64, i64) = (row.get(0), row.get(1));
    let lost = format!("position {position} refers to event {version}, which is not there");
    let name = "crm.contacts: the row differs in name";
    let delete = format!("delete from engine.events where stream_id = $told and version = {version}");
    let found = stage.after(&delete).await;
    let missing = format!("events are missing from version {version} to {version}");
    assert!(found.contains(&missing) && found.contains(&lost), "{found:?}");
    assert!(surplus.iter().all(|row| found.contains(*row)) && !found.contains(name), "{found:?}");
    assert!(found.iter().any(|fault| fault.starts_with("the stored state differs at /emails, /absorbed")), "{found:?}");

    let last = "(select max(version) from engine.events where stream_id = $told)";
    let found = stage.after(&format!("delete from engine.events where stream_id = $told and version = {last}")).await;
    assert!(found.iter().any(|fault| fault.starts_with("the stream is at version")), "{found:?}");
    assert!(found.contains("updated_at is not as the events tell"), "{found:?}");
    assert!(surplus.iter().all(|row| found.contains(*row)), "{found:?}");
    let found = stage.after("delete from engine.events where stream_id = $told").await;
    assert!(found.contains("the stream has no events"), "{found:?}");

    let sql = "select position from engine.outbox where stream_id = $1 and version = 2";
    let position: i64 = stage.admin.query_one(sql, &[&stage.told]).await.unwrap().get(0);
    let hole = format!("positions {position} to {position} are missing in the global order");
    let unplaced = "event 2 has no position, although a later tick has seen it";
    let gone = "delete from engine.outbox where stream_id = $told and version = 2";
    let [timeline, audit] = surplus.map(str::to_owned);
    assert_eq!(stage.after(gone).await, [hole, unplaced.to_owned(), timeline, audit].into());
    // An index keeps this from happening, as long as it is sound.
    let twice = "drop index engine.outbox_event;
        insert into engine.outbox select (select max(position) + 1 from engine.outbox), tenant_id, stream_id, version,
                        incarnation, slot from engine.outbox where stream_id = $told and version = 2";
    let found = stage.after(twice).await;
    assert!(found.contains("event 2 has more than one position"), "{found:?}");
    assert!(found.iter().any(|fault| fault.starts_with("the global order goes up to")), "{found:?}");
    let slot = format!("position {position} has the wrong slot");
    let moved = "update engine.outbox set slot = (slot + 1) % 64 where stream_id = $told and version = 2";
    assert_eq!(stage.after(moved).await, [slot].into());
    let swapped = "with two as (select min(position) a, max(position) b from engine.outbox where stream_id = $deleted),
                   out as (delete from engine.outbox o using two where o.position in (a, b) returning o.*)
                   select * into temp swapped from out;
                   insert into engine.outbox select (select sum(position) from swapped) - s.position, tenant_id, stream_id,
                          version, incarnation, slot from swapped s; drop table swapped";
    let found = stage.after(swapped).await;
    assert!(found.contains("event 2 has a position before that of an earlier event"), "{found:?}");
    stage.engine.stop().await;
}

#[tokio::test]
async fn a_key_that_is_missing_or_surplus_is_found() {
    let stage = Stage::new().await;
    stage
        .finds(
            "delete from engine.reservations where stream_id = $told",
            ["a key of contact.email is not reserved", "a key of contact.external_id is not reserved"],
        )
        .await;
    let surplus = "a key of contact.email is reserved without need";
    for stream in ["$told", "$deleted", "$erased", "gen_random_uuid()"] {
        let sql = format!(
            "insert into engine.reservations values ($tenant, 'contact.email', 'nobody@example.com', {stream})"
        );
        stage.finds(&sql, [surplus]).await;
    }
    stage.engine.stop().await;
}

#[tokio::test]
async fn a_person_who_can_still_be_read_after_the_erasure_is_found() {
    let stage = Stage::new().await;
    let clear = "update engine.events set data = jsonb_set(data, '{name}', '\"Ana\"')
                  where stream_id = $erased and version = 1";
    let told = "event 1 still tells about the erased person at /name";
    let row = "crm.timeline: the row of event 1 differs in data";
    stage.finds(clear, [told, row]).await;
    // What can't be opened of the living can't be folded.
    let moved = "update engine.events e set data = o.data from engine.events o
                  where e.stream_id = $told and e.version = 1 and o.stream_id = $deleted and o.version = 1";
    let found = stage.after(moved).await;
    assert_eq!(found.len(), 1);
    assert!(found.iter().all(|fault| fault.starts_with("event 1 can't be read: what is sealed does not open")));
    let destroyed = "update engine.subject_keys set wrapped = null, tenant_key = null, destroyed_at = now()
                      where subject_id = $told";
    let found = stage.after(destroyed).await;
    assert!(found.iter().any(|fault| fault.starts_with("the stored state differs at ")), "{found:?}");
    stage.engine.stop().await;
}

#[tokio::test]
async fn a_row_that_is_changed_or_missing_or_surplus_is_found() {
    let stage = Stage::new().await;
    for (sql, fault) in [
        ("update crm.contacts set emails = '{other}' where id = $told", "crm.contacts: the row differs in emails"),
        ("delete from crm.contacts where id = $told", "crm.contacts: the row is missing"),
        (
            "insert into crm.contact_values (tenant_id, id, key, n, text) values ($tenant, $told, 'more', 0, 'x')",
            "crm.contacts: the row differs in attributes",
        ),
        (
            "update crm.timeline set actor = 'other' where record_id = $told and version = 2",
            "crm.timeline: the row of event 2 differs in actor",
        ),
        (
            "delete from crm.timeline where record_id = $told and version = 2",
            "crm.timeline: the row of event 2 is missing",
        ),
    ] {
        stage.finds(sql, [fault]).await;
    }
    let surplus = "crm.contacts: nothing accounts for the row";
    for id in ["$deleted", "$erased", "gen_random_uuid()"] {
        let sql = format!(
            "insert into crm.contacts (tenant_id, id, subject_id, version, name, tags, created_at, updated_at, state)
             values ($tenant, {id}, {id}, 1, '', '{{}}', now(), now(), '{{}}')"
        );
        stage.finds(&sql, [surplus]).await;
    }
    let values =
        "insert into crm.contact_values (tenant_id, id, key, n, text) values ($tenant, gen_random_uuid(), 'k', 0, 'x')";
    stage.finds(values, [surplus]).await;
    let again =
        "insert into crm.timeline select tenant_id, record_id, gen_random_uuid(), subject_id, position, version, type,
                        occurred_at, actor, data, stream_id from crm.timeline where record_id = $told and version = 2";
    stage.finds(again, ["crm.timeline: nothing accounts for the row"]).await;
    stage.engine.stop().await;
}

#[tokio::test]
async fn a_read_model_that_is_behind_is_not_wrong() {
    let stage = Stage::new().await;
    let operator = PostgresAdministration::new(stage.database.engine());
    let of_contacts = ["crm.contacts", "crm.timeline", "identity.audit"];
    for model in of_contacts {
        operator.set_paused(model, true).await.unwrap();
    }
    eventually("nobody works them", async || {
        let status = operator.subscriptions().await.unwrap();
        let status = status.iter().filter(|status| of_contacts.contains(&&*status.name));
        status.flat_map(|status| &status.partitions).all(|partition| !partition.held)
    })
    .await;
    let cx = caller();
    let id = System.next();
    stage.engine.app.execute::<Contact>(&cx, id.into(), Expected::New, create("Ana")).await.unwrap();
    let sql = "select (select count(*) from engine.outbox) = (select count(*) from engine.events)";
    eventually("it is ordered", async || stage.admin.query_one(sql, &[]).await.unwrap().get(0)).await;
    let (found, summary) = verified(&stage.database, None).await;
    assert_eq!(found.differences, []);
    let models: Vec<_> = summary.read_models.iter().filter(|model| of_contacts.contains(&model.name)).collect();
    for model in &models {
        assert_eq!((model.compared, model.behind, model.parked), (6, 1, 0), "{}", model.name);
    }
    assert_eq!(models.len(), 3);
    // What a subscription has set aside is not compared either.
    let parked = "insert into engine.parked (tenant_id, stream_id, subscription, partition, first_version, error)
                  select tenant_id, stream_id, 'crm.contacts', 0, 1, 'refused' from engine.streams where stream_id = $1";
    stage.admin.execute(parked, &[&stage.told]).await.unwrap();
    stage.admin.execute("delete from crm.contacts where id = $1", &[&stage.told]).await.unwrap();
    let (found, summary) = verified(&stage.database, None).await;
    assert_eq!(found.differences, []);
    let contacts = summary.read_models.iter().find(|model| model.name == "crm.contacts").unwrap();
    assert_eq!((contacts.compared, contacts.behind, contacts.parked), (5, 1, 1));
    for model in of_contacts {
        operator.set_paused(model, false).await.unwrap();
    }
    stage.projected().await;
    let (_, summary) = verified(&stage.database, None).await;
    assert!(summary.read_models.iter().all(|model| model.behind == 0));
    stage.engine.stop().await;
}
