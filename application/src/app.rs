//! The one path every command takes.

use std::{collections::btree_map::Entry, sync::Arc, time::Instant};

use chrono::{DateTime, Utc};
use fairlead_domain::kernel::{Aggregate, ErrorKind};
use metrics::{counter, histogram};
use tokio::sync::{Mutex, MutexGuard};
use tracing::{debug, instrument};
use uuid::Uuid;

use crate::{
    AppError, Context,
    access::{Authorized, Permits},
    backlog::Backlogs,
    lately::Lately,
    ports::{Answer, Append, Appended, Clock, EventStore, IdGenerator, Loaded, NewEvent, StoredStream},
    recorded::DecodeError,
    step::{Expected, Outcome, Receipt, Step, StepAnswer},
    trace,
    work::{Change, Turn, Work},
};

/// How often a command is decided again after another one was quicker.
pub(crate) const MAX_ATTEMPTS: usize = 10;
/// What one stream's state may hold, in bytes of JSON. It is rewritten with each event.
const MAX_STATE_BYTES: usize = 64 * 1024;

/// Executes commands and reads states.
#[derive(Clone)]
pub struct App {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    turns: Turns,
    pub(crate) backlogs: Arc<Backlogs>,
    pub(crate) lately: Arc<Lately>,
}

/// Where commands that met another one queue up, so that many on one stream don't outrun each other for ever. Only a
/// courtesy within this process: what is stored is guarded by the stream's version.
#[derive(Clone)]
struct Turns(Arc<[Mutex<()>; 64]>);

impl Turns {
    fn queue(&self, steps: &[Step]) -> &Mutex<()> {
        let stream = steps.first().map_or(0, |step| step.id.as_bytes()[15]);
        &self.0[usize::from(stream) % self.0.len()]
    }

    /// Lines up behind others, if there are any.
    async fn behind_others(&self, steps: &[Step]) -> Option<MutexGuard<'_, ()>> {
        let queue = self.queue(steps);
        if queue.try_lock().is_ok() { None } else { Some(queue.lock().await) }
    }
}

impl App {
    /// An application over its ports.
    pub fn new(store: Arc<dyn EventStore>, clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Self {
        let turns = Turns(Arc::new(std::array::from_fn(|_| Mutex::new(()))));
        Self { store, clock, ids, turns, backlogs: Arc::new(Backlogs::new(0)), lately: Arc::default() }
    }

    /// The same, with commands held back of those of whose events too many wait.
    #[must_use]
    pub fn holding_back(self, backlogs: Arc<Backlogs>) -> Self {
        Self { backlogs, ..self }
    }

    /// A fresh identifier for a new stream.
    pub fn fresh<Id: From<Uuid>>(&self) -> Id {
        self.ids.next().into()
    }

    /// The time, for commands that say when something happened.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Executes one command: one round trip to the store when the stream is new, two otherwise.
    ///
    /// # Errors
    /// [`AppError`]; nothing is stored then.
    pub async fn execute<A: Aggregate>(
        &self,
        cx: &Authorized<impl Permits<A>>,
        id: A::Id,
        expected: Expected,
        command: A::Command,
    ) -> Result<Outcome, AppError> {
        self.execute_all(cx, &[Step::new::<A>(cx, id, expected, command)]).await
    }

    /// Executes several commands, on one stream or on many, in one transaction: all take effect or none.
    ///
    /// # Errors
    /// [`AppError`] of the first step that fails; nothing is stored then.
    #[instrument(name = "command", skip_all, fields(tenant = %cx.tenant(), actor = cx.actor().as_str(), steps = steps.len()))]
    pub async fn execute_all(&self, cx: &Context, steps: &[Step]) -> Result<Outcome, AppError> {
        // Where this command stands in a trace; otherwise the caller's own place goes on into the events.
        let here = trace::here().map(|place| Context { trace_parent: Some(place), ..cx.clone() });
        let outcome = self.repeat(here.as_ref().unwrap_or(cx), steps).await;
        self.lately.forget(steps);
        counter!("fairlead_commands_total", "outcome" => told(&outcome)).increment(1);
        outcome
    }

    /// Attempts a command until no other one is quicker.
    async fn repeat(&self, cx: &Context, steps: &[Step]) -> Result<Outcome, AppError> {
        if steps.iter().any(|step| step.tenant != cx.tenant()) {
            return Err(AppError::internal("a command concerns one tenant"));
        }
        self.backlogs.admit(cx.tenant())?;
        // What is new need not be loaded; should it exist after all, the second attempt sees it.
        let mut load = steps.iter().any(|step| step.expected != Expected::New);
        let mut turn = self.turns.behind_others(steps).await;
        for attempt in 1..=MAX_ATTEMPTS {
            match self.attempt(cx, steps, load).await {
                Err(AppError::Contended) => {
                    counter!("fairlead_command_conflicts_total").increment(1);
                    debug!(attempt, "another command was quicker; deciding again");
                }
                outcome => return outcome,
            }
            load = true;
            if turn.is_none() {
                turn = Some(self.turn(steps).await);
            }
        }
        Err(AppError::Contended)
    }

    /// Lines up behind others that met with others.
    pub(crate) async fn turn(&self, steps: &[Step]) -> MutexGuard<'_, ()> {
        self.turns.queue(steps).lock().await
    }

    async fn attempt(&self, cx: &Context, steps: &[Step], load: bool) -> Result<Outcome, AppError> {
        let loaded = if load {
            let ids: Vec<_> = steps.iter().map(|step| step.id).collect();
            self.store.load(cx, &ids).await?
        } else {
            Loaded::default()
        };
        if let Some(answer) = loaded.answer {
            return replay(cx, answer);
        }
        let mut work = Work::new(loaded.streams, None);
        let mut receipts = Vec::with_capacity(steps.len());
        for step in steps {
            receipts.push(self.decide(cx, step, &mut work).await?);
        }
        let seen = work.seen();
        let streams = work.into_appends();
        if streams.is_empty() && cx.idempotency.is_none() {
            return Ok(Outcome { receipts, token: seen, replayed: false });
        }
        let append = Append {
            occurred_at: self.clock.now(),
            seen: seen.filter(|_| streams.is_empty()),
            streams,
            receipts: receipts.iter().copied().map(StepAnswer::Done).collect(),
        };
        let begun = Instant::now();
        let appended = self.store.append(cx, append).await;
        histogram!("fairlead_append_duration_seconds").record(begun.elapsed());
        match appended? {
            Appended::Stored(token) => Ok(Outcome { receipts, token: Some(token), replayed: false }),
            Appended::Answered(answer) => replay(cx, answer),
        }
    }

    /// Decides one step on what is stored and what the steps before it changed. Changes nothing when it is refused.
    pub(crate) async fn decide(&self, cx: &Context, step: &Step, work: &mut Work) -> Result<Receipt, AppError> {
        let id = work.target(step);
        let Work { present, changes, keys } = work;
        if let Some(stream) = present.get_mut(&id) {
            if stream.aggregate != step.aggregate {
                // An id of another kind of record names nothing here.
                present.remove(&id);
            } else if is_old(stream, step.state_version)? {
                let events = self.store.events(cx, id).await?;
                stream.state = (step.refold)(events).map_err(AppError::internal)?;
                stream.state_version = step.state_version;
            }
        }
        let stored = present.get(&id);
        let version = stored.map_or(0, |stream| stream.version);
        let change = changes.get(&id);
        let state = change.map(|change| &*change.append.state).or(stored.map(|stream| &*stream.state));
        let turn = Turn::new(id, changes);
        if step.hides(state)? {
            return step.without_record(&turn);
        }
        // One by one, a command of a batch would find what those before it have stored.
        let reached = keys.as_ref().and(change).map(|change| version + count(change.append.events.len()));
        if let (Expected::Exactly(demanded), Some(actual)) = (step.expected, reached.or(stored.map(|s| s.version)))
            && demanded != actual
        {
            return Err(AppError::Stale { demanded, actual });
        }
        let decision = (step.decide)(&turn, state)?;
        let made = state.is_none();
        let Some(state) = decision.state else {
            let added = change.map_or(0, |change| change.append.events.len());
            return Ok(Receipt { id, version: version + count(added), made: false });
        };
        if state.get().len() > MAX_STATE_BYTES {
            return Err(AppError::StateTooLarge { size: state.get().len(), limit: MAX_STATE_BYTES });
        }
        if let Some(keys) = keys {
            keys.pass(id, &decision.keys_before, &decision.keys_after)?;
        }
        let change = match changes.entry(id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let key = stored.map(|stream| stream.key.clone()).unwrap_or_default();
                let mut change = Change::new(step, id, version, key, decision.keys_before);
                change.referred_before = decision.referred_before;
                entry.insert(change)
            }
        };
        change.append.state = state;
        change.append.deleted = decision.deleted;
        change.append.erases |= decision.erases;
        change.keys_after = decision.keys_after;
        change.referred_after = decision.referred_after;
        change.referrals.extend(decision.referrals);
        change.append.secrets.extend(step.secrets.iter().cloned());
        change.append.events.extend(decision.events.into_iter().map(|event| NewEvent {
            id: self.ids.next(),
            event_type: event.event_type,
            schema_version: event.schema_version,
            data: event.data,
            personal: event.personal,
        }));
        Ok(Receipt { id, version: version + count(change.append.events.len()), made })
    }
}

/// A command's end, as it is counted.
fn told(outcome: &Result<Outcome, AppError>) -> &'static str {
    match outcome {
        Ok(Outcome { replayed: true, .. }) => "replayed",
        Ok(_) => "done",
        Err(AppError::Contended) => "contended",
        Err(error) => match error.kind() {
            ErrorKind::Invalid => "invalid",
            ErrorKind::NotFound => "not_found",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Stale => "stale",
            ErrorKind::Forbidden => "forbidden",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Internal => "internal",
            _ => "refused",
        },
    }
}

fn count(events: usize) -> i64 {
    i64::try_from(events).unwrap_or(i64::MAX)
}

/// Whether a stored state has to be folded anew.
pub(crate) fn is_old(stream: &StoredStream, known: i16) -> Result<bool, AppError> {
    if stream.state_version > known {
        let (what, stored) = (stream.aggregate.clone(), stream.state_version);
        return Err(AppError::internal(DecodeError::Newer { what, stored, known }));
    }
    Ok(stream.state_version < known)
}

/// Gives a repeated request its first answer, if it is the same request.
fn replay(cx: &Context, answer: Answer) -> Result<Outcome, AppError> {
    match &cx.idempotency {
        Some(key) if key.fingerprint == answer.fingerprint => {
            let receipts = answer.receipts.into_iter().map(StepAnswer::done).collect::<Result<_, _>>()?;
            Ok(Outcome { receipts, token: Some(answer.token), replayed: true })
        }
        _ => Err(AppError::KeyReused),
    }
}
