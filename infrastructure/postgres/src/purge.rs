//! The end of organizations: what was closed long enough ago is deleted, a batch at a time.
//!
//! The end itself is an event of the organization, so that everybody hears of it: readers of the log, the erasure journal,
//! whoever keeps in mind what people may do. What is to be deleted then follows from tables alone, so that any worker goes on
//! with what another one began.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use fairlead_application::{
    App, AppError, Context, Expected, Step,
    log::LogError,
    ports::{Clock, System},
};
use fairlead_domain::{
    identity::{Organization, OrganizationCommand, OrganizationStatus},
    ids::OrganizationId,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::{Databases, connect::log_error, event_store::TransactionStore, work::Work};

/// Rows deleted in one transaction.
const BATCH: i64 = 5_000;
/// How often it is looked whether something has to end.
const INTERVAL: Duration = Duration::from_secs(60);
/// After so many looks, organizations that are gone are looked after once more, for what came in by the side.
const AGAIN: u32 = 60;

const AS_REQUESTS: &str = "set local role fairlead_app";
const AS_ENGINE: &str = "reset role";
const ALL: &str =
    "select s.tenant_id, s.state ->> 'name', (s.state ->> 'closed_at')::timestamptz, s.state ? 'suspension',
                          (s.state ->> 'purged')::boolean is true, null::timestamptz
                     from engine.streams s where s.aggregate = 'organization'
                   union all
                   select p.tenant_id, null, null, false, true, p.finished_at
                     from engine.purged p where p.finished_at is not null
                    order by 1";
const DUE: &str = "select s.tenant_id from engine.streams s
                    where s.aggregate = 'organization' and s.deleted_at is null
                      and (s.state ->> 'closed_at')::timestamptz < now() - make_interval(days => $1)";
/// Of an end that was recorded, the organization's stream tells until everything else is deleted.
const ENDING: &str = "select s.tenant_id from engine.streams s
                       where s.aggregate = 'organization' and s.deleted_at is not null
                         and (s.state ->> 'purged')::boolean";
const ENDED: &str = "select p.tenant_id from engine.purged p";
const IS_ENDED: &str = "select exists (select from engine.purged p where p.tenant_id = $1)";

/// An organization as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownOrganization {
    /// The organization.
    pub id: OrganizationId,
    /// What it is called, while that is known.
    pub name: Option<String>,
    /// How it stands.
    pub status: OrganizationStatus,
    /// When its owners closed it.
    pub closed_at: Option<DateTime<Utc>>,
    /// When everything in it was deleted.
    pub purged_at: Option<DateTime<Utc>>,
}

/// What became of an organization that was to end once more, after a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedAgain {
    /// It ended.
    Now,
    /// It had ended.
    Before,
    /// There is none.
    Unknown,
}

/// Ends organizations, as the engine. What is commanded is commanded as requests do.
#[derive(Clone)]
pub struct Purges(Databases);

impl Purges {
    /// Organizations of the engine's database.
    pub fn new(databases: Databases) -> Self {
        Self(databases)
    }

    /// Every organization, those included that are gone.
    ///
    /// # Errors
    /// [`LogError`]
    pub async fn organizations(&self) -> Result<Vec<KnownOrganization>, LogError> {
        let client = self.0.pool.get().await.map_err(crate::connect::pool_error)?;
        let rows = client.query(ALL, &[]).await.map_err(log_error)?;
        let known = rows.iter().map(|row| {
            let closed_at: Option<DateTime<Utc>> = row.try_get(2)?;
            let status = match (row.try_get(4)?, closed_at, row.try_get(3)?) {
                (true, ..) => OrganizationStatus::Purged,
                (_, Some(_), _) => OrganizationStatus::Closed,
                (_, None, true) => OrganizationStatus::Suspended,
                (_, None, false) => OrganizationStatus::Active,
            };
            let id = row.try_get::<_, Uuid>(0)?.into();
            Ok(KnownOrganization { id, name: row.try_get(1)?, status, closed_at, purged_at: row.try_get(5)? })
        });
        known.collect::<Result<_, _>>().map_err(log_error)
    }

    /// Records that everything in a closed organization is deleted. From then on nobody can do anything there.
    ///
    /// # Errors
    /// `organization.not_found`, `organization.not_closed`; as [`App::execute`].
    pub async fn end(&self, organization: OrganizationId, actor: &str) -> Result<(), AppError> {
        self.command(organization, actor, &[OrganizationCommand::Purge]).await
    }

    /// Ends an organization that had ended when the copy was still to be restored, however it stands in the copy.
    ///
    /// # Errors
    /// As [`App::execute`].
    pub async fn end_again(&self, organization: OrganizationId, actor: &str) -> Result<EndedAgain, AppError> {
        let client = self.0.pool.get().await.map_err(AppError::internal)?;
        let row = client.query_one(IS_ENDED, &[&Uuid::from(organization)]).await.map_err(AppError::internal)?;
        drop(client);
        let known = self.organizations().await.map_err(AppError::internal)?;
        match known.iter().find(|known| known.id == organization).map(|known| known.status) {
            _ if row.get(0) => Ok(EndedAgain::Before),
            None => Ok(EndedAgain::Unknown),
            Some(OrganizationStatus::Purged) => Ok(EndedAgain::Before),
            Some(_) => {
                let close = OrganizationCommand::Close { at: System.now() };
                self.command(organization, actor, &[close, OrganizationCommand::Purge]).await?;
                Ok(EndedAgain::Now)
            }
        }
    }

    async fn command(
        &self,
        organization: OrganizationId,
        actor: &str,
        commands: &[OrganizationCommand],
    ) -> Result<(), AppError> {
        let work = Arc::new(Work::begin(&self.0.pool).await.map_err(AppError::internal)?);
        let client = || work.client().map_err(AppError::internal);
        client()?.batch_execute(AS_REQUESTS).await.map_err(AppError::internal)?;
        let store = TransactionStore { work: work.clone(), vault: self.0.vault.clone() };
        let app = App::new(Arc::new(store), Arc::new(System), Arc::new(System));
        let cx = Context::system(organization, actor);
        let step = |command: &OrganizationCommand| {
            Step::new::<Organization>(&cx, organization, Expected::Any, command.clone())
        };
        let steps: Vec<_> = commands.iter().map(step).collect();
        app.execute_all(&cx, &steps).await?;
        drop(app);
        client()?.batch_execute(AS_ENGINE).await.map_err(AppError::internal)?;
        let work = Arc::into_inner(work).ok_or_else(|| AppError::internal("somebody has kept the transaction"))?;
        work.commit().await.map_err(AppError::internal)
    }

    /// Deletes what is left of an organization that has ended; `deleted` is told of rows, now and then. Who has yet to hear of
    /// the end, before the last of it can go: readers of the log, by name. Nobody when it is done.
    ///
    /// # Errors
    /// [`LogError`]
    pub async fn sweep(
        &self,
        organization: OrganizationId,
        mut deleted: impl FnMut(u64),
    ) -> Result<Vec<String>, LogError> {
        let client = self.0.pool.get().await.map_err(crate::connect::pool_error)?;
        let tenant = Uuid::from(organization);
        let purge = client.prepare_cached("select engine.purge($1, $2)").await.map_err(log_error)?;
        // Read models make something of the end too, up to the moment in which all have handled it: hence once more.
        let mut behind = None;
        loop {
            let rows: i64 = client.query_one(&purge, &[&tenant, &BATCH]).await.map_err(log_error)?.get(0);
            deleted(rows.unsigned_abs());
            match behind {
                _ if rows > 0 => {}
                Some(behind) => return Ok(behind),
                None => {
                    let finish = "select engine.finish_purge($1)";
                    behind = Some(client.query_one(finish, &[&tenant]).await.map_err(log_error)?.get(0));
                }
            }
        }
    }

    async fn ids(&self, sql: &str, days: Option<i32>) -> Result<Vec<OrganizationId>, LogError> {
        let client = self.0.pool.get().await.map_err(crate::connect::pool_error)?;
        let rows = match days {
            Some(days) => client.query(sql, &[&days]).await,
            None => client.query(sql, &[]).await,
        };
        Ok(rows.map_err(log_error)?.iter().map(|row| row.get::<_, Uuid>(0).into()).collect())
    }
}

/// Ends organizations that were closed long enough ago, and sees every end through.
pub struct PurgeKeeper {
    purges: Purges,
    closed_days: u16,
}

impl PurgeKeeper {
    /// Ends what was closed so many days ago; with 0, nothing by itself.
    pub fn new(databases: Databases, closed_days: u16) -> Self {
        Self { purges: Purges::new(databases), closed_days }
    }

    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let work = async {
            for look in (0..AGAIN).cycle() {
                if let Err(error) = self.look(look == 0).await {
                    warn!(%error, "organizations that were closed can't be ended; trying again");
                }
                sleep(INTERVAL).await;
            }
        };
        // What is left in the middle is taken up again.
        stop.run_until_cancelled(work).await;
    }

    async fn look(&self, also_ended: bool) -> Result<(), LogError> {
        if self.closed_days > 0 {
            for organization in self.purges.ids(DUE, Some(self.closed_days.into())).await? {
                match self.purges.end(organization, "policy:identity.closed_organizations").await {
                    Ok(()) => info!(%organization, "the organization was closed long ago; deleting it"),
                    Err(error) => warn!(%organization, code = error.code(), "the organization can't be ended"),
                }
            }
        }
        for organization in self.purges.ids(ENDING, None).await? {
            self.sweep(organization).await?;
        }
        if also_ended {
            for organization in self.purges.ids(ENDED, None).await? {
                self.sweep(organization).await?;
            }
        }
        Ok(())
    }

    async fn sweep(&self, organization: OrganizationId) -> Result<(), LogError> {
        let mut rows = 0;
        let behind = self.purges.sweep(organization, |deleted| rows += deleted).await?;
        if rows > 0 {
            info!(%organization, rows, "deleted what belonged to the organization");
        }
        if !behind.is_empty() {
            info!(%organization, readers = behind.join(", "), "the organization's end is still to be heard of");
        }
        Ok(())
    }
}
