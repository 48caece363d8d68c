//! The one reader, and who listens to it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_web::web::Bytes;
use fairlead_application::{
    AppError,
    envelope::{Place, SequencedEvent},
    history::Wanted,
    live::{Stretch, Tail, TenantStream},
    log::LogError,
    registry::aggregate_of,
};
use fairlead_domain::{
    ids::OrganizationId,
    kernel::{Belonging, ErrorKind},
};
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

/// To whom records belong.
type Belongings = HashMap<TenantStream, Belonging>;

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
    /// How many of them reach some records alone.
    partial: usize,
}

/// For whom a stretch of the log is read.
struct Audience {
    tenants: Vec<Uuid>,
    /// Those of which somebody reaches some records alone, and has to be told to whom a record belongs.
    partial: Vec<Uuid>,
}

impl Listeners {
    fn audience(&self) -> Audience {
        let partial = self.tenants.iter().filter(|(_, channel)| channel.partial > 0);
        Audience {
            tenants: self.tenants.keys().copied().collect(),
            partial: partial.map(|(tenant, _)| *tenant).collect(),
        }
    }

    /// Whether somebody came for whom nothing was read.
    fn exceed(&self, audience: &Audience) -> bool {
        let missed = |(tenant, channel): (&Uuid, &Channel)| {
            !audience.tenants.contains(tenant) || channel.partial > 0 && !audience.partial.contains(tenant)
        };
        self.tenants.iter().any(missed)
    }
}

/// An event as it is sent.
#[derive(Debug)]
pub(super) struct Happened {
    pub(super) position: i64,
    pub(super) event_type: String,
    /// To whom the record belonged when the event was read; not asked unless somebody needs it.
    pub(super) belonging: Option<Belonging>,
    /// The event in the form of the protocol, written once for all.
    pub(super) frame: Bytes,
}

impl Happened {
    fn of(event: &SequencedEvent, belonging: Option<Belonging>) -> Self {
        let (position, event_type) = (event.position, event.event.event_type.clone());
        Self { position, event_type, belonging, frame: Self::frame(event) }
    }

    /// The event in the form of the protocol.
    pub(super) fn frame(event: &SequencedEvent) -> Bytes {
        format!("id: {}\ndata: {}\n\n", event.place(), event.envelope()).into()
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

    /// Begins to listen to a tenant's events, of which some records' alone may be wanted.
    ///
    /// # Errors
    /// `events.too_many_streams` when there are too many of the tenant, `service.unavailable` when there are too many at
    /// all, when the reader stops, or when it does not know yet where the log ends.
    pub(crate) async fn listen(&self, tenant: OrganizationId, wanted: &Wanted) -> Result<Listening, Problem> {
        let (tenant, partial) = (Uuid::from(tenant), wanted.is_partial());
        let receiver = self.0.enter(tenant, partial)?;
        // From here on leaving is this value's business.
        let mut listening = Listening {
            receiver,
            begun: Place { incarnation: 0, position: 0 },
            tenant,
            partial,
            shared: self.0.clone(),
        };
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

    fn enter(&self, tenant: Uuid, partial: bool) -> Result<broadcast::Receiver<Arc<Happened>>, Problem> {
        if self.ended.is_cancelled() {
            return Err(AppError::Unavailable("the server stops".into()).into());
        }
        let mut listeners = self.lock();
        if listeners.count >= self.limits.streams {
            return Err(AppError::Unavailable("too many connections listen to events".into()).into());
        }
        let channel = listeners.tenants.entry(tenant).or_insert_with(|| Channel {
            sender: broadcast::Sender::new(ROOM),
            count: 0,
            partial: 0,
        });
        if channel.count >= self.limits.streams_per_organization {
            let detail = format!("an organization has {} streams of events at most", channel.count);
            // A limit of nought leaves a channel that nobody listens to.
            listeners.tenants.retain(|_, channel| channel.count > 0);
            return Err(Problem::new(ErrorKind::TooMany, "events.too_many_streams", detail));
        }
        channel.count += 1;
        channel.partial += usize::from(partial);
        let receiver = channel.sender.subscribe();
        listeners.count += 1;
        self.arrived.notify_one();
        Ok(receiver)
    }

    fn leave(&self, tenant: Uuid, partial: bool) {
        let mut listeners = self.lock();
        listeners.count -= 1;
        if let Some(channel) = listeners.tenants.get_mut(&tenant) {
            channel.count -= 1;
            channel.partial -= usize::from(partial);
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
        let audience = {
            let listeners = self.shared.lock();
            if listeners.count == 0 {
                self.shared.reached.send_replace(None);
                return Ok(Turn::Alone);
            }
            listeners.audience()
        };
        let reached = *self.shared.reached.borrow();
        let Some(reached) = reached else {
            let end = self.tail.end().await?;
            let _unchanged = self.shared.lock();
            self.shared.reached.send_replace(Some(end));
            return Ok(Turn::More);
        };
        let stretch = self.tail.read(reached.position, BATCH, Some(&audience.tenants)).await?;
        let Some(stretch) = stretch else { return Ok(Turn::AtTheEnd) };
        let belongings = self.belongings(&stretch, |tenant| audience.partial.contains(&tenant)).await?;
        if !self.send(&stretch, &belongings, Some(&audience)) {
            // Somebody came for whom it was not read: read for all, so that nobody is forgotten.
            if let Some(stretch) = self.tail.read(reached.position, BATCH, None).await? {
                let belongings = self.belongings(&stretch, |_| true).await?;
                self.send(&stretch, &belongings, None);
            }
        }
        Ok(Turn::More)
    }

    /// To whom the records belong whose events these are, in those tenants where somebody needs it.
    async fn belongings(&self, stretch: &Stretch, needed: impl Fn(Uuid) -> bool) -> Result<Belongings, LogError> {
        let belong = |event: &&SequencedEvent| aggregate_of(&event.event.event_type).is_some_and(|info| info.belongs);
        let events = stretch.events.iter().filter(|event| needed(event.tenant)).filter(belong);
        let streams: HashSet<TenantStream> = events.map(|event| (event.tenant, event.stream)).collect();
        if streams.is_empty() {
            return Ok(Belongings::new());
        }
        self.tail.belongings(&streams.into_iter().collect::<Vec<_>>()).await
    }

    /// Sends a stretch, unless there is somebody for whom it was not read.
    fn send(&self, stretch: &Stretch, belongings: &Belongings, read_for: Option<&Audience>) -> bool {
        let happened = |event: &SequencedEvent| {
            let belonging = belongings.get(&(event.tenant, event.stream)).copied();
            (event.tenant, Arc::new(Happened::of(event, belonging)))
        };
        let written: Vec<_> = stretch.events.iter().map(happened).collect();
        let listeners = self.shared.lock();
        if read_for.is_some_and(|audience| listeners.exceed(audience)) {
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
    partial: bool,
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
        self.shared.leave(self.tenant, self.partial);
    }
}
