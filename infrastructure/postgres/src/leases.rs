//! Which partitions this process works.
//!
//! A process has one session in the database that holds a lock for each of its partitions, and shows by another lock that
//! it wants to work a subscription. The server itself ends that session when it hears nothing for a while
//! (`idle_session_timeout`), so that a process that was stopped or cut off loses its partitions within seconds, and
//! nothing is ever written to keep them. Everyone sees who is there and who holds what in `pg_locks`.

mod desk;
mod session;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use fairlead_application::{log::LogError, subscription::Checkpoint};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until, timeout},
};

pub(crate) use self::session::{LeaseDesk, Leases};

/// The server ends the session after this time without a word.
const LEASE: Duration = Duration::from_secs(5);
/// How much earlier the process takes its partitions for lost.
const MARGIN: Duration = Duration::from_secs(1);
/// How often the session says a word, and looks around.
const LOOK: Duration = Duration::from_secs(1);
/// How long letting go may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// How a lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Held,
    /// Somebody else is to have it.
    Asked,
    Lost,
}

/// Until when a session's leases hold, in microseconds since `epoch`.
#[derive(Debug)]
struct Validity {
    epoch: Instant,
    until: AtomicU64,
}

impl Validity {
    fn new() -> Self {
        Self { epoch: Instant::now(), until: AtomicU64::new(0) }
    }

    /// The server heard from the session at `spoken` or later.
    fn extend(&self, spoken: Instant) {
        let until = (spoken + LEASE - MARGIN).saturating_duration_since(self.epoch).as_micros();
        self.until.store(u64::try_from(until).unwrap_or(0), Ordering::Release);
    }

    fn end(&self) {
        self.until.store(0, Ordering::Release);
    }

    fn until(&self) -> Instant {
        self.epoch + Duration::from_micros(self.until.load(Ordering::Acquire))
    }
}

/// What the session is asked for.
enum Demand {
    Want(Arc<str>, oneshot::Sender<Lease>),
    TakenOver(Arc<str>, i16, Arc<Validity>, Result<Taken, LogError>),
    Release(Arc<str>, i16, Arc<Validity>, Option<oneshot::Sender<()>>),
}

/// What a partition's new owner finds.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) epoch: i64,
    pub(crate) slots: u64,
    pub(crate) checkpoint: Checkpoint,
}

/// A partition that this process holds; let go when it is dropped.
pub(crate) struct Lease {
    pub(crate) partition: i16,
    pub(crate) taken: Taken,
    subscription: Arc<str>,
    validity: Arc<Validity>,
    standing: watch::Receiver<Standing>,
    demands: mpsc::UnboundedSender<Demand>,
    released: bool,
}

impl Lease {
    /// Whether nobody else can hold the partition yet.
    pub(crate) fn holds(&self) -> bool {
        *self.standing.borrow() != Standing::Lost && Instant::now() < self.validity.until()
    }

    /// Waits until the partition is lost or wanted elsewhere.
    pub(crate) async fn ended(&self) {
        let mut standing = self.standing.clone();
        loop {
            let until = self.validity.until();
            if *standing.borrow_and_update() != Standing::Held || until <= Instant::now() {
                return;
            }
            tokio::select! {
                changed = standing.changed() => if changed.is_err() { return },
                () = sleep_until(until) => {}
            }
        }
    }

    /// Lets others hold the partition, and waits until they can.
    pub(crate) async fn release(mut self) {
        self.released = true;
        let (done, wait) = oneshot::channel();
        let demand = Demand::Release(self.subscription.clone(), self.partition, self.validity.clone(), Some(done));
        if self.demands.send(demand).is_ok() {
            let _ = timeout(FAREWELL, wait).await;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.released {
            let demand = Demand::Release(self.subscription.clone(), self.partition, self.validity.clone(), None);
            drop(self.demands.send(demand));
        }
    }
}
