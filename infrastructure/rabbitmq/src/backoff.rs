//! Waiting between attempts.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

const FIRST: Duration = Duration::from_millis(100);
const LAST: Duration = Duration::from_secs(5);

/// Doubles from 0.1 to 5 seconds. Without jitter: a handful of processes does not storm a broker.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: FIRST }
    }

    /// Something worked: the next pause is the shortest again.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(LAST);
        pause
    }

    /// Waits, until `stop` at the longest.
    pub(crate) async fn pause(&mut self, stop: &CancellationToken) {
        let pause = self.next();
        // Only the order matters: whichever comes first ends the pause.
        let _ = tokio::time::timeout(pause, stop.cancelled()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_util::sync::CancellationToken;

    use super::{Backoff, LAST};

    #[tokio::test]
    async fn doubles_up_to_the_longest_and_begins_anew() {
        let stopped = CancellationToken::new();
        stopped.cancel();
        let mut backoff = Backoff::new();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            pauses.push(backoff.next);
            backoff.pause(&stopped).await; // at once, since the stop signal is there
        }
        assert_eq!(pauses[..3], [100, 200, 400].map(Duration::from_millis));
        assert_eq!(pauses[7], LAST);
        backoff.reset();
        assert_eq!(backoff.next, pauses[0]);
    }
}
