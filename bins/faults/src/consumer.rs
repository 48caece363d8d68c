//! A consumer that fails, hangs and is killed, and whose effects are counted.

use std::{
    env,
    future::pending,
    process::Command,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use deadpool_postgres::{Manager, Pool, Runtime};
use fairlead_consumer::{Consumer, Event, Failure, Handler, Inbox, Json, Retries, Transaction};
use fairlead_testing::database::connect;
use serde_json::Value;
use tokio_postgres::NoTls;
use tokio_util::sync::CancellationToken;

/// The schema of its tables.
const SCHEMA: &str = "faults";

/// Makes its tables.
pub(crate) async fn install(database: &str) {
    let mut client = connect(database).await;
    Inbox::install(&mut client, SCHEMA).await.expect("an inbox");
    let sql = "create table faults.effects (event_id uuid not null, at timestamptz not null default clock_timestamp())";
    client.batch_execute(sql).await.expect("a table");
}

/// This program as a consumer.
pub(crate) fn command(broker: &str, database: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.arg("consumer").env_clear().env("AMQP_URL", broker).env("DATABASE_URL", database);
    command
}

/// Writes each event down once. Of its attempts every fiftieth fails, and every two-hundredth takes for ever.
#[derive(Default)]
struct Effects(AtomicU64);

#[async_trait]
impl Handler for Effects {
    type Reads = Json;

    async fn handle(&self, transaction: &Transaction<'_>, event: &Event<Value>) -> Result<(), Failure> {
        transaction.execute("insert into faults.effects (event_id) values ($1)", &[&event.id]).await?;
        let attempt = self.0.fetch_add(1, Ordering::Relaxed);
        if attempt % 200 == 7 {
            pending::<()>().await;
        }
        if attempt % 50 == 1 { Err(Failure::retry("chance")) } else { Ok(()) }
    }
}

/// Works until it is ended.
pub(crate) async fn run() {
    let of = |name: &str| env::var(name).expect("its settings");
    let manager = Manager::new(tokio_postgres::Config::from_str(&of("DATABASE_URL")).expect("a URL"), NoTls);
    let limit = Some(Duration::from_secs(5));
    let pool = Pool::builder(manager).max_size(6).runtime(Runtime::Tokio1).wait_timeout(limit).create_timeout(limit);
    let retries = Retries { attempts: 1_000, first: Duration::from_millis(100), longest: Duration::from_secs(2) };
    let consumer = Consumer::builder("faults")
        .broker(of("AMQP_URL"))
        .database(pool.build().expect("a pool"), SCHEMA)
        .bind("crm.contact.#")
        .lanes(2)
        .retries(retries)
        .time_limit(Duration::from_secs(2))
        .handler(Effects::default())
        .expect("a consumer");
    consumer.run(CancellationToken::new()).await;
}
