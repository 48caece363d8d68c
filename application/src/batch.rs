//! Many commands at once, each answered for itself.
//!
//! What is accepted is stored in one transaction, together with all answers: so a batch that is sent again under its key is
//! answered as a whole, and a crash leaves no half of it.

use std::collections::{BTreeMap, BTreeSet};

use fairlead_domain::kernel::UniqueKey;
use metrics::counter;
use tracing::{debug, instrument};
use uuid::Uuid;

use crate::{
    App, AppError, Context, Expected,
    app::MAX_ATTEMPTS,
    consistency::ConsistencyToken,
    ports::{Answer, Append, Appended, Loaded, StoreError},
    step::{Refusal, Step, StepAnswer},
    trace,
    work::Work,
};

/// What one refusal means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// All commands take effect or none.
    Atomic,
    /// Each command takes effect unless it is refused itself.
    Each,
}

/// The answer to a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchOutcome {
    /// One for each command, in their order.
    pub answers: Vec<StepAnswer>,
    /// Send it with a query to see what was written.
    pub token: Option<ConsistencyToken>,
    /// Whether this is the answer that an earlier request with the same idempotency key got.
    pub replayed: bool,
}

/// Nothing of a batch took effect.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct BatchError {
    /// The command that is refused; `None` when it is about the batch as a whole.
    pub index: Option<usize>,
    /// Why.
    #[source]
    pub error: AppError,
}

impl From<AppError> for BatchError {
    fn from(error: AppError) -> Self {
        Self { index: None, error }
    }
}

impl From<StoreError> for BatchError {
    fn from(error: StoreError) -> Self {
        AppError::from(error).into()
    }
}

/// Which stream holds which unique key, as the commands of a batch change it one after the other.
#[derive(Default)]
pub(crate) struct Keys {
    /// What the store says, of the keys that it was asked for.
    stored: BTreeMap<UniqueKey, Option<Uuid>>,
    /// What the commands so far have made of it.
    now: BTreeMap<UniqueKey, Option<Uuid>>,
    /// Claimed, though the store was not asked.
    unknown: BTreeSet<UniqueKey>,
}

impl Keys {
    fn knowing(stored: BTreeMap<UniqueKey, Option<Uuid>>) -> Self {
        Self { stored, ..Self::default() }
    }

    /// Which stream holds a key now, as far as the store was asked for it.
    pub(crate) fn holder(&self, key: &UniqueKey) -> Option<Uuid> {
        self.now.get(key).or_else(|| self.stored.get(key)).copied().flatten()
    }

    /// Passes keys from what a stream reserved to what it reserves now.
    pub(crate) fn pass(&mut self, stream: Uuid, before: &[UniqueKey], after: &[UniqueKey]) -> Result<(), AppError> {
        let claimed = || after.iter().filter(|key| !before.contains(key));
        for key in claimed() {
            let holder = self.now.get(key).or_else(|| self.stored.get(key));
            match holder {
                Some(Some(holder)) if *holder != stream => return Err(AppError::Taken { scope: key.scope.to_owned() }),
                Some(_) => {}
                None => drop(self.unknown.insert(key.clone())),
            }
        }
        for key in before.iter().filter(|key| !after.contains(key)) {
            self.now.insert(key.clone(), None);
        }
        for key in claimed() {
            self.now.insert(key.clone(), Some(stream));
        }
        Ok(())
    }
}

impl App {
    /// Executes commands one after the other, with the effect that they would have one by one, and stores what is
    /// accepted in one transaction.
    ///
    /// # Errors
    /// [`BatchError`]; nothing is stored then. In [`Mode::Each`] no refusal of a single command is one.
    #[instrument(name = "batch", skip_all, fields(tenant = %cx.tenant(), actor = cx.actor().as_str(), steps = steps.len()))]
    pub async fn execute_batch(&self, cx: &Context, steps: &[Step], mode: Mode) -> Result<BatchOutcome, BatchError> {
        if steps.iter().any(|step| step.tenant != cx.tenant()) {
            return Err(AppError::internal("a command concerns one tenant").into());
        }
        self.backlogs.admit(cx.tenant())?;
        let here = trace::here().map(|place| Context { trace_parent: Some(place), ..cx.clone() });
        let cx = here.as_ref().unwrap_or(cx);
        let mut turn = None;
        for attempt in 1..=MAX_ATTEMPTS {
            // What is new need not be loaded; should it exist after all, the second attempt sees it.
            match self.attempt_batch(cx, steps, mode, attempt > 1).await {
                Err(BatchError { index: None, error: AppError::Contended | AppError::Taken { .. } }) => {
                    counter!("fairlead_command_conflicts_total").increment(1);
                    debug!(attempt, "another command was quicker; deciding the batch again");
                }
                outcome => {
                    self.lately.forget(steps);
                    return outcome;
                }
            }
            if turn.is_none() {
                turn = Some(self.turn(steps).await);
            }
        }
        Err(AppError::Contended.into())
    }

    async fn attempt_batch(
        &self,
        cx: &Context,
        steps: &[Step],
        mode: Mode,
        all: bool,
    ) -> Result<BatchOutcome, BatchError> {
        let keys: BTreeSet<_> = steps.iter().filter_map(|step| step.holder.clone()).collect();
        let mut stored = self.holding(cx, keys).await?;
        let looked_at = steps.iter().filter_map(|step| match &step.holder {
            Some(key) => stored.get(key).copied().flatten(),
            None => (all || step.expected != Expected::New).then_some(step.id),
        });
        let ids: BTreeSet<_> = looked_at.collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let loaded = match (ids.is_empty(), &cx.idempotency) {
            (true, None) => Loaded::default(),
            _ => self.store.load(cx, &ids).await?,
        };
        if let Some(answer) = loaded.answer {
            return replay(cx, answer);
        }
        let present: BTreeMap<_, _> = loaded.streams.into_iter().map(|stream| (stream.id, stream)).collect();
        // Which keys are claimed is known when everything is decided; a refusal may bring about another claim.
        for _ in 0..MAX_ATTEMPTS {
            let mut work = Work::new(present.values().cloned(), Some(Keys::knowing(stored)));
            let answers = self.decide_all(cx, steps, mode, &mut work).await;
            let keys = work.keys.take().unwrap_or_default();
            stored = keys.stored;
            if keys.unknown.is_empty() {
                return self.store_batch(cx, answers?, work).await;
            }
            let holders = self.holding(cx, keys.unknown).await?;
            let taken = holders.values().any(Option::is_some);
            stored.extend(holders);
            if !taken && answers.is_ok() {
                // Nothing would be decided otherwise.
                return self.store_batch(cx, answers?, work).await;
            }
        }
        Err(AppError::Contended.into())
    }

    /// Which living streams hold some unique keys. One round trip, or none. Whoever may change the aggregate may learn that a key
    /// is taken anyway.
    async fn holding(
        &self,
        cx: &Context,
        keys: BTreeSet<UniqueKey>,
    ) -> Result<BTreeMap<UniqueKey, Option<Uuid>>, StoreError> {
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let keys: Vec<_> = keys.into_iter().collect();
        let holders = self.store.holders(cx, &keys).await?;
        Ok(keys.into_iter().zip(holders).collect())
    }

    async fn decide_all(
        &self,
        cx: &Context,
        steps: &[Step],
        mode: Mode,
        work: &mut Work,
    ) -> Result<Vec<StepAnswer>, BatchError> {
        let mut answers = Vec::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            answers.push(match self.decide(cx, step, work).await {
                Ok(receipt) => StepAnswer::Done(receipt),
                Err(error @ (AppError::Unavailable(_) | AppError::Internal(_) | AppError::Unforeseen)) => {
                    return Err(error.into());
                }
                Err(error) if mode == Mode::Atomic => return Err(BatchError { index: Some(index), error }),
                Err(error) => StepAnswer::Refused(Refusal::from(&error)),
            });
        }
        Ok(answers)
    }

    async fn store_batch(
        &self,
        cx: &Context,
        answers: Vec<StepAnswer>,
        work: Work,
    ) -> Result<BatchOutcome, BatchError> {
        let seen = work.seen();
        let streams = work.into_appends();
        if streams.is_empty() && cx.idempotency.is_none() {
            return Ok(BatchOutcome { answers, token: seen, replayed: false });
        }
        let seen = seen.filter(|_| streams.is_empty());
        let append = Append { occurred_at: self.clock.now(), streams, receipts: answers.clone(), seen };
        match self.store.append(cx, append).await? {
            Appended::Stored(token) => Ok(BatchOutcome { answers, token: Some(token), replayed: false }),
            Appended::Answered(answer) => replay(cx, answer),
        }
    }
}

/// Gives a repeated batch its first answer, if it is the same batch.
fn replay(cx: &Context, answer: Answer) -> Result<BatchOutcome, BatchError> {
    match &cx.idempotency {
        Some(key) if key.fingerprint == answer.fingerprint => {
            Ok(BatchOutcome { answers: answer.receipts, token: Some(answer.token), replayed: true })
        }
        _ => Err(AppError::KeyReused.into()),
    }
}
