use std::time::Duration;

use fairlead_application::subscription::{Checkpoint, Entry, Stretch};
use tokio::time::Instant;

use super::window::entry;
use crate::plan::{Answer, Body, Call, Limits, Outcome, Plan};

const LIMITS: Limits = Limits { in_flight: 512, batch: 256, read: 2_048, read_ahead: 65_536 };

/// Does everything that can be done without the broker; returns what was published.
fn turn(plan: &mut Plan<Entry>, log: &[Entry], now: Instant) -> Vec<(u64, Entry)> {
    let mut published = Vec::new();
    loop {
        plan.tick(now);
        published.extend(std::iter::from_fn(|| plan.publish(|| true)));
        let Some(call) = plan.call(now) else { return published };
        let answer = match call {
            Call::Grown => continue,
            Call::Read(after, limit) => {
                let entries: Vec<_> =
                    log.iter().skip(usize::try_from(after).unwrap()).take(limit as usize).copied().collect();
                let reached = after + entries.len() as i64;
                Answer::Read(Stretch { entries, reached })
            }
            Call::Fetch(entries) => Answer::Fetched(entries.into_iter().map(Body::Message).collect()),
            Call::Record(_) => Answer::Recorded,
            other => panic!("{other:?}"),
        };
        plan.answer(answer, now).unwrap();
    }
}

#[test]
fn a_backlog_of_one_tenant_delays_anothers_event_by_about_a_window() {
    let backlog = 50_000;
    let mut log: Vec<_> = (1..=backlog).map(|at| entry(at, 1, u64::try_from(at).unwrap() % 9_000, at)).collect();
    let now = Instant::now();
    let mut plan = Plan::new(&Checkpoint::default(), &[], LIMITS);
    let mut in_flight = turn(&mut plan, &log, now);
    assert_eq!(in_flight.len(), LIMITS.in_flight);
    for (tag, _) in in_flight.drain(..) {
        plan.settled(tag, &Outcome::Confirmed, now);
    }
    in_flight = turn(&mut plan, &log, now);
    log.push(entry(backlog + 1, 2, 1, 1));
    plan.answer(Answer::Grown, now).unwrap();
    let mut others = in_flight.len();
    let longest = LIMITS.in_flight + 2 * LIMITS.batch + 2;
    while !in_flight.iter().any(|(_, entry)| entry.position == backlog + 1) {
        assert!(others <= longest, "{others} messages of the other tenant went first");
        let (tag, _) = in_flight.swap_remove(0);
        plan.settled(tag, &Outcome::Confirmed, now);
        let published = turn(&mut plan, &log, now);
        others += published.len();
        in_flight.extend(published);
    }
}

#[test]
fn what_went_ahead_is_not_published_again_after_a_crash() {
    let mut log: Vec<_> = (1..=40_000).map(|at| entry(at, 1, 1, at)).collect();
    log.extend((40_001..=50_000).map(|at| entry(at, 2, u64::try_from(at).unwrap(), 1)));
    let mut now = Instant::now();
    let mut plan = Plan::new(&Checkpoint::default(), &[], LIMITS);
    let mut count = 0;
    while count < 10_000 {
        let published = turn(&mut plan, &log, now);
        count += published.len();
        for (tag, _) in published {
            plan.settled(tag, &Outcome::Confirmed, now);
        }
    }
    now += Duration::from_secs(1);
    plan.tick(now);
    let Some(Call::Record(checkpoint)) = plan.call(now) else { panic!("nothing to record") };
    let mut plan = Plan::new(&checkpoint, &[], LIMITS);
    let again = turn(&mut plan, &log, now);
    let first = again.iter().map(|(_, entry)| entry.position).min().unwrap();
    assert!(first == checkpoint.position + 1 && again.len() < LIMITS.in_flight, "{first}, {}", again.len());
}
