//! Which of many futures are to be polled, in the order in which they were woken.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Wake, Waker},
};

use futures::task::AtomicWaker;

/// A queue of wake-ups, each under the tag of its future.
#[derive(Default)]
pub(crate) struct Signals(Arc<Shared>);

#[derive(Default)]
struct Shared {
    woken: Mutex<VecDeque<u64>>,
    task: AtomicWaker,
}

struct Signal {
    tag: u64,
    shared: Arc<Shared>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.shared.woken().push_back(self.tag);
        self.shared.task.wake();
    }
}

impl Shared {
    fn woken(&self) -> MutexGuard<'_, VecDeque<u64>> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Signals {
    /// The waker of a future.
    pub(crate) fn waker(&self, tag: u64) -> Waker {
        Waker::from(Arc::new(Signal { tag, shared: self.0.clone() }))
    }

    /// The next future that was woken.
    pub(crate) fn next(&self) -> Option<u64> {
        self.0.woken().pop_front()
    }

    /// Waits until one was woken. Safe to cancel.
    pub(crate) async fn any(&self) {
        poll_fn(|cx| {
            // First the waker, or a signal in between would be missed.
            self.0.task.register(cx.waker());
            if self.0.woken().is_empty() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}
