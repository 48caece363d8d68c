//! One claim on one connection.

use std::time::Duration;

use fairlead_application::{
    envelope::SequencedEvent,
    log::{Claim, LogError},
};
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    error::{BrokerError, RelayError},
    message::Message,
    progress::Progress,
    publisher::Publisher,
    window::{Limits, NotNext, Window},
};

const LIMITS: Limits = Limits { in_flight: 256, read_ahead: 1024 };
/// Events read at once.
const BATCH: u32 = 512;
/// Until a checkpoint is recorded.
const RECORD_LIMIT: Duration = Duration::from_secs(5);
/// Until the messages in flight are confirmed when the relay stops.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

pub(super) struct Session<'a> {
    claim: &'a dyn Claim,
    publisher: Publisher,
    window: Window<Message>,
    progress: Progress,
    backoff: &'a mut Backoff,
    /// Whether the log may hold events that were not read.
    unread: bool,
    /// The read under way. It outlives the turns of the loop, or frequent confirms would cancel it again and again.
    read: Option<BoxFuture<'a, Result<Vec<SequencedEvent>, LogError>>>,
    /// The event before which reading ended.
    unknown: Option<RelayError>,
}

impl<'a> Session<'a> {
    pub(super) fn new(claim: &'a dyn Claim, publisher: Publisher, backoff: &'a mut Backoff) -> Self {
        Self {
            window: Window::new(claim.checkpoint(), LIMITS),
            progress: Progress::new(claim.checkpoint()),
            claim,
            publisher,
            backoff,
            unread: true,
            read: None,
            unknown: None,
        }
    }

    /// Relays until `stop`, which is `Ok`, or a failure.
    pub(super) async fn run(
        &mut self,
        mut lost: impl Future<Output = BrokerError> + Unpin,
        stop: &CancellationToken,
    ) -> Result<(), RelayError> {
        loop {
            self.take_confirms()?;
            self.publish();
            self.progress.observe(self.window.checkpoint(), self.publisher.counts(), Instant::now());
            if self.progress.due().is_some_and(|due| due <= Instant::now()) {
                // The claim has one connection, which brings answers in order: a read that nobody polls would hold up
                // the record's.
                if self.read.is_some() {
                    let events = finished(&mut self.read).await?;
                    self.offer(events)?;
                }
                self.record().await?;
            }
            if self.window.checkpoint() == self.window.last()
                && let Some(unknown) = self.unknown.take()
            {
                return Err(unknown);
            }
            let wanting = self.unknown.is_none() && self.window.room() >= BATCH as usize;
            if wanting && self.unread && self.read.is_none() {
                self.read = Some(self.claim.read(self.window.last(), BATCH));
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return self.drain().await,
                error = &mut lost => return Err(error.into()),
                events = finished(&mut self.read) => self.offer(events?)?,
                grown = self.claim.grown(), if wanting && !self.unread => {
                    grown?;
                    self.unread = true;
                }
                confirmed = self.publisher.confirmed() => self.window.confirmed(confirmed?),
                () = at(self.progress.due()) => {}
            }
        }
    }

    fn take_confirms(&mut self) -> Result<(), BrokerError> {
        while let Some(confirmed) = self.publisher.confirmed_now() {
            self.window.confirmed(confirmed?);
        }
        Ok(())
    }

    fn publish(&mut self) {
        while let Some((position, message)) = self.window.next() {
            self.publisher.publish(position, message);
        }
    }

    fn offer(&mut self, events: Vec<SequencedEvent>) -> Result<(), RelayError> {
        self.unread = events.len() >= BATCH as usize;
        for event in events {
            let Some(message) = Message::of(&event) else {
                let event_type = event.event.event_type;
                self.unknown = Some(RelayError::UnknownEvent { position: event.position, event_type });
                break;
            };
            let got = event.position;
            let offered = self.window.offer(got, (event.tenant, event.stream), message);
            offered.map_err(|NotNext(expected)| RelayError::Gap { expected, got })?;
        }
        Ok(())
    }

    /// Waits for the messages in flight.
    async fn drain(&mut self) -> Result<(), RelayError> {
        let deadline = Instant::now() + DRAIN_LIMIT;
        while !self.publisher.is_idle() {
            let confirmed = timeout_at(deadline, self.publisher.confirmed()).await;
            self.window.confirmed(confirmed.map_err(|_| BrokerError::TimedOut("confirming the last messages"))??);
        }
        self.progress.observe(self.window.checkpoint(), self.publisher.counts(), Instant::now());
        Ok(())
    }

    /// Records the checkpoint, if it moved. A read under way is given up.
    pub(super) async fn record(&mut self) -> Result<(), RelayError> {
        self.read = None;
        if let Some(checkpoint) = self.progress.unrecorded() {
            let recording = timeout(RECORD_LIMIT, self.claim.advance(checkpoint));
            recording.await.map_err(|elapsed| LogError::Unavailable(Box::new(elapsed)))??;
            self.progress.recorded(checkpoint);
            self.backoff.reset();
        }
        Ok(())
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
