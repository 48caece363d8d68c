use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{Limits, NotNext, StreamKey, Window};

const LIMITS: Limits = Limits { in_flight: 4, read_ahead: 8 };

fn stream(number: u64) -> StreamKey {
    (Uuid::from_u128(1), Uuid::from_u128(number.into()))
}

fn window(streams: &[u64]) -> Window<()> {
    let mut window = Window::new(0, LIMITS);
    for (position, number) in (1..).zip(streams) {
        window.offer(position, stream(*number), ()).unwrap();
    }
    window
}

fn published(window: &mut Window<()>) -> Vec<i64> {
    std::iter::from_fn(|| window.next()).map(|(position, ())| position).collect()
}

#[test]
fn later_events_of_a_stream_wait_while_others_go_on() {
    let mut window = window(&[7, 7, 8, 7]);
    assert_eq!(published(&mut window), [1, 3]);
    window.confirmed(3);
    assert!(published(&mut window).is_empty());
    window.confirmed(1);
    assert_eq!(published(&mut window), [2]);
    window.confirmed(2);
    assert_eq!(published(&mut window), [4]);
}

#[test]
fn the_checkpoint_stops_before_the_first_unconfirmed() {
    let mut window = window(&[1, 2, 3]);
    assert_eq!(published(&mut window), [1, 2, 3]);
    window.confirmed(3);
    assert_eq!(window.checkpoint(), 0);
    window.confirmed(1);
    assert_eq!(window.checkpoint(), 1);
    window.confirmed(2);
    assert_eq!((window.checkpoint(), window.last()), (3, 3));
}

#[test]
fn equal_stream_ids_of_two_tenants_are_two_streams() {
    let mut window = Window::new(0, LIMITS);
    window.offer(1, (Uuid::from_u128(1), Uuid::nil()), ()).unwrap();
    window.offer(2, (Uuid::from_u128(2), Uuid::nil()), ()).unwrap();
    assert_eq!(published(&mut window), [1, 2]);
}

#[test]
fn holds_no_more_than_its_limits() {
    let mut window = window(&[1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(window.room(), 0);
    assert_eq!(published(&mut window), [1, 2, 3, 4]);
    window.confirmed(2);
    assert_eq!((window.room(), published(&mut window)), (0, vec![5]));
    window.confirmed(1);
    assert_eq!((window.room(), published(&mut window)), (2, vec![6]));
}

#[test]
fn refuses_a_gap_and_a_repetition() {
    let mut window = Window::new(41, LIMITS);
    assert_eq!(window.offer(43, stream(1), ()), Err(NotNext(42)));
    window.offer(42, stream(1), ()).unwrap();
    assert_eq!(window.offer(42, stream(1), ()), Err(NotNext(43)));
}

#[test]
fn ignores_confirms_of_what_is_not_in_flight() {
    let mut window = window(&[1, 1]);
    for stranger in [-1, 0, 1, 2, 3] {
        window.confirmed(stranger);
    }
    assert_eq!((window.checkpoint(), published(&mut window)), (0, vec![1]));
}

/// A linear congruential generator (Knuth, MMIX), so that a failure can be repeated by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

#[test]
fn keeps_its_promises_however_confirms_come_in() {
    for seed in 0..200 {
        let random = &mut Random(seed);
        let limits = Limits { in_flight: 1 + random.below(12), read_ahead: 1 + random.below(40) };
        let streams = 1 + random.below(20);
        interleave(random, limits, streams, &format!("seed {seed}"));
    }
}

fn interleave(random: &mut Random, limits: Limits, streams: usize, seed: &str) {
    const EVENTS: i64 = 500;
    let mut window = Window::new(0, limits);
    let mut in_flight: Vec<(i64, StreamKey)> = Vec::new();
    let mut last_of: HashMap<StreamKey, i64> = HashMap::new();
    let mut confirmed = HashSet::new();
    while window.checkpoint() < EVENTS {
        match random.below(3) {
            0 if window.last() < EVENTS && window.room() > 0 => {
                let position = window.last() + 1;
                let stream = stream(random.below(streams).try_into().unwrap());
                window.offer(position, stream, stream).unwrap();
            }
            1 => {
                if let Some((position, stream)) = window.next() {
                    assert!(in_flight.iter().all(|(_, other)| *other != stream), "{seed}: two of a stream in flight");
                    let before = last_of.insert(stream, position);
                    assert!(before.is_none_or(|before| before < position), "{seed}: order within the stream");
                    in_flight.push((position, stream));
                }
            }
            _ if !in_flight.is_empty() => {
                let (position, _) = in_flight.swap_remove(random.below(in_flight.len()));
                window.confirmed(position);
                assert!(confirmed.insert(position), "{seed}: published twice");
            }
            _ => {}
        }
        assert!(in_flight.len() <= limits.in_flight && window.room() <= limits.read_ahead, "{seed}: limits");
        assert!(!confirmed.contains(&(window.checkpoint() + 1)), "{seed}: the checkpoint lags");
        assert!(in_flight.iter().all(|(position, _)| *position > window.checkpoint()), "{seed}: passes an unconfirmed");
    }
    assert_eq!(i64::try_from(confirmed.len()), Ok(EVENTS), "{seed}: everything is published");
    assert!(window.waiting.is_empty() && window.slots.is_empty() && window.ready.is_empty(), "{seed}: nothing stays");
}
