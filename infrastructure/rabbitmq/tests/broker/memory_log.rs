//! The log of events in memory: a fake of our own ports.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use fairlead_application::{
    envelope::SequencedEvent,
    ports::{Metadata, StoredEvent},
    subscription::{Checkpoint, ParkedStream},
};
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

/// A log that tests can write to and look into, as one of the processes that read it.
#[derive(Clone)]
pub(crate) struct MemoryLog {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) changed: watch::Sender<()>,
    /// The number of the process.
    pub(super) member: u32,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) events: Vec<SequencedEvent>,
    versions: HashMap<Uuid, i64>,
    pub(super) partitions: Vec<Partition>,
    /// Every checkpoint recorded, with the claim's number.
    pub(super) advances: Vec<(u64, i64)>,
    /// The process of this number is stopped wherever it asks whether it holds a partition.
    pub(super) stopped: Option<u32>,
}

#[derive(Default)]
pub(super) struct Partition {
    pub(super) checkpoint: Checkpoint,
    /// The number of the last claim, from 1.
    pub(super) epoch: u64,
    pub(super) held: bool,
    /// Who holds it, or may hold it next; anybody when `None`.
    pub(super) member: Option<u32>,
    /// The claim of this number is to end.
    pub(super) wanted: Option<u64>,
    /// By tenant and stream: the first version, and whether a replay is demanded.
    pub(super) parked: BTreeMap<(Uuid, Uuid), (i64, bool)>,
}

impl MemoryLog {
    pub(crate) fn new() -> Self {
        Self::partitioned(1)
    }

    pub(crate) fn partitioned(count: usize) -> Self {
        let partitions = (0..count).map(|_| Partition::default()).collect();
        let state = State { partitions, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), changed: watch::Sender::new(()), member: 0 }
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

    /// The same log, as another process sees it.
    pub(crate) fn member(&self, member: u32) -> Self {
        Self { member, ..self.clone() }
    }

    /// Appends an event to the stream of that number.
    pub(crate) fn append(&self, stream: u64) {
        let name = |version| if version == 1 { "contact.created" } else { "contact.renamed" };
        self.append_named(stream, name);
    }

    /// Appends an event whose name follows from its version.
    pub(crate) fn append_named(&self, stream: u64, name: impl Fn(i64) -> &'static str) {
        self.push(stream, name, None);
    }

    /// Appends an event with these data.
    pub(crate) fn append_with(&self, stream: u64, name: &'static str, data: Value) {
        self.push(stream, |_| name, Some(data));
    }

    fn push(&self, stream: u64, name: impl Fn(i64) -> &'static str, data: Option<Value>) {
        self.change(|state| {
            let position = i64::try_from(state.events.len()).unwrap() + 1;
            let id = stream_id(stream);
            let version = state.versions.entry(id).or_default();
            *version += 1;
            let mut event = event(position, id, *version, name(*version));
            event.event.data = data.unwrap_or(event.event.data);
            state.events.push(event);
        });
    }

    pub(crate) fn events(&self) -> Vec<SequencedEvent> {
        self.lock().events.clone()
    }

    pub(crate) fn last(&self) -> i64 {
        i64::try_from(self.lock().events.len()).unwrap()
    }

    /// Up to here everything is recorded.
    pub(crate) fn checkpoint(&self) -> i64 {
        self.lock().partitions.iter().map(|partition| partition.checkpoint.position).min().unwrap()
    }

    pub(crate) fn advances(&self) -> Vec<(u64, i64)> {
        self.lock().advances.clone()
    }

    /// The number of the first partition's last claim, and whether it is held.
    pub(crate) fn holder(&self) -> (u64, bool) {
        let state = self.lock();
        (state.partitions[0].epoch, state.partitions[0].held)
    }

    /// Which processes hold the partitions.
    pub(crate) fn members(&self) -> Vec<Option<u32>> {
        let held = |partition: &Partition| partition.member.filter(|_| partition.held);
        self.lock().partitions.iter().map(held).collect()
    }

    /// The holder of the first partition loses it, without noticing it, to a process, or to whoever comes first.
    pub(crate) fn expel(&self, to: Option<u32>) {
        self.change(|state| {
            state.partitions[0].held = false;
            state.partitions[0].member = to;
        });
    }

    /// The holder of a partition is asked to leave it to another process.
    pub(crate) fn hand_over(&self, partition: usize, member: u32) {
        self.change(|state| {
            let partition = &mut state.partitions[partition];
            partition.member = Some(member);
            partition.wanted = Some(partition.epoch);
        });
    }

    /// A process is stopped, or woken.
    pub(crate) fn stop(&self, member: Option<u32>) {
        self.change(|state| state.stopped = member);
    }

    pub(crate) fn parked(&self) -> Vec<ParkedStream> {
        self.lock().partitions.iter().flat_map(|partition| listed(partition, |_| true)).collect()
    }

    pub(crate) fn demand_replays(&self) {
        self.change(|state| {
            for partition in &mut state.partitions {
                partition.parked.values_mut().for_each(|(_, demanded)| *demanded = true);
            }
        });
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

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.send_replace(());
        changed
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

pub(super) fn listed(partition: &Partition, wanted: impl Fn(bool) -> bool) -> Vec<ParkedStream> {
    let parked = partition.parked.iter().filter(|(_, (_, demanded))| wanted(*demanded));
    parked.map(|(&(tenant, stream), &(first_version, _))| ParkedStream { tenant, stream, first_version }).collect()
}

/// The id of the stream of that number.
pub(crate) fn stream_id(stream: u64) -> Uuid {
    Uuid::from_u128(u128::from(stream) + 0x1000)
}

fn event(position: i64, stream: Uuid, version: i64, event_type: &str) -> SequencedEvent {
    let id = Uuid::from_u128(u128::try_from(position).unwrap() + 0x2000_0000);
    let metadata = Metadata {
        actor: "user:ana".into(),
        correlation_id: Some(Uuid::from_u128(7)),
        causation_id: (version > 1).then_some(Uuid::from_u128(8)),
        hops: 0,
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
