//! Deals that stay too long in their stage: found now and then, and told so by a command.
//!
//! One worker at a time looks, under a lock that ends with its transaction. Nothing depends on that: a deal itself decides
//! whether it rots, once in each stay, so that what is done twice or broken off in the middle is as if done once.

use std::{sync::Arc, time::Duration};

use fairlead_application::{App, AppError, Context, crm::rot_deal, ports::System};
use fairlead_domain::ids::{DealId, OrganizationId};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::{Databases, Nudge, event_store::TransactionStore, work::Work};

/// How many deals of an organization are told so in one look; the others, in the next one.
const BATCH: i64 = 200;

const AS_REQUESTS: &str = "set local role fairlead_app";
const AS_ENGINE: &str = "reset role";
const LEASE: &str = "select pg_try_advisory_xact_lock(hashtextextended('crm.rotting', 3))";
/// The server ends a transaction in which nothing is said for some seconds.
const STILL: &str = "select";
/// The organizations that act, and have a stage that is not patient for ever.
const TENANTS: &str = "select distinct p.tenant_id from crm.pipelines p
                        where p.state @? '$.stages[*].rotting_days'
                          and not exists (select from engine.streams s
                                           where s.tenant_id = p.tenant_id and s.stream_id = p.tenant_id
                                             and s.aggregate = 'organization'
                                             and (s.deleted_at is not null or s.state ?| '{suspension,closed_at}'))";

/// Has deals rot whose time has come.
pub struct RottingDeals {
    databases: Databases,
    nudge: Arc<Nudge>,
    interval: Duration,
}

impl RottingDeals {
    /// The statement: of an organization, those of its open deals that are in a stage for too long and were not told so, some at
    /// most. It reads as the engine, above the policies.
    pub const STATEMENT: &str = "
    select d.id
      from crm.pipelines p
     cross join lateral jsonb_to_recordset(p.state -> 'stages') as s (id uuid, rotting_days integer)
     cross join lateral (
           select o.id from crm.deals o
            where o.tenant_id = $1 and o.pipeline_id = p.id and o.stage_id = s.id and o.status = 'open' and not o.rotted
              and o.stage_entered_at <= now() - s.rotting_days * interval '24 hours'
            order by o.stage_entered_at
            limit $2) d
     where p.tenant_id = $1 and s.rotting_days is not null
     limit $2";

    /// Deals of the engine's database, whose login has to be a member of `fairlead_app` too; looked at so often. `nudge` is told of
    /// what happens to them.
    pub fn new(databases: Databases, nudge: Arc<Nudge>, interval: Duration) -> Self {
        Self { databases, nudge, interval }
    }

    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let work = async {
            loop {
                // First, since a policy that is new begins with what happens from now on.
                sleep(self.interval).await;
                match self.look().await {
                    Ok(0) => {}
                    Ok(deals) => info!(deals, "deals stay too long in their stages"),
                    Err(error) => warn!(%error, "deals that rot can't be looked for; trying again"),
                }
            }
        };
        stop.run_until_cancelled(work).await;
    }

    /// Looks once, unless somebody else does. How many deals rotted.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`]; what was done until then is done.
    pub async fn look(&self) -> Result<u64, AppError> {
        let lease = Work::begin(&self.databases.pool).await.map_err(AppError::internal)?;
        let client = lease.client().map_err(AppError::internal)?;
        let mut rotted = 0;
        if client.query_one(LEASE, &[]).await.map_err(AppError::internal)?.get(0) {
            for tenant in client.query(TENANTS, &[]).await.map_err(AppError::internal)? {
                let tenant: Uuid = tenant.get(0);
                let deals = client.query(Self::STATEMENT, &[&tenant, &BATCH]).await.map_err(AppError::internal)?;
                for deal in deals {
                    client.execute(STILL, &[]).await.map_err(AppError::internal)?;
                    rotted += u64::from(self.tell(tenant.into(), deal.get::<_, Uuid>(0).into()).await?);
                }
            }
        }
        lease.rollback().await.map_err(AppError::internal)?;
        Ok(rotted)
    }

    /// Tells a deal. Whether it rots; one that can't be told holds up no other.
    async fn tell(&self, organization: OrganizationId, deal: DealId) -> Result<bool, AppError> {
        match self.command(organization, deal).await {
            Err(error @ AppError::Unavailable { .. }) => Err(error),
            // Somebody is at it; if it stays where it is, the next look finds it again.
            Err(AppError::Stale { .. } | AppError::Contended) => Ok(false),
            Err(error) => {
                warn!(%organization, %deal, code = error.code(), "the deal can't be told that it rots");
                Ok(false)
            }
            told => told,
        }
    }

    async fn command(&self, organization: OrganizationId, deal: DealId) -> Result<bool, AppError> {
        let work = Arc::new(Work::begin(&self.databases.pool).await.map_err(AppError::internal)?);
        let client = || work.client().map_err(AppError::internal);
        client()?.batch_execute(AS_REQUESTS).await.map_err(AppError::internal)?;
        let store = TransactionStore { work: work.clone(), vault: self.databases.vault.clone() };
        let app = App::new(Arc::new(store), Arc::new(System), Arc::new(System));
        let rotted = rot_deal(&app, &Context::system(organization, "scheduler:crm.rotting"), deal).await?;
        drop(app);
        client()?.batch_execute(AS_ENGINE).await.map_err(AppError::internal)?;
        let work = Arc::into_inner(work).ok_or_else(|| AppError::internal("somebody has kept the transaction"))?;
        work.commit().await.map_err(AppError::internal)?;
        self.nudge.wake();
        Ok(rotted)
    }
}
