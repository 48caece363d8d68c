//! The test language of the domain: given events, when a command, then events or a refusal.

use super::{Aggregate, DomainError, ErrorKind, fold};

/// A life of an aggregate that touches every event it has. The conformance suite lives it against every store.
pub trait Story: Aggregate {
    /// The types of events that change nothing in the state, since what they tell is kept by a read model alone.
    const KEPT_BESIDE: &'static [&'static str] = &[];
    /// Commands in an order in which each is accepted; the first one creates the stream.
    fn story() -> Vec<Self::Command>;
    /// The command that softly deletes the stream, if there is one.
    fn deletion() -> Option<Self::Command> {
        None
    }
    /// The command that brings a deleted stream back, if there is one.
    fn restoration() -> Option<Self::Command> {
        None
    }
    /// The phase of its life in which a record is, for the diagram of its states: one word.
    fn phase(&self) -> &'static str {
        if self.is_erased() {
            "erased"
        } else if self.successor().is_some() {
            "merged"
        } else if self.is_deleted() {
            "deleted"
        } else {
            "living"
        }
    }
    /// The longest beginning of the story after which the record is alive.
    fn living() -> Vec<Self::Command> {
        let story = Self::story();
        let (mut state, mut alive) = (None, 0);
        for (n, command) in story.iter().enumerate() {
            let Ok(events) = Self::decide(state.as_ref(), command.clone()) else { break };
            state = fold(state, &events);
            if state.as_ref().is_some_and(|state| !state.is_deleted()) {
                alive = n + 1;
            }
        }
        story.into_iter().take(alive).collect()
    }
}

/// Begins a test with what has happened so far.
///
/// # Panics
/// The events can't be a stream's history.
#[expect(clippy::panic, reason = "the assertion language of tests")]
pub fn given<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
    let events: Vec<_> = events.into_iter().collect();
    let state = fold::<A>(None, &events);
    if state.is_none() && !events.is_empty() {
        panic!("{:?} can't begin a stream", events.first());
    }
    Given { state }
}

/// A history, waiting for a command.
#[derive(Debug)]
pub struct Given<A> {
    state: Option<A>,
}

impl<A: Aggregate> Given<A> {
    /// Lets the aggregate decide.
    pub fn when(self, command: A::Command) -> Then<A> {
        Then { outcome: A::decide(self.state.as_ref(), command), before: self.state }
    }

    /// The state that the history folds to.
    ///
    /// # Panics
    /// There is no history.
    #[expect(clippy::expect_used, reason = "the assertion language of tests")]
    pub fn state(self) -> A {
        self.state.expect("a history of at least one event")
    }
}

/// A decision, waiting to be judged.
#[derive(Debug)]
pub struct Then<A: Aggregate> {
    before: Option<A>,
    outcome: Result<Vec<A::Event>, A::Error>,
}

impl<A: Aggregate> Then<A> {
    /// Exactly these events happened, and the state takes them.
    ///
    /// # Panics
    /// Otherwise.
    #[expect(clippy::panic, reason = "the assertion language of tests")]
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = A::Event>) -> Given<A> {
        match self.outcome {
            Ok(events) => {
                assert_eq!(events, expected.into_iter().collect::<Vec<_>>());
                Given { state: fold::<A>(self.before, &events) }
            }
            Err(error) => panic!("refused with {}: {error}", error.code()),
        }
    }

    /// Nothing happened, since it was so already.
    ///
    /// # Panics
    /// Otherwise.
    #[track_caller]
    pub fn then_nothing(self) {
        self.then([]);
    }

    /// The command was refused with this code.
    ///
    /// # Panics
    /// Otherwise.
    #[expect(clippy::panic, reason = "the assertion language of tests")]
    #[track_caller]
    pub fn refused(self, code: &str) -> ErrorKind {
        match self.outcome {
            Ok(events) => panic!("accepted with {events:?}"),
            Err(error) => {
                assert_eq!(error.code(), code);
                error.kind()
            }
        }
    }
}
