//! The one path every command takes.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    sync::Arc,
};

use fairlead_domain::kernel::{Aggregate, UniqueKey};
use serde_json::value::RawValue;
use tokio::sync::{Mutex, MutexGuard};
use tracing::{debug, instrument};
use uuid::Uuid;

use crate::{
    AppError, Context, Recorded,
    access::{Authorized, Permits, Reveals},
    ports::{Answer, Append, Appended, Clock, EventStore, IdGenerator, Loaded, NewEvent, StoredStream, StreamAppend},
    recorded::{DecodeError, decode_state, refold},
    step::{Expected, Outcome, Receipt, Step},
};

/// How often a command is decided again after another one was quicker.
const MAX_ATTEMPTS: usize = 10;
/// What one stream's state may hold, in bytes of JSON. It is rewritten with each event.
const MAX_STATE_BYTES: usize = 64 * 1024;

/// Executes commands and reads states.
#[derive(Clone)]
pub struct App {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    turns: Turns,
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
        Self { store, clock, ids, turns: Turns(Arc::new(std::array::from_fn(|_| Mutex::new(())))) }
    }

    /// A fresh identifier for a new stream.
    pub fn fresh<Id: From<Uuid>>(&self) -> Id {
        self.ids.next().into()
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
    #[instrument(skip_all, fields(tenant = %cx.tenant(), actor = cx.actor().as_str(), steps = steps.len()))]
    pub async fn execute_all(&self, cx: &Context, steps: &[Step]) -> Result<Outcome, AppError> {
        if steps.iter().any(|step| step.tenant != cx.tenant()) {
            return Err(AppError::internal("a command concerns one tenant"));
        }
        // What is new need not be loaded; should it exist after all, the second attempt sees it.
        let mut load = steps.iter().any(|step| step.expected != Expected::New);
        let mut turn = self.turns.behind_others(steps).await;
        for attempt in 1..=MAX_ATTEMPTS {
            match self.attempt(cx, steps, load).await {
                Err(AppError::Contended) => debug!(attempt, "another command was quicker; deciding again"),
                outcome => return outcome,
            }
            load = true;
            if turn.is_none() {
                turn = Some(self.turns.queue(steps).lock().await);
            }
        }
        Err(AppError::Contended)
    }

    /// The present state of a stream. `None` when it does not exist in the caller's tenant.
    ///
    /// # Errors
    /// [`AppError`]
    pub async fn read<A: Aggregate>(
        &self,
        cx: &Authorized<impl Reveals<A>>,
        id: A::Id,
    ) -> Result<Option<Recorded<A>>, AppError> {
        let loaded = self.store.load(cx, &[id.into()]).await?;
        let Some(stream) = loaded.streams.into_iter().find(|stream| stream.aggregate == A::TYPE) else {
            return Ok(None);
        };
        let state = if is_old(&stream, A::STATE_VERSION)? {
            refold::<A>(self.store.events(cx, stream.id).await?)
        } else {
            decode_state(&stream.state)
        };
        Ok(Some(Recorded::new(cx.tenant(), &stream, state.map_err(AppError::internal)?)))
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
        let mut present: HashMap<_, _> = loaded.streams.into_iter().map(|stream| (stream.id, stream)).collect();
        let mut changes = BTreeMap::new();
        let mut receipts = Vec::with_capacity(steps.len());
        for step in steps {
            receipts.push(self.decide(cx, step, &mut present, &mut changes).await?);
        }
        let seen = present.values().map(|stream| stream.token).max_by_key(|token| (token.incarnation, token.xid));
        if changes.is_empty() && cx.idempotency.is_none() {
            return Ok(Outcome { receipts, token: seen, replayed: false });
        }
        let nothing = changes.is_empty();
        let append = Append {
            occurred_at: self.clock.now(),
            streams: changes.into_values().map(Change::into_append).collect(),
            receipts: receipts.clone(),
            seen: seen.filter(|_| nothing),
        };
        match self.store.append(cx, append).await? {
            Appended::Stored(token) => Ok(Outcome { receipts, token: Some(token), replayed: false }),
            Appended::Answered(answer) => replay(cx, answer),
        }
    }

    /// Decides one step on what is stored and what the steps before it changed.
    async fn decide(
        &self,
        cx: &Context,
        step: &Step,
        present: &mut HashMap<Uuid, StoredStream>,
        changes: &mut BTreeMap<Uuid, Change>,
    ) -> Result<Receipt, AppError> {
        if let Some(stream) = present.get_mut(&step.id) {
            if stream.aggregate != step.aggregate {
                // An id of another kind of record names nothing here.
                present.remove(&step.id);
            } else if is_old(stream, step.state_version)? {
                let events = self.store.events(cx, step.id).await?;
                stream.state = (step.refold)(events).map_err(AppError::internal)?;
                stream.state_version = step.state_version;
            }
        }
        let stored = present.get(&step.id);
        let version = stored.map_or(0, |stream| stream.version);
        let change = changes.get(&step.id);
        if let (Expected::Exactly(demanded), Some(actual)) = (step.expected, stored.map(|stream| stream.version))
            && demanded != actual
        {
            return Err(AppError::Stale { demanded, actual });
        }
        let state = change.map(|change| &*change.append.state).or(stored.map(|stream| &*stream.state));
        let decision = (step.decide)(state)?;
        let Some(state) = decision.state else {
            let added = change.map_or(0, |change| change.append.events.len());
            return Ok(Receipt { id: step.id, version: version + count(added) });
        };
        if state.get().len() > MAX_STATE_BYTES {
            return Err(AppError::StateTooLarge { size: state.get().len(), limit: MAX_STATE_BYTES });
        }
        let change = match changes.entry(step.id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Change::new(step, version, decision.keys_before)),
        };
        change.append.state = state;
        change.append.deleted = decision.deleted;
        change.keys_after = decision.keys_after;
        change.append.events.extend(decision.events.into_iter().map(|(event_type, schema_version, data)| NewEvent {
            id: self.ids.next(),
            event_type,
            schema_version,
            data,
        }));
        Ok(Receipt { id: step.id, version: version + count(change.append.events.len()) })
    }
}

/// What the steps have changed in one stream so far.
struct Change {
    append: StreamAppend,
    keys_before: Vec<UniqueKey>,
    keys_after: Vec<UniqueKey>,
}

impl Change {
    fn new(step: &Step, version: i64, keys_before: Vec<UniqueKey>) -> Self {
        Self {
            append: StreamAppend {
                id: step.id,
                aggregate: step.aggregate,
                expected: version,
                state_version: step.state_version,
                state: RawValue::NULL.to_owned(),
                deleted: false,
                released: Vec::new(),
                claimed: Vec::new(),
                events: Vec::new(),
            },
            keys_before,
            keys_after: Vec::new(),
        }
    }

    fn into_append(mut self) -> StreamAppend {
        let (before, after) = (&self.keys_before, &self.keys_after);
        self.append.released = before.iter().filter(|key| !after.contains(key)).cloned().collect();
        self.append.claimed = after.iter().filter(|key| !before.contains(key)).cloned().collect();
        self.append
    }
}

fn count(events: usize) -> i64 {
    i64::try_from(events).unwrap_or(i64::MAX)
}

/// Whether a stored state has to be folded anew.
fn is_old(stream: &StoredStream, known: i16) -> Result<bool, AppError> {
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
            Ok(Outcome { receipts: answer.receipts, token: Some(answer.token), replayed: true })
        }
        _ => Err(AppError::KeyReused),
    }
}
