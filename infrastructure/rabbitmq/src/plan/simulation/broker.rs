//! A broker that confirms late, never and out of order, returns, refuses and closes channels.

use std::collections::{HashMap, HashSet, VecDeque};

use fairlead_application::subscription::Entry;

use super::{
    super::{Outcome, window::StreamKey},
    random::Random,
};

#[derive(Default)]
pub(super) struct Broker {
    channels: HashMap<u64, Channel>,
    next_channel: u64,
    /// What was sent on channels that are gone; it may arrive still.
    limbo: Vec<Entry>,
    /// The version of each stream up to which it has everything.
    pub(super) stored: HashMap<StreamKey, i64>,
    /// Positions that it refuses.
    pub(super) poison: HashSet<i64>,
    /// Positions for which it closes the channel.
    pub(super) large: HashSet<i64>,
    /// It takes nothing at all.
    pub(super) out_of_order: bool,
    /// It takes everything, and forgets to confirm nothing.
    healed: bool,
}

#[derive(Default)]
struct Channel {
    sent: VecDeque<(u64, Entry)>,
    replies: Vec<(u64, Outcome)>,
    closed_as_too_large: bool,
}

impl Broker {
    /// Nothing goes wrong any more.
    pub(super) fn heal(&mut self) {
        self.poison.clear();
        self.large.clear();
        self.out_of_order = false;
        self.healed = true;
    }

    pub(super) fn open(&mut self) -> u64 {
        self.next_channel += 1;
        self.channels.insert(self.next_channel, Channel::default());
        self.next_channel
    }

    pub(super) fn send(&mut self, channel: u64, tag: u64, entry: Entry) {
        self.channels.get_mut(&channel).unwrap().sent.push_back((tag, entry));
    }

    /// The channel is gone; what is under way may arrive.
    pub(super) fn close(&mut self, channel: u64) {
        if let Some(channel) = self.channels.remove(&channel) {
            self.limbo.extend(channel.sent.into_iter().map(|(_, entry)| entry));
        }
    }

    /// Whether it closed the channel because of a message's size.
    pub(super) fn closed_as_too_large(&self, channel: u64) -> bool {
        self.channels[&channel].closed_as_too_large
    }

    /// Some of the replies that have come, in any order.
    pub(super) fn replies(&mut self, channel: u64, random: &mut Random) -> Vec<(u64, Outcome)> {
        let replies = &mut self.channels.get_mut(&channel).unwrap().replies;
        let count = random.index(replies.len() + 1);
        (0..count).map(|_| replies.swap_remove(random.index(replies.len()))).collect()
    }

    /// Handles something that was sent.
    pub(super) fn step(&mut self, random: &mut Random) -> Result<(), String> {
        if !self.limbo.is_empty() && random.once_in(4) {
            let entry = self.limbo.remove(0);
            let good = !self.poison.contains(&entry.position) && !self.large.contains(&entry.position);
            // Or it never arrives.
            return if good && random.once_in(2) { self.store(&entry) } else { Ok(()) };
        }
        let mut busy: Vec<_> = self.channels.iter().filter(|(_, it)| !it.sent.is_empty()).map(|(id, _)| *id).collect();
        busy.sort_unstable();
        if busy.is_empty() {
            return Ok(());
        }
        let channel = self.channels.get_mut(&busy[random.index(busy.len())]).unwrap();
        if channel.closed_as_too_large {
            channel.sent.clear();
            return Ok(());
        }
        let Some((tag, entry)) = channel.sent.pop_front() else { return Ok(()) };
        if self.large.contains(&entry.position) {
            channel.closed_as_too_large = true;
            channel.sent.clear();
        } else if self.out_of_order || self.poison.contains(&entry.position) {
            let outcome = if random.once_in(2) { Outcome::Refused } else { Outcome::Returned("NO_ROUTE".to_owned()) };
            channel.replies.push((tag, outcome));
        } else {
            if self.healed || !random.once_in(100) {
                channel.replies.push((tag, Outcome::Confirmed));
            }
            self.store(&entry)?;
        }
        Ok(())
    }

    /// The first occurrences of each stream's events come in order, and none is missing.
    fn store(&mut self, entry: &Entry) -> Result<(), String> {
        let last = self.stored.entry((entry.tenant, entry.stream)).or_default();
        if entry.version > *last + 1 {
            return Err(format!("version {} of {} came after {last}", entry.version, entry.stream));
        }
        *last = entry.version.max(*last);
        Ok(())
    }
}
