//! Partitions and the processes that share them, under thousands of schedules. A failure names its seed.

use std::collections::{BTreeMap, BTreeSet};

use fairlead_application::subscription::ownership::{Member, Plan, View};

/// Xorshift (Marsaglia, 2003): a schedule is repeated by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap()
    }
}

/// A process: what it saw last, what it works, and whether it is stopped.
#[derive(Default)]
struct Process {
    plan: Plan,
    working: BTreeSet<i16>,
    stopped: bool,
}

/// The locks in the database, and the processes around it.
struct World {
    partitions: BTreeSet<i16>,
    holders: BTreeMap<i16, Member>,
    members: BTreeSet<Member>,
    processes: BTreeMap<Member, Process>,
    paused: bool,
    turn: u32,
    epochs: BTreeMap<i16, (u64, Member)>,
    next: Member,
}

impl World {
    fn new(partitions: i16, turn: u32) -> Self {
        Self {
            partitions: (0..partitions).collect(),
            holders: BTreeMap::new(),
            members: BTreeSet::new(),
            processes: BTreeMap::new(),
            paused: false,
            turn,
            epochs: BTreeMap::new(),
            next: 1,
        }
    }

    fn view(&self) -> View {
        View {
            partitions: self.partitions.clone(),
            members: self.members.clone(),
            holders: self.holders.clone(),
            paused: self.paused,
        }
    }

    fn start(&mut self) {
        self.members.insert(self.next);
        self.processes.insert(self.next, Process::default());
        self.next += 1;
    }

    /// The server ends a session, and with it everything it held.
    fn end_session(&mut self, member: Member) {
        self.members.remove(&member);
        self.holders.retain(|_, holder| *holder != member);
    }

    fn look(&mut self, member: Member) {
        let plan = self.view().plan(member, self.turn);
        self.processes.get_mut(&member).unwrap().plan = plan;
    }

    /// Does one thing of what was planned, which may be out of date by now.
    fn act(&mut self, member: Member) {
        let process = self.processes.get_mut(&member).unwrap();
        if let Some(partition) = process.plan.give_up.pop() {
            if self.holders.get(&partition) == Some(&member) {
                process.working.remove(&partition);
                self.holders.remove(&partition);
            }
        } else if let Some(partition) = process.plan.acquire.pop()
            && self.members.contains(&member)
            && !self.holders.contains_key(&partition)
        {
            self.holders.insert(partition, member);
            process.working.insert(partition);
            let epoch = self.epochs.get(&partition).map_or(0, |(epoch, _)| *epoch) + 1;
            self.epochs.insert(partition, (epoch, member));
        }
    }

    /// Nobody but the present holder has the present epoch; what others believe to work, they can't move.
    fn check(&self, seed: u64) {
        for (partition, holder) in &self.holders {
            assert_eq!(self.epochs[partition].1, *holder, "seed {seed}: partition {partition}");
        }
        for (member, process) in &self.processes {
            if !process.stopped && self.members.contains(member) {
                let held = self.holders.iter().filter(|(_, holder)| *holder == member).map(|(partition, _)| *partition);
                assert_eq!(process.working, held.collect(), "seed {seed}: process {member}");
            }
        }
    }
}

fn schedule(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut world =
        World::new(i16::try_from(1 + random.below(8)).unwrap(), u32::try_from(random.below(1_000)).unwrap());
    for _ in 0..300 {
        let members: Vec<_> = world.processes.iter().filter(|(_, p)| !p.stopped).map(|(member, _)| *member).collect();
        let any = |random: &mut Random| (!members.is_empty()).then(|| members[random.below(members.len())]);
        match random.below(20) {
            0 if world.processes.len() < 5 => world.start(),
            // One dies, and its session with it.
            1 => {
                if let Some(member) = any(&mut random) {
                    world.end_session(member);
                    world.processes.remove(&member);
                }
            }
            // One is stopped; the server ends its session, while it believes to work still.
            2 => {
                if let Some(member) = any(&mut random) {
                    world.processes.get_mut(&member).unwrap().stopped = true;
                    world.end_session(member);
                }
            }
            // One that was stopped wakes up, finds its session gone, and begins anew.
            3 => {
                let stopped = world.processes.iter().find(|(_, process)| process.stopped).map(|(member, _)| *member);
                if let Some(member) = stopped {
                    world.processes.remove(&member);
                    world.start();
                }
            }
            4 => world.paused = !world.paused,
            5..=9 => drop(any(&mut random).map(|member| world.look(member))),
            _ => drop(any(&mut random).map(|member| world.act(member))),
        }
        world.check(seed);
    }

    // When nothing more happens, everyone comes to agree: all is worked, in equal shares, or nothing.
    world.paused = random.below(4) == 0;
    if world.members.is_empty() {
        world.start();
    }
    let members: Vec<_> = world.members.iter().copied().collect();
    for _ in 0..40 {
        for member in &members {
            world.look(*member);
            for _ in 0..3 {
                world.act(*member);
            }
            world.check(seed);
        }
    }
    if world.paused {
        assert!(world.holders.is_empty(), "seed {seed}: nobody works what is paused");
        return;
    }
    assert_eq!(world.holders.len(), world.partitions.len(), "seed {seed}: all is worked");
    let shares = members.iter().map(|member| world.holders.values().filter(|holder| *holder == member).count());
    let shares: Vec<_> = shares.collect();
    assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1, "seed {seed}: {shares:?}");
    // And nothing moves any more.
    for member in &members {
        assert_eq!(world.view().plan(*member, world.turn), Plan::default(), "seed {seed}");
    }
}

#[test]
fn partitions_have_one_owner_and_come_to_rest_in_equal_shares() {
    for seed in 1..=5_000 {
        schedule(seed);
    }
}
