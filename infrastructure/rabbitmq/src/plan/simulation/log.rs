//! A log with leases, epochs and parked streams, and what must never happen to it.

use std::collections::{HashMap, HashSet};

use fairlead_application::subscription::{Checkpoint, Entry, ParkedStream, Stretch};
use uuid::Uuid;

use super::super::{Answer, Body, Call, window::StreamKey};

/// Milliseconds for which a claim or its renewal holds, and how much earlier its holder stops.
pub(super) const LEASE: u64 = 1_000;
pub(super) const MARGIN: u64 = 200;

#[derive(Default)]
pub(super) struct Log {
    pub(super) entries: Vec<Entry>,
    versions: HashMap<StreamKey, i64>,
    pub(super) partitions: Vec<Partition>,
    /// Positions whose confirms reached a relay.
    pub(super) confirmed: HashSet<i64>,
    /// Positions that were ever bad: the only ones that may be parked.
    pub(super) bad: HashSet<i64>,
    /// Counts what [`Call::Grown`] waits for.
    pub(super) generation: u64,
}

#[derive(Default)]
pub(super) struct Partition {
    pub(super) epoch: u64,
    pub(super) until: u64,
    pub(super) checkpoint: Checkpoint,
    /// With each stream its first version, and whether its replay is demanded.
    pub(super) parked: HashMap<StreamKey, (i64, bool)>,
}

/// Another claim holds the partition.
pub(super) struct Lost;

impl Log {
    pub(super) fn new(partitions: usize) -> Self {
        let partitions = (0..partitions).map(|_| Partition::default()).collect();
        Self { partitions, ..Self::default() }
    }

    pub(super) fn partition_of(&self, entry: &Entry) -> usize {
        usize::try_from(entry.stream.as_u128()).unwrap() % self.partitions.len()
    }

    pub(super) fn append(&mut self, tenant: u64, stream: u64) -> i64 {
        let key = (Uuid::from_u128(tenant.into()), Uuid::from_u128(stream.into()));
        let version = self.versions.entry(key).or_default();
        *version += 1;
        let position = self.entries.len() as i64 + 1;
        self.entries.push(Entry { position, incarnation: 1, tenant: key.0, stream: key.1, version: *version });
        self.generation += 1;
        position
    }

    pub(super) fn versions(&self) -> &HashMap<StreamKey, i64> {
        &self.versions
    }

    pub(super) fn parked(&self, partition: usize) -> Vec<ParkedStream> {
        self.list(partition, |_| true)
    }

    fn list(&self, partition: usize, wanted: impl Fn(bool) -> bool) -> Vec<ParkedStream> {
        let parked = self.partitions[partition].parked.iter().filter(|(_, (_, demanded))| wanted(*demanded));
        let mut list: Vec<_> = parked
            .map(|(&(tenant, stream), &(first_version, _))| ParkedStream { tenant, stream, first_version })
            .collect();
        list.sort_by_key(|parked| (parked.tenant, parked.stream));
        list
    }

    pub(super) fn demand_replays(&mut self) {
        for partition in &mut self.partitions {
            partition.parked.values_mut().for_each(|(_, demanded)| *demanded = true);
        }
        self.generation += 1;
    }

    /// Does what a claim asks for. Writing is refused to a claim of an older epoch.
    pub(super) fn execute(&mut self, partition: usize, epoch: u64, call: &Call) -> Result<Answer<i64>, Failure> {
        let current = self.partitions[partition].epoch == epoch;
        let writes = matches!(call, Call::Record(_) | Call::Park(..) | Call::Replayed(..));
        if writes && !current {
            return Err(Failure::Lost(Lost));
        }
        Ok(match call {
            Call::Grown => Answer::Grown,
            Call::Read(after, limit) => Answer::Read(self.read(partition, *after, *limit)),
            Call::Fetch(entries) => Answer::Fetched(bodies(entries)),
            Call::FetchReplay(entries) => Answer::ReplayFetched(bodies(entries)),
            Call::Record(checkpoint) => {
                self.record(partition, checkpoint)?;
                Answer::Recorded
            }
            Call::Park(entry, _) => {
                if !self.bad.contains(&entry.position) {
                    return Err(Failure::Wrong(format!("parked at {}, which is a good one", entry.position)));
                }
                self.partitions[partition].parked.insert((entry.tenant, entry.stream), (entry.version, false));
                Answer::Parked
            }
            Call::Replays => Answer::Replays(self.list(partition, |demanded| demanded)),
            Call::Backlog(parked, until) => {
                let of_it = |entry: &&Entry| {
                    (entry.tenant, entry.stream) == (parked.tenant, parked.stream)
                        && entry.version >= parked.first_version
                        && entry.position <= *until
                };
                Answer::Backlog(self.entries.iter().filter(of_it).copied().collect())
            }
            Call::Replayed(parked, error) => {
                let all = &mut self.partitions[partition].parked;
                match error {
                    None => all.remove(&(parked.tenant, parked.stream)),
                    Some(_) => all.insert((parked.tenant, parked.stream), (parked.first_version, false)),
                };
                Answer::Replayed
            }
        })
    }

    fn read(&self, partition: usize, after: i64, limit: u32) -> Stretch {
        let mine = |entry: &&Entry| entry.position > after && self.partition_of(entry) == partition;
        let entries: Vec<_> = self.entries.iter().filter(mine).take(limit as usize).copied().collect();
        let full = entries.len() == limit as usize;
        let reached = if full { entries[entries.len() - 1].position } else { self.entries.len() as i64 };
        Stretch { entries, reached: reached.max(after) }
    }

    /// Everything that a checkpoint covers is confirmed or parked.
    fn record(&mut self, partition: usize, checkpoint: &Checkpoint) -> Result<(), Failure> {
        let covered = |position: i64| {
            position <= checkpoint.position || checkpoint.ahead.iter().any(|range| range.contains(&position))
        };
        let parked = &self.partitions[partition].parked;
        for entry in self.entries.iter().filter(|entry| covered(entry.position)) {
            let aside = parked.get(&(entry.tenant, entry.stream)).is_some_and(|(first, _)| *first <= entry.version);
            if self.partition_of(entry) == partition && !aside && !self.confirmed.contains(&entry.position) {
                return Err(Failure::Wrong(format!("{checkpoint:?} covers {}, which is open", entry.position)));
            }
        }
        let ordered = checkpoint.ahead.windows(2).all(|pair| pair[0].end() + 1 < *pair[1].start());
        let beyond = checkpoint.ahead.iter().all(|range| *range.start() > checkpoint.position && !range.is_empty());
        let before = self.partitions[partition].checkpoint.position;
        if !ordered || !beyond || checkpoint.position < before {
            return Err(Failure::Wrong(format!("{checkpoint:?} is malformed, or behind {before}")));
        }
        self.partitions[partition].checkpoint = checkpoint.clone();
        Ok(())
    }
}

/// Why a call has no answer.
pub(super) enum Failure {
    Lost(Lost),
    /// It should not have been asked.
    Wrong(String),
}

fn bodies(entries: &[Entry]) -> Vec<Body<i64>> {
    entries.iter().map(|entry| Body::Message(entry.position)).collect()
}
