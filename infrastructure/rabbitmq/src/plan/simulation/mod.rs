//! Several relays, a log and a broker, driven by a seeded scheduler through everything that can go wrong.
//!
//! Checked at each step: of each stream the broker's first occurrences come in order and complete; a worker never has two
//! unconfirmed of a stream, and publishes nothing after its lease has ended; no checkpoint passes what is neither
//! confirmed nor parked; what is good is never parked. In the end everything must have been published.

mod broker;
mod log;
pub(super) mod random;
mod worker;

use std::time::Duration;

use tokio::time::Instant;

use self::{
    broker::Broker,
    log::Log,
    random::Random,
    worker::{Around, Worker},
};

const TENANTS: u64 = 3;
const STREAMS: u64 = 9;
const PARTITIONS: usize = 2;
const STEPS: u64 = 1_500;
/// Steps in which everything must be done once nothing goes wrong any more.
const PATIENCE: u64 = 60_000;

/// A fault that is planted, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Nobody asks whether the partition is held still.
    SkipHolds,
    /// A message counts as confirmed when it is sent.
    ConfirmUnseen,
}

/// A process, with the time until which it is stopped.
#[derive(Default)]
struct Process {
    workers: Vec<Worker>,
    stopped_until: u64,
}

struct World {
    random: Random,
    now: u64,
    base: Instant,
    log: Log,
    broker: Broker,
    processes: Vec<Process>,
    fault: Fault,
    healed: bool,
}

impl World {
    fn new(seed: u64, fault: Fault) -> Self {
        Self {
            random: Random::new(seed),
            now: 0,
            base: Instant::now() + Duration::from_secs(1),
            log: Log::new(PARTITIONS),
            broker: Broker::default(),
            processes: (0..3).map(|_| Process::default()).collect(),
            fault,
            healed: false,
        }
    }

    fn run(mut self) -> Result<(), String> {
        let outages = [self.random.below(STEPS), self.random.below(STEPS)];
        for step in 0..STEPS {
            self.load();
            self.trouble();
            let in_outage = |begin: &u64| (*begin..begin + 100).contains(&step);
            self.broker.out_of_order = outages.iter().any(in_outage);
            self.step()?;
        }
        self.heal();
        for step in 0..PATIENCE {
            if step % 500 == 0 {
                self.log.demand_replays();
            }
            self.step()?;
            if self.is_done() {
                return Ok(());
            }
        }
        Err(format!("something starves: the broker has {:?} of {:?}", self.broker.stored, self.log.versions()))
    }

    fn load(&mut self) {
        // The first tenant has bursts.
        let burst = if self.random.once_in(100) { 30 } else { u64::from(self.random.once_in(15)) };
        for _ in 0..burst {
            let tenant = if burst > 1 { 0 } else { self.random.below(TENANTS) };
            let position = self.log.append(tenant, self.random.below(STREAMS));
            if self.random.once_in(25) {
                let kind = if self.random.once_in(3) { &mut self.broker.large } else { &mut self.broker.poison };
                kind.insert(position);
                self.log.bad.insert(position);
            }
        }
    }

    fn trouble(&mut self) {
        let chosen = self.random.index(self.processes.len());
        match self.random.below(400) {
            0 => self.processes[chosen].stopped_until = self.now + self.random.below(4_000),
            1 => {
                for worker in std::mem::take(&mut self.processes[chosen].workers) {
                    worker.crash(&mut self.broker);
                }
            }
            2 => self.of_workers(chosen, Worker::disconnect),
            3 => self.of_workers(chosen, |worker, around| worker.interrupt(false, around)),
            4 | 5 => self.of_workers(chosen, |worker, around| worker.leave(*around.now)),
            6 => self.log.demand_replays(),
            _ => {}
        }
    }

    fn heal(&mut self) {
        self.healed = true;
        self.broker.heal();
        self.processes.iter_mut().for_each(|process| process.stopped_until = 0);
    }

    fn step(&mut self) -> Result<(), String> {
        self.now += self.random.below(15);
        self.broker.step(&mut self.random)?;
        let chosen = self.random.index(self.processes.len());
        if self.processes[chosen].stopped_until > self.now {
            return Ok(());
        }
        let free = (0..PARTITIONS).find(|partition| self.log.partitions[*partition].until <= self.now);
        if let Some(partition) = free.filter(|_| self.random.once_in(10)) {
            let worker = Worker::claim(partition, &mut self.around());
            self.processes[chosen].workers.push(worker);
        }
        if self.random.once_in(4) {
            self.of_workers(chosen, Worker::renew);
        }
        let mut workers = std::mem::take(&mut self.processes[chosen].workers);
        if !workers.is_empty() {
            let index = self.random.index(workers.len());
            if !workers[index].step(&mut self.around())? {
                workers.swap_remove(index);
            }
        }
        self.processes[chosen].workers = workers;
        Ok(())
    }

    fn is_done(&self) -> bool {
        let held = |partition: usize| {
            let mut workers = self.processes.iter().flat_map(|process| &process.workers);
            workers.any(|worker| worker.partition == partition && worker.is_idle())
        };
        let last = self.log.entries.len() as i64;
        let recorded = |partition: usize| {
            let state = &self.log.partitions[partition];
            state.parked.is_empty() && state.checkpoint.position == last && held(partition)
        };
        (0..PARTITIONS).all(recorded) && self.broker.stored == *self.log.versions()
    }

    fn around(&mut self) -> Around<'_> {
        Around {
            now: &mut self.now,
            base: self.base,
            log: &mut self.log,
            broker: &mut self.broker,
            random: &mut self.random,
            fault: self.fault,
            stops: !self.healed,
        }
    }

    fn of_workers(&mut self, process: usize, change: impl Fn(&mut Worker, &mut Around<'_>)) {
        let mut workers = std::mem::take(&mut self.processes[process].workers);
        workers.iter_mut().for_each(|worker| change(worker, &mut self.around()));
        self.processes[process].workers = workers;
    }
}

/// The seeds to run: one of them, when `FAIRLEAD_TEST_SEED` names it.
fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("FAIRLEAD_TEST_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..count).collect(),
    }
}

#[test]
fn nothing_is_lost_or_out_of_order_whatever_happens() {
    for seed in seeds(1_000) {
        if let Err(error) = World::new(seed, Fault::None).run() {
            panic!("FAIRLEAD_TEST_SEED={seed}: {error}");
        }
    }
}

fn found(fault: Fault, complaint: &str) {
    let complaints = (0..300).filter_map(|seed| World::new(seed, fault).run().err());
    let found = complaints.filter(|error| error.contains(complaint)).count();
    assert!(found > 0, "{fault:?} goes unnoticed");
}

#[test]
fn a_relay_that_does_not_ask_whether_it_holds_is_found() {
    found(Fault::SkipHolds, "after the lease had ended");
}

#[test]
fn a_relay_that_does_not_wait_for_confirms_is_found() {
    found(Fault::ConfirmUnseen, "is open");
}
