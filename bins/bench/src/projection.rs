//! Read models that catch up with a backlog: both of them, by one worker that has nothing else to do.

use std::time::{Duration, Instant};

use fairlead_testing::engine::caller;
use tokio::time::sleep;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::program::{Installation, NO_BROKER};

/// Events in a round.
const EVENTS: i64 = 30_000;
const PATIENCE: Duration = Duration::from_secs(300);

/// An installation whose events are made past the application.
pub(crate) struct Projecting {
    installation: Installation,
    admin: Client,
}

impl Projecting {
    pub(crate) async fn prepare() -> Self {
        let installation = Installation::new().await;
        let admin = installation.database.admin().await;
        Self { installation, admin }
    }

    /// Events a second, from the first that is in both read models to the last.
    pub(crate) async fn projected(&self) -> f64 {
        let tenant = Uuid::from(caller().tenant());
        create(&self.admin, tenant, EVENTS).await;
        let worker = self.installation.start("worker", &[("FAIRLEAD_AMQP_URL", NO_BROKER)]);
        let (mut begun, deadline) = (None, Instant::now() + PATIENCE);
        let rate = loop {
            let done = projected(&self.admin, tenant).await;
            let now = Instant::now();
            assert!(now < deadline, "{done} of {EVENTS} events are projected");
            match begun {
                None if done > 0 => begun = Some((now, done)),
                Some((begun, first)) if done >= EVENTS => break (done - first) as f64 / (now - begun).as_secs_f64(),
                _ => {}
            }
            sleep(Duration::from_millis(20)).await;
        };
        drop(worker);
        rate
    }
}

/// Commits contacts of a tenant, with one event each.
pub(crate) async fn create(admin: &Client, tenant: Uuid, contacts: i64) {
    let sql = "with made as (
            insert into engine.streams (tenant_id, stream_id, aggregate, version, state, state_version, created_at,
                                        updated_at, incarnation, xid)
            select $1, gen_random_uuid(), 'contact', 1, data, 1, now(), now(), 1, pg_current_xact_id()
              from (select jsonb_build_object('name', 'Ana ' || n, 'email', 'ana' || n || '@example.com') as data
                      from generate_series(1, $2::bigint) n) d
            returning tenant_id, stream_id, state)
        insert into engine.events (tenant_id, stream_id, version, event_id, type, schema_version, data, metadata, occurred_at)
        select tenant_id, stream_id, 1, gen_random_uuid(), 'contact.created', 1, state, '{\"actor\": \"bench\"}', now() from made";
    admin.execute(sql, &[&tenant, &contacts]).await.expect("events");
}

/// How many of a tenant's events are in every read model.
pub(crate) async fn projected(admin: &Client, tenant: Uuid) -> i64 {
    let sql = "select least((select count(*) from crm.contacts where tenant_id = $1),
                            (select count(*) from crm.timeline where tenant_id = $1))";
    admin.query_one(sql, &[&tenant]).await.expect("the database").get(0)
}
