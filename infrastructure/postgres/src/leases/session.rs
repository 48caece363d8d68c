//! The session that holds the locks.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use fairlead_application::{
    log::LogError,
    subscription::{
        Checkpoint,
        ownership::{Member, View},
    },
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};
use tokio_postgres::{Client, Row, Statement};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{Demand, FAREWELL, LOOK, Lease, Taken, Validity, desk::Desk};
use crate::{
    Databases, Wakeups,
    connect::{log_error, pool_error},
    listener::SUBSCRIPTIONS,
    multirange::from_text,
};

/// The lock by which a process shows that it wants to work a subscription; partitions have lower numbers.
const MEMBER: i32 = 32_767;

const SETTINGS: &str = "set idle_session_timeout = '5s'; set statement_timeout = '3s'; set tcp_user_timeout = '5s'";
const LOOK_AROUND: &str = "select l.classid::bigint, l.objid::bigint, l.pid, null::text from pg_locks l
      where l.locktype = 'advisory' and l.granted and l.objsubid = 2 and l.classid = any ($1::oid[])
        and l.database = (select d.oid from pg_database d where d.datname = current_database())
     union all
     select null, null, null, c.subscription from engine.controls c where c.paused";
const TAKE_OVER: &str = "select epoch, slots, position, ahead::text from engine.take_over($1, $2)";

/// Keeps the session, and settles with other processes who works what.
pub(crate) struct Leases {
    databases: Databases,
    wakeups: Wakeups,
    /// Into how many partitions a new subscription is divided.
    partitions: i16,
    desks: HashMap<Arc<str>, Desk>,
    demands: mpsc::UnboundedReceiver<Demand>,
    sender: mpsc::UnboundedSender<Demand>,
}

/// Where partitions are asked for.
#[derive(Clone)]
pub(crate) struct LeaseDesk(mpsc::UnboundedSender<Demand>);

impl LeaseDesk {
    /// Waits until a partition falls to this process.
    pub(crate) async fn lease(&self, subscription: &str) -> Result<Lease, LogError> {
        let (hand_out, handed_out) = oneshot::channel();
        let gone = || LogError::Unavailable("nobody hands out partitions any more".into());
        self.0.send(Demand::Want(subscription.into(), hand_out)).map_err(|_| gone())?;
        handed_out.await.map_err(|_| gone())
    }
}

/// The locks' session, as long as it lives.
struct Session {
    client: Client,
    pid: Member,
    look: Statement,
    validity: Arc<Validity>,
}

impl Leases {
    pub(crate) fn new(databases: Databases, wakeups: Wakeups, partitions: i16) -> (Self, LeaseDesk) {
        let (sender, demands) = mpsc::unbounded_channel();
        let desk = LeaseDesk(sender.clone());
        (Self { databases, wakeups, partitions, desks: HashMap::new(), demands, sender }, desk)
    }

    /// Works until told to stop, and then until everything that was handed out is back, or some seconds have gone by.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.work(&stop).await {
                warn!(%error, "the session that holds partitions failed; trying again");
                stop.run_until_cancelled(sleep(LOOK)).await;
            }
        }
    }

    async fn work(&mut self, stop: &CancellationToken) -> Result<(), LogError> {
        let (client, _connection) = self.databases.dedicated().await.map_err(log_error)?;
        client.batch_execute(SETTINGS).await.map_err(log_error)?;
        let pid = client.query_one("select pg_backend_pid()", &[]).await.map_err(log_error)?.get(0);
        let look = client.prepare(LOOK_AROUND).await.map_err(log_error)?;
        let session = Session { client, pid, look, validity: Arc::new(Validity::new()) };
        let outcome = self.keep(&session, stop).await;
        session.validity.end();
        for (name, desk) in &mut self.desks {
            desk.lost();
            desk.measure(name);
        }
        outcome
    }

    async fn keep(&mut self, session: &Session, stop: &CancellationToken) -> Result<(), LogError> {
        while !stop.is_cancelled() {
            self.wakeups.subscriptions.borrow_and_update();
            self.settle(session).await?;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                demand = self.demands.recv() => if let Some(demand) = demand { self.answer(session, demand).await? },
                changed = self.wakeups.subscriptions.changed() => if changed.is_err() { sleep(LOOK).await },
                () = sleep(LOOK) => {}
            }
            while let Ok(demand) = self.demands.try_recv() {
                self.answer(session, demand).await?;
            }
        }
        // Those who work finish what they are at, and the others go on at once, without counting on this process.
        let farewell = async {
            for (name, desk) in &mut self.desks {
                if std::mem::take(&mut desk.member) {
                    session.lock("pg_advisory_unlock_shared", name, MEMBER).await?;
                }
            }
            session.tell().await?;
            while self.desks.values().any(|desk| !desk.is_idle()) {
                let Ok(demand) = timeout(LOOK, self.demands.recv()).await else {
                    session.look(&[]).await?;
                    continue;
                };
                if let Some(demand) = demand {
                    self.answer(session, demand).await?;
                }
            }
            Ok(())
        };
        timeout(5 * FAREWELL, farewell).await.unwrap_or(Ok(()))
    }

    /// Looks around, and does what follows.
    async fn settle(&mut self, session: &Session) -> Result<(), LogError> {
        let classes: Vec<u32> = self.desks.keys().map(|name| class(name).cast_unsigned()).collect();
        let rows = session.look(&classes).await?;
        let names: Vec<_> = self.desks.keys().cloned().collect();
        for name in names {
            self.settle_one(session, &name, &rows).await?;
        }
        for (name, desk) in &self.desks {
            desk.measure(name);
        }
        Ok(())
    }

    async fn settle_one(&mut self, session: &Session, name: &Arc<str>, rows: &[Row]) -> Result<(), LogError> {
        let Some(desk) = self.desks.get_mut(name) else { return Ok(()) };
        let wanted = desk.wanted();
        if wanted != desk.member {
            let sql = if wanted { "pg_try_advisory_lock_shared" } else { "pg_advisory_unlock_shared" };
            session.lock(sql, name, MEMBER).await?;
            desk.member = wanted;
            desk.partitions = None;
            session.tell().await?;
        }
        if !wanted {
            return Ok(());
        }
        let partitions = match &desk.partitions {
            Some(partitions) => partitions.clone(),
            None => {
                let sql = "select partition from engine.subscribe($1, $2, 0)";
                let rows = session.client.query(sql, &[&&**name, &self.partitions]).await.map_err(log_error)?;
                desk.partitions.insert(rows.iter().map(|row| row.get(0)).collect()).clone()
            }
        };
        let mut view = View { partitions, ..seen(name, rows) };
        view.members.insert(session.pid);
        let plan = view.plan(session.pid, class(name).cast_unsigned());
        desk.ask(&plan.give_up);
        for partition in plan.acquire.into_iter().take(desk.room()) {
            if session.lock("pg_try_advisory_lock", name, partition.into()).await? {
                desk.taking.insert(partition);
                let taking = take_over(self.databases.clone(), session.validity.clone(), name.clone(), partition);
                let demands = self.sender.clone();
                tokio::spawn(async move { drop(demands.send(taking.await)) });
            }
        }
        Ok(())
    }

    async fn answer(&mut self, session: &Session, demand: Demand) -> Result<(), LogError> {
        match demand {
            Demand::Want(name, waiting) => self.desks.entry(name).or_default().waiting.push_back(waiting),
            Demand::TakenOver(name, partition, validity, taken) => {
                let Some(desk) = self.desks.get_mut(&name) else { return Ok(()) };
                // What another session has locked is another session's.
                if !Arc::ptr_eq(&validity, &session.validity) {
                    return Ok(());
                }
                desk.taking.remove(&partition);
                match taken {
                    Ok(taken) => {
                        info!(subscription = &*name, partition, epoch = taken.epoch, "holding the partition");
                        desk.hand_out(&name, partition, taken, &validity, &self.sender);
                    }
                    Err(error) => {
                        warn!(subscription = &*name, partition, %error, "the partition can't be taken over");
                        session.lock("pg_advisory_unlock", &name, partition.into()).await?;
                    }
                }
            }
            Demand::Release(name, partition, validity, done) => {
                if Arc::ptr_eq(&validity, &session.validity) {
                    if let Some(desk) = self.desks.get_mut(&name) {
                        desk.released(partition);
                    }
                    session.lock("pg_advisory_unlock", &name, partition.into()).await?;
                    session.tell().await?;
                    debug!(subscription = &*name, partition, "let the partition go");
                }
                if let Some(done) = done {
                    let _ = done.send(());
                }
            }
        }
        Ok(())
    }
}

impl Session {
    async fn look(&self, classes: &[u32]) -> Result<Vec<Row>, LogError> {
        let spoken = Instant::now();
        let rows = self.client.query(&self.look, &[&classes]).await.map_err(log_error)?;
        self.validity.extend(spoken);
        Ok(rows)
    }

    /// Calls one of the server's lock functions.
    async fn lock(&self, function: &str, name: &str, number: i32) -> Result<bool, LogError> {
        let sql = self.client.prepare(&format!("select {function}($1, $2)")).await.map_err(log_error)?;
        Ok(self.client.query_one(&sql, &[&class(name), &number]).await.map_err(log_error)?.get(0))
    }

    /// Makes the others look around.
    async fn tell(&self) -> Result<(), LogError> {
        self.client.batch_execute(&format!("notify {SUBSCRIPTIONS}")).await.map_err(log_error)
    }
}

/// Raises the partition's epoch, on another connection than the session's: it may have to wait for an owner that is stuck
/// in a transaction, until the server ends that one.
async fn take_over(databases: Databases, validity: Arc<Validity>, name: Arc<str>, partition: i16) -> Demand {
    let taken = taken(&databases, &name, partition).await;
    Demand::TakenOver(name, partition, validity, taken)
}

async fn taken(databases: &Databases, name: &str, partition: i16) -> Result<Taken, LogError> {
    let client = databases.pool.get().await.map_err(pool_error)?;
    let row = client.query_one(TAKE_OVER, &[&name, &partition]).await.map_err(log_error)?;
    let (Some(epoch), Some(slots)) = (row.get::<_, Option<i64>>(0), row.get::<_, Option<i64>>(1)) else {
        return Err(LogError::Internal("there is no such partition".into()));
    };
    let ahead = from_text(row.get(3)).ok_or_else(|| LogError::Internal("a checkpoint can't be read".into()))?;
    Ok(Taken { epoch, slots: slots.cast_unsigned(), checkpoint: Checkpoint { position: row.get(2), ahead } })
}

/// What the locks say of a subscription.
fn seen(name: &str, rows: &[Row]) -> View {
    let class = i64::from(class(name).cast_unsigned());
    let mut view = View { holders: BTreeMap::new(), ..View::default() };
    for row in rows {
        if row.get::<_, Option<&str>>(3) == Some(name) {
            view.paused = true;
        }
        let (Some(of), Some(number)) = (row.get::<_, Option<i64>>(0), row.get::<_, Option<i64>>(1)) else { continue };
        if of != class {
            continue;
        }
        let pid = row.get(2);
        match i16::try_from(number) {
            Ok(partition) if number < MEMBER.into() => drop(view.holders.insert(partition, pid)),
            _ => drop(view.members.insert(pid)),
        }
    }
    view
}

/// The first half of a subscription's locks: its name's hash (FNV-1a), so that all processes find the same.
fn class(name: &str) -> i32 {
    name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)).cast_signed()
}
