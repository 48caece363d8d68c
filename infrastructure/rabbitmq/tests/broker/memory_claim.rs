//! Claims of the log in memory.

use std::time::Duration;

use async_trait::async_trait;
use fairlead_application::{
    envelope::SequencedEvent,
    log::LogError,
    subscription::{Checkpoint, Claim, Entry, ParkedStream, Stretch, Subscriptions},
};
use tokio::sync::{Mutex as AsyncMutex, watch};

use crate::memory_log::{MemoryLog, Partition, State, listed};

struct MemoryClaim {
    log: MemoryLog,
    partition: usize,
    epoch: u64,
    checkpoint: Checkpoint,
    parked: Vec<ParkedStream>,
    changed: AsyncMutex<watch::Receiver<()>>,
}

#[async_trait]
impl Subscriptions for MemoryLog {
    async fn claim(&self, subscription: &str) -> Result<Box<dyn Claim>, LogError> {
        assert_eq!(subscription, "relay");
        let mut changed = self.changed.subscribe();
        loop {
            let free =
                |partition: &Partition| !partition.held && partition.member.is_none_or(|member| member == self.member);
            let claimed = {
                let mut state = self.lock();
                let index = state.partitions.iter().position(free);
                index.map(|index| {
                    let partition = &mut state.partitions[index];
                    partition.held = true;
                    partition.member = Some(self.member);
                    partition.epoch += 1;
                    let changed = AsyncMutex::new(self.changed.subscribe());
                    let (epoch, checkpoint) = (partition.epoch, partition.checkpoint.clone());
                    let (log, parked) = (self.clone(), listed(partition, |_| true));
                    MemoryClaim { log, partition: index, epoch, checkpoint, parked, changed }
                })
            };
            if let Some(claim) = claimed {
                self.changed.send_replace(());
                return Ok(Box::new(claim));
            }
            changed.changed().await.unwrap();
        }
    }
}

impl MemoryClaim {
    fn mine(&self, event: &SequencedEvent, state: &State) -> bool {
        usize::try_from(event.stream.as_u128()).unwrap() % state.partitions.len() == self.partition
    }

    fn current(&self, state: &State) -> bool {
        let partition = &state.partitions[self.partition];
        partition.held && partition.epoch == self.epoch
    }

    fn write(&self, change: impl FnOnce(&mut Partition)) -> Result<(), LogError> {
        self.log.change(|state| {
            if !self.current(state) {
                return Err(LogError::Lost);
            }
            change(&mut state.partitions[self.partition]);
            Ok(())
        })
    }
}

fn entry(event: &SequencedEvent) -> Entry {
    let SequencedEvent { position, incarnation, tenant, stream, event } = event;
    Entry { position: *position, incarnation: *incarnation, tenant: *tenant, stream: *stream, version: event.version }
}

#[async_trait]
impl Claim for MemoryClaim {
    fn partition(&self) -> i16 {
        i16::try_from(self.partition).unwrap()
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    fn parked(&self) -> &[ParkedStream] {
        &self.parked
    }

    fn holds(&self) -> bool {
        // A process that is stopped stands still; not for ever, or a test that fails would not end.
        for _ in 0..12_000 {
            if self.log.lock().stopped != Some(self.log.member) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.current(&self.log.lock())
    }

    async fn ended(&self) {
        self.log.until(|| self.log.lock().partitions[self.partition].wanted == Some(self.epoch)).await;
    }

    async fn entries(&self, after: i64, limit: u32) -> Result<Stretch, LogError> {
        let state = self.log.lock();
        let later = state.events.iter().skip(usize::try_from(after).unwrap());
        let mine = later.filter(|event| self.mine(event, &state)).take(limit as usize);
        let entries: Vec<_> = mine.map(entry).collect();
        let full = entries.len() == limit as usize;
        let end = i64::try_from(state.events.len()).unwrap();
        let reached = entries.last().filter(|_| full).map_or(end, |entry| entry.position);
        Ok(Stretch { entries, reached: reached.max(after) })
    }

    async fn events(&self, entries: &[Entry]) -> Result<Vec<SequencedEvent>, LogError> {
        let state = self.log.lock();
        Ok(entries.iter().map(|entry| state.events[usize::try_from(entry.position).unwrap() - 1].clone()).collect())
    }

    async fn advance(&self, checkpoint: &Checkpoint) -> Result<(), LogError> {
        self.log.change(|state| {
            if !self.current(state) {
                return Err(LogError::Lost);
            }
            let partition = &mut state.partitions[self.partition];
            assert!(checkpoint.position >= partition.checkpoint.position, "{checkpoint:?} goes back");
            assert_ne!(*checkpoint, partition.checkpoint, "it is recorded already");
            partition.checkpoint = checkpoint.clone();
            state.advances.push((self.epoch, checkpoint.position));
            Ok(())
        })
    }

    async fn park(&self, entry: &Entry, _error: &str) -> Result<(), LogError> {
        self.write(|partition| {
            partition.parked.insert((entry.tenant, entry.stream), (entry.version, false));
        })
    }

    async fn replays(&self) -> Result<Vec<ParkedStream>, LogError> {
        Ok(listed(&self.log.lock().partitions[self.partition], |demanded| demanded))
    }

    async fn backlog(&self, parked: &ParkedStream, until: i64) -> Result<Vec<Entry>, LogError> {
        let state = self.log.lock();
        let of_it = |event: &&SequencedEvent| {
            (event.tenant, event.stream) == (parked.tenant, parked.stream)
                && event.event.version >= parked.first_version
                && event.position <= until
        };
        Ok(state.events.iter().filter(of_it).map(entry).collect())
    }

    async fn replayed(&self, parked: &ParkedStream, error: Option<&str>) -> Result<(), LogError> {
        let key = (parked.tenant, parked.stream);
        self.write(|partition| {
            match error {
                None => partition.parked.remove(&key),
                Some(_) => partition.parked.insert(key, (parked.first_version, false)),
            };
        })
    }

    async fn grown(&self) -> Result<(), LogError> {
        self.changed.lock().await.changed().await.map_err(|error| LogError::Unavailable(error.into()))
    }

    async fn release(self: Box<Self>) {
        self.log.change(|state| {
            let partition = &mut state.partitions[self.partition];
            if partition.epoch == self.epoch {
                partition.held = false;
                // Whoever it was wanted for may take it, or anybody.
                partition.member = partition.member.filter(|member| *member != self.log.member);
            }
        });
    }
}
