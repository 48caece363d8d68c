//! What strikes.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::{broker_log, chance::Chance, world::World};

/// For what an operator does.
const PATIENCE: Duration = Duration::from_secs(60);

/// Cuts every connection to the database but the administrator's.
const CUT: &str = "select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and pid <> pg_backend_pid()";

/// A fault that begins, lasts for some time, and is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Strike {
    /// `kill -9` of a process of the API.
    KillApi,
    /// A process of the API does nothing for some time.
    PauseApi,
    /// `kill -9` of a worker: sequencer, relay, projections and policies.
    KillWorker,
    /// A worker does nothing for some time, and wakes up when others have taken its place.
    PauseWorker,
    /// `kill -9` of a consumer, between its work and its acknowledgement or anywhere else.
    KillConsumer,
    /// A consumer does nothing for some time.
    PauseConsumer,
    /// `kill -9` of the database with all its processes.
    KillPostgres,
    /// The database does nothing for some time.
    PausePostgres,
    /// All connections to the database are cut, in mid-statement too.
    CutConnections,
    /// Statements take longer than they may.
    StatementTimeout,
    /// A transaction of somebody else stays open, with an id that is older than everything after it.
    ForeignTransaction,
    /// A lock on the events holds everybody up.
    LockedTable,
    /// `kill -9` of the broker.
    KillBroker,
    /// The broker does nothing for some time.
    PauseBroker,
    /// The broker closes all connections.
    CloseConnections,
    /// The broker is out of memory, and takes no messages.
    MemoryAlarm,
    /// The broker is out of disk, and takes no messages.
    DiskAlarm,
    /// A queue is full, and refuses messages.
    QueueFull,
}

impl Strike {
    /// Lets it happen, and ends it.
    pub(crate) async fn happen(self, world: &World, chance: &mut Chance) {
        let (n, time) = (chance.below(2), chance.within(500, 4_000));
        match self {
            Self::KillApi => world.signal("api", n, "KILL"),
            Self::KillWorker => world.signal("worker", n, "KILL"),
            Self::KillConsumer => world.signal("consumer", n, "KILL"),
            Self::PauseApi => pause(world, "api", n, time).await,
            // Longer than a lease.
            Self::PauseWorker => pause(world, "worker", n, time * 3).await,
            Self::PauseConsumer => pause(world, "consumer", n, time).await,
            Self::KillPostgres => {
                world.postgres.kill().await;
                sleep(time / 4).await;
                world.postgres.start().await;
            }
            Self::PausePostgres => {
                world.postgres.signal("STOP");
                sleep(time).await;
                world.postgres.signal("CONT");
            }
            Self::KillBroker => {
                world.broker.kill().await;
                sleep(time / 4).await;
                world.broker.start().await;
            }
            Self::PauseBroker => {
                world.broker.signal("STOP");
                sleep(time).await;
                world.broker.signal("CONT");
            }
            Self::CutConnections => {
                for _ in 0..5 {
                    sql(world, CUT).await;
                    sleep(time / 10).await;
                }
            }
            Self::StatementTimeout => {
                let database = "do $$ begin execute format('alter database %I";
                sql(world, &format!("{database} set statement_timeout = 3', current_database()); end $$")).await;
                sql(world, CUT).await;
                sleep(time).await;
                sql(world, &format!("{database} reset statement_timeout', current_database()); end $$")).await;
                sql(world, CUT).await;
            }
            Self::ForeignTransaction => {
                let admin = world.admin().await;
                // Whether it comes to its end is nobody's business.
                drop(admin.batch_execute("begin; select pg_current_xact_id()").await);
                sleep(time).await;
                drop(admin.batch_execute("rollback").await);
            }
            Self::LockedTable => {
                let admin = world.admin().await;
                drop(admin.batch_execute("begin; lock table engine.events in share row exclusive mode").await);
                sleep(time).await;
                drop(admin.batch_execute("rollback").await);
            }
            Self::CloseConnections => world.installation.broker.close_connections().await,
            Self::MemoryAlarm => {
                world.rabbitmqctl(&["set_vm_memory_high_watermark", "absolute", "1MB"]).await;
                sleep(time).await;
                world.rabbitmqctl(&["set_vm_memory_high_watermark", "absolute", "1GB"]).await;
            }
            Self::DiskAlarm => {
                world.rabbitmqctl(&["set_disk_free_limit", "100000GB"]).await;
                sleep(time).await;
                world.rabbitmqctl(&["set_disk_free_limit", "50MB"]).await;
            }
            // Without a connection it refuses nothing.
            Self::QueueFull => drop(broker_log::refuse_for(&world.installation.broker.url(), time).await),
        }
    }
}

async fn pause(world: &World, role: &str, n: usize, time: Duration) {
    world.signal(role, n, "STOP");
    sleep(time).await;
    world.signal(role, n, "CONT");
}

/// As the administrator, whom statement time-outs and cut connections may meet, too.
async fn sql(world: &World, statement: &str) {
    let done = timeout(PATIENCE, async {
        let statement = format!("set statement_timeout = 0; {statement}");
        while world.admin().await.batch_execute(&statement).await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    });
    done.await.expect("the administrator is heard");
}
