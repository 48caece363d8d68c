//! Waiting until something works again.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

const FIRST: Duration = Duration::from_millis(100);
const LAST: Duration = Duration::from_secs(10);

/// Doubles from 0.1 to 10 seconds. Each pause is shortened by up to a half, differently in each process, so that not all
/// come back to a broker in the same moment.
#[derive(Debug)]
pub(crate) struct Backoff {
    full: Duration,
    turn: u32,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { full: FIRST, turn: 0 }
    }

    /// Something worked: the next pause is the shortest again.
    pub(crate) fn reset(&mut self) {
        self.full = FIRST;
    }

    fn next(&mut self) -> Duration {
        let mut hasher = DefaultHasher::new();
        (std::process::id(), self.turn).hash(&mut hasher);
        let pause = self.full - self.full * u32::from(hasher.finish() as u8) / 512;
        self.turn = self.turn.wrapping_add(1);
        self.full = (self.full * 2).min(LAST);
        pause
    }

    /// Waits, until `stop` at the longest.
    pub(crate) async fn pause(&mut self, stop: &CancellationToken) {
        // Only the order matters: whichever comes first ends the pause.
        let _ = tokio::time::timeout(self.next(), stop.cancelled()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, FIRST, LAST};

    #[test]
    fn doubles_up_to_the_longest_and_begins_anew() {
        let mut backoff = Backoff::new();
        for turn in 0..20 {
            let full = (FIRST * 2_u32.pow(turn)).min(LAST);
            let pause = backoff.next();
            assert!(full / 2 <= pause && pause <= full);
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
