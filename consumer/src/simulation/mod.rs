//! Instances, a queue and the tables in a small world that a seed drives: thousands of interleavings of deliveries,
//! failures, crashes, lost acknowledgements and operators, each step a transaction of the real thing, each decision the
//! real one.

mod steps;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use uuid::Uuid;

use crate::{
    Retries,
    decide::{Next, Seen},
    handler::Reason,
};

const STREAMS: u64 = 4;
const EVENTS: u64 = 6;
const RETRIES: Retries = Retries { attempts: 3, first: Duration::from_secs(1), longest: Duration::from_secs(4) };

/// A stream and a version.
type Id = (u64, u64);

fn uuid((stream, version): Id) -> Uuid {
    Uuid::from_u64_pair(stream, version)
}

/// What the handler does with an event, in turn; then it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Fail(Reason),
    /// Takes the program with it.
    Kill,
}

#[derive(Debug, Clone)]
struct Row {
    event: Id,
    attempts: u32,
    due: Option<Duration>,
    dead: bool,
    letter: bool,
}

/// What an instance does in one of its two places: the lane, or the retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Nothing,
    /// The handler is at work; the stream's lock is held.
    Handling {
        event: Id,
        claimed: Option<u32>,
    },
    /// Rolled back; what failed is not written down yet.
    Failed {
        event: Id,
        claimed: Option<u32>,
        reason: Reason,
    },
    /// The claim is committed, the attempt has not begun.
    Claimed {
        event: Id,
        attempts: u32,
    },
    /// Settled; not acknowledged yet.
    Settled {
        event: Id,
    },
}

#[derive(Debug, Clone)]
struct Instance {
    lane: Doing,
    retry: Doing,
    /// Whether its acknowledgements arrive.
    connected: bool,
}

#[derive(Default)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

struct World {
    dice: Dice,
    now: Duration,
    /// Not acknowledged, in order, with their earlier deliveries.
    queue: VecDeque<(Id, i64)>,
    active: usize,
    instances: Vec<Instance>,
    plans: BTreeMap<Id, VecDeque<Act>>,
    inbox: BTreeSet<Id>,
    held: BTreeMap<u64, VecDeque<Row>>,
    discarded: BTreeSet<Id>,
    /// What took effect, in order.
    effects: BTreeMap<u64, Vec<u64>>,
    letters: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut plans = BTreeMap::new();
        for id in (0..STREAMS).flat_map(|stream| (1..=EVENTS).map(move |version| (stream, version))) {
            let troubled = dice.roll(4) == 0;
            let acts = (0..dice.roll(7)).filter(|_| troubled);
            let acts = acts.map(|_| match dice.roll(10) {
                0 => Act::Fail(Reason::Rejected),
                1 | 2 => Act::Fail(Reason::Unreadable),
                3 => Act::Kill,
                _ => Act::Fail(Reason::Failed),
            });
            plans.insert(id, acts.collect());
        }
        // Interleaved, each stream in order.
        let mut left: Vec<_> = (0..STREAMS).map(|stream| (stream, 1)).collect();
        let mut queue = VecDeque::new();
        while !left.is_empty() {
            let at = usize::try_from(dice.roll(left.len() as u64)).unwrap();
            queue.push_back((left[at], 0));
            left[at].1 += 1;
            if left[at].1 > EVENTS {
                left.remove(at);
            }
        }
        let idle = Instance { lane: Doing::Nothing, retry: Doing::Nothing, connected: true };
        Self {
            dice,
            now: Duration::ZERO,
            queue,
            active: 0,
            instances: vec![idle; 2],
            plans,
            inbox: BTreeSet::new(),
            held: BTreeMap::new(),
            discarded: BTreeSet::new(),
            effects: BTreeMap::new(),
            letters: 0,
        }
    }

    fn is_locked(&self, stream: u64) -> bool {
        let doings = self.instances.iter().flat_map(|instance| [instance.lane, instance.retry]);
        doings.into_iter().any(|doing| matches!(doing, Doing::Handling { event, .. } if event.0 == stream))
    }

    fn seen(&self, event: Id) -> Seen {
        let held = self.held.get(&event.0);
        Seen {
            handled: self.inbox.contains(&event),
            held: held.is_some_and(|rows| rows.iter().any(|row| row.event == event)),
            stream_held: held.is_some_and(|rows| !rows.is_empty()),
        }
    }

    fn hold(&mut self, event: Id, next: Option<Next>) {
        let (attempts, due, dead) = match next {
            None => (0, None, false),
            Some(Next::Retry { delay, attempts }) => (attempts, Some(self.now + delay), false),
            Some(Next::Dead { attempts }) => (attempts, None, true),
        };
        self.held.entry(event.0).or_default().push_back(Row { event, attempts, due, dead, letter: false });
    }

    fn take_effect(&mut self, event: Id) {
        assert!(self.inbox.insert(event), "{event:?} took effect twice");
        let effects = self.effects.entry(event.0).or_default();
        let last = effects.last().copied().unwrap_or(0);
        let between: Vec<_> =
            (last + 1..event.1).filter(|version| !self.discarded.contains(&(event.0, *version))).collect();
        assert!(last < event.1 && between.is_empty(), "{event:?} came before {between:?}");
        effects.push(event.1);
    }

    fn leave(&mut self, stream: u64) {
        if let Some(rows) = self.held.get_mut(&stream) {
            rows.pop_front();
            if let Some(next) = rows.front_mut() {
                next.due = Some(self.now);
            }
        }
    }

    /// The program ends: what it had open is rolled back, and comes again.
    fn crash(&mut self, who: usize) {
        self.instances[who] = Instance { lane: Doing::Nothing, retry: Doing::Nothing, connected: true };
        self.requeue(who);
    }

    fn requeue(&mut self, who: usize) {
        if self.active == who {
            // All that were on their way; the prefetch may be smaller than the queue.
            self.queue.iter_mut().take(5).for_each(|(_, deliveries)| *deliveries += 1);
            self.active = 1 - who;
        }
    }

    fn write_letters(&mut self, confirmed: bool) {
        for head in self.held.values_mut().filter_map(VecDeque::front_mut).filter(|head| head.dead && !head.letter) {
            self.letters += 1;
            head.letter = confirmed;
        }
    }

    fn replay(&mut self) {
        let now = self.now;
        for head in self.held.values_mut().filter_map(VecDeque::front_mut).filter(|head| head.dead) {
            (head.attempts, head.due, head.dead, head.letter) = (0, Some(now), false, false);
        }
    }

    fn discard(&mut self) {
        let stream = self.dice.roll(STREAMS);
        let head = self.held.get(&stream).and_then(VecDeque::front).map(|head| head.event);
        if let Some(event) = head
            && !self.is_locked(stream)
        {
            self.inbox.insert(event);
            self.discarded.insert(event);
            self.effects.entry(stream).or_default();
            self.leave(stream);
        }
    }

    fn step(&mut self) {
        let who = usize::try_from(self.dice.roll(2)).unwrap();
        match self.dice.roll(100) {
            0..45 => self.step_lane(who),
            45..80 => self.step_retry(who),
            80..90 => self.now += Duration::from_millis(self.dice.roll(1500)),
            90..93 => self.crash(who),
            // The broker lets go of it, while it goes on with what it has.
            93..95 => {
                self.instances[who].connected = false;
                self.requeue(who);
            }
            95..97 => self.instances[who].connected = true,
            97 => {
                let confirmed = self.dice.roll(2) == 0;
                self.write_letters(confirmed);
            }
            98 => self.replay(),
            _ => self.discard(),
        }
        for rows in self.held.values() {
            assert!(rows.iter().skip(1).all(|row| row.due.is_none() && !row.dead), "only heads move");
            assert!(rows.front().is_none_or(|head| head.due.is_some() != head.dead), "a head is due or dead");
        }
    }

    /// Goes on without further faults until nothing moves.
    fn settle(&mut self) {
        for _ in 0..2000 {
            for who in 0..2 {
                self.instances[who].connected = true;
                self.step_lane(who);
                self.step_retry(who);
            }
            self.now += Duration::from_millis(500);
            let idle = |instance: &Instance| (instance.lane, instance.retry) == (Doing::Nothing, Doing::Nothing);
            let waits = self.held.values().any(|rows| rows.front().is_some_and(|head| !head.dead));
            if self.queue.is_empty() && !waits && self.instances.iter().all(idle) {
                break;
            }
        }
    }
}

#[test]
fn in_every_interleaving_each_event_takes_effect_once_and_in_order() {
    let (mut deaths, mut letters) = (0, 0);
    for seed in 0..4000 {
        let mut world = World::new(seed);
        for _ in 0..600 {
            world.step();
        }
        world.settle();
        // What died holds up its own stream alone.
        assert!(world.queue.is_empty(), "seed {seed}: {:?}", world.queue);
        for (stream, rows) in world.held.iter().filter(|(_, rows)| !rows.is_empty()) {
            assert!(rows[0].dead, "seed {seed}: stream {stream} waits for nothing");
            deaths += 1;
        }
        for _ in 0..10 {
            world.replay();
            world.settle();
        }
        for stream in 0..STREAMS {
            let expected: Vec<_> =
                (1..=EVENTS).filter(|version| !world.discarded.contains(&(stream, *version))).collect();
            let effects = world.effects.get(&stream).cloned().unwrap_or_default();
            assert_eq!(effects, expected, "seed {seed}, stream {stream}");
        }
        letters += world.letters;
    }
    assert!(deaths > 100 && letters > 100, "the worlds are too kind: {deaths} deaths, {letters} letters");
}
