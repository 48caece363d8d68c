//! Counts whose events wait for being published: for an API, which holds organizations back that have too many.
//!
//! Nothing is asked while nobody sends commands; how many wait in all as long as these are few; and otherwise each active
//! organization's own, up to the bound, by index.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use fairlead_application::{backlog::Backlogs, log::LogError};
use fairlead_domain::ids::OrganizationId;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use crate::{Databases, connect::log_error, work::Work};

/// The pause between two looks at least.
const INTERVAL: Duration = Duration::from_secs(1);
/// So many times as long as a look took is the pause behind it, so that looking never becomes what the database is busy with.
const PAUSE: u32 = 10;
/// Events without a position are gone through up to so many times the bound. They are as many as that only while no worker
/// runs.
const UNPLACED: i64 = 10;

/// How far a subscription's partitions are, and the events that have no position yet. In a restored database that nobody
/// has adopted, transaction ids tell nothing of them.
macro_rules! standing {
    ($select:literal) => {
        concat!(
            "with reached as materialized (
               select p.slots, coalesce(c.position, 0) as position, coalesce(c.ahead, '{}') as ahead
                 from engine.subscriptions p
                 left join lateral (select c.position, c.ahead from engine.checkpoints c
                                     where c.name = p.name and c.partition = p.partition
                                     order by c.number desc limit 1) c on true
                where p.name = $1),
             unplaced as materialized (
               select u.tenant_id
                 from (select t.snapshot from engine.ticks t order by t.number desc limit 1) t
                cross join engine.sequencer s
                cross join engine.unstamped(t.snapshot, pg_current_snapshot(), s.floor) u
                where engine.at_home() limit $2) ",
            $select
        )
    };
}

/// How many events wait in all, those included that a partition has passed over but not recorded.
const ALL: &str = standing!(
    "select greatest((select t.position from engine.ticks t order by t.number desc limit 1)
                     - coalesce((select min(r.position) from reached r), 0), 0) + (select count(*) from unplaced)"
);
/// How many events of some tenants wait, each counted up to a limit: those with a position, then those without, of any tenant.
const EACH: &str = standing!(
    "select w.tenant_id, n.events
       from unnest($3::uuid[]) as w (tenant_id)
      cross join lateral (
        select count(*) as events
          from (select from engine.outbox o
                 where o.tenant_id = w.tenant_id
                   and o.position > coalesce((select min(r.position) from reached r), 0)
                   and not exists (select from reached r
                                    where r.slots & (1::bigint << o.slot) <> 0
                                      and (o.position <= r.position or r.ahead @> o.position))
                 order by o.position limit $4) o) n
     union all
     select u.tenant_id, count(*) from unplaced u group by u.tenant_id"
);

/// Along the index, so that the limit ends the counting: a bitmap would be made of all that a tenant has.
const IN_ORDER: &str = "set local enable_bitmapscan = off";

/// Keeps an application informed of whose events wait.
pub struct BacklogKeeper {
    databases: Databases,
    subscription: &'static str,
    backlogs: Arc<Backlogs>,
}

impl BacklogKeeper {
    /// Counts what a subscription has not handled, in the engine's database.
    pub fn new(databases: Databases, subscription: &'static str, backlogs: Arc<Backlogs>) -> Self {
        Self { databases, subscription, backlogs }
    }

    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        self.backlogs.observe(&BTreeMap::new());
        let mut pause = INTERVAL;
        while stop.run_until_cancelled(sleep(pause)).await.is_some() {
            let begun = Instant::now();
            if let Err(error) = self.look().await {
                // Who was held back is held back still.
                warn!(%error, "it can't be asked whose events wait; trying again");
            }
            pause = INTERVAL.max(begun.elapsed() * PAUSE);
        }
    }

    /// Looks once.
    ///
    /// # Errors
    /// [`LogError`]; nothing changes then.
    pub async fn look(&self) -> Result<(), LogError> {
        let Some(bound) = self.backlogs.bound() else { return Ok(()) };
        let concerned = self.backlogs.concerned();
        if concerned.is_empty() {
            return Ok(());
        }
        let most = i64::try_from(bound).unwrap_or(i64::MAX).saturating_add(1);
        let work = Work::begin(&self.databases.pool).await?;
        let client = work.client()?;
        let all = client.prepare_cached(ALL).await.map_err(log_error)?;
        let all: i64 = client.query_one(&all, &[&self.subscription, &most]).await.map_err(log_error)?.get(0);
        if !self.backlogs.matters(count(all)) {
            work.commit().await?;
            self.backlogs.observe(&BTreeMap::new());
            return Ok(());
        }
        client.batch_execute(IN_ORDER).await.map_err(log_error)?;
        let each = client.prepare_cached(EACH).await.map_err(log_error)?;
        let tenants: Vec<Uuid> = concerned.into_iter().map(Into::into).collect();
        let unplaced = most.saturating_mul(UNPLACED);
        let rows = client.query(&each, &[&self.subscription, &unplaced, &tenants, &most]).await.map_err(log_error)?;
        work.commit().await?;
        let mut waiting = BTreeMap::<OrganizationId, u64>::new();
        for row in &rows {
            *waiting.entry(row.get::<_, Uuid>(0).into()).or_default() += count(row.get(1));
        }
        self.backlogs.observe(&waiting);
        Ok(())
    }
}

fn count(events: i64) -> u64 {
    u64::try_from(events).unwrap_or(0)
}
