//! Faults in mid-load, on private instances: `make faults`.
//!
//! Clients of several organizations issue commands and queries, and write down what they are told, while processes and services
//! are killed, stopped, cut off and filled up. Afterwards everything that the guides promise is held against that ledger,
//! against what the broker handed out, and against the effects of a consumer. `make faults ARGS='--seed 7'` repeats a run's
//! choices, as far as two runs can be the same.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool for developers, whose output is its purpose, which fails loudly, and takes a seed from the clock"
)]

mod broker_log;
mod chance;
mod checker;
mod consumer;
mod ledger;
mod load;
mod service;
mod strike;
mod world;

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use clap::{Parser, Subcommand, ValueEnum};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use uuid::Uuid;

use crate::{
    broker_log::BrokerLog,
    chance::Chance,
    checker::{Evidence, Stored, violations},
    ledger::Ledger,
    load::Asking,
    strike::Strike,
    world::World,
};

/// Organizations, and clients of each.
const TENANTS: usize = 3;
const CLIENTS: usize = 3;
/// Within which everything has caught up once the faults are over.
const CAUGHT_UP: Duration = Duration::from_secs(120);

/// Faults in mid-load, and what must hold afterwards.
#[derive(Parser)]
struct Arguments {
    /// Repeats the choices of a run.
    #[arg(long)]
    seed: Option<u64>,
    /// For how long faults strike.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Which ones; all of them if missing.
    #[arg(long, value_delimiter = ',')]
    strikes: Vec<Strike>,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// Consumes; for the suite itself.
    #[command(hide = true)]
    Consumer,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.part, Some(Part::Consumer)) {
        consumer::run().await;
        return ExitCode::SUCCESS;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let seed = arguments.seed.unwrap_or(now);
    println!("seed {seed}");
    let strikes = if arguments.strikes.is_empty() { Strike::value_variants().to_vec() } else { arguments.strikes };
    let found = suite(seed, Duration::from_secs(arguments.seconds), &strikes).await;
    for violation in &found {
        println!("BROKEN: {violation}");
    }
    if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn suite(seed: u64, time: Duration, strikes: &[Strike]) -> Vec<String> {
    let mut chance = Chance::new(seed);
    let (world, addresses) = World::new().await;
    let world = Arc::new(world);
    let (ledger, log, done) = (Arc::new(Ledger::default()), BrokerLog::default(), Arc::new(AtomicBool::new(false)));
    let url = world.installation.broker.url();
    BrokerLog::declare(&url).await;
    let supervisor = tokio::spawn({
        let world = world.clone();
        async move { world.supervise().await }
    });
    let follower = tokio::spawn({
        let (log, url) = (log.clone(), url.clone());
        async move { log.follow(&url).await }
    });
    let mut clients = JoinSet::new();
    for tenant in 0..TENANTS {
        let tenant = Uuid::from_u128(0x0193_a3c0_0000_7000_8000_0000_0000_0001 + tenant as u128);
        let token = world.token(tenant);
        let mut asking = Asking {
            tenant,
            token,
            addresses: addresses.clone(),
            http: world.installation.http.clone(),
            ledger: ledger.clone(),
            chance: chance.fork(),
            hot: Vec::new(),
            done: done.clone(),
        };
        asking.begin().await;
        for _ in 0..CLIENTS {
            let asking = Asking {
                chance: chance.fork(),
                hot: asking.hot.clone(),
                addresses: addresses.clone(),
                token: asking.token.clone(),
                http: asking.http.clone(),
                ledger: ledger.clone(),
                done: done.clone(),
                tenant,
            };
            clients.spawn(asking.run());
        }
    }
    let (begun, mut faults) = (Instant::now(), 0);
    // Each one once, in some order, and then whichever.
    let mut due = strikes.to_vec();
    while begun.elapsed() < time {
        let strike = if due.is_empty() {
            strikes[chance.below(strikes.len())]
        } else {
            due.swap_remove(chance.below(due.len()))
        };
        println!("{:5.1} s  {strike:?}, after {} answers", begun.elapsed().as_secs_f64(), ledger.answered());
        strike.happen(&world, &mut chance).await;
        faults += 1;
        sleep(chance.within(300, 2_000)).await;
    }
    done.store(true, Ordering::Relaxed);
    let mut found = Vec::new();
    while let Some(ended) = clients.join_next().await {
        if let Err(error) = ended {
            found.push(format!("a client gave up: {error}"));
        }
    }
    let over = Instant::now();
    if timeout(CAUGHT_UP, caught_up(&world, &log)).await.is_err() {
        found.push(format!("nothing has caught up {} s after the faults", CAUGHT_UP.as_secs()));
    }
    println!("caught up {:.1} s after the last answer", over.elapsed().as_secs_f64());
    let evidence = evidence(&world, &ledger, &log).await;
    found.extend(violations(&evidence));
    let verified = world.installation.output(&["verify"]);
    if !verified.status.success() {
        found.push(format!("fairlead verify: {}", String::from_utf8_lossy(&verified.stdout)));
    }
    println!(
        "{faults} faults, {} commands of which {} are unanswered, {} queries; {} events, {} messages, {} effects; {} violations",
        evidence.entries.len(),
        evidence.entries.len() - ledger.answered(),
        evidence.shown.len(),
        evidence.stored.len(),
        evidence.published.len(),
        evidence.effects.len(),
        found.len(),
    );
    follower.abort();
    supervisor.abort();
    found
}

/// Waits until all events have a position, were handed out and had their effects, and the read models have them.
async fn caught_up(world: &World, log: &BrokerLog) {
    let admin = world.admin().await;
    let sql = "select (select count(*) from engine.events), (select count(*) from engine.outbox),
                      (select count(distinct event_id) from faults.effects),
                      (select count(*) from engine.streams s join crm.contacts c
                          on (c.tenant_id, c.id, c.version) = (s.tenant_id, s.stream_id, s.version)),
                      (select count(*) from engine.streams where aggregate = 'contact')";
    loop {
        if let Ok(row) = admin.query_one(sql, &[]).await {
            let counts: [i64; 5] = std::array::from_fn(|n| row.get(n));
            let seen: std::collections::HashSet<_> = log.taken().iter().map(|message| message.event).collect();
            let [events, ordered, effects, listed, contacts] = counts;
            if ordered == events && effects == events && listed == contacts && seen.len() as i64 == events {
                return;
            }
        }
        sleep(Duration::from_millis(250)).await;
    }
}

async fn evidence(world: &World, ledger: &Ledger, log: &BrokerLog) -> Evidence {
    let admin = world.admin().await;
    let sql = "select e.event_id, e.tenant_id, e.stream_id, e.version, e.data ->> 'source', o.position
                 from engine.events e left join engine.outbox o using (tenant_id, stream_id, version)";
    let stored = admin.query(sql, &[]).await.expect("the events");
    let stored = stored.iter().map(|row| Stored {
        event: row.get(0),
        tenant: row.get(1),
        stream: row.get(2),
        version: row.get(3),
        mark: row.get::<_, Option<&str>>(4).and_then(|mark| mark.parse().ok()),
        position: row.get(5),
    });
    let effects = admin.query("select event_id from faults.effects", &[]).await.expect("the effects");
    Evidence {
        entries: ledger.entries.lock().expect("no panic while noting").clone(),
        shown: ledger.shown.lock().expect("no panic while noting").clone(),
        stored: stored.collect(),
        published: log.taken(),
        effects: effects.iter().map(|row| row.get(0)).collect(),
    }
}
