//! Who works which partition. No I/O.
//!
//! Every process looks at the same facts (who is there, who holds what) and decides for itself; a lock that one process
//! at a time can hold settles what two of them want at once.

use std::collections::{BTreeMap, BTreeSet};

/// A process that works subscriptions, told apart by its session in the database.
pub type Member = i32;

/// What can be seen of one subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Its partitions.
    pub partitions: BTreeSet<i16>,
    /// The processes that want to work it.
    pub members: BTreeSet<Member>,
    /// Who holds what; partitions that nobody holds are missing.
    pub holders: BTreeMap<i16, Member>,
    /// Whether an operator demands that nobody works it.
    pub paused: bool,
}

/// What a process does next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Partitions that nobody holds, to be tried.
    pub acquire: Vec<i16>,
    /// Partitions to be let go once what is in flight is finished.
    pub give_up: Vec<i16>,
}

impl View {
    /// How many partitions fall to a process: all shares are equal but for one. `turn` spreads the remainders of several
    /// subscriptions over the processes; all of them must count with the same, or a partition falls to nobody.
    fn share(&self, me: Member, turn: u32) -> usize {
        let Some(rank) = self.members.iter().position(|member| *member == me) else { return 0 };
        let (partitions, members) = (self.partitions.len(), self.members.len());
        let rank = (rank + usize::try_from(turn).unwrap_or(0) % members) % members;
        partitions / members + usize::from(rank < partitions % members)
    }

    /// What `me` does about this. `turn` is the subscription's, the same in every process.
    pub fn plan(&self, me: Member, turn: u32) -> Plan {
        let held: Vec<i16> =
            self.holders.iter().filter(|(_, holder)| **holder == me).map(|(partition, _)| *partition).collect();
        if self.paused {
            return Plan { acquire: Vec::new(), give_up: held };
        }
        let share = self.share(me, turn);
        // Letting go of the last ones, and beginning with the first, keeps most where they are.
        let give_up = held.iter().skip(share).copied().collect();
        let free = self.partitions.iter().filter(|partition| !self.holders.contains_key(partition));
        let acquire = free.take(share.saturating_sub(held.len())).copied().collect();
        Plan { acquire, give_up }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(partitions: i16, members: &[Member], holders: &[(i16, Member)]) -> View {
        View {
            partitions: (0..partitions).collect(),
            members: members.iter().copied().collect(),
            holders: holders.iter().copied().collect(),
            paused: false,
        }
    }

    #[test]
    fn one_process_takes_everything() {
        let plan = view(4, &[7], &[]).plan(7, 0);
        assert_eq!(plan, Plan { acquire: vec![0, 1, 2, 3], give_up: vec![] });
    }

    #[test]
    fn a_second_one_gets_half() {
        let all = [(0, 7), (1, 7), (2, 7), (3, 7)];
        assert_eq!(view(4, &[7, 9], &all).plan(7, 0).give_up, [2, 3]);
        assert_eq!(view(4, &[7, 9], &all).plan(9, 0), Plan::default());
        assert_eq!(view(4, &[7, 9], &all[..2]).plan(9, 0).acquire, [2, 3]);
    }

    #[test]
    fn who_is_left_takes_over_from_who_is_gone() {
        assert_eq!(view(4, &[9], &[(2, 9), (3, 9)]).plan(9, 0).acquire, [0, 1]);
    }

    #[test]
    fn remainders_are_spread() {
        let members = [1, 2, 3];
        let shares = |turn| members.map(|member| view(4, &members, &[]).share(member, turn));
        assert_eq!(shares(0), [2, 1, 1]);
        assert_eq!(shares(1), [1, 1, 2]);
        assert_eq!(view(1, &[1, 2], &[]).plan(2, 1).acquire, [0]);
    }

    #[test]
    fn nobody_works_what_is_paused() {
        let mut view = view(2, &[7], &[(0, 7)]);
        view.paused = true;
        assert_eq!(view.plan(7, 0), Plan { acquire: vec![], give_up: vec![0] });
    }

    #[test]
    fn a_stranger_takes_nothing_and_gives_back_what_it_holds() {
        assert_eq!(view(2, &[7], &[(1, 8)]).plan(8, 0), Plan { acquire: vec![], give_up: vec![1] });
    }
}
