use std::time::Duration;

use fairlead_application::subscription::{Checkpoint, Entry, Stretch};
use tokio::time::Instant;

use super::window::entry;
use crate::plan::{Answer, Body, Call, End, Limits, Outcome, Plan};

const LIMITS: Limits = Limits { in_flight: 8, batch: 4, read: 8, read_ahead: 64 };

/// A plan, the log before it and the time.
struct Desk {
    plan: Plan<i64>,
    log: Vec<Entry>,
    now: Instant,
    calls: Vec<Call>,
    body: fn(i64) -> Body<i64>,
}

impl Desk {
    fn new(log: &[Entry]) -> Self {
        let plan = Plan::new(&Checkpoint::default(), &[], LIMITS);
        Self { plan, log: log.to_vec(), now: Instant::now(), calls: Vec::new(), body: Body::Message }
    }

    /// Goes on until only the broker, or somebody else, can do something; returns what was published.
    fn turn(&mut self) -> Vec<(u64, i64)> {
        let mut published = Vec::new();
        loop {
            self.plan.tick(self.now);
            published.extend(std::iter::from_fn(|| self.plan.publish(|| true)));
            let Some(call) = self.plan.call(self.now) else { return published };
            let answer = match &call {
                Call::Read(after, _) => {
                    let entries: Vec<_> = self.log.iter().filter(|entry| entry.position > *after).copied().collect();
                    let reached = entries.last().map_or(*after, |entry| entry.position);
                    Answer::Read(Stretch { entries, reached })
                }
                Call::Fetch(entries) => {
                    Answer::Fetched(entries.iter().map(|entry| (self.body)(entry.position)).collect())
                }
                Call::FetchReplay(entries) => {
                    Answer::ReplayFetched(entries.iter().map(|entry| Body::Message(entry.position)).collect())
                }
                Call::Record(_) => Answer::Recorded,
                Call::Park(..) => Answer::Parked,
                Call::Replayed(..) => Answer::Replayed,
                Call::Grown | Call::Replays | Call::Backlog(..) => {
                    self.calls.push(call);
                    continue;
                }
            };
            self.calls.push(call);
            self.plan.answer(answer, self.now).unwrap();
        }
    }

    fn settle(&mut self, tag: u64, outcome: Outcome) -> Vec<(u64, i64)> {
        self.plan.settled(tag, &outcome, self.now);
        self.turn()
    }

    fn later(&mut self) -> Vec<(u64, i64)> {
        self.now += Duration::from_secs(6);
        self.turn()
    }

    fn parked(&self) -> Vec<i64> {
        let parked = |call: &Call| if let Call::Park(entry, _) = call { Some(entry.position) } else { None };
        self.calls.iter().filter_map(parked).collect()
    }

    fn recorded(&self) -> Option<&Checkpoint> {
        let mut calls = self.calls.iter().rev();
        calls.find_map(|call| if let Call::Record(checkpoint) = call { Some(checkpoint) } else { None })
    }
}

#[test]
fn an_event_that_is_refused_while_others_are_taken_parks_its_stream() {
    let mut desk = Desk::new(&[entry(1, 1, 1, 1), entry(2, 1, 1, 2), entry(3, 1, 2, 1)]);
    let mut published = desk.turn();
    assert_eq!(published, [(1, 1), (2, 3)]);
    desk.settle(2, Outcome::Confirmed);
    for attempt in 0..4 {
        assert!(desk.settle(published[0].0, Outcome::Refused).is_empty());
        published = desk.later();
        assert_eq!(published.len(), 1, "attempt {attempt}");
        // Something else is taken meanwhile.
        desk.log.push(entry(4 + attempt, 2, 3, attempt + 1));
        desk.plan.answer(Answer::Grown, desk.now).unwrap();
        let other = desk.turn();
        desk.settle(other[0].0, Outcome::Confirmed);
    }
    assert!(desk.parked().is_empty());
    desk.settle(published[0].0, Outcome::Returned("NO_ROUTE".to_owned()));
    assert_eq!(desk.parked(), [1]);
    desk.later();
    assert_eq!(desk.recorded(), Some(&Checkpoint { position: 7, ahead: vec![] }));
    assert!(desk.later().is_empty());
}

#[test]
fn a_broker_that_takes_nothing_parks_nothing() {
    let mut desk = Desk::new(&[entry(1, 1, 1, 1), entry(2, 1, 2, 1)]);
    let mut published = desk.turn();
    for _ in 0..20 {
        for (tag, _) in std::mem::take(&mut published) {
            desk.settle(tag, Outcome::Refused);
        }
        published = desk.later();
        assert_eq!(published.len(), 2);
    }
    assert_eq!((desk.parked(), desk.recorded()), (vec![], None));
}

#[test]
fn an_event_that_can_not_be_written_parks_at_once() {
    let mut desk = Desk::new(&[entry(1, 1, 1, 1), entry(2, 1, 1, 2), entry(3, 1, 2, 1)]);
    desk.body = |at| if at == 1 { Body::Unencodable("no".to_owned()) } else { Body::Message(at) };
    assert_eq!(desk.turn(), [(1, 3)]);
    assert_eq!(desk.parked(), [1]);
}

#[test]
fn what_is_gone_is_passed_over() {
    let mut desk = Desk::new(&[entry(1, 1, 1, 1), entry(2, 1, 1, 2), entry(3, 1, 2, 1)]);
    desk.body = |at| if at == 1 { Body::Gone } else { Body::Message(at) };
    assert_eq!(desk.turn(), [(1, 3), (2, 2)]);
    desk.settle(1, Outcome::Confirmed);
    desk.settle(2, Outcome::Confirmed);
    desk.later();
    assert_eq!((desk.parked(), desk.recorded()), (vec![], Some(&Checkpoint { position: 3, ahead: vec![] })));
}

#[test]
fn an_unknown_event_stops_the_partition_once_all_before_it_is_handled() {
    let mut desk = Desk::new(&[entry(1, 1, 1, 1), entry(2, 1, 2, 1), entry(3, 2, 3, 1), entry(4, 1, 1, 2)]);
    desk.body = |at| if at == 2 { Body::Unknown("unheard.of".to_owned()) } else { Body::Message(at) };
    let published = desk.turn();
    assert_eq!(published, [(1, 1)]);
    assert_eq!(desk.plan.end(), None);
    desk.settle(1, Outcome::Confirmed);
    assert_eq!(desk.recorded().unwrap().position, 1);
    assert_eq!(desk.plan.end(), Some(End::Unknown { position: 2, event_type: "unheard.of".to_owned() }));
    assert!(desk.parked().is_empty());
}

#[test]
fn a_message_that_is_too_large_is_found_among_those_in_flight_and_parked() {
    let mut desk = Desk::new(&[entry(1, 1, 1, 1), entry(2, 1, 2, 1), entry(3, 1, 3, 1)]);
    assert_eq!(desk.turn().len(), 3);
    desk.plan.interrupted(true, desk.now);
    let mut confirmed = 0;
    for _ in 0..20 {
        desk.turn();
        assert_eq!(desk.plan.end(), Some(End::Drained));
        let fresh = Plan::new(&Checkpoint::default(), &[], LIMITS);
        desk.plan = std::mem::replace(&mut desk.plan, fresh).anew();
        let mut published = desk.turn();
        while let Some((tag, position)) = published.pop() {
            assert!(published.is_empty(), "one by one");
            if position == 2 {
                desk.plan.interrupted(true, desk.now);
            } else {
                confirmed += 1;
                published = desk.settle(tag, Outcome::Confirmed);
            }
        }
        if !desk.parked().is_empty() {
            assert_eq!(desk.parked(), [2]);
            assert!(confirmed >= 2);
            return;
        }
    }
    panic!("the large one was not found");
}

#[test]
fn a_replay_publishes_what_was_set_aside_before_what_came_since() {
    let mut desk = Desk::new(&[entry(1, 1, 1, 1), entry(2, 1, 1, 2), entry(3, 1, 2, 1)]);
    desk.body = |at| if at == 1 { Body::Unencodable("no".to_owned()) } else { Body::Message(at) };
    desk.turn();
    desk.settle(1, Outcome::Confirmed);
    let parked = desk.plan.window.aside()[0];
    assert!(desk.calls.contains(&Call::Replays), "it asks as soon as something is set aside");
    desk.plan.answer(Answer::Replays(vec![parked]), desk.now).unwrap();
    desk.turn();
    assert!(desk.calls.contains(&Call::Backlog(parked, 3)));
    desk.log.push(entry(4, 1, 1, 3));
    desk.plan.answer(Answer::Grown, desk.now).unwrap();
    assert!(desk.turn().is_empty());
    desk.plan.answer(Answer::Backlog(desk.log[..2].to_vec()), desk.now).unwrap();
    assert_eq!(desk.turn(), [(2, 1)]);
    assert_eq!(desk.settle(2, Outcome::Confirmed), [(3, 2)]);
    assert!(!desk.calls.contains(&Call::Replayed(parked, None)));
    assert_eq!(desk.settle(3, Outcome::Confirmed), [(4, 4)]);
    assert!(desk.calls.contains(&Call::Replayed(parked, None)));
}

#[test]
fn a_claim_that_is_not_held_publishes_nothing() {
    let mut desk = Desk::new(&[entry(1, 1, 1, 1)]);
    desk.plan.tick(desk.now);
    while let Some(call) = desk.plan.call(desk.now) {
        match call {
            Call::Read(after, _) => {
                let entries = if after == 0 { desk.log.clone() } else { vec![] };
                let stretch = Stretch { entries, reached: 1 };
                desk.plan.answer(Answer::Read(stretch), desk.now).unwrap();
            }
            Call::Fetch(_) => desk.plan.answer(Answer::Fetched(vec![Body::Message(1)]), desk.now).unwrap(),
            _ => {}
        }
    }
    assert_eq!(desk.plan.publish(|| false), None);
    assert_eq!(desk.plan.publish(|| true), Some((1, 1)));
}
