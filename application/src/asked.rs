//! What is asked of records, in the terms of whoever asks: one thing, or many at once. What commands have to know beyond their own
//! record is looked up for all of them together, so that it takes as many round trips for a thousand as for one.

use std::{future::Future, sync::Arc};

use fairlead_domain::kernel::{Aggregate, UniqueKey};
use uuid::Uuid;

use crate::{
    App, AppError, Expected, Outcome, Step,
    access::{Authorized, Permits},
    batch::{BatchError, BatchOutcome, Mode},
    work::Turn,
};

/// How often facts are looked up, when records change between that and their turn.
const ATTEMPTS: usize = 5;

/// Something that can be asked of a record.
pub trait Asked: Clone + Send + Sync + 'static {
    /// The record.
    type Of: Aggregate;
    /// What commands have to know besides.
    type Facts: Send + Sync + 'static;

    /// Looks up what it takes to decide all of this.
    fn facts<P: Permits<Self::Of>>(
        app: &App,
        cx: &Authorized<P>,
        all: &[Wanted<Self>],
    ) -> impl Future<Output = Result<Self::Facts, AppError>> + Send;

    /// The commands that it comes to when it is its turn, of which all take effect or none.
    ///
    /// # Errors
    /// [`AppError::Unforeseen`] when the record has become such that something has to be known which was not looked up. Then all
    /// of it is looked up once more.
    fn commands(
        self,
        facts: &Self::Facts,
        turn: &Turn<'_>,
        state: Option<&Self::Of>,
    ) -> Result<Vec<<Self::Of as Aggregate>::Command>, AppError>;
}

/// Of which record something is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Of one that is made by it.
    New,
    /// Of this one.
    Record(Uuid),
    /// Of whoever holds a key when it is its turn; of one that is made by it, when nobody does. In batches alone.
    Holder(UniqueKey),
}

/// Something that is asked of a record.
#[derive(Debug, Clone)]
pub struct Wanted<R> {
    /// Of which.
    pub target: Target,
    /// At which version it must be.
    pub expected: Expected,
    /// What.
    pub asked: R,
}

impl<R: Asked> Wanted<R> {
    /// Of a record that is made by it.
    pub fn new(asked: R) -> Self {
        Self { target: Target::New, expected: Expected::New, asked }
    }

    /// Of a record.
    pub fn of(id: <R::Of as Aggregate>::Id, expected: Expected, asked: R) -> Self {
        Self { target: Target::Record(id.into()), expected, asked }
    }

    fn step(self, app: &App, cx: &Authorized<impl Permits<R::Of>>, facts: Arc<R::Facts>) -> Step {
        let Self { target, expected, asked } = self;
        let (id, holder) = match target {
            Target::New => (app.fresh(), None),
            Target::Record(id) => (id.into(), None),
            Target::Holder(key) => (app.fresh(), Some(key)),
        };
        let commands = move |turn: &Turn<'_>, state: Option<&R::Of>| asked.clone().commands(&facts, turn, state);
        let mut step = Step::deciding::<R::Of>(cx, id, expected, commands);
        step.holder = holder;
        step
    }
}

impl App {
    /// Does what is asked of a record.
    ///
    /// # Errors
    /// As [`App::execute`].
    pub async fn ask<R: Asked>(
        &self,
        cx: &Authorized<impl Permits<R::Of>>,
        wanted: Wanted<R>,
    ) -> Result<Outcome, AppError> {
        for _ in 0..ATTEMPTS {
            let facts = R::facts(self, cx, std::slice::from_ref(&wanted)).await?;
            let step = wanted.clone().step(self, cx, Arc::new(facts));
            match self.execute_all(cx, &[step]).await {
                Err(AppError::Unforeseen) => {}
                outcome => return outcome,
            }
        }
        Err(AppError::Contended)
    }

    /// Does what is asked of many records, one after the other, and stores it in one transaction.
    ///
    /// # Errors
    /// As [`App::execute_batch`].
    pub async fn ask_all<R: Asked>(
        &self,
        cx: &Authorized<impl Permits<R::Of>>,
        wanted: &[Wanted<R>],
        mode: Mode,
    ) -> Result<BatchOutcome, BatchError> {
        for _ in 0..ATTEMPTS {
            let facts = Arc::new(R::facts(self, cx, wanted).await?);
            let steps: Vec<_> = wanted.iter().map(|one| one.clone().step(self, cx, facts.clone())).collect();
            match self.execute_batch(cx, &steps, mode).await {
                Err(BatchError { error: AppError::Unforeseen, .. }) => {}
                outcome => return outcome,
            }
        }
        Err(AppError::Contended.into())
    }
}
