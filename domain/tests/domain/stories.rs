//! What holds for every aggregate, as far as its story goes.

use fairlead_domain::{
    for_each_aggregate,
    kernel::{Aggregate, fold, testing::Story},
};
use serde::{Serialize, de::DeserializeOwned};

#[track_caller]
fn comes_back<T: Serialize + DeserializeOwned + PartialEq>(value: &T) {
    let written = serde_json::to_string(value).unwrap();
    assert!(serde_json::from_str::<T>(&written).unwrap() == *value, "{written} comes back as something else");
}

/// Every command of the story is accepted and changes the state, but for what is kept beside it; states and events come back
/// from JSON as they were; events can be repeated; and folding them in parts is folding them at once.
fn holds<A: Story>() {
    let (mut state, mut history) = (None, Vec::new());
    for (n, command) in A::story().into_iter().enumerate() {
        let events = A::decide(state.as_ref(), command)
            .map_err(|error| format!("{}: command {n} is refused: {error}", A::TYPE))
            .unwrap();
        assert!(!events.is_empty(), "{}: command {n} changes nothing", A::TYPE);
        for event in events {
            let after = fold::<A>(state.clone(), [&event]);
            let name = serde_json::to_value(&event).unwrap()["type"].take();
            let is_beside = A::KEPT_BESIDE.iter().any(|kept| name == *kept);
            assert!((after == state) == is_beside, "{}: {event:?} changes nothing, or is kept beside", A::TYPE);
            comes_back(&event);
            comes_back(&after);
            (state, history) = (after, [history, vec![event]].concat());
        }
        for split in 0..=history.len() {
            let (first, rest) = history.split_at(split);
            assert!(fold(fold::<A>(None, first), rest) == state, "{}: folded in parts after {split}", A::TYPE);
        }
    }
}

macro_rules! every_story_holds {
    ($($aggregate:ty),+ $(,)?) => {
        #[test]
        fn every_story_holds() {
            $(holds::<$aggregate>();)+
        }

        #[test]
        fn every_aggregate_has_a_name_of_its_own() {
            let mut names = vec![$(<$aggregate>::TYPE),+];
            let mut plurals = vec![$(<$aggregate>::PLURAL),+];
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            plurals.sort_unstable();
            plurals.dedup();
            assert_eq!((names.len(), plurals.len()), (count, count));
        }
    };
}
for_each_aggregate!(every_story_holds);
