//! What operators see of subscriptions, and what they demand of them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_application::administration::{
    AdministrationError, ParkedDetail, ParkedQuery, PartitionStatus, PolicyRefusal, RebuildStatus, StreamKey,
    SubscriptionAdministration, SubscriptionStatus,
};
use tokio_postgres::{Row, types::ToSql};

use crate::{Databases, listener::SUBSCRIPTIONS, projection::read_models};

const STATUS: &str = "select name, partition, position, behind, oldest, holder, paused, parked from engine.status()";
const PARKED: &str =
    "select subscription, tenant_id, stream_id, first_version, error, attempts, parked_at, replay_demanded_at
                        from engine.parked
                       where (subscription = $1 or $1 is null)
                         and ($3::timestamptz is null or (parked_at, tenant_id, stream_id, subscription) > ($3, $4, $5, $6))
                       order by parked_at, tenant_id, stream_id, subscription limit $2";

/// Subscriptions in the database, reached as a member of `fairlead_engine`.
#[derive(Clone)]
pub struct PostgresAdministration(Databases);

impl PostgresAdministration {
    /// Subscriptions of the engine's database.
    pub fn new(databases: Databases) -> Self {
        Self(databases)
    }

    async fn rows(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, AdministrationError> {
        let client = self.0.pool.get().await.map_err(unavailable)?;
        client.query(sql, parameters).await.map_err(unavailable)
    }

    /// Changes something, and makes the workers look.
    async fn demand(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<u64, AdministrationError> {
        let client = self.0.pool.get().await.map_err(unavailable)?;
        let changed = client.execute(sql, parameters).await.map_err(unavailable)?;
        client.batch_execute(&format!("notify {SUBSCRIPTIONS}")).await.map_err(unavailable)?;
        Ok(changed)
    }

    /// Refuses a name that no subscription has.
    async fn known(&self, subscription: &str) -> Result<(), AdministrationError> {
        let rows = self.rows("select from engine.subscriptions where name = $1 limit 1", &[&subscription]).await?;
        if rows.is_empty() { Err(AdministrationError::Unknown(subscription.to_owned())) } else { Ok(()) }
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> AdministrationError {
    AdministrationError::Unavailable(Box::new(error))
}

#[async_trait]
impl SubscriptionAdministration for PostgresAdministration {
    async fn subscriptions(&self) -> Result<Vec<SubscriptionStatus>, AdministrationError> {
        let mut all: Vec<SubscriptionStatus> = Vec::new();
        for row in self.rows(STATUS, &[]).await? {
            let name: String = row.get(0);
            if all.last().is_none_or(|last| last.name != name) {
                all.push(SubscriptionStatus { name, paused: row.get(6), partitions: Vec::new() });
            }
            if let Some(last) = all.last_mut() {
                last.partitions.push(PartitionStatus {
                    number: row.get(1),
                    position: row.get(2),
                    behind: row.get(3),
                    oldest: row.get::<_, Option<DateTime<Utc>>>(4),
                    held: row.get::<_, Option<i32>>(5).is_some(),
                    parked: row.get(7),
                });
            }
        }
        Ok(all)
    }

    async fn set_paused(&self, subscription: &str, paused: bool) -> Result<(), AdministrationError> {
        self.known(subscription).await?;
        let sql = "insert into engine.controls (subscription, paused) values ($1, $2)
                   on conflict (subscription) do update set paused = excluded.paused";
        self.demand(sql, &[&subscription, &paused]).await.map(drop)
    }

    async fn parked(&self, query: &ParkedQuery) -> Result<Vec<ParkedDetail>, AdministrationError> {
        let ParkedQuery { subscription, after, limit } = query;
        let after = after.as_ref();
        let (at, name) = (after.map(|place| place.parked_at), after.map(|place| &place.subscription));
        let (tenant, stream) = (after.map(|place| place.tenant), after.map(|place| place.stream));
        let limit = i64::from(*limit);
        let rows = self.rows(PARKED, &[subscription, &limit, &at, &tenant, &stream, &name]).await?;
        let detail = |row: &Row| ParkedDetail {
            subscription: row.get(0),
            tenant: row.get(1),
            stream: row.get(2),
            first_version: row.get(3),
            error: row.get(4),
            attempts: row.get(5),
            parked_at: row.get(6),
            replay_demanded: row.get::<_, Option<DateTime<Utc>>>(7).is_some(),
        };
        Ok(rows.iter().map(detail).collect())
    }

    async fn refusals(&self, policy: Option<&str>, limit: u16) -> Result<Vec<PolicyRefusal>, AdministrationError> {
        let sql = "select policy, tenant_id, stream_id, version, event_id, code, refused_at from engine.refusals
                    where policy = $1 or $1 is null order by refused_at desc, event_id limit $2";
        let refusal = |row: &Row| PolicyRefusal {
            policy: row.get(0),
            tenant: row.get(1),
            stream: row.get(2),
            version: row.get(3),
            event: row.get(4),
            code: row.get(5),
            refused_at: row.get(6),
        };
        Ok(self.rows(sql, &[&policy, &i64::from(limit)]).await?.iter().map(refusal).collect())
    }

    async fn replay(&self, subscription: &str, stream: Option<StreamKey>) -> Result<u64, AdministrationError> {
        self.known(subscription).await?;
        let set = "update engine.parked set replay_demanded_at = clock_timestamp() where subscription = $1";
        match stream {
            None => self.demand(set, &[&subscription]).await,
            Some(StreamKey { tenant, stream }) => {
                let one = format!("{set} and tenant_id = $2 and stream_id = $3");
                self.demand(&one, &[&subscription, &tenant, &stream]).await
            }
        }
    }

    async fn rebuild(&self, subscription: &str) -> Result<(), AdministrationError> {
        if !read_models().contains(&subscription) {
            return Err(AdministrationError::NoReadModel(subscription.to_owned()));
        }
        let sql = "insert into engine.rebuilds (subscription, state) values ($1, 'demanded')
                   on conflict (subscription) do update
                      set state = 'demanded', done = 0, total = 0, scanned = null, error = null,
                          demanded_at = clock_timestamp(), finished_at = null";
        self.demand(sql, &[&subscription]).await.map(drop)
    }

    async fn rebuilds(&self) -> Result<Vec<RebuildStatus>, AdministrationError> {
        let sql = "select subscription, state, done, total, error, demanded_at, finished_at from engine.rebuilds
                    order by subscription";
        let status = |row: &Row| {
            Ok(RebuildStatus {
                subscription: row.get(0),
                state: row.get::<_, &str>(1).parse().map_err(unavailable)?,
                done: row.get(2),
                total: row.get(3),
                error: row.get(4),
                demanded_at: row.get(5),
                finished_at: row.get(6),
            })
        };
        self.rows(sql, &[]).await?.iter().map(status).collect()
    }
}
