//! Read models built anew beside the live ones, and put in their place.
//!
//! The end of the log is noted first; then the streams are scanned; then the log is followed from there, never both at
//! once, or rows that were deleted meanwhile would come back. Whoever holds the rebuild's own subscription goes on with
//! it, so that it survives the worker that began it.

use std::{sync::Arc, time::Duration};

use fairlead_application::{
    log::LogError,
    subscription::{
        Checkpoint, Claim, Entry,
        progress::{Next, Progress},
    },
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::{Projection, ProjectionError, projecting::Projecting};
use crate::{
    PostgresSubscriptions,
    connect::{log_error, pool_error},
    listener::SUBSCRIPTIONS,
    recent::entries_between,
    runner::{Handler, WorkError},
    subscriptions::PostgresClaim,
    work::{Savepoint, Work},
};

/// Streams scanned, and entries followed, in one transaction.
const BATCH: u32 = 1_000;
/// So few entries at once, and the rest can be taken in while the live read model stands still.
const CLOSE: usize = 200;
/// Demands are looked for this often besides when one is announced.
const IDLE: Duration = Duration::from_secs(60);
/// The pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

const UNDER_WAY: &str = "select state, scanned[1], scanned[2] from engine.rebuilds
                          where subscription = $1 and state in ('demanded', 'scanning', 'following')";
const SCAN: &str = "select tenant_id, stream_id from engine.streams
                     where aggregate = $1 and (tenant_id, stream_id) > ($2, $3) order by tenant_id, stream_id limit $4";

/// The table that is built in the place of one.
pub(super) fn rebuilt(table: &str) -> String {
    format!("{table}_rebuilt")
}

/// Builds read models anew when that is demanded.
pub(super) struct Rebuilder {
    subscriptions: PostgresSubscriptions,
    projections: Vec<Arc<dyn Projection>>,
}

/// How far a rebuild has come.
enum Stage {
    Demanded,
    Scanning(Uuid, Uuid),
    Following,
}

impl Rebuilder {
    pub(super) fn new(subscriptions: PostgresSubscriptions, projections: Vec<Arc<dyn Projection>>) -> Self {
        Self { subscriptions, projections }
    }

    pub(super) async fn run(self, stop: CancellationToken) {
        let mut demands = self.subscriptions.demands();
        while !stop.is_cancelled() {
            demands.borrow_and_update();
            for projection in &self.projections {
                if let Err(error) = self.look_after(projection, &stop).await {
                    warn!(projection = projection.name(), %error, "the rebuild was interrupted; trying again");
                    stop.run_until_cancelled(sleep(RETRY)).await;
                    demands.mark_changed();
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                changed = demands.changed() => if changed.is_err() { return },
                () = sleep(IDLE) => {}
            }
        }
    }

    async fn look_after(&self, projection: &Arc<dyn Projection>, stop: &CancellationToken) -> Result<(), WorkError> {
        if self.stage(projection.name()).await?.is_none() {
            return Ok(());
        }
        let name = format!("{}.rebuild", projection.name());
        let client = self.subscriptions.databases().pool.get().await?;
        client.execute("select engine.subscribe($1, 1::smallint, 0)", &[&name]).await.map_err(log_error)?;
        drop(client);
        // Another worker may be at it: then wait for a while, and look again.
        let taking = tokio::time::timeout(5 * RETRY, self.subscriptions.take(&name));
        let Some(Ok(claim)) = stop.run_until_cancelled(taking).await else { return Ok(()) };
        let claim = claim?;
        let rebuild = Rebuild { name: projection.name(), table: rebuilt(projection.table()), claim: &claim };
        let outcome = self.build(projection, &rebuild, stop).await;
        let outcome = match outcome {
            Err(error @ (WorkError::Newer(_) | WorkError::Log(LogError::Internal(_)))) => {
                error!(projection = projection.name(), %error, "the rebuild failed");
                rebuild.failed(&error.to_string()).await
            }
            outcome => outcome,
        };
        claim.let_go().await;
        outcome
    }

    async fn stage(&self, name: &str) -> Result<Option<Stage>, WorkError> {
        let client = self.subscriptions.databases().pool.get().await?;
        let row = client.query_opt(UNDER_WAY, &[&name]).await.map_err(log_error)?;
        Ok(row.map(|row| match (row.get(0), row.get(1), row.get(2)) {
            ("scanning", tenant, stream) => {
                let (tenant, stream): (Option<Uuid>, Option<Uuid>) = (tenant, stream);
                Stage::Scanning(tenant.unwrap_or_default(), stream.unwrap_or_default())
            }
            ("following", ..) => Stage::Following,
            _ => Stage::Demanded,
        }))
    }

    async fn build(
        &self,
        projection: &Arc<dyn Projection>,
        rebuild: &Rebuild<'_>,
        stop: &CancellationToken,
    ) -> Result<(), WorkError> {
        let name = format!("{}.rebuild", rebuild.name);
        let mut handler = None;
        // Read again: the claim may have been waited for, and another worker may have finished meanwhile.
        while let Some(stage) = self.stage(rebuild.name).await? {
            if stop.is_cancelled() || !rebuild.claim.holds() {
                return Ok(());
            }
            match stage {
                Stage::Demanded => {
                    // It may have been demanded again in the middle: nothing of before holds for the empty table.
                    handler = None;
                    rebuild.begin(&**projection).await?;
                }
                Stage::Scanning(tenant, stream) => rebuild.scan(&**projection, (tenant, stream)).await?,
                Stage::Following => {
                    let (handler, progress) = handler.get_or_insert_with(|| {
                        let handler = Projecting::beside(projection.clone(), name.clone(), rebuild.table.clone());
                        (handler, None)
                    });
                    let progress = match progress {
                        Some(progress) => progress,
                        None => progress.insert(rebuild.progress().await?),
                    };
                    if rebuild.follow(handler, progress, &**projection).await? {
                        info!(projection = rebuild.name, "the rebuilt read model is in place");
                    }
                }
            }
        }
        Ok(())
    }
}

/// A rebuild that this process works.
struct Rebuild<'a> {
    name: &'static str,
    table: String,
    claim: &'a PostgresClaim,
}

impl Rebuild<'_> {
    /// Makes the empty table, and notes where the log ends.
    async fn begin(&self, projection: &dyn Projection) -> Result<(), WorkError> {
        let work = Work::begin(self.claim.pool()).await?;
        let client = work.client()?;
        for table in [Some(projection.table()), projection.beside()].into_iter().flatten() {
            client.execute("call engine.begin_rebuild($1)", &[&table]).await.map_err(log_error)?;
        }
        client
            .execute("delete from engine.parked where subscription = $1", &[&self.subscription()])
            .await
            .map_err(log_error)?;
        let end = "select coalesce((select position from engine.outbox order by position desc limit 1), 0)";
        let end: i64 = client.query_one(end, &[]).await.map_err(log_error)?.get(0);
        let (state, position, total) = match projection.scanned() {
            Some(aggregate) => {
                let sql = "select count(*) from engine.streams where aggregate = $1";
                ("scanning", end, client.query_one(sql, &[&aggregate]).await.map_err(log_error)?.get(0))
            }
            None => ("following", 0, end),
        };
        self.claim.advance_in(client, &Checkpoint { position, ahead: Vec::new() }).await?;
        let sql = "update engine.rebuilds set state = $2, done = 0, total = $3, scanned = null, error = null
                    where subscription = $1";
        client.execute(sql, &[&self.name, &state, &total]).await.map_err(log_error)?;
        info!(projection = self.name, total, "building the read model anew");
        Ok(work.commit().await?)
    }

    /// Scans some streams more.
    async fn scan(&self, projection: &dyn Projection, after: (Uuid, Uuid)) -> Result<(), WorkError> {
        let work = Work::begin(self.claim.pool()).await?;
        let client = work.client()?;
        let aggregate = projection.scanned().unwrap_or_default();
        let scan = client.prepare_cached(SCAN).await.map_err(log_error)?;
        let rows =
            client.query(&scan, &[&aggregate, &after.0, &after.1, &i64::from(BATCH)]).await.map_err(log_error)?;
        let streams: Vec<(Uuid, Uuid)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let Some((tenant, stream)) = streams.last() else {
            let sql = "update engine.rebuilds set state = 'following' where subscription = $1";
            client.execute(sql, &[&self.name]).await.map_err(log_error)?;
            return Ok(work.commit().await?);
        };
        Savepoint("streams").set(client).await.map_err(log_error)?;
        match projection.project_streams(client, &self.table, &streams).await {
            Ok(()) => {}
            Err(ProjectionError::Log(error)) => return Err(error.into()),
            Err(_) => {
                Savepoint("streams").roll_back(client).await.map_err(log_error)?;
                self.scan_one_by_one(projection, client, &streams).await?;
            }
        }
        let sql =
            "update engine.rebuilds set scanned = array[$2, $3]::uuid[], done = done + $4 where subscription = $1";
        let done = i64::try_from(streams.len()).unwrap_or(i64::MAX);
        client.execute(sql, &[&self.name, tenant, stream, &done]).await.map_err(log_error)?;
        self.claim.still_holds_in(client).await?;
        Ok(work.commit().await?)
    }

    /// Parks the streams that fail.
    async fn scan_one_by_one(
        &self,
        projection: &dyn Projection,
        client: &deadpool_postgres::Object,
        streams: &[(Uuid, Uuid)],
    ) -> Result<(), WorkError> {
        for &(tenant, stream) in streams {
            Savepoint("stream").set(client).await.map_err(log_error)?;
            if let Err(failure) = projection.project_streams(client, &self.table, &[(tenant, stream)]).await {
                let reason = super::projecting::reason(failure)?;
                Savepoint("stream").roll_back(client).await.map_err(log_error)?;
                error!(%tenant, %stream, reason, "parked a stream");
                let first = Entry { position: 0, incarnation: 0, tenant, stream, version: 1 };
                self.claim.park_in(client, &first, &reason).await?;
            }
        }
        Ok(())
    }

    /// Where following goes on.
    async fn progress(&self) -> Result<Progress, WorkError> {
        let client = self.claim.pool().get().await.map_err(pool_error)?;
        let sql = "select position from engine.checkpoints where name = $1 order by number desc limit 1";
        let row = client.query_opt(sql, &[&self.subscription()]).await.map_err(log_error)?;
        let position = row.map_or(0, |row| row.get(0));
        let parked = self.claim.parked_now(&client).await?;
        Ok(Progress::new(&Checkpoint { position, ahead: Vec::new() }, &parked))
    }

    /// Follows the log by a stretch; close to its end, puts the table in the place of the live one. Whether that was done.
    async fn follow(
        &self,
        handler: &Projecting,
        progress: &mut Progress,
        live: &dyn Projection,
    ) -> Result<bool, WorkError> {
        let stretch = self.claim.entries(progress.position(), BATCH).await?;
        match progress.offer(stretch) {
            Next::Handle(batch) => {
                let (reached, is_close) = (batch.reached, batch.entries.len() < CLOSE);
                handler.handle(self.claim, progress, batch).await?;
                self.show(reached).await?;
                // Where commands never cease, the log's end is never met standing still.
                if is_close { self.finish(handler, progress, live).await } else { Ok(false) }
            }
            Next::Read => Ok(false),
            Next::Record(position) => {
                self.claim.advance(&Checkpoint { position, ahead: Vec::new() }).await?;
                progress.recorded(position, false);
                Ok(false)
            }
            Next::Wait => self.finish(handler, progress, live).await,
        }
    }

    /// Shows how far the replay of events has come.
    async fn show(&self, position: i64) -> Result<(), WorkError> {
        let client = self.claim.pool().get().await.map_err(pool_error)?;
        let sql = "update engine.rebuilds set done = least($2, total) where subscription = $1 and scanned is null";
        client.execute(sql, &[&self.name, &position]).await.map_err(log_error)?;
        Ok(())
    }

    /// Stops the live read model for a moment, takes in what it was ahead by, and takes its place. False when that
    /// fails, as it does when a stream can't be projected: following goes on then.
    async fn finish(
        &self,
        handler: &Projecting,
        progress: &mut Progress,
        live: &dyn Projection,
    ) -> Result<bool, WorkError> {
        let work = Work::begin(self.claim.pool()).await?;
        let client = work.client()?;
        let (live, beside) = (live.table(), live.beside());
        let sql = "select engine.suspend_read_model($1, $2)";
        let row = client.query_one(sql, &[&self.name, &live]).await.map_err(log_error)?;
        if let Some(beside) = beside {
            client.execute("call engine.suspend_beside($1)", &[&beside]).await.map_err(log_error)?;
        }
        let reached = progress.position().max(row.get(0));
        let entries = entries_between(client, progress.position(), reached).await?;
        match handler.project(client, &progress.batch(entries, reached)).await {
            Ok(()) => {}
            Err(ProjectionError::Log(error)) => return Err(error.into()),
            Err(_) => {
                work.rollback().await?;
                return Ok(false);
            }
        }
        self.claim.advance_in(client, &Checkpoint { position: reached, ahead: Vec::new() }).await?;
        if let Some(beside) = beside {
            client.execute("call engine.replace_beside($1)", &[&beside]).await.map_err(log_error)?;
        }
        let sql = "select engine.finish_rebuild($1, $2, $3), engine.inherit_parked($1, $2)";
        client.execute(sql, &[&self.name, &self.subscription(), &live]).await.map_err(log_error)?;
        let sql = "update engine.rebuilds set state = 'done', done = total, finished_at = clock_timestamp()
                    where subscription = $1";
        client.execute(sql, &[&self.name]).await.map_err(log_error)?;
        client.batch_execute(&format!("notify {SUBSCRIPTIONS}")).await.map_err(log_error)?;
        work.commit().await?;
        Ok(true)
    }

    async fn failed(&self, reason: &str) -> Result<(), WorkError> {
        let client = self.claim.pool().get().await.map_err(pool_error)?;
        let sql = "update engine.rebuilds set state = 'failed', error = $2, finished_at = clock_timestamp()
                    where subscription = $1";
        client.execute(sql, &[&self.name, &reason]).await.map_err(log_error)?;
        Ok(())
    }

    fn subscription(&self) -> String {
        format!("{}.rebuild", self.name)
    }
}
