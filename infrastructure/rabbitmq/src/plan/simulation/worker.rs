//! A relay's claim of one partition: drives a plan as a session does, in slow motion.

use std::{collections::BTreeMap, time::Duration};

use fairlead_application::subscription::Entry;
use tokio::time::Instant;

use super::{
    super::{Answer, Call, End, Limits, Outcome, Plan},
    Fault,
    broker::Broker,
    log::{Failure, LEASE, Log, MARGIN},
    random::Random,
};

pub(super) const LIMITS: Limits = Limits { in_flight: 4, batch: 2, read: 4, read_ahead: 16 };
/// Milliseconds until a confirm must have come, and until draining must have ended.
const CONFIRM_LIMIT: u64 = 3_000;
const DRAIN_LIMIT: u64 = 800;

pub(super) struct Worker {
    pub(super) partition: usize,
    epoch: u64,
    plan: Plan<i64>,
    channel: Option<u64>,
    calls: Vec<Pending>,
    /// What is unconfirmed, with the time since when.
    unconfirmed: BTreeMap<u64, (Entry, u64)>,
    /// Until then it believes to hold the partition.
    until: u64,
    /// Since when it is to end.
    leaving: Option<u64>,
    seen_generation: u64,
}

enum Pending {
    Asked(Call),
    /// The log has done it, the answer is on its way.
    Done(Answer<i64>),
}

/// What is around a worker.
pub(super) struct Around<'a> {
    pub(super) now: &'a mut u64,
    pub(super) base: Instant,
    pub(super) log: &'a mut Log,
    pub(super) broker: &'a mut Broker,
    pub(super) random: &'a mut Random,
    pub(super) fault: Fault,
    /// Whether the process may be stopped for a while at any moment.
    pub(super) stops: bool,
}

impl Around<'_> {
    fn instant(&self) -> Instant {
        self.base + Duration::from_millis(*self.now)
    }
}

impl Worker {
    /// Claims a partition that is free.
    pub(super) fn claim(partition: usize, around: &mut Around<'_>) -> Self {
        let parked = around.log.parked(partition);
        let state = &mut around.log.partitions[partition];
        state.epoch += 1;
        state.until = *around.now + LEASE;
        Self {
            partition,
            epoch: state.epoch,
            plan: Plan::new(&state.checkpoint, &parked, LIMITS),
            channel: Some(around.broker.open()),
            calls: Vec::new(),
            unconfirmed: BTreeMap::new(),
            until: *around.now + LEASE - MARGIN,
            leaving: None,
            seen_generation: 0,
        }
    }

    /// Prolongs the claim, or notices that it is lost.
    pub(super) fn renew(&mut self, around: &mut Around<'_>) {
        let state = &mut around.log.partitions[self.partition];
        if state.epoch == self.epoch && *around.now < state.until {
            state.until = *around.now + LEASE;
            self.until = *around.now + LEASE - MARGIN;
        } else {
            self.leave(*around.now);
        }
    }

    /// Is asked to end.
    pub(super) fn leave(&mut self, now: u64) {
        self.leaving.get_or_insert(now);
        self.plan.drain();
    }

    /// The channel is gone.
    pub(super) fn interrupt(&mut self, too_large: bool, around: &mut Around<'_>) {
        if let Some(channel) = self.channel.take() {
            around.broker.close(channel);
            self.unconfirmed.clear();
            self.plan.interrupted(too_large, around.instant());
        }
    }

    /// The connection is gone, and with it the claim.
    pub(super) fn disconnect(&mut self, around: &mut Around<'_>) {
        self.interrupt(false, around);
        self.leave(*around.now);
    }

    /// The process dies.
    pub(super) fn crash(self, broker: &mut Broker) {
        if let Some(channel) = self.channel {
            broker.close(channel);
        }
    }

    /// Whether everything read is handled.
    pub(super) fn is_idle(&self) -> bool {
        self.plan.is_idle()
    }

    /// A turn of the loop, or an answer. `false` when the worker has ended.
    pub(super) fn step(&mut self, around: &mut Around<'_>) -> Result<bool, String> {
        if around.random.once_in(2) && !self.calls.is_empty() {
            let index = around.random.index(self.calls.len());
            match self.advance_call(index, around) {
                Ok(()) => {}
                Err(Failure::Lost(_)) => return Ok(self.end(around)),
                Err(Failure::Wrong(what)) => return Err(what),
            }
        }
        self.take_replies(around);
        if self.leaving.is_some_and(|since| since + DRAIN_LIMIT < *around.now) {
            if self.channel.is_none() {
                return Ok(self.end(around));
            }
            self.interrupt(false, around);
            self.leaving = Some(*around.now);
        }
        self.plan.tick(around.instant());
        self.publish(around)?;
        while let Some(call) = self.plan.call(around.instant()) {
            self.calls.push(Pending::Asked(call));
        }
        match self.plan.end() {
            Some(End::Drained) if self.leaving.is_none() => {
                let fresh = Plan::new(&Default::default(), &[], LIMITS);
                self.plan = std::mem::replace(&mut self.plan, fresh).anew();
                self.calls.clear();
                self.channel = Some(around.broker.open());
                Ok(true)
            }
            Some(_) => Ok(self.end(around)),
            None => Ok(true),
        }
    }

    fn advance_call(&mut self, index: usize, around: &mut Around<'_>) -> Result<(), Failure> {
        match self.calls.swap_remove(index) {
            Pending::Asked(Call::Grown) if self.seen_generation == around.log.generation => {
                self.calls.push(Pending::Asked(Call::Grown));
            }
            Pending::Asked(call) => {
                if call == Call::Grown {
                    self.seen_generation = around.log.generation;
                }
                self.calls.push(Pending::Done(around.log.execute(self.partition, self.epoch, &call)?));
            }
            Pending::Done(answer) => {
                let answered = self.plan.answer(answer, around.instant());
                answered.map_err(|error| Failure::Wrong(format!("{error:?}")))?;
            }
        }
        Ok(())
    }

    fn take_replies(&mut self, around: &mut Around<'_>) {
        let Some(channel) = self.channel else { return };
        for (tag, outcome) in around.broker.replies(channel, around.random) {
            let Some((entry, _)) = self.unconfirmed.remove(&tag) else { continue };
            if outcome == Outcome::Confirmed {
                around.log.confirmed.insert(entry.position);
            }
            self.plan.settled(tag, &outcome, around.instant());
        }
        if around.broker.closed_as_too_large(channel) {
            self.interrupt(true, around);
        } else if self.unconfirmed.values().any(|(_, since)| since + CONFIRM_LIMIT < *around.now) {
            self.disconnect(around);
        }
    }

    fn publish(&mut self, around: &mut Around<'_>) -> Result<(), String> {
        let Some(channel) = self.channel else { return Ok(()) };
        loop {
            let Around { now, random, stops, fault, .. } = around;
            let (until, skips) = (self.until, *fault == Fault::SkipHolds);
            let holds = || {
                // The process may be stopped right here, and woken long after.
                **now += if *stops && random.once_in(200) { random.below(3 * LEASE) } else { 0 };
                skips || **now < until
            };
            let Some((tag, position)) = self.plan.publish(holds) else { return Ok(()) };
            let entry = around.log.entries[usize::try_from(position).unwrap() - 1];
            let state = &around.log.partitions[self.partition];
            if state.epoch != self.epoch || state.until <= *around.now {
                return Err(format!("{position} was published after the lease had ended"));
            }
            let same = |other: &Entry| (other.tenant, other.stream) == (entry.tenant, entry.stream);
            if self.unconfirmed.values().any(|(other, _)| same(other)) {
                return Err(format!("{position} was published while another of its stream was unconfirmed"));
            }
            if self.unconfirmed.len() >= LIMITS.in_flight {
                return Err("more in flight than allowed".to_owned());
            }
            around.broker.send(channel, tag, entry);
            self.unconfirmed.insert(tag, (entry, *around.now));
            if *fault == Fault::ConfirmUnseen {
                self.plan.settled(tag, &Outcome::Confirmed, around.instant());
            }
        }
    }

    /// Releases the claim.
    fn end(&mut self, around: &mut Around<'_>) -> bool {
        if let Some(channel) = self.channel.take() {
            around.broker.close(channel);
        }
        let state = &mut around.log.partitions[self.partition];
        if state.epoch == self.epoch {
            state.until = *around.now;
        }
        false
    }
}
