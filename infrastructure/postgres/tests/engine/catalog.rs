//! Tenant isolation, by enumeration of the catalog: every table, not examples.

use std::collections::BTreeSet;

use fairlead_application::{
    Expected,
    access::{Authorized, System},
};
use fairlead_domain::{for_each_aggregate, kernel::testing::Story};
use fairlead_postgres::{ListedColumn, listed_columns};
use fairlead_testing::{
    database::{TestDatabase, connect},
    engine::{Engine, caller, eventually},
};
use tokio_postgres::Client;
use uuid::Uuid;

/// Tables without a tenant: what they hold concerns the whole log, or the installation.
const WITHOUT_TENANT: [&str; 10] = [
    "engine.sequencer",
    "engine.ticks",
    "engine.subscriptions",
    "engine.checkpoints",
    "engine.key_rounds",
    "engine.controls",
    "engine.rebuilds",
    "identity.audit_horizon",
    "identity.signing_keys",
    "public.seaql_migrations",
];

/// Our tables, as `schema.name`, and whether each has a tenant.
async fn tables(admin: &Client) -> Vec<(String, bool)> {
    let sql = "select n.nspname || '.' || c.relname,
                      exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')
                 from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema') order by 1";
    admin.query(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The columns of a table whose values are written: those that the database computes left out.
pub(crate) async fn written_columns(admin: &Client, table: &str) -> String {
    let sql = "select string_agg(quote_ident(attname), ', ') from pg_attribute
                where attrelid = $1::text::regclass and attnum > 0 and not attisdropped and attgenerated = ''";
    admin.query_one(sql, &[&table]).await.unwrap().get(0)
}

#[tokio::test]
async fn every_table_with_a_tenant_is_under_forced_row_level_security() {
    let database = TestDatabase::create().await;
    let admin = database.admin().await;
    let (with, without): (Vec<_>, Vec<_>) = tables(&admin).await.into_iter().partition(|(_, tenant)| *tenant);
    let without: BTreeSet<_> = without.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(without, BTreeSet::from(WITHOUT_TENANT), "a table without tenant_id needs a reason in this list");
    assert!(with.len() >= 6);
    for (table, _) in with {
        let sql = "select c.relrowsecurity and c.relforcerowsecurity,
                          (select count(*) from pg_policy p where p.polrelid = c.oid),
                          exists (select from pg_policy p where p.polrelid = c.oid and p.polcmd = '*' and p.polpermissive
                                     and p.polroles = array['fairlead_app'::regrole::oid]
                                     and pg_get_expr(p.polqual, p.polrelid) like '(tenant_id = (NULLIF(( SELECT current_setting(%'),
                          exists (select from pg_policy p where p.polrelid = c.oid
                                     and p.polroles = array['fairlead_engine'::regrole::oid]),
                          pg_get_userbyid(c.relowner)
                     from pg_class c where c.oid = $1::text::regclass";
        let row = admin.query_one(sql, &[&table]).await.unwrap();
        assert!(row.get::<_, bool>(0), "{table}: row-level security is enabled and forced: call engine.protect");
        assert_eq!(row.get::<_, i64>(1), 2, "{table}: one policy for requests, one for the engine");
        assert!(row.get::<_, bool>(2) && row.get::<_, bool>(3), "{table}: the policies are those of engine.protect");
        assert_eq!(row.get::<_, &str>(4), "fairlead_owner", "{table}: nobody who logs in owns it");
        let sql = "select a.attname from pg_index i
                     join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
                    where i.indrelid = $1::text::regclass and i.indisprimary";
        let first: String = admin.query_one(sql, &[&table]).await.unwrap().get(0);
        let expected = if table == "engine.outbox" { "position" } else { "tenant_id" };
        assert_eq!(first, expected, "{table}: the tenant comes first in every key");
    }
}

#[tokio::test]
async fn roles_hold_what_they_need_and_no_more() {
    let database = TestDatabase::create().await;
    let admin = database.admin().await;
    for role in ["fairlead_app", "fairlead_engine", "fairlead_owner"] {
        let sql = "select rolsuper or rolbypassrls or rolcanlogin or rolcreaterole from pg_roles where rolname = $1";
        assert!(!admin.query_one(sql, &[&role]).await.unwrap().get::<_, bool>(0), "{role}");
    }
    // Policies act as requests do; requests never as the engine.
    for (role, other, expected) in
        [("fairlead_engine", "fairlead_app", true), ("fairlead_app", "fairlead_engine", false)]
    {
        let sql = "select pg_has_role($1, $2, 'member')";
        assert_eq!(admin.query_one(sql, &[&role, &other]).await.unwrap().get::<_, bool>(0), expected, "{role}");
    }
    // Whatever is security definer runs above the caller's rights, so each is named here.
    let sql = "select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
                where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema') order by 1";
    let definers: Vec<String> = admin.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    let known = [
        "activity_ids",
        "begin_rebuild",
        "company_ids",
        "contact_ids",
        "contact_twins",
        "deal_ids",
        "drop_inbox_partition",
        "erased_actors",
        "finish_purge",
        "finish_rebuild",
        "make_inbox_partition",
        "organizations_of",
        "pipeline_ids",
        "purge",
        "replace_beside",
        "rotate_command_results",
        "suspend_appends",
        "suspend_beside",
        "suspend_read_model",
        "workplaces_of",
    ];
    assert_eq!(definers, known);
    let may = async |role: &str, table: &str, right: &str| {
        let sql = "select has_table_privilege($1, $2, $3)";
        admin.query_one(sql, &[&role, &table, &right]).await.unwrap().get::<_, bool>(0)
    };
    for (table, _) in tables(&admin).await {
        for right in ["truncate", "references", "trigger"] {
            assert!(!may("fairlead_app", &table, right).await, "{table}: {right}");
            assert!(!may("fairlead_engine", &table, right).await, "{table}: {right}");
        }
    }
    for column in ["xid", "seq"] {
        let sql = "select has_column_privilege('fairlead_app', 'engine.events', $1, 'insert')";
        assert!(!admin.query_one(sql, &[&column]).await.unwrap().get::<_, bool>(0), "requests don't choose {column}");
    }
    for right in ["update", "delete"] {
        for role in ["fairlead_app", "fairlead_engine"] {
            assert!(!may(role, "engine.events", right).await, "events are never changed");
            assert!(!may(role, "engine.outbox", right).await, "the order is never changed");
        }
    }
}

/// The tables that have a row for each living stream of an aggregate.
pub(crate) async fn tables_of_states(admin: &Client) -> Vec<String> {
    let sql = "select table_schema || '.' || table_name from information_schema.columns
                where column_name = 'state' and table_schema <> 'engine' and data_type = 'jsonb'";
    admin.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn live<A: Story>(engine: &Engine, cx: &Authorized<System>) {
    let id = engine.app.fresh::<Uuid>();
    for (n, command) in A::story().into_iter().enumerate() {
        let mut keyed = (**cx).clone();
        let key = format!("{}-{n}", A::TYPE);
        keyed.idempotency = Some(fairlead_application::IdempotencyKey { key, fingerprint: [0; 32] });
        let cx = keyed.authorize::<System>().unwrap();
        engine.app.execute::<A>(&cx, id.into(), Expected::Any, command).await.unwrap();
    }
    // A life that ends for good leaves no row; then another one begins.
    if engine.app.read::<A>(cx, id.into()).await.unwrap().unwrap().state.is_deleted() {
        let creation = A::story().swap_remove(0);
        engine.app.execute::<A>(cx, engine.app.fresh(), Expected::New, creation).await.unwrap();
    }
}

macro_rules! live_all {
    ($($aggregate:ty),+ $(,)?) => {
        async fn live_every_story(engine: &Engine, cx: &Authorized<System>) {
            $(live::<$aggregate>(engine, cx).await;)+
        }
    };
}
for_each_aggregate!(live_all);

/// Two tenants live the same lives; then each table is looked at, and attacked, as one of them.
#[tokio::test]
async fn no_table_shows_or_takes_another_tenants_rows() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let tenants = [caller(), caller()];
    for cx in &tenants {
        live_every_story(&engine, cx).await;
    }
    let admin = database.admin().await;
    eventually("all lives are projected", async || {
        let sql = "select (select count(*) from identity.audit) = (select count(*) from engine.events)
                      and (select count(distinct event_id) from crm.timeline)
                        = (select count(*) from engine.events where split_part(type, '.', 1) in ('contact', 'company', 'deal', 'activity'))";
        let mut all = admin.query_one(sql, &[]).await.unwrap().get::<_, bool>(0);
        let members = "select count(*) from crm.contact_list_members";
        all &= admin.query_one(members, &[]).await.unwrap().get::<_, i64>(0) == 6;
        for table in tables_of_states(&admin).await {
            all &= admin.query_one(&format!("select count(*) from {table}"), &[]).await.unwrap().get::<_, i64>(0) == 2;
        }
        all
    })
    .await;
    let park = "insert into engine.parked (tenant_id, stream_id, subscription, partition, first_version, error)
                select tenant_id, stream_id, 'tester', 0, 1, 'broken' from engine.streams";
    admin.execute(park, &[]).await.unwrap();
    let keep = "insert into engine.secrets (tenant_id, stream_id, name, sealed)
                select tenant_id, stream_id, 'password', '' from engine.streams";
    admin.execute(keep, &[]).await.unwrap();
    let used = "insert into identity.api_key_uses (tenant_id, key_id, used_at)
                select tenant_id, stream_id, now() from engine.streams";
    admin.execute(used, &[]).await.unwrap();
    let asked = "insert into identity.origins (tenant_id, actor, user_agent, seen_at)
                 select distinct tenant_id, 'somebody', '', now() from engine.streams";
    admin.execute(asked, &[]).await.unwrap();
    let asked = "insert into identity.access_log (tenant_id, id, occurred_at, actor)
                 select tenant_id, stream_id, now(), 'somebody' from engine.streams";
    admin.execute(asked, &[]).await.unwrap();
    let app = connect(&database.app_url()).await;
    let (own, other) = (Uuid::from(tenants[0].tenant()), Uuid::from(tenants[1].tenant()));
    for (table, has_tenant) in tables(&admin).await {
        let sql = "select has_table_privilege('fairlead_app', $1, 'select')";
        if !has_tenant || !admin.query_one(sql, &[&table]).await.unwrap().get::<_, bool>(0) {
            continue;
        }
        let count = async |tenant: Option<Uuid>, sql: &str| {
            app.batch_execute("begin").await.unwrap();
            let set = "select set_config('app.tenant_id', $1, true)";
            app.execute(set, &[&tenant.map(|t| t.to_string()).unwrap_or_default()]).await.unwrap();
            let count = app.query_one(&format!("select count(*) from ({sql}) rows"), &[]).await.unwrap();
            app.batch_execute("rollback").await.unwrap();
            count.get::<_, i64>(0)
        };
        let all: i64 = admin.query_one(&format!("select count(*) from {table}"), &[]).await.unwrap().get(0);
        assert!(all >= 2 && all % 2 == 0, "{table}: the story leaves rows of both tenants, found {all}");
        let everything = format!("select * from {table}");
        assert_eq!(count(Some(own), &everything).await, all / 2, "{table}: one's own rows are there");
        assert_eq!(count(None, &everything).await, 0, "{table}: no tenant, no rows");
        let foreign = format!("select * from {table} where tenant_id = '{other}'");
        assert_eq!(count(Some(own), &foreign).await, 0, "{table}: nothing of another tenant");
        let attack = async |right: &str, sql: String| {
            let sql_may = "select has_table_privilege('fairlead_app', $1, $2)";
            if !admin.query_one(sql_may, &[&table, &right]).await.unwrap().get::<_, bool>(0) {
                return;
            }
            app.batch_execute("begin").await.unwrap();
            app.execute("select set_config('app.tenant_id', $1, true)", &[&own.to_string()]).await.unwrap();
            let outcome = app.execute(&sql, &[]).await;
            app.batch_execute("rollback").await.unwrap();
            match outcome {
                Ok(rows) => assert_eq!(rows, 0, "{table}: {right} reaches another tenant"),
                Err(error) => {
                    let code = error.code().unwrap().code().to_owned();
                    assert_eq!(code, "42501", "{table}: {right} is refused by its policy, not by {error}");
                }
            }
        };
        attack("update", format!("update {table} set tenant_id = tenant_id where tenant_id = '{other}'")).await;
        attack("delete", format!("delete from {table} where tenant_id = '{other}'")).await;
        let generated = ["engine.events", "identity.origins"].contains(&&*table);
        let overriding = if generated { "overriding system value" } else { "" };
        let columns = written_columns(&admin, &table).await;
        let row = "(jsonb_populate_record(r, jsonb_build_object('tenant_id'";
        let moved = format!(
            "insert into {table} ({columns}) {overriding}
             select {columns} from (select {row}, '{other}'::text))).* from {table} r limit 1) moved"
        );
        attack("insert", moved).await;
    }
    engine.stop().await;
}

#[tokio::test]
async fn a_change_of_a_stream_touches_no_index() {
    let database = TestDatabase::create().await;
    let admin = database.admin().await;
    let sql = "select distinct a.attname
                 from pg_index i
                 join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
                                 and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid and d.refobjsubid > 0
                 join pg_attribute a on a.attrelid = i.indrelid and a.attnum = d.refobjsubid
                where i.indrelid = 'engine.streams'::regclass order by 1";
    let columns: Vec<String> = admin.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    // What stands here changes when a stream begins or is deleted; anything else would keep rows from being changed in place.
    assert_eq!(columns, ["aggregate", "deleted_at", "stream_id", "tenant_id", "user_id"]);
}

#[test]
fn every_field_of_a_list_has_a_column_of_its_own() {
    let columns = listed_columns();
    let all: BTreeSet<_> = columns.iter().map(|column| (column.table, &column.column)).collect();
    assert!(
        columns.len() >= 8 && all.len() == columns.len(),
        "StateProjection::column takes two fields for one: {columns:?}"
    );
}

#[tokio::test]
async fn every_order_of_a_list_has_its_index() {
    let database = TestDatabase::create().await;
    let admin = database.admin().await;
    for ListedColumn { table, field, column } in listed_columns() {
        let belonging = ["owner", "project"].contains(&&*field.name);
        if !field.sortable && !belonging {
            continue;
        }
        let sql = "select array(select a.attname::text from unnest(i.indkey::int[]) with ordinality as key (number, place)
                                  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = key.number order by place)
                     from pg_index i where i.indrelid = $1::text::regclass and i.indpred is null";
        let indexes = admin.query(sql, &[&table]).await.unwrap();
        let indexes: Vec<Vec<String>> = indexes.iter().map(|row| row.get(0)).collect();
        // Own records, and those of a project, are shown the newest first.
        let order: &[&str] =
            if belonging { &["tenant_id", &column, "created_at", "id"] } else { &["tenant_id", &column, "id"] };
        let served =
            indexes.iter().any(|index| index.iter().map(String::as_str).take(order.len()).eq(order.iter().copied()));
        assert!(served, "{table}: {} needs an index ({})", field.name, order.join(", "));
    }
}
