//! Everything is taken out of the real store: opened, with what was deleted, and of one tenant alone.

use std::sync::Arc;

use fairlead_application::{
    Expected,
    access::Authorized,
    crm::Timelines,
    export::{ExportParts, Exports},
    identity::OrganizationsExport,
};
use fairlead_domain::{
    crm::{Contact, ContactCommand},
    kernel::testing::Story,
};
use fairlead_postgres::{Nudge, PostgresStore, RecordTimeline, lists};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller, eventually},
};
use serde_json::Value;
use uuid::Uuid;

#[tokio::test]
async fn everything_is_taken_out_of_one_tenant() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let (cx, other) = (caller(), caller());
    for (cx, times) in [(&cx, 210), (&other, 1)] {
        for n in 0..times {
            let id = engine.app.fresh::<Uuid>().into();
            // Addresses are unique.
            let story = if n == 0 { Contact::living() } else { vec![crate::projection::create("Bo")] };
            for command in story.into_iter().chain((n == 1).then_some(ContactCommand::Delete)) {
                engine.app.execute::<Contact>(cx, id, Expected::Any, command).await.unwrap();
            }
        }
    }
    let admin = database.admin().await;
    eventually("every event has its place", async || {
        let sql = "select (select count(*) from engine.outbox) = (select count(*) from engine.events)";
        admin.query_one(sql, &[]).await.unwrap().get(0)
    })
    .await;
    let store = Arc::new(PostgresStore::new(database.app(), Arc::new(Nudge::default())));
    let exports = Exports::new(ExportParts {
        app: engine.app.clone(),
        records: store.clone(),
        history: store.clone(),
        directory: store,
        timelines: Timelines::new(Arc::new(RecordTimeline::new(database.app()))),
        lists: lists(&database.app()),
    });
    let holder: Authorized<OrganizationsExport> = (*cx).clone().authorize().unwrap();
    let mut export = exports.organization(&holder).await.unwrap();
    let (mut lines, mut longest) = (Vec::<Value>::new(), 0);
    while let Some(text) = export.next().await.unwrap() {
        let before = lines.len();
        lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        longest = longest.max(lines.len() - before);
    }
    assert!(longest <= 201, "{longest} lines at once");
    let of_kind = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).collect::<Vec<_>>();
    let (records, events) = (of_kind("record"), of_kind("event"));
    let count = "select count(*) from engine.events where tenant_id = $1";
    let count: i64 = admin.query_one(count, &[&Uuid::from(cx.tenant())]).await.unwrap().get(0);
    let expected = usize::try_from(count).unwrap();
    assert_eq!((records.len(), events.len()), (210, expected));
    let end = lines.last().unwrap();
    assert_eq!((&end["kind"], &end["records"], &end["events"]), (&"end".into(), &210.into(), &expected.into()));
    assert_eq!(records.iter().filter(|line| line["deleted"] == true).count(), 1);
    assert!(events.iter().all(|line| line["event"]["tenantid"] == Uuid::from(cx.tenant()).to_string()));
    let text = serde_json::to_string(&lines).unwrap();
    assert!(text.contains("ana.maria@example.com") && !text.contains("$sealed"), "personal data is opened");
    engine.stop().await;
}
