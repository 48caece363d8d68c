//! Who has to wait because too many of their events do.
//!
//! While the broker takes nothing, events are kept, and commands go on. An organization of which more than a bound wait is
//! held back: its commands are refused until half of the bound is left. Others go on, and so does all reading.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem::take,
    sync::{Mutex, MutexGuard, PoisonError},
};

use fairlead_domain::ids::OrganizationId;
use metrics::gauge;
use tracing::{info, warn};

use crate::AppError;

/// How many events of each organization may wait, and whose do not fit.
#[derive(Debug)]
pub struct Backlogs {
    /// 0 for no bound.
    bound: u64,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    held: BTreeSet<OrganizationId>,
    /// Who has sent commands since it was last asked whose events wait. Nobody else's backlog grows by this process.
    active: BTreeSet<OrganizationId>,
}

impl Backlogs {
    /// Nobody is held back before it is known whose events wait. 0 is no bound.
    pub fn new(bound: u64) -> Self {
        Self { bound, known: Mutex::default() }
    }

    /// The bound, unless there is none.
    pub fn bound(&self) -> Option<u64> {
        Some(self.bound).filter(|bound| *bound > 0)
    }

    /// Lets a command pass, or holds it back. Asks nobody.
    pub(crate) fn admit(&self, organization: OrganizationId) -> Result<(), AppError> {
        if self.bound == 0 {
            return Ok(());
        }
        let mut known = self.known();
        if known.held.contains(&organization) {
            return Err(AppError::HeldBack);
        }
        known.active.insert(organization);
        Ok(())
    }

    /// Whose events have to be counted: of those who have sent commands since this was last asked, and of those who are
    /// held back.
    pub fn concerned(&self) -> BTreeSet<OrganizationId> {
        let mut known = self.known();
        let mut concerned = take(&mut known.active);
        concerned.extend(&known.held);
        concerned
    }

    /// Whether anybody can be concerned while so many events wait in all.
    pub fn matters(&self, waiting: u64) -> bool {
        waiting > if self.known().held.is_empty() { self.bound } else { self.bound / 2 }
    }

    /// Takes notice of how many events of each organization wait; who is missing has none.
    pub fn observe(&self, waiting: &BTreeMap<OrganizationId, u64>) {
        let mut known = self.known();
        let held = held(&known.held, waiting, self.bound);
        for organization in held.difference(&known.held) {
            warn!(tenant = %organization, bound = self.bound, "too many events wait; commands are refused");
        }
        for organization in known.held.difference(&held) {
            info!(tenant = %organization, "commands are taken again");
        }
        gauge!("fairlead_organizations_held_back").set(u32::try_from(held.len()).unwrap_or(u32::MAX));
        known.held = held;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who is held back from now on: who is beyond the bound, and who was and is not down to half of it yet. Without that
/// distance one would be let in and turned away with each event that is published.
fn held(
    before: &BTreeSet<OrganizationId>,
    waiting: &BTreeMap<OrganizationId, u64>,
    bound: u64,
) -> BTreeSet<OrganizationId> {
    let limit = |organization| if before.contains(organization) { bound / 2 } else { bound };
    let beyond = waiting.iter().filter(|(organization, count)| **count > limit(*organization));
    beyond.map(|(organization, _)| *organization).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn organization(number: u128) -> OrganizationId {
        Uuid::from_u128(number).into()
    }

    fn waiting<const N: usize>(counts: [(u128, u64); N]) -> BTreeMap<OrganizationId, u64> {
        counts.map(|(number, count)| (organization(number), count)).into()
    }

    fn admitted(backlogs: &Backlogs, number: u128) -> bool {
        backlogs.admit(organization(number)).is_ok()
    }

    #[test]
    fn who_is_beyond_the_bound_is_held_back_until_half_of_it_is_left() {
        let backlogs = Backlogs::new(10);
        for (count, held) in [(10, false), (11, true), (10, true), (6, true), (5, false), (10, false), (11, true)] {
            backlogs.observe(&waiting([(1, count), (2, 3)]));
            assert_eq!((admitted(&backlogs, 1), admitted(&backlogs, 2)), (!held, true), "{count}");
        }
        backlogs.observe(&waiting([(2, 11)]));
        assert_eq!((admitted(&backlogs, 1), admitted(&backlogs, 2)), (true, false), "who is missing has none");
    }

    #[test]
    fn only_those_are_asked_for_who_send_commands_or_are_held_back() {
        let backlogs = Backlogs::new(10);
        assert!(backlogs.concerned().is_empty());
        assert!(admitted(&backlogs, 1) && admitted(&backlogs, 2));
        assert_eq!(backlogs.concerned(), [organization(1), organization(2)].into());
        assert!(backlogs.concerned().is_empty(), "they have sent nothing since");
        backlogs.observe(&waiting([(1, 11)]));
        assert!(!admitted(&backlogs, 1));
        assert_eq!(backlogs.concerned(), [organization(1)].into());
    }

    #[test]
    fn as_long_as_little_waits_in_all_nobody_need_be_counted() {
        let backlogs = Backlogs::new(10);
        assert!(!backlogs.matters(10) && backlogs.matters(11));
        backlogs.observe(&waiting([(1, 11)]));
        assert!(backlogs.matters(6) && !backlogs.matters(5));
    }

    #[test]
    fn without_a_bound_everybody_passes_and_nobody_is_remembered() {
        let backlogs = Backlogs::new(0);
        assert_eq!(backlogs.bound(), None);
        assert!(admitted(&backlogs, 1) && backlogs.concerned().is_empty());
    }
}
