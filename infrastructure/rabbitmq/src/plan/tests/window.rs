use fairlead_application::subscription::{Checkpoint, Entry, ParkedStream, Stretch};
use uuid::Uuid;

use crate::plan::{
    simulation::random::Random,
    window::{Disorder, Window},
};

pub(super) fn entry(position: i64, tenant: u64, stream: u64, version: i64) -> Entry {
    let (tenant, stream) = (Uuid::from_u128(tenant.into()), Uuid::from_u128(stream.into()));
    Entry { position, incarnation: 1, tenant, stream, version }
}

fn window(streams: &[u64]) -> Window {
    let mut window = Window::new(&Checkpoint::default(), &[], 8);
    let entries: Vec<_> = (1..).zip(streams).map(|(position, stream)| entry(position, 1, *stream, position)).collect();
    let reached = entries.len() as i64;
    window.offer(&Stretch { entries, reached }).unwrap();
    window
}

fn picked(window: &mut Window) -> Vec<i64> {
    window.pick(99).into_iter().map(|(_, entry)| entry.position).collect()
}

fn handled(window: &mut Window, position: i64) {
    window.handled(u64::try_from(position).unwrap() - 1);
}

fn checkpoint(position: i64, ahead: &[(i64, i64)]) -> Checkpoint {
    Checkpoint { position, ahead: ahead.iter().map(|(start, end)| *start..=*end).collect() }
}

#[test]
fn later_events_of_a_stream_wait_while_others_go_on() {
    let mut window = window(&[7, 7, 8, 7]);
    assert_eq!(picked(&mut window), [1, 3]);
    handled(&mut window, 3);
    assert!(picked(&mut window).is_empty());
    handled(&mut window, 1);
    assert_eq!(picked(&mut window), [2]);
    window.again(1);
    assert_eq!(picked(&mut window), [2]);
    handled(&mut window, 2);
    assert_eq!(picked(&mut window), [4]);
}

#[test]
fn equal_stream_ids_of_two_tenants_are_two_streams() {
    let mut window = Window::new(&Checkpoint::default(), &[], 8);
    window.offer(&Stretch { entries: vec![entry(1, 1, 0, 1), entry(2, 2, 0, 1)], reached: 2 }).unwrap();
    assert_eq!(picked(&mut window), [1, 2]);
}

#[test]
fn what_is_handled_beyond_the_checkpoint_is_remembered() {
    let mut window = window(&[1, 2, 3, 4, 5]);
    assert_eq!(picked(&mut window).len(), 5);
    for position in [2, 3, 5] {
        handled(&mut window, position);
    }
    assert_eq!(window.checkpoint(), checkpoint(0, &[(2, 3), (5, 5)]));
    handled(&mut window, 1);
    assert_eq!(window.checkpoint(), checkpoint(3, &[(5, 5)]));
    let mut next = Window::new(&window.checkpoint(), &[], 8);
    assert_eq!(next.checkpoint(), checkpoint(3, &[(5, 5)]), "before anything is read");
    next.offer(&Stretch { entries: vec![entry(4, 1, 4, 4)], reached: 4 }).unwrap();
    assert_eq!(next.checkpoint(), checkpoint(3, &[(5, 5)]), "before all of it is read");
    next.offer(&Stretch { entries: vec![entry(5, 1, 5, 5)], reached: 6 }).unwrap();
    assert_eq!(picked(&mut next), [4]);
    next.handled(0);
    assert_eq!(next.checkpoint(), checkpoint(6, &[]));
}

#[test]
fn positions_of_other_partitions_are_passed() {
    let mut window = Window::new(&checkpoint(10, &[]), &[], 8);
    window
        .offer(&Stretch { entries: vec![entry(14, 1, 1, 1), entry(17, 1, 2, 1), entry(19, 1, 3, 1)], reached: 25 })
        .unwrap();
    assert_eq!(window.checkpoint(), checkpoint(13, &[]));
    assert_eq!(picked(&mut window), [14, 17, 19]);
    handled(&mut window, 2);
    handled(&mut window, 3);
    assert_eq!(window.checkpoint(), checkpoint(13, &[(17, 19)]));
    handled(&mut window, 1);
    assert_eq!(window.checkpoint(), checkpoint(25, &[]));
}

#[test]
fn of_too_many_ranges_the_longest_stay() {
    let mut window = Window::new(&Checkpoint::default(), &[], 10_000);
    let entries = (1..=9_000).map(|position| entry(position, 1, position.try_into().unwrap(), 1)).collect();
    window.offer(&Stretch { entries, reached: 9_000 }).unwrap();
    window.pick(9_000);
    let open = |position: i64| position % 2 == 1 && !(5_000..6_000).contains(&position);
    (1..=9_000).filter(|position| !open(*position)).for_each(|position| handled(&mut window, position));
    let ahead = window.checkpoint().ahead;
    assert_eq!(ahead.len(), 1_024);
    assert!(ahead.contains(&(5_000..=6_000)) && ahead.is_sorted_by_key(|range| *range.start()));
}

#[test]
fn a_stream_that_is_set_aside_counts_as_handled_until_its_replay() {
    let mut window = window(&[1, 2, 1]);
    assert_eq!(picked(&mut window), [1, 2]);
    let stream = (Uuid::from_u128(1), Uuid::from_u128(1));
    window.set_aside(stream, 1);
    assert_eq!(window.checkpoint(), checkpoint(1, &[(3, 3)]));
    window.offer(&Stretch { entries: vec![entry(4, 1, 1, 4)], reached: 4 }).unwrap();
    assert_eq!(window.checkpoint(), checkpoint(1, &[(3, 4)]));
    assert_eq!((window.hold(stream), window.hold(stream)), (Some(1), None));
    window.offer(&Stretch { entries: vec![entry(5, 1, 1, 5)], reached: 5 }).unwrap();
    assert_eq!(window.aside(), [ParkedStream { tenant: stream.0, stream: stream.1, first_version: 1 }]);
    assert!(picked(&mut window).is_empty(), "it waits for the end of the replay");
    window.let_go(stream);
    assert_eq!(picked(&mut window), [5]);
    assert!(window.aside().is_empty());
}

#[test]
fn a_stream_is_not_replayed_before_all_that_was_handled_earlier_is_read() {
    let parked = ParkedStream { tenant: Uuid::from_u128(1), stream: Uuid::from_u128(1), first_version: 1 };
    let mut window = Window::new(&checkpoint(0, &[(2, 2)]), &[parked], 8);
    assert_eq!(window.hold((parked.tenant, parked.stream)), None, "2 counted as handled since it is set aside");
    window.offer(&Stretch { entries: vec![entry(1, 1, 1, 1), entry(2, 1, 1, 2)], reached: 2 }).unwrap();
    assert_eq!(window.hold((parked.tenant, parked.stream)), Some(1));
}

#[test]
fn a_stream_is_not_replayed_while_something_of_before_is_on_its_way() {
    let parked = ParkedStream { tenant: Uuid::from_u128(1), stream: Uuid::from_u128(1), first_version: 2 };
    let mut window = Window::new(&Checkpoint::default(), &[parked], 8);
    window.offer(&Stretch { entries: vec![entry(1, 1, 1, 1), entry(2, 1, 1, 2)], reached: 2 }).unwrap();
    assert_eq!(picked(&mut window), [1]);
    assert_eq!(window.hold((parked.tenant, parked.stream)), None);
    handled(&mut window, 1);
    assert_eq!(window.hold((parked.tenant, parked.stream)), Some(2));
}

#[test]
fn refuses_what_does_not_follow() {
    let mut window = Window::new(&checkpoint(41, &[]), &[], 8);
    let stretch = |position, reached| Stretch { entries: vec![entry(position, 1, 1, 1)], reached };
    assert_eq!(window.offer(&stretch(41, 45)), Err(Disorder { reached: 41, got: 41 }));
    assert_eq!(window.offer(&stretch(43, 42)), Err(Disorder { reached: 43, got: 42 }));
}

#[test]
fn stops_before_an_entry() {
    let mut window = window(&[1, 2, 3, 1]);
    let all = window.pick(2);
    window.stop_before(all[1].0);
    assert!(picked(&mut window).is_empty());
    assert!(!window.is_stopped());
    handled(&mut window, 1);
    assert!(window.is_stopped() && picked(&mut window).is_empty());
}

#[test]
fn the_checkpoint_is_exact_in_any_order() {
    for seed in 0..200 {
        let random = &mut Random::new(seed);
        let mut window = Window::new(&Checkpoint::default(), &[], 60);
        let (mut position, mut out, mut done) = (0, Vec::new(), vec![]);
        for _ in 0..400 {
            match random.below(3) {
                0 if window.room() > 0 => {
                    position += 1 + i64::try_from(random.below(3)).unwrap();
                    let entry = entry(position, random.below(3), random.below(6), position);
                    window.offer(&Stretch { entries: vec![entry], reached: position }).unwrap();
                    done.push((position, false));
                }
                1 => out.extend(window.pick(1)),
                _ if !out.is_empty() => {
                    let (number, entry) = out.swap_remove(random.index(out.len()));
                    window.handled(number);
                    done.iter_mut().filter(|(position, _)| *position == entry.position).for_each(|it| it.1 = true);
                }
                _ => {}
            }
            let checkpoint = window.checkpoint();
            let covered = |position| {
                position <= checkpoint.position || checkpoint.ahead.iter().any(|range| range.contains(&position))
            };
            assert!(done.iter().all(|(position, handled)| covered(*position) == *handled), "seed {seed}");
        }
    }
}
