//! One channel of one claim: does what the plan says.

use std::time::Duration;

use fairlead_application::{
    log::LogError,
    subscription::{Claim, Entry},
};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use lapin::Connection;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{
    error::{BrokerError, RelayError},
    message::Message,
    plan::{Answer, Body, Call, Disorder, End, Outcome, Plan},
    publisher::Publisher,
    signals::Signals,
    topology,
};

/// Until the log answers.
const LOG_LIMIT: Duration = Duration::from_secs(30);
/// Until the messages in flight are confirmed when the relay is to end.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);
/// Until what is settled is recorded then.
const RECORD_LIMIT: Duration = Duration::from_secs(5);
/// Between two looks whether the partition, which seemed lost, is held after all.
const HOLD_INTERVAL: Duration = Duration::from_millis(50);

pub(super) struct Session<'a> {
    claim: &'a dyn Claim,
    connection: &'a Connection,
    plan: &'a mut Plan<Message>,
    /// `None` when the channel is gone.
    publisher: Option<Publisher>,
    calls: FuturesUnordered<BoxFuture<'a, Result<Answer<Message>, LogError>>>,
    /// Exchange, log queue and binding are being made sure of, because a message came back.
    repair: Option<BoxFuture<'a, Result<(), BrokerError>>>,
    failure: Option<BrokerError>,
    /// When waiting ends, once nothing new begins.
    deadline: Option<Instant>,
    /// Called when something was recorded.
    recorded: &'a mut (dyn FnMut() + Send),
}

impl<'a> Session<'a> {
    pub(super) fn new(
        claim: &'a dyn Claim,
        connection: &'a Connection,
        plan: &'a mut Plan<Message>,
        publisher: Publisher,
        recorded: &'a mut (dyn FnMut() + Send),
    ) -> Self {
        Self {
            claim,
            connection,
            plan,
            publisher: Some(publisher),
            calls: FuturesUnordered::new(),
            repair: None,
            failure: None,
            deadline: None,
            recorded,
        }
    }

    /// Relays until it is to `leave`, which is `Ok`, or a failure. The connection is gone when it is `broken`.
    pub(super) async fn run(mut self, leave: &CancellationToken, broken: &CancellationToken) -> Result<(), RelayError> {
        loop {
            let now = Instant::now();
            self.settle(now);
            self.plan.tick(now);
            self.publish();
            while let Some(call) = self.plan.call(now) {
                if let Call::Park(entry, reason) = &call {
                    let Entry { position, tenant, stream, version, .. } = entry;
                    error!(position, %tenant, %stream, version, reason, "parking a stream: its event can't be published");
                }
                self.calls.push(ask(self.claim, call));
            }
            match self.plan.end() {
                Some(End::Drained) => return self.finish().await,
                Some(End::Unknown { position, event_type }) => {
                    return Err(RelayError::UnknownEvent { position, event_type });
                }
                None => {}
            }
            if self.is_over(now) {
                return self.finish().await;
            }
            let wake = self.wake_at(now);
            tokio::select! {
                biased;
                () = broken.cancelled(), if self.failure.is_none() => self.fail(BrokerError::Lost, now),
                () = leave.cancelled(), if self.deadline.is_none() => {
                    self.plan.drain();
                    self.deadline = Some(now + DRAIN_LIMIT);
                }
                Some(answer) = self.calls.next() => self.answer(answer?)?,
                () = any(self.publisher.as_ref().map(Publisher::signals)) => {}
                repaired = finished(&mut self.repair) => match repaired {
                    Ok(()) => self.plan.resume(),
                    Err(error) => self.fail(error, Instant::now()),
                },
                () = at(wake) => {}
            }
        }
    }

    fn settle(&mut self, now: Instant) {
        let Some(publisher) = &mut self.publisher else { return };
        match publisher.settled() {
            Ok(settled) => {
                for (tag, outcome) in settled {
                    self.plan.settled(tag, &outcome, now);
                    if let (Outcome::Returned(reason), None) = (&outcome, &self.repair) {
                        warn!(reason, "a message came back; making sure of the exchange and the log queue");
                        self.plan.pause();
                        self.repair = Some(topology::look_after(self.connection).boxed());
                    }
                }
            }
            Err(error) => self.fail(error, now),
        }
    }

    fn publish(&mut self) {
        let Some(publisher) = &mut self.publisher else { return };
        while let Some((_, message)) = self.plan.publish(|| self.claim.holds()) {
            publisher.publish(message);
        }
    }

    fn answer(&mut self, answer: Answer<Message>) -> Result<(), RelayError> {
        if matches!(answer, Answer::Recorded) {
            (self.recorded)();
        }
        let answered = self.plan.answer(answer, Instant::now());
        answered.map_err(|Disorder { reached, got }| RelayError::Disorder { reached, got })
    }

    /// The channel can't be used any more.
    fn fail(&mut self, error: BrokerError, now: Instant) {
        self.plan.interrupted(error.is_too_large(), now);
        self.failure = Some(error);
        self.publisher = None;
        self.repair = None;
        self.deadline = Some(now + RECORD_LIMIT);
    }

    /// Whether something took too long.
    fn is_over(&mut self, now: Instant) -> bool {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            if self.publisher.is_none() {
                return true;
            }
            self.fail(BrokerError::TimedOut("confirming the last messages"), now);
        }
        if self.publisher.as_ref().and_then(Publisher::deadline).is_some_and(|deadline| deadline <= now) {
            self.fail(BrokerError::TimedOut("confirming a message"), now);
        }
        false
    }

    fn wake_at(&self, now: Instant) -> Option<Instant> {
        let confirm = self.publisher.as_ref().and_then(Publisher::deadline);
        let held = || !self.plan.has_prepared() || self.claim.holds();
        let hold = (self.deadline.is_none() && !held()).then(|| now + HOLD_INTERVAL);
        [self.plan.wake_at(), self.deadline, confirm, hold].into_iter().flatten().min()
    }

    async fn finish(self) -> Result<(), RelayError> {
        if let Some(publisher) = self.publisher {
            publisher.close().await;
        }
        self.failure.map_or(Ok(()), |failure| Err(failure.into()))
    }
}

/// Asks the log.
fn ask(claim: &dyn Claim, call: Call) -> BoxFuture<'_, Result<Answer<Message>, LogError>> {
    let asking = async move {
        if call == Call::Grown {
            claim.grown().await?;
            return Ok(Answer::Grown);
        }
        let answer = timeout(LOG_LIMIT, answered(claim, call)).await;
        answer.map_err(|elapsed| LogError::Unavailable(elapsed.into()))?
    };
    asking.boxed()
}

async fn answered(claim: &dyn Claim, call: Call) -> Result<Answer<Message>, LogError> {
    Ok(match call {
        Call::Grown => Answer::Grown,
        Call::Read(after, limit) => Answer::Read(claim.entries(after, limit).await?),
        Call::Fetch(entries) => Answer::Fetched(fetch(claim, &entries).await?),
        Call::Record(checkpoint) => {
            claim.advance(&checkpoint).await?;
            Answer::Recorded
        }
        Call::Park(entry, error) => {
            claim.park(&entry, &error).await?;
            Answer::Parked
        }
        Call::Replays => Answer::Replays(claim.replays().await?),
        Call::Backlog(parked, until) => Answer::Backlog(claim.backlog(&parked, until).await?),
        Call::FetchReplay(entries) => Answer::ReplayFetched(fetch(claim, &entries).await?),
        Call::Replayed(parked, error) => {
            claim.replayed(&parked, error.as_deref()).await?;
            Answer::Replayed
        }
    })
}

async fn fetch(claim: &dyn Claim, entries: &[Entry]) -> Result<Vec<Body<Message>>, LogError> {
    let events = claim.events(entries).await?;
    let mut events = events.iter().peekable();
    // What is gone is left out.
    let body = |entry: &Entry| events.next_if(|event| event.position == entry.position).map_or(Body::Gone, Message::of);
    let bodies = entries.iter().map(body).collect();
    match events.next() {
        None => Ok(bodies),
        Some(_) => Err(LogError::Internal("the log handed out other events than it was asked for".into())),
    }
}

async fn any(signals: Option<&Signals>) {
    match signals {
        Some(signals) => signals.any().await,
        None => std::future::pending().await,
    }
}

/// Waits for a future, if there is one, and leaves none.
async fn finished<T>(future: &mut Option<BoxFuture<'_, T>>) -> T {
    match future {
        Some(running) => {
            let output = running.await;
            *future = None;
            output
        }
        None => std::future::pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
