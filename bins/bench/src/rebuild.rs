//! The list of contacts, built anew from the streams, beside a bare copy of the same rows with the same indexes.

use std::time::{Duration, Instant};

use fairlead_domain::{crm::Contact, kernel::Aggregate};
use fairlead_testing::engine::caller;
use tokio::time::sleep;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::program::{Installation, NO_BROKER};

/// Contacts, unless the variable says otherwise.
const CONTACTS: i64 = 200_000;
const VARIABLE: &str = "FAIRLEAD_BENCH_CONTACTS";
const PATIENCE: Duration = Duration::from_secs(1_800);

/// Rows a second: of the rebuild, and of the copy.
pub(crate) async fn measure() -> (f64, f64) {
    let contacts = std::env::var(VARIABLE).ok().map_or(CONTACTS, |text| text.parse().expect("a number of contacts"));
    let installation = Installation::new().await;
    let admin = installation.database.admin().await;
    let sql = "insert into engine.streams (tenant_id, stream_id, aggregate, version, state, state_version, created_at,
                                           updated_at, incarnation, xid)
        select $1, gen_random_uuid(), $2, 1,
               jsonb_build_object('name', 'Ana Lima ' || n, 'email', 'ana' || n || '@example.com',
                                  'phone', '+35121' || 1000000 + n, 'tags', jsonb_build_array('t' || n % 100)),
               $3, now() - n * interval '1 s', now(), 1, pg_current_xact_id()
          from generate_series(1, $4::bigint) n";
    let tenant = Uuid::from(caller().tenant());
    admin.execute(sql, &[&tenant, &Contact::TYPE, &Contact::STATE_VERSION, &contacts]).await.expect("streams");
    admin.batch_execute("vacuum analyze engine.streams").await.expect("statistics");
    let demand = "insert into engine.rebuilds (subscription, state) values ('crm.contacts', 'demanded')";
    admin.execute(demand, &[]).await.expect("a demand");

    let worker = installation.start("worker", &[("FAIRLEAD_AMQP_URL", NO_BROKER)]);
    until(&admin, "scanning").await;
    let begun = Instant::now();
    until(&admin, "done").await;
    let rebuilt = begun.elapsed();
    drop(worker);
    let rows: i64 = admin.query_one("select count(*) from crm.contacts", &[]).await.expect("rows").get(0);
    assert_eq!(rows, contacts, "every contact is in the list");

    admin.batch_execute("create table crm.bare (like crm.contacts including all)").await.expect("a table");
    let begun = Instant::now();
    admin.batch_execute("insert into crm.bare select * from crm.contacts").await.expect("a copy");
    let copied = begun.elapsed();
    let rate = |time: Duration| contacts as f64 / time.as_secs_f64();
    (rate(rebuilt), rate(copied))
}

/// Waits until the rebuild has come so far.
async fn until(admin: &Client, wanted: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let sql = "select state, coalesce(error, '') from engine.rebuilds where subscription = 'crm.contacts'";
        let row = admin.query_one(sql, &[]).await.expect("the rebuild");
        let (state, error): (String, String) = (row.get(0), row.get(1));
        if state == wanted || state == "done" {
            return;
        }
        assert!(state != "failed" && Instant::now() < deadline, "the rebuild is {state}: {error}");
        sleep(Duration::from_millis(10)).await;
    }
}
