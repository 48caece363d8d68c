//! What is known and held of one subscription.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use metrics::gauge;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Demand, Lease, Standing, Taken, Validity};

/// Those who wait for partitions, and the partitions that were handed out.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) waiting: VecDeque<oneshot::Sender<Lease>>,
    pub(super) partitions: Option<BTreeSet<i16>>,
    /// Whether the session shows that this process wants to work the subscription.
    pub(super) member: bool,
    /// Locked, but not taken over yet.
    pub(super) taking: HashSet<i16>,
    held: HashMap<i16, watch::Sender<Standing>>,
}

impl Desk {
    /// Whether this process wants to work the subscription.
    pub(super) fn wanted(&mut self) -> bool {
        self.waiting.retain(|waiting| !waiting.is_closed());
        !self.waiting.is_empty() || !self.taking.is_empty() || !self.held.is_empty()
    }

    /// How many partitions there is somebody for.
    pub(super) fn room(&self) -> usize {
        self.waiting.len().saturating_sub(self.taking.len())
    }

    pub(super) fn is_idle(&self) -> bool {
        self.taking.is_empty() && self.held.is_empty()
    }

    /// Hands a partition out to the first who waits; dropped, and so let go, when nobody does any more.
    pub(super) fn hand_out(
        &mut self,
        subscription: &Arc<str>,
        partition: i16,
        taken: Taken,
        validity: &Arc<Validity>,
        demands: &mpsc::UnboundedSender<Demand>,
    ) {
        let (standing, watched) = watch::channel(Standing::Held);
        self.held.insert(partition, standing);
        let mut lease = Lease {
            partition,
            taken,
            subscription: subscription.clone(),
            validity: validity.clone(),
            standing: watched,
            demands: demands.clone(),
            released: false,
        };
        while let Some(waiting) = self.waiting.pop_front() {
            match waiting.send(lease) {
                Ok(()) => return,
                Err(refused) => lease = refused,
            }
        }
    }

    /// Asks for partitions back.
    pub(super) fn ask(&self, partitions: &[i16]) {
        for standing in partitions.iter().filter_map(|partition| self.held.get(partition)) {
            standing.send_if_modified(|standing| {
                let held = *standing == Standing::Held;
                *standing = Standing::Asked;
                held
            });
        }
    }

    /// Tells operators how many partitions are worked here.
    pub(super) fn measure(&self, subscription: &Arc<str>) {
        let held = u32::try_from(self.held.len()).unwrap_or(u32::MAX);
        gauge!("fairlead_subscription_partitions_held", "subscription" => subscription.to_string()).set(held);
    }

    pub(super) fn released(&mut self, partition: i16) {
        self.held.remove(&partition);
    }

    /// The session ended, and with it everything it held.
    pub(super) fn lost(&mut self) {
        for (_, standing) in self.held.drain() {
            standing.send_replace(Standing::Lost);
        }
        self.taking.clear();
        self.member = false;
    }
}
