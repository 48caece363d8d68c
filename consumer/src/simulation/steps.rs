//! The steps of an instance, a transaction each: as `live.rs` takes them in its lanes, and `retry.rs` in its retries.

use std::collections::VecDeque;

use super::{Act, Doing, Id, RETRIES, World, uuid};
use crate::decide::{Next, Verdict, is_suspect};

impl World {
    pub(super) fn step_lane(&mut self, who: usize) {
        match self.instances[who].lane {
            Doing::Nothing => {
                let Some(&(event, deliveries)) = self.queue.front() else { return };
                if who != self.active || !self.instances[who].connected || self.is_locked(event.0) {
                    return;
                }
                self.instances[who].lane = match self.seen(event).verdict() {
                    Verdict::Duplicate => Doing::Settled { event },
                    Verdict::SetAside => {
                        self.hold(event, None);
                        Doing::Settled { event }
                    }
                    Verdict::Handle if is_suspect(deliveries) => {
                        let delay = RETRIES.delay(uuid(event), 1);
                        self.hold(event, Some(Next::Retry { delay, attempts: 0 }));
                        Doing::Settled { event }
                    }
                    Verdict::Handle => Doing::Handling { event, claimed: None },
                };
            }
            Doing::Handling { event, .. } => match self.plans.get_mut(&event).and_then(VecDeque::pop_front) {
                None => {
                    self.take_effect(event);
                    self.instances[who].lane = Doing::Settled { event };
                }
                Some(Act::Fail(reason)) => {
                    self.instances[who].lane = Doing::Failed { event, claimed: None, reason };
                }
                Some(Act::Kill) => self.crash(who),
            },
            Doing::Failed { event, reason, .. } => {
                if self.is_locked(event.0) {
                    return;
                }
                match self.seen(event).verdict() {
                    Verdict::Duplicate => {}
                    Verdict::SetAside => self.hold(event, None),
                    Verdict::Handle => self.hold(event, Some(RETRIES.after(reason, uuid(event), 1))),
                }
                self.instances[who].lane = Doing::Settled { event };
            }
            Doing::Settled { event } => {
                if self.instances[who].connected {
                    self.queue.retain(|(queued, _)| *queued != event);
                }
                self.instances[who].lane = Doing::Nothing;
            }
            Doing::Claimed { .. } => unreachable!("lanes claim nothing"),
        }
    }

    pub(super) fn step_retry(&mut self, who: usize) {
        match self.instances[who].retry {
            Doing::Nothing => {
                let now = self.now;
                let due: Vec<_> = self.held.values().filter_map(|rows| rows.front()).cloned().collect();
                let due: Vec<_> = due.into_iter().filter(|row| row.due.is_some_and(|due| due <= now)).collect();
                if due.is_empty() {
                    return;
                }
                let row = &due[usize::try_from(self.dice.roll(due.len() as u64)).unwrap()];
                let (event, attempts) = (row.event, row.attempts);
                if self.is_locked(event.0) {
                    return;
                }
                let head = self.held.get_mut(&event.0).and_then(VecDeque::front_mut).unwrap();
                if RETRIES.are_used_up(attempts) {
                    (head.due, head.dead) = (None, true);
                } else {
                    head.attempts += 1;
                    head.due = Some(now + RETRIES.delay(uuid(event), attempts + 1));
                    self.instances[who].retry = Doing::Claimed { event, attempts: attempts + 1 };
                }
            }
            Doing::Claimed { event, attempts } => {
                if self.is_locked(event.0) {
                    return;
                }
                self.instances[who].retry = if self.is_head(event, attempts) {
                    Doing::Handling { event, claimed: Some(attempts) }
                } else {
                    Doing::Nothing
                };
            }
            Doing::Handling { event, claimed } => match self.plans.get_mut(&event).and_then(VecDeque::pop_front) {
                None => {
                    self.take_effect(event);
                    self.leave(event.0);
                    self.instances[who].retry = Doing::Nothing;
                }
                Some(Act::Fail(reason)) => self.instances[who].retry = Doing::Failed { event, claimed, reason },
                Some(Act::Kill) => self.crash(who),
            },
            Doing::Failed { event, claimed, reason } => {
                let claimed = claimed.unwrap();
                if self.is_head(event, claimed) {
                    let next = RETRIES.after(reason, uuid(event), claimed);
                    let now = self.now;
                    let head = self.held.get_mut(&event.0).and_then(VecDeque::front_mut).unwrap();
                    match next {
                        Next::Retry { delay, attempts } => (head.due, head.attempts) = (Some(now + delay), attempts),
                        Next::Dead { .. } => (head.due, head.dead, head.letter) = (None, true, false),
                    }
                }
                self.instances[who].retry = Doing::Nothing;
            }
            Doing::Settled { .. } => unreachable!("retries acknowledge nothing"),
        }
    }

    fn is_head(&self, event: Id, attempts: u32) -> bool {
        let head = self.held.get(&event.0).and_then(VecDeque::front);
        head.is_some_and(|head| head.event == event && head.attempts == attempts && !head.dead)
    }
}
