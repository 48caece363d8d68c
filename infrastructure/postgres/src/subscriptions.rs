//! Subscriptions in the database: partitions, their checkpoints, and the streams they have set aside.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use deadpool_postgres::Object;
use fairlead_application::{
    envelope::SequencedEvent,
    log::LogError,
    subscription::{Checkpoint, Claim, Entry, ParkedStream, Stretch, Subscriptions},
};
use tokio::sync::{Mutex, watch};
use tokio_postgres::Row;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Databases, Wakeups,
    connect::{log_error, pool_error},
    event_log::events_of,
    leases::{Lease, LeaseDesk, Leases},
    multirange::to_text,
    pool::CountedPool,
    recent::{Recent, entry},
    vault::Hold,
};

/// What an error may say of itself in `engine.parked`, in characters.
const ERROR_LENGTH: usize = 1_000;

const BEGIN_AT_END: &str = "select engine.subscribe($1, $2, coalesce(
                              (select o.position from engine.outbox o order by o.position desc limit 1), 0))";
const ADVANCE: &str = "select engine.advance($1, $2, $3, $4, $5::text::int8multirange)";
const PARK: &str = "select engine.park($1, $2, $3, $4, $5, $6, $7)";
const UNPARK: &str = "select engine.unpark($1, $2, $3, $4, $5)";
const PARKED: &str = "select tenant_id, stream_id, first_version from engine.parked
                       where subscription = $1 and partition = $2 and (replay_demanded_at is not null or $3)
                       order by replay_demanded_at, tenant_id, stream_id";
const BACKLOG: &str = "select o.position, o.incarnation, o.tenant_id, o.stream_id, o.version
                         from engine.outbox o
                        where o.tenant_id = $1 and o.stream_id = $2 and o.version >= $3 and o.position <= $4
                        order by o.version";

/// The partitions of subscriptions, reached as a member of `fairlead_engine`.
#[derive(Clone)]
pub struct PostgresSubscriptions {
    databases: Databases,
    desk: LeaseDesk,
    recent: Recent,
    wakeups: Wakeups,
    partitions: i16,
}

/// What keeps a process's partitions; to be run for as long as the process works any.
pub struct SubscriptionKeeper {
    leases: Leases,
    recent: Recent,
    wakeups: Wakeups,
}

impl PostgresSubscriptions {
    /// Subscriptions of the engine's database, new ones in that many partitions, and what keeps them.
    pub fn new(databases: Databases, wakeups: Wakeups, partitions: i16) -> (Self, SubscriptionKeeper) {
        let (leases, desk) = Leases::new(databases.clone(), wakeups.clone(), partitions);
        let recent = Recent::new(databases.clone());
        let keeper = SubscriptionKeeper { leases, recent: recent.clone(), wakeups: wakeups.clone() };
        (Self { databases, desk, recent, wakeups, partitions }, keeper)
    }

    pub(crate) fn databases(&self) -> &Databases {
        &self.databases
    }

    /// Changes when something may have been demanded of a subscription.
    pub(crate) fn demands(&self) -> watch::Receiver<()> {
        self.wakeups.subscriptions.clone()
    }

    /// Makes a subscription, if there is none of this name, that begins with what comes from now on.
    pub(crate) async fn begin_at_end(&self, subscription: &str) -> Result<(), LogError> {
        let client = self.databases.pool.get().await.map_err(pool_error)?;
        client.execute(BEGIN_AT_END, &[&subscription, &self.partitions]).await.map_err(log_error)?;
        Ok(())
    }

    /// Waits until a partition falls to this process.
    pub(crate) async fn take(&self, subscription: &str) -> Result<PostgresClaim, LogError> {
        let lease = self.desk.lease(subscription).await?;
        let client = self.databases.pool.get().await.map_err(pool_error)?;
        let parked = parked(&client, subscription, lease.partition, true).await?;
        Ok(PostgresClaim {
            subscription: subscription.to_owned(),
            grown: Mutex::new((self.recent.grown(), self.wakeups.subscriptions.clone())),
            databases: self.databases.clone(),
            recent: self.recent.clone(),
            parked,
            lease,
            demanded: AtomicBool::new(true),
        })
    }
}

#[async_trait]
impl Subscriptions for PostgresSubscriptions {
    async fn claim(&self, subscription: &str) -> Result<Box<dyn Claim>, LogError> {
        Ok(Box::new(self.take(subscription).await?))
    }
}

impl SubscriptionKeeper {
    /// Works until told to stop, and then until everything that was handed out is back, or some seconds have gone by.
    pub async fn run(self, stop: CancellationToken) {
        let released = CancellationToken::new();
        let recent = self.recent.run(self.wakeups, released.clone());
        let leases = async {
            self.leases.run(stop).await;
            released.cancel();
        };
        tokio::join!(recent, leases);
    }
}

/// A partition that this process holds.
pub(crate) struct PostgresClaim {
    subscription: String,
    lease: Lease,
    parked: Vec<ParkedStream>,
    databases: Databases,
    recent: Recent,
    grown: Mutex<(watch::Receiver<i64>, watch::Receiver<()>)>,
    /// Whether something may have been demanded since that was last looked at.
    demanded: AtomicBool,
}

impl PostgresClaim {
    /// Records a checkpoint within the client's transaction.
    pub(crate) async fn advance_in(&self, client: &Object, checkpoint: &Checkpoint) -> Result<(), LogError> {
        let advance = client.prepare_cached(ADVANCE).await.map_err(log_error)?;
        let (ahead, epoch) = (to_text(&checkpoint.ahead), self.lease.taken.epoch);
        let row = client
            .query_one(&advance, &[&self.subscription, &self.lease.partition, &epoch, &checkpoint.position, &ahead])
            .await;
        held(&row.map_err(log_error)?)
    }

    /// Sets a stream aside within the client's transaction.
    pub(crate) async fn park_in(&self, client: &Object, entry: &Entry, error: &str) -> Result<(), LogError> {
        let error: String = error.chars().filter(|c| *c != '\0').take(ERROR_LENGTH).collect();
        let Entry { tenant, stream, version, .. } = entry;
        let epoch = self.lease.taken.epoch;
        let row = client
            .query_one(PARK, &[&self.subscription, &self.lease.partition, &epoch, tenant, stream, version, &error])
            .await;
        held(&row.map_err(log_error)?)
    }

    /// Takes a stream back within the client's transaction.
    pub(crate) async fn unpark_in(&self, client: &Object, parked: &ParkedStream) -> Result<(), LogError> {
        let ParkedStream { tenant, stream, .. } = parked;
        let epoch = self.lease.taken.epoch;
        let row = client.query_one(UNPARK, &[&self.subscription, &self.lease.partition, &epoch, tenant, stream]).await;
        held(&row.map_err(log_error)?)
    }

    /// Holds the partition's row until the end of the client's transaction.
    pub(crate) async fn still_holds_in(&self, client: &Object) -> Result<(), LogError> {
        let sql = "select engine.still_holds($1, $2, $3)";
        let row = client.query_one(sql, &[&self.subscription, &self.lease.partition, &self.lease.taken.epoch]).await;
        held(&row.map_err(log_error)?)
    }

    /// The streams that are set aside at present.
    pub(crate) async fn parked_now(&self, client: &Object) -> Result<Vec<ParkedStream>, LogError> {
        parked(client, &self.subscription, self.lease.partition, true).await
    }

    /// Lets another process hold the partition at once.
    pub(crate) async fn let_go(self) {
        self.lease.release().await;
    }

    /// Whether something may have been demanded since this was last asked.
    pub(crate) fn demanded(&self) -> bool {
        self.demanded.swap(false, Ordering::AcqRel)
    }

    /// Has [`Self::demanded`] answer yes once more.
    pub(crate) fn demand_again(&self) {
        self.demanded.store(true, Ordering::Release);
    }

    /// Connections for transactions.
    pub(crate) fn pool(&self) -> &CountedPool {
        &self.databases.pool
    }

    async fn client(&self) -> Result<Object, LogError> {
        self.databases.pool.get().await.map_err(pool_error)
    }
}

fn held(row: &Row) -> Result<(), LogError> {
    if row.get(0) { Ok(()) } else { Err(LogError::Lost) }
}

async fn parked(client: &Object, subscription: &str, partition: i16, all: bool) -> Result<Vec<ParkedStream>, LogError> {
    let statement = client.prepare_cached(PARKED).await.map_err(log_error)?;
    let rows = client.query(&statement, &[&subscription, &partition, &all]).await.map_err(log_error)?;
    let parked = |row: &Row| ParkedStream { tenant: row.get(0), stream: row.get(1), first_version: row.get(2) };
    Ok(rows.iter().map(parked).collect())
}

/// The entries of a stream from a version on, up to a position.
pub(crate) async fn backlog(
    client: &Object,
    tenant: Uuid,
    stream: Uuid,
    first_version: i64,
    until: i64,
) -> Result<Vec<Entry>, LogError> {
    let statement = client.prepare_cached(BACKLOG).await.map_err(log_error)?;
    let rows = client.query(&statement, &[&tenant, &stream, &first_version, &until]).await.map_err(log_error)?;
    rows.iter().map(entry).collect::<Result<_, _>>().map_err(log_error)
}

#[async_trait]
impl Claim for PostgresClaim {
    fn partition(&self) -> i16 {
        self.lease.partition
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.lease.taken.checkpoint
    }

    fn parked(&self) -> &[ParkedStream] {
        &self.parked
    }

    fn holds(&self) -> bool {
        self.lease.holds()
    }

    async fn ended(&self) {
        self.lease.ended().await;
    }

    async fn entries(&self, after: i64, limit: u32) -> Result<Stretch, LogError> {
        self.recent.stretch(self.lease.taken.slots, after, limit).await
    }

    async fn events(&self, entries: &[Entry]) -> Result<Vec<SequencedEvent>, LogError> {
        events_of(&self.client().await?, &self.databases.vault, entries, Hold::No).await
    }

    async fn advance(&self, checkpoint: &Checkpoint) -> Result<(), LogError> {
        self.advance_in(&self.client().await?, checkpoint).await
    }

    async fn park(&self, entry: &Entry, error: &str) -> Result<(), LogError> {
        self.park_in(&self.client().await?, entry, error).await
    }

    async fn replays(&self) -> Result<Vec<ParkedStream>, LogError> {
        parked(&self.client().await?, &self.subscription, self.lease.partition, false).await
    }

    async fn backlog(&self, parked: &ParkedStream, until: i64) -> Result<Vec<Entry>, LogError> {
        let ParkedStream { tenant, stream, first_version } = *parked;
        backlog(&self.client().await?, tenant, stream, first_version, until).await
    }

    async fn replayed(&self, parked: &ParkedStream, error: Option<&str>) -> Result<(), LogError> {
        let client = self.client().await?;
        let ParkedStream { tenant, stream, first_version } = *parked;
        match error {
            Some(error) => {
                let entry = Entry { position: 0, incarnation: 0, tenant, stream, version: first_version };
                self.park_in(&client, &entry, error).await
            }
            None => self.unpark_in(&client, parked).await,
        }
    }

    async fn grown(&self) -> Result<(), LogError> {
        let mut grown = self.grown.lock().await;
        let (log, demands) = &mut *grown;
        let changed = tokio::select! {
            changed = log.changed() => changed,
            changed = demands.changed() => {
                self.demanded.store(true, Ordering::Release);
                changed
            }
        };
        changed.map_err(|_| LogError::Unavailable("nobody follows the log".into()))
    }

    async fn release(self: Box<Self>) {
        self.let_go().await;
    }
}
