//! One connection: what it missed, then what happens, until its end.

use std::{convert::Infallible, time::Duration};

use actix_web::{HttpRequest, http::header::HeaderName, web::Bytes};
use fairlead_application::{
    access::Authorized,
    envelope::Place,
    history::{EventsRead, History, LogQuery, Wanted},
};
use fairlead_domain::kernel::Invalid;
use futures::{Stream, stream::unfold};
use serde_json::json;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until},
};

use super::hub::{Happened, Listening};
use crate::{problem::Problem, request::header};

/// How often a connection on which nothing happens is written to, so that proxies keep it and its end is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many milliseconds a client should wait before it connects again.
const RETRY: u32 = 2000;
/// Events read at once for those who come back.
const CATCH_UP_BATCH: u16 = 200;

/// `Last-Event-ID`
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The place behind which a client wants to go on: the header, which browsers send when they come back by themselves, or
/// else the parameter, for those who can't set a header.
///
/// # Errors
/// `events.invalid_id`
pub(crate) fn resumed(request: &HttpRequest, parameter: Option<&str>) -> Result<Option<Place>, Problem> {
    let text = header(request, &LAST_EVENT_ID)?.filter(|text| !text.is_empty()).or(parameter);
    let invalid = |invalid: Invalid| Problem::malformed(invalid.code, invalid.detail);
    text.map(|text| text.parse().map_err(invalid)).transpose()
}

/// A connection that follows a tenant's events.
pub(crate) struct Follow {
    history: History,
    cx: Authorized<EventsRead>,
    wanted: Wanted,
    listening: Listening,
    /// Everything up to here was sent, or is not wanted.
    seen: i64,
    phase: Phase,
    expires: Option<Instant>,
    heartbeat: Interval,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Begin { resumed: bool },
    CatchUp,
    Live,
    Ended,
}

/// Why a connection ends. The client may come back.
enum End {
    Expired,
    Slow,
    Stopping,
    Interrupted,
}

impl Follow {
    /// Goes on behind a place, or else with what happens from now on. Ends after `lifetime`.
    pub(crate) fn new(
        history: History,
        cx: Authorized<EventsRead>,
        wanted: Wanted,
        listening: Listening,
        resume: Option<Place>,
        lifetime: Option<Duration>,
    ) -> Self {
        let now = Instant::now();
        let mut heartbeat = interval_at(now + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            history,
            cx,
            wanted,
            seen: resume.map_or(listening.begun.position, |place| place.position),
            phase: Phase::Begin { resumed: resume.is_some() },
            listening,
            expires: lifetime.and_then(|lifetime| now.checked_add(lifetime)),
            heartbeat,
        }
    }

    /// The answer's body.
    pub(crate) fn stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        unfold(self, |mut follow| async move { follow.next().await.map(|bytes| (Ok(bytes), follow)) })
    }

    async fn next(&mut self) -> Option<Bytes> {
        match self.phase {
            Phase::Begin { resumed } => {
                self.phase = Phase::CatchUp;
                let begun = if resumed { String::new() } else { format!("id: {}\n", self.listening.begun) };
                Some(format!("retry: {RETRY}\n{begun}\n").into())
            }
            Phase::Ended => None,
            Phase::CatchUp | Phase::Live => {
                let sent = self.more().await;
                Some(sent.unwrap_or_else(|end| {
                    self.phase = Phase::Ended;
                    end.frame()
                }))
            }
        }
    }

    async fn more(&mut self) -> Result<Bytes, End> {
        let (ended, expires) = (self.listening.ended().clone(), self.expires);
        tokio::select! {
            biased;
            () = ended.cancelled() => Err(End::Stopping),
            () = at(expires) => Err(End::Expired),
            bytes = self.events() => bytes,
        }
    }

    async fn events(&mut self) -> Result<Bytes, End> {
        while self.phase == Phase::CatchUp {
            let missed = self.missed().await?;
            if !missed.is_empty() {
                return Ok(missed);
            }
        }
        loop {
            tokio::select! {
                biased;
                happened = self.listening.receiver.recv() => match happened {
                    Ok(happened) if happened.position <= self.seen => {}
                    Ok(happened) => {
                        self.seen = happened.position;
                        if self.wanted.takes(&happened.event_type, happened.belonging) {
                            return Ok(happened.frame.clone());
                        }
                    }
                    Err(RecvError::Lagged(_)) => return Err(End::Slow),
                    Err(RecvError::Closed) => return Err(End::Stopping),
                },
                _ = self.heartbeat.tick() => return Ok(Bytes::from_static(b":\n\n")),
            }
        }
    }

    /// The next events up to where listening began; none when that is reached.
    async fn missed(&mut self) -> Result<Bytes, End> {
        let begun = self.listening.begun.position;
        if self.seen >= begun {
            self.phase = Phase::Live;
            return Ok(Bytes::new());
        }
        let query =
            LogQuery { after: self.seen, until: Some(begun), limit: CATCH_UP_BATCH, wanted: self.wanted.clone() };
        let turn = self.listening.turns().acquire().await.map_err(|_| End::Stopping)?;
        let page = self.history.log(&self.cx, &query).await.map_err(|error| {
            tracing::warn!(%error, "can't bring a stream up to date");
            End::Interrupted
        })?;
        drop(turn);
        self.seen = if page.more { page.reached } else { begun };
        let frames = page.events.iter().map(Happened::frame);
        Ok(frames.collect::<Vec<_>>().concat().into())
    }
}

impl End {
    fn frame(&self) -> Bytes {
        let (name, detail) = match self {
            Self::Expired => ("expired", "the token has expired; come back with another one"),
            Self::Slow => ("slow", "events came faster than they were taken; come back with the last id"),
            Self::Stopping => ("stopping", "the server stops; come back with the last id"),
            Self::Interrupted => ("interrupted", "the log does not answer; come back with the last id"),
        };
        let data = json!({ "code": format!("events.{name}"), "detail": detail });
        format!("event: {name}\ndata: {data}\n\n").into()
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
