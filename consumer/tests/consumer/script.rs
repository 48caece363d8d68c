//! A handler that behaves as it is told.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use fairlead_application::envelope::SequencedEvent;
use fairlead_consumer::{Event, Failure, Handler, Json, Transaction};
use serde_json::Value;
use tokio::sync::Notify;
use uuid::Uuid;

/// What the handler does with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Fail,
    Reject,
    Panic,
    /// Breaks its transaction and says that all is well.
    Swallow,
    /// Never returns.
    Hang,
}

/// What handlers do and have done, as the test sees it.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// In turn.
    acts: HashMap<Uuid, VecDeque<Act>>,
    /// Until told otherwise.
    always: HashMap<Uuid, Act>,
    /// Waits before it works, once.
    gates: HashSet<Uuid>,
    begun: HashMap<Uuid, usize>,
}

impl Script {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    pub(crate) fn once(&self, event: &SequencedEvent, acts: impl IntoIterator<Item = Act>) {
        self.state().acts.entry(event.event.id).or_default().extend(acts);
    }

    pub(crate) fn always(&self, event: &SequencedEvent, act: Act) {
        self.state().always.insert(event.event.id, act);
    }

    pub(crate) fn behave(&self, event: &SequencedEvent) {
        self.state().always.remove(&event.event.id);
    }

    pub(crate) fn shut(&self, event: &SequencedEvent) {
        self.state().gates.insert(event.event.id);
    }

    pub(crate) fn open(&self, event: &SequencedEvent) {
        self.state().gates.remove(&event.event.id);
        self.0.changed.notify_waiters();
    }

    /// How often the handler was called with the event.
    pub(crate) fn begun(&self, event: &SequencedEvent) -> usize {
        self.state().begun.get(&event.event.id).copied().unwrap_or(0)
    }

    /// How often the handler was called.
    pub(crate) fn calls(&self) -> usize {
        self.state().begun.values().sum()
    }

    async fn gate(&self, id: Uuid) {
        loop {
            let changed = self.0.changed.notified();
            if !self.state().gates.contains(&id) {
                return;
            }
            changed.await;
        }
    }
}

/// Writes each event down in `effects`, unless the script says otherwise.
pub(crate) struct Recorder(pub(crate) Script);

#[async_trait]
impl Handler for Recorder {
    type Reads = Json;

    async fn handle(&self, transaction: &Transaction<'_>, event: &Event<Value>) -> Result<(), Failure> {
        let act = {
            let mut state = self.0.state();
            *state.begun.entry(event.id).or_default() += 1;
            let next = state.acts.get_mut(&event.id).and_then(VecDeque::pop_front);
            next.or_else(|| state.always.get(&event.id).copied())
        };
        let sql = "insert into effects (tenant, stream, version, event) values ($1, $2, $3, $4)";
        let tenant = Uuid::from(event.tenant);
        transaction.execute(sql, &[&tenant, &event.stream, &event.version, &event.id]).await?;
        self.0.gate(event.id).await;
        match act {
            None => Ok(()),
            Some(Act::Fail) => Err(Failure::retry("told\0 to fail")),
            Some(Act::Reject) => Err(Failure::reject("told to reject")),
            Some(Act::Panic) => panic!("told to panic"),
            Some(Act::Swallow) => {
                transaction.execute("select 1 / 0", &[]).await.unwrap_err();
                Ok(())
            }
            Some(Act::Hang) => std::future::pending().await,
        }
    }
}
