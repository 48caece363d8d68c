//! Where the global order and its readers stand: for readiness, which tells who is stuck, and for the gauges of lag.
//!
//! Asked of the database, by every process alike: whoever is stuck can't tell it, and the others can. Read-only, and
//! a few index look-ups whatever the size of the tables.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use fairlead_application::health::{Condition, HealthCheck};
use metrics::gauge;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{Databases, Nudge};

/// Whoever asks more often is told the same again.
const FRESH: Duration = Duration::from_secs(1);
/// How often the gauges are brought up to date.
const INTERVAL: Duration = Duration::from_secs(5);

/// The last position, whether the database is at home, and its time in seconds since 1970.
const ORDER: &str = "select t.position,
            exists (select from engine.sequencer s, pg_control_system() c, pg_database d
                     where s.system_identifier = c.system_identifier and s.database_oid = d.oid
                       and d.datname = current_database()),
            extract(epoch from clock_timestamp())::float8
       from engine.ticks t order by t.number desc limit 1";
/// Whether a commit is in the global order.
const ORDERED: &str = "select t.incarnation > $1
            or t.incarnation = $1 and pg_visible_in_snapshot($2::bigint::text::xid8, t.snapshot)
       from engine.ticks t order by t.number desc limit 1";
/// The committed events without a position: how many, and the age of the oldest in seconds.
const PENDING: &str = "select count(*), coalesce(extract(epoch from clock_timestamp() - min(e.occurred_at)), 0)::float8
       from (select u.*
               from (select t.snapshot from engine.ticks t order by t.number desc limit 1) t,
                    engine.sequencer s, engine.unstamped(t.snapshot, pg_current_snapshot(), s.floor) u
              limit 10000) u
       join engine.events e using (tenant_id, stream_id, version)";
/// Each partition: how far it has come, how long ago it last came further, how long ago the first position beyond was
/// given, and whether an operator has paused it; times in seconds. Rebuilds tell of themselves elsewhere.
const READERS: &str = "select s.name, s.partition, coalesce(c.position, 0),
            extract(epoch from clock_timestamp() - c.at)::float8,
            extract(epoch from clock_timestamp() - t.at)::float8,
            exists (select from engine.controls k where k.subscription = s.name and k.paused)
       from engine.subscriptions s
       left join lateral (select c.position, c.at from engine.checkpoints c
                           where c.name = s.name and c.partition = s.partition order by c.number desc limit 1) c on true
       left join lateral (select t.at from engine.ticks t where t.position > coalesce(c.position, 0)
                           order by t.position, t.number limit 1) t on true
      where s.name not like '%.rebuild'";

/// How many streams each subscription has set aside.
const PARKED: &str = "select k.subscription, count(*) from engine.parked k group by k.subscription";

/// How long something may take before it counts as stuck.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A committed event without a position.
    pub sequencing: Duration,
    /// A partition that handles nothing, although there is something to handle.
    pub handling: Duration,
}

/// Looks where the order and its readers stand.
pub struct Observer {
    databases: Databases,
    limits: Limits,
    /// What this process has committed, which is all that the role for requests may know of unordered events.
    committed: Option<Arc<Nudge>>,
    known: Mutex<Option<(Instant, Arc<Standing>)>>,
}

/// What was found.
#[derive(Debug)]
struct Standing {
    position: i64,
    at_home: bool,
    now: f64,
    pending: Pending,
    readers: Vec<Reader>,
    /// Streams that are set aside, by subscription; those without any are missing.
    parked: BTreeMap<String, i64>,
}

/// Committed events without a position.
#[derive(Debug, Default)]
struct Pending {
    count: i64,
    /// Of the oldest, in seconds.
    age: f64,
}

/// A partition of a subscription.
#[derive(Debug)]
struct Reader {
    subscription: String,
    partition: i16,
    position: i64,
    /// Seconds since it last came further; `None` when it never did.
    rest: Option<f64>,
    /// Seconds since the first position was given that it has not handled; `None` when it has handled everything.
    age: Option<f64>,
    /// Whether an operator demands that nobody works it.
    paused: bool,
}

impl Observer {
    /// An observer as the engine, who sees all events.
    pub fn of_all(databases: Databases, limits: Limits) -> Self {
        Self { databases, limits, committed: None, known: Mutex::new(None) }
    }

    /// An observer under the role for requests. Of events without a position it knows those that this process has
    /// committed, which were reported to `committed`.
    pub fn of_own(databases: Databases, limits: Limits, committed: Arc<Nudge>) -> Self {
        Self { databases, limits, committed: Some(committed), known: Mutex::new(None) }
    }

    /// Keeps the gauges up to date until told to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut shown = BTreeSet::new();
        while !stop.is_cancelled() {
            match self.standing().await {
                Ok(standing) => self.show(&standing, &mut shown),
                // Readiness tells it; and the gauge of the time stands still.
                Err(error) => debug!(error = error.as_str(), "lags can't be asked for"),
            }
            stop.run_until_cancelled(sleep(INTERVAL)).await;
        }
    }

    /// What was found within the last second, or is found now. Those who ask at the same time share one look.
    async fn standing(&self) -> Result<Arc<Standing>, String> {
        let mut known = self.known.lock().await;
        if let Some((_, standing)) = known.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Ok(standing.clone());
        }
        let standing = Arc::new(self.look().await?);
        *known = Some((Instant::now(), standing.clone()));
        Ok(standing)
    }

    async fn look(&self) -> Result<Standing, String> {
        let client = self.databases.pool.get().await.map_err(|error| error.to_string())?;
        let failed = |error: tokio_postgres::Error| error.to_string();
        let order =
            client.query_one(&client.prepare_cached(ORDER).await.map_err(failed)?, &[]).await.map_err(failed)?;
        let pending = match &self.committed {
            Some(committed) => {
                let ordered = client.prepare_cached(ORDERED).await.map_err(failed)?;
                let mut pending = Pending::default();
                while let Some(commit) = committed.unordered() {
                    let token = commit.token;
                    let row = client.query_one(&ordered, &[&token.incarnation, &token.xid.cast_signed()]).await;
                    if !row.map_err(failed)?.get::<_, bool>(0) {
                        pending = Pending { count: 1, age: commit.at.elapsed().as_secs_f64() };
                        break;
                    }
                    committed.ordered(commit);
                }
                pending
            }
            None => {
                let sql = client.prepare_cached(PENDING).await.map_err(failed)?;
                let row = client.query_one(&sql, &[]).await.map_err(failed)?;
                Pending { count: row.get(0), age: row.get(1) }
            }
        };
        let readers = client.prepare_cached(READERS).await.map_err(failed)?;
        let readers = client.query(&readers, &[]).await.map_err(failed)?;
        let readers = readers.iter().map(|row| Reader {
            subscription: row.get(0),
            partition: row.get(1),
            position: row.get(2),
            rest: row.get(3),
            age: row.get(4),
            paused: row.get(5),
        });
        let mut parked = BTreeMap::new();
        if self.committed.is_none() {
            let sql = client.prepare_cached(PARKED).await.map_err(failed)?;
            let rows = client.query(&sql, &[]).await.map_err(failed)?;
            parked.extend(rows.iter().map(|row| (row.get(0), row.get(1))));
        }
        Ok(Standing {
            position: order.get(0),
            at_home: order.get(1),
            now: order.get(2),
            pending,
            readers: readers.collect(),
            parked,
        })
    }

    /// Sets the gauges; those of partitions that are gone, to nothing.
    #[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
    fn show(&self, standing: &Standing, shown: &mut BTreeSet<(String, i16)>) {
        gauge!("fairlead_observed_timestamp_seconds").set(standing.now);
        gauge!("fairlead_sequencer_position").set(standing.position as f64);
        if self.committed.is_none() {
            gauge!("fairlead_sequencer_pending_events").set(standing.pending.count as f64);
            gauge!("fairlead_sequencer_pending_age_seconds").set(standing.pending.age.max(0.0));
        }
        let mut gone = std::mem::take(shown);
        for reader in &standing.readers {
            let key = (reader.subscription.clone(), reader.partition);
            lag(&key, reader.lag(standing.position) as f64, reader.age.unwrap_or(0.0));
            gone.remove(&key);
            shown.insert(key);
            let paused = f64::from(u8::from(reader.paused));
            gauge!("fairlead_subscription_paused", "subscription" => reader.subscription.clone()).set(paused);
            if self.committed.is_none() {
                let parked = standing.parked.get(&reader.subscription).copied().unwrap_or(0) as f64;
                gauge!("fairlead_subscription_parked_streams", "subscription" => reader.subscription.clone())
                    .set(parked);
            }
        }
        for key in gone {
            lag(&key, 0.0, 0.0);
        }
    }
}

fn lag((subscription, partition): &(String, i16), events: f64, seconds: f64) {
    let labels = [("subscription", subscription.clone()), ("partition", partition.to_string())];
    gauge!("fairlead_subscription_lag_events", &labels).set(events);
    gauge!("fairlead_subscription_lag_seconds", &labels).set(seconds.max(0.0));
}

impl Standing {
    fn sequencer(&self, limits: Limits) -> Condition {
        let name = "sequencer";
        if !self.at_home {
            let remedy = "this database was restored or copied from another server: run `fairlead sequencer adopt`";
            return Condition::down(name, remedy);
        }
        let Pending { age, .. } = self.pending;
        if age > limits.sequencing.as_secs_f64() {
            return Condition::down(name, format!("an event was committed {age:.0} s ago and has no position yet"));
        }
        Condition::up(name)
    }

    /// Each subscription, as its worst partition is.
    fn subscriptions(&self, limits: Limits) -> Vec<Condition> {
        let mut all: BTreeMap<&str, (f64, Condition)> = BTreeMap::new();
        for reader in &self.readers {
            let condition = reader.condition(self.position, limits);
            // Who is down is worse than who is late.
            let weight = reader.age.unwrap_or(-1.0) + if condition.up { 0.0 } else { f64::from(u32::MAX) };
            match all.get(&*reader.subscription) {
                Some((known, _)) if *known >= weight => {}
                _ => drop(all.insert(&reader.subscription, (weight, condition))),
            }
        }
        all.into_values().map(|(_, condition)| condition).collect()
    }
}

impl Reader {
    fn lag(&self, end: i64) -> i64 {
        (end - self.position).max(0)
    }

    fn condition(&self, end: i64, limits: Limits) -> Condition {
        let name = self.subscription.clone();
        let limit = limits.handling.as_secs_f64();
        let Some(age) = self.age.filter(|age| *age > limit) else { return Condition::up(name) };
        let behind =
            format!("partition {} is {} events behind, the oldest {age:.0} s old", self.partition, self.lag(end));
        match self.rest {
            _ if self.paused => Condition::up(name).with(format!("paused; {behind}")),
            Some(rest) if rest <= limit => Condition::up(name).with(format!("{behind}; it is catching up")),
            Some(rest) => Condition::down(name, format!("{behind}; nothing was handled for {rest:.0} s")),
            None => Condition::down(name, format!("{behind}; nothing was ever handled")),
        }
    }
}

#[async_trait]
impl HealthCheck for Observer {
    fn name(&self) -> &'static str {
        "sequencer"
    }

    async fn check(&self) -> Vec<Condition> {
        match self.standing().await {
            Ok(standing) => {
                let mut all = standing.subscriptions(self.limits);
                all.push(standing.sequencer(self.limits));
                all
            }
            Err(problem) => vec![Condition::down(self.name(), format!("can't be asked for: {problem}"))],
        }
    }
}
