//! The list of contacts follows the log.

use fairlead_application::{
    AppError, Context, Expected, IdempotencyKey,
    access::System as Everything,
    consistency::ConsistencyToken,
    list::{Filter, ListQuery, Listed, Sort},
};
use fairlead_domain::{
    crm::{Contact, ContactChange, ContactCommand, ContactProfile, Schema},
    values::PersonName,
};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller, eventually},
};
use uuid::Uuid;

pub(crate) fn create(name: &str) -> ContactCommand {
    ContactCommand::Create(Box::new(ContactProfile::named(PersonName::new(name).unwrap())), Schema::default())
}

fn everything() -> ListQuery {
    let sort = Sort::parse("-created", Contact::FIELDS).unwrap();
    ListQuery { filter: Filter::Everything, search: None, sort, limit: 200, after: None }
}

/// What the caller's list shows once it has seen the write behind `token`.
async fn listed(engine: &Engine, cx: &Context, token: Option<ConsistencyToken>) -> Result<Vec<(Uuid, i64)>, AppError> {
    let mut cx = cx.clone();
    cx.read_after = token;
    let cx = cx.authorize::<fairlead_application::crm::ContactsRead>()?;
    let page = engine.contacts.page(&cx, &everything()).await?;
    Ok(page.rows.iter().map(|row| (row.id, row.version)).collect())
}

#[tokio::test]
async fn a_list_shows_ones_own_writes() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let (cx, id) = (caller(), engine.app.fresh::<Uuid>());
    let commands = [
        (create("Ana"), vec![(id, 1)]),
        (
            ContactCommand::Change(Box::new(ContactChange { name: PersonName::new("Bo").ok(), ..Default::default() })),
            vec![(id, 2)],
        ),
        (ContactCommand::Delete, vec![]),
        (ContactCommand::Restore, vec![(id, 4)]),
        (ContactCommand::Restore, vec![(id, 4)]),
    ];
    for (command, expected) in commands {
        let outcome = engine.app.execute::<Contact>(&cx, id.into(), Expected::Any, command).await.unwrap();
        assert_eq!(listed(&engine, &cx, outcome.token).await.unwrap(), expected);
        assert_eq!(listed(&engine, &caller(), outcome.token).await.unwrap(), [], "not another tenant's");
    }
    // A command that changes nothing refers to the write that made it so, also when its key is answered again.
    let mut keyed = (*cx).clone();
    keyed.idempotency = Some(IdempotencyKey { key: "k".to_owned(), fingerprint: [0; 32] });
    let keyed = keyed.authorize::<Everything>().unwrap();
    for _ in 0..2 {
        let command = ContactCommand::Restore;
        let outcome = engine.app.execute::<Contact>(&keyed, id.into(), Expected::Any, command).await.unwrap();
        assert_eq!(listed(&engine, &cx, outcome.token).await.unwrap(), [(id, 4)]);
    }
    engine.stop().await;
}

#[tokio::test]
async fn a_write_that_is_not_projected_in_time_is_said_to_be_so() {
    let database = TestDatabase::create().await;
    let mut engine = Engine::without_projections(&database).await;
    let cx = caller();
    let id = engine.app.fresh::<Uuid>();
    let token = engine.app.execute::<Contact>(&cx, id.into(), Expected::New, create("Ana")).await.unwrap().token;
    assert!(matches!(listed(&engine, &cx, token).await, Err(AppError::NotYetVisible)));
    assert_eq!(listed(&engine, &cx, None).await.unwrap(), []);
    engine.project();
    assert_eq!(listed(&engine, &cx, token).await.unwrap(), [(id, 1)]);
    let never = ConsistencyToken { xid: u64::from(u32::MAX), ..token.unwrap() };
    assert!(matches!(listed(&engine, &cx, Some(never)).await, Err(AppError::NotYetVisible)));
    engine.stop().await;
}

/// A projector that starts late, and one that is replaced in the middle, end with the same rows as `streams` has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_equal_the_streams_after_takeovers_under_load() {
    let database = TestDatabase::create().await;
    let mut first = Engine::without_projections(&database).await;
    let app = first.app.clone();
    let load = tokio::spawn(async move {
        let cx = caller();
        let ids: Vec<Uuid> = (0..40).map(|_| app.fresh()).collect();
        for (n, id) in ids.iter().enumerate() {
            app.execute::<Contact>(&cx, (*id).into(), Expected::New, create(&format!("Ana {n}"))).await.unwrap();
        }
        for (n, id) in ids.iter().enumerate() {
            let command = if n % 3 == 0 { ContactCommand::Delete } else { create("x") };
            drop(app.execute::<Contact>(&cx, (*id).into(), Expected::Any, command).await);
        }
        cx
    });
    first.project();
    let second = Engine::start(&database).await;
    let cx = load.await.unwrap();
    first.stop().await;
    let id = second.app.fresh::<Uuid>();
    let token = second.app.execute::<Contact>(&cx, id.into(), Expected::New, create("last")).await.unwrap().token;
    assert_eq!(listed(&second, &cx, token).await.unwrap().len(), 40 - 14 + 1);
    let admin = database.admin().await;
    let sql = "select count(*) from engine.streams s full join crm.contacts c on (c.tenant_id, c.id) = (s.tenant_id, s.stream_id)
                where (s.deleted_at is null) is distinct from (c.id is not null)
                   or c.version is distinct from (case when s.deleted_at is null then s.version end)
                   or c.state is distinct from (case when s.deleted_at is null then s.state end)";
    assert_eq!(admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 0);
    second.stop().await;
}

#[tokio::test]
async fn a_projector_survives_the_loss_of_its_connection() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let (cx, admin) = (caller(), database.admin().await);
    for n in 0..3 {
        let id = engine.app.fresh::<Uuid>();
        engine.app.execute::<Contact>(&cx, id.into(), Expected::New, create("Ana")).await.unwrap();
        eventually("the contact is listed", async || listed(&engine, &cx, None).await.unwrap().len() == n + 1).await;
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and pid <> pg_backend_pid()";
        admin.execute(sql, &[]).await.unwrap();
        eventually("requests are served again", async || listed(&engine, &cx, None).await.is_ok()).await;
    }
    engine.stop().await;
}
