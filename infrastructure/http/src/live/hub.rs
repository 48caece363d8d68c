//! The one reader, and who listens to it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_web::web::Bytes;
use fairlead_application::{
    AppError,
    envelope::{Place, SequencedEvent},
    live::{Stretch, Tail},
    log::LogError,
};
use fairlead_domain::{ids::OrganizationId, kernel::ErrorKind};
use tokio::{
    sync::{Notify, Semaphore, broadcast, watch},
    task::yield_now,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use crate::problem::Problem;

/// Places read at once.
const BATCH: u32 = 256;
/// Events of a tenant that a connection may lag behind. Room is made when the first one listens.
const ROOM: usize = 1024;
/// Connections that read what they missed, at once.
const CATCHING_UP: usize = 4;
/// How long it may take until the reader knows where the log ends.
const BEGINNING: Duration = Duration::from_secs(5);
/// The pauses before the log is asked again that did not answer.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How many connections may listen.
#[derive(Debug, Clone, Copy)]
pub struct LiveLimits {
    /// At once.
    pub streams: usize,
    /// Of one organization.
    pub streams_per_organization: usize,
}

/// Those who listen.
#[derive(Clone)]
pub struct Live(Arc<Shared>);

struct Shared {
    limits: LiveLimits,
    listeners: Mutex<Listeners>,
    /// Where the reader is; `None` while nobody listens, and until it knows. Changed while `listeners` is locked, together
    /// with what is sent: so whoever begins to listen gets everything behind the place that it finds here afterwards.
    reached: watch::Sender<Option<Place>>,
    arrived: Notify,
    /// Only so many bring themselves up to date at a time, so that requests find a connection to the database.
    turns: Semaphore,
    ended: CancellationToken,
}

#[derive(Default)]
struct Listeners {
    tenants: HashMap<Uuid, Channel>,
    count: usize,
}

struct Channel {
    sender: broadcast::Sender<Arc<Happened>>,
    count: usize,
}

/// An event as it is sent.
#[derive(Debug)]
pub(super) struct Happened {
    pub(super) position: i64,
    pub(super) event_type: String,
    /// The event in the form of the protocol, written once for all.
    pub(super) frame: Bytes,
}

impl Happened {
    pub(super) fn of(event: &SequencedEvent) -> Self {
        let frame = format!("id: {}\ndata: {}\n\n", event.place(), event.envelope());
        Self { position: event.position, event_type: event.event.event_type.clone(), frame: frame.into() }
    }
}

/// Follows the log. To be run by the process, once.
pub struct LiveReader {
    tail: Box<dyn Tail>,
    shared: Arc<Shared>,
}

impl Live {
    /// Those who will listen, and the reader that they listen to.
    pub fn new(tail: Box<dyn Tail>, limits: LiveLimits) -> (Self, LiveReader) {
        let shared = Arc::new(Shared {
            limits,
            listeners: Mutex::default(),
            reached: watch::Sender::new(None),
            arrived: Notify::new(),
            turns: Semaphore::new(CATCHING_UP),
            ended: CancellationToken::new(),
        });
        (Self(shared.clone()), LiveReader { tail, shared })
    }

    /// Begins to listen to a tenant's events.
    ///
    /// # Errors
    /// `events.too_many_streams` when there are too many of the tenant, `service.unavailable` when there are too many at
    /// all, when the reader stops, or when it does not know yet where the log ends.
    pub(crate) async fn listen(&self, tenant: OrganizationId) -> Result<Listening, Problem> {
        let tenant = Uuid::from(tenant);
        let receiver = self.0.enter(tenant)?;
        // From here on leaving is this value's business.
        let mut listening =
            Listening { receiver, begun: Place { incarnation: 0, position: 0 }, tenant, shared: self.0.clone() };
        let mut reached = self.0.reached.subscribe();
        let begun = timeout(BEGINNING, reached.wait_for(Option::is_some)).await;
        let begun = begun.ok().and_then(Result::ok).and_then(|place| *place);
        listening.begun = begun.ok_or_else(|| AppError::Unavailable("the log's end is not known yet".into()))?;
        Ok(listening)
    }

    /// How many listen.
    pub fn count(&self) -> usize {
        self.0.lock().count
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, tenant: Uuid) -> Result<broadcast::Receiver<Arc<Happened>>, Problem> {
        if self.ended.is_cancelled() {
            return Err(AppError::Unavailable("the server stops".into()).into());
        }
        let mut listeners = self.lock();
        if listeners.count >= self.limits.streams {
            return Err(AppError::Unavailable("too many connections listen to events".into()).into());
        }
        let channel = listeners
            .tenants
            .entry(tenant)
            .or_insert_with(|| Channel { sender: broadcast::Sender::new(ROOM), count: 0 });
        if channel.count >= self.limits.streams_per_organization {
            let detail = format!("an organization has {} streams of events at most", channel.count);
            // A limit of nought leaves a channel that nobody listens to.
            listeners.tenants.retain(|_, channel| channel.count > 0);
            return Err(Problem::new(ErrorKind::TooMany, "events.too_many_streams", detail));
        }
        channel.count += 1;
        let receiver = channel.sender.subscribe();
        listeners.count += 1;
        self.arrived.notify_one();
        Ok(receiver)
    }

    fn leave(&self, tenant: Uuid) {
        let mut listeners = self.lock();
        listeners.count -= 1;
        if let Some(channel) = listeners.tenants.get_mut(&tenant) {
            channel.count -= 1;
            if channel.count == 0 {
                listeners.tenants.remove(&tenant);
            }
        }
    }
}

impl LiveReader {
    /// Reads until told to stop; then every connection ends.
    pub async fn run(mut self, stop: CancellationToken) {
        let shared = self.shared.clone();
        stop.run_until_cancelled(self.follow()).await;
        shared.ended.cancel();
    }

    async fn follow(&mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.turn().await {
                Ok(Turn::More) => {
                    pause = FIRST_PAUSE;
                    // Those who listen take what was sent before more is sent.
                    yield_now().await;
                }
                Ok(Turn::AtTheEnd) => {
                    pause = FIRST_PAUSE;
                    self.tail.grown().await;
                }
                Ok(Turn::Alone) => self.shared.arrived.notified().await,
                Err(error) => {
                    warn!(%error, cause = ?std::error::Error::source(&error), "can't follow the log; trying again");
                    sleep(pause).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
    }

    async fn turn(&mut self) -> Result<Turn, LogError> {
        let tenants: Vec<Uuid> = {
            let listeners = self.shared.lock();
            if listeners.count == 0 {
                self.shared.reached.send_replace(None);
                return Ok(Turn::Alone);
            }
            listeners.tenants.keys().copied().collect()
        };
        let reached = *self.shared.reached.borrow();
        let Some(reached) = reached else {
            let end = self.tail.end().await?;
            let _unchanged = self.shared.lock();
            self.shared.reached.send_replace(Some(end));
            return Ok(Turn::More);
        };
        let stretch = self.tail.read(reached.position, BATCH, Some(&tenants)).await?;
        let Some(stretch) = stretch else { return Ok(Turn::AtTheEnd) };
        if !self.send(&stretch, Some(&tenants)) {
            // Somebody came who listens to another tenant: read for all, so that nobody is forgotten.
            if let Some(stretch) = self.tail.read(reached.position, BATCH, None).await? {
                self.send(&stretch, None);
            }
        }
        Ok(Turn::More)
    }

    /// Sends a stretch, unless there is somebody for whose tenant it was not read.
    fn send(&self, stretch: &Stretch, read_for: Option<&[Uuid]>) -> bool {
        let written: Vec<_> =
            stretch.events.iter().map(|event| (event.tenant, Arc::new(Happened::of(event)))).collect();
        let listeners = self.shared.lock();
        if read_for.is_some_and(|tenants| listeners.tenants.keys().any(|tenant| !tenants.contains(tenant))) {
            return false;
        }
        for (tenant, happened) in written {
            if let Some(channel) = listeners.tenants.get(&tenant) {
                // Fails when the last one who listened has just gone.
                drop(channel.sender.send(happened));
            }
        }
        self.shared.reached.send_replace(Some(stretch.reached));
        true
    }
}

enum Turn {
    /// There may be more at once.
    More,
    /// Everything was read.
    AtTheEnd,
    /// Nobody listens.
    Alone,
}

/// Listens to a tenant until it is dropped.
pub(crate) struct Listening {
    pub(super) receiver: broadcast::Receiver<Arc<Happened>>,
    /// Everything behind this place is received, and perhaps a little before it.
    pub(super) begun: Place,
    tenant: Uuid,
    shared: Arc<Shared>,
}

impl Listening {
    /// To be waited for before missed events are read.
    pub(super) fn turns(&self) -> &Semaphore {
        &self.shared.turns
    }

    /// Cancelled when the reader stops.
    pub(super) fn ended(&self) -> &CancellationToken {
        &self.shared.ended
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.shared.leave(self.tenant);
    }
}
