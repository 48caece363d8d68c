//! The log of events in memory: a fake of our own port.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use fairlead_application::{
    envelope::SequencedEvent,
    log::{Claim, EventLog, LogError},
    ports::{Metadata, StoredEvent},
};
use serde_json::json;
use tokio::sync::{Mutex as AsyncMutex, watch};
use uuid::Uuid;

/// A log that tests can write to and look into.
#[derive(Clone)]
pub(crate) struct MemoryLog {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    events: Vec<SequencedEvent>,
    versions: std::collections::HashMap<Uuid, i64>,
    checkpoint: i64,
    /// The number of the last claim, from 1.
    epoch: u64,
    held: bool,
    /// Every checkpoint recorded, with the claim's number.
    advances: Vec<(u64, i64)>,
}

impl MemoryLog {
    pub(crate) fn new() -> Self {
        Self { state: Arc::default(), changed: watch::Sender::new(()) }
    }

    /// A log with `count` events over `streams` streams, round robin.
    pub(crate) fn with(count: u64, streams: u64) -> Self {
        let log = Self::new();
        for number in 0..count {
            log.append(number % streams);
        }
        log
    }

    /// The same events again, and nobody has read them.
    pub(crate) fn again(&self) -> Self {
        let log = Self::new();
        {
            let (from, mut to) = (self.lock(), log.lock());
            to.events = from.events.clone();
            to.versions = from.versions.clone();
        }
        log
    }

    /// Appends an event to the stream of that number.
    pub(crate) fn append(&self, stream: u64) {
        let name = |version| if version == 1 { "contact.created" } else { "contact.renamed" };
        self.append_named(stream, name);
    }

    /// Appends an event whose name follows from its version.
    pub(crate) fn append_named(&self, stream: u64, name: impl Fn(i64) -> &'static str) {
        {
            let mut state = self.lock();
            let position = i64::try_from(state.events.len()).unwrap() + 1;
            let id = Uuid::from_u128(u128::from(stream) + 0x1000);
            let version = state.versions.entry(id).or_default();
            *version += 1;
            let event = event(position, id, *version, name(*version));
            state.events.push(event);
        }
        self.changed.send_replace(());
    }

    pub(crate) fn events(&self) -> Vec<SequencedEvent> {
        self.lock().events.clone()
    }

    pub(crate) fn last(&self) -> i64 {
        i64::try_from(self.lock().events.len()).unwrap()
    }

    pub(crate) fn checkpoint(&self) -> i64 {
        self.lock().checkpoint
    }

    pub(crate) fn advances(&self) -> Vec<(u64, i64)> {
        self.lock().advances.clone()
    }

    /// The number of the last claim, and whether it is held.
    pub(crate) fn holder(&self) -> (u64, bool) {
        let state = self.lock();
        (state.epoch, state.held)
    }

    /// The holder loses its claim, without noticing it.
    pub(crate) fn expel(&self) {
        self.lock().held = false;
        self.changed.send_replace(());
    }

    /// Waits until the checkpoint is there.
    pub(crate) async fn reached(&self, position: i64) {
        self.until(|| self.checkpoint() >= position).await;
    }

    /// Waits until the condition holds, looking whenever something changes here.
    pub(crate) async fn until(&self, condition: impl Fn() -> bool) {
        let mut changed = self.changed.subscribe();
        while !condition() {
            changed.changed().await.unwrap();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn event(position: i64, stream: Uuid, version: i64, event_type: &str) -> SequencedEvent {
    let id = Uuid::from_u128(u128::try_from(position).unwrap() + 0x2000_0000);
    let metadata = Metadata {
        actor: "user:ana".into(),
        correlation_id: Some(Uuid::from_u128(7)),
        causation_id: (version > 1).then_some(Uuid::from_u128(8)),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
    };
    let event = StoredEvent {
        id,
        version,
        event_type: event_type.into(),
        schema_version: 1,
        data: json!({ "name": format!("Ana {position}") }),
        metadata,
        occurred_at: "2026-03-04T05:06:07.000008Z".parse().unwrap(),
    };
    // Two tenants, a stream belongs to one.
    let tenant = Uuid::from_u128(1 + stream.as_u128() % 2);
    SequencedEvent { position, incarnation: 1, tenant, stream, event }
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn claim(&self, subscription: &str) -> Result<Box<dyn Claim>, LogError> {
        assert_eq!(subscription, "relay");
        let mut changed = self.changed.subscribe();
        loop {
            {
                let mut state = self.lock();
                if !state.held {
                    state.held = true;
                    state.epoch += 1;
                    let (epoch, checkpoint) = (state.epoch, state.checkpoint);
                    drop(state);
                    self.changed.send_replace(());
                    let changed = AsyncMutex::new(self.changed.subscribe());
                    return Ok(Box::new(MemoryClaim { log: self.clone(), epoch, checkpoint, changed }));
                }
            }
            changed.changed().await.unwrap();
        }
    }
}

struct MemoryClaim {
    log: MemoryLog,
    epoch: u64,
    checkpoint: i64,
    changed: AsyncMutex<watch::Receiver<()>>,
}

#[async_trait]
impl Claim for MemoryClaim {
    fn checkpoint(&self) -> i64 {
        self.checkpoint
    }

    async fn read(&self, after: i64, limit: u32) -> Result<Vec<SequencedEvent>, LogError> {
        let state = self.log.lock();
        let after = usize::try_from(after).unwrap();
        Ok(state.events.iter().skip(after).take(limit as usize).cloned().collect())
    }

    async fn advance(&self, position: i64) -> Result<(), LogError> {
        {
            let mut state = self.log.lock();
            if !state.held || state.epoch != self.epoch {
                return Err(LogError::Lost);
            }
            assert!(position > state.checkpoint, "{position} is recorded already");
            state.checkpoint = position;
            state.advances.push((self.epoch, position));
        }
        self.log.changed.send_replace(());
        Ok(())
    }

    async fn grown(&self) -> Result<(), LogError> {
        self.changed.lock().await.changed().await.map_err(|error| LogError::Unavailable(error.into()))
    }

    async fn release(self: Box<Self>) {
        let mut state = self.log.lock();
        if state.epoch == self.epoch {
            state.held = false;
        }
        drop(state);
        self.log.changed.send_replace(());
    }
}
