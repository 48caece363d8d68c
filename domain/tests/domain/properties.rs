//! What holds for every history of a contact and every command.

use fairlead_domain::{
    crm::{Contact, ContactCommand, ContactError, ContactEvent},
    kernel::{Aggregate, fold},
};
use proptest::{prop_assert, prop_assert_eq, proptest, test_runner::TestCaseError};
use serde::{Serialize, de::DeserializeOwned};

use crate::strategies::{Shown, command, commands, history};

/// Whether a value is read as it was written. `Debug` hides what differs, so JSON says it.
fn comes_back<T: Serialize + DeserializeOwned + PartialEq>(value: &T) -> Result<(), TestCaseError> {
    let written = serde_json::to_string(value).unwrap();
    let read: T = serde_json::from_str(&written).unwrap();
    prop_assert!(read == *value, "{} came back as {}", written, serde_json::to_string(&read).unwrap());
    Ok(())
}

/// The state after an event that follows another.
fn after(state: &Contact, event: &ContactEvent) -> Contact {
    let mut state = state.clone();
    state.apply(event);
    state
}

proptest! {
    #[test]
    fn a_decision_is_taken_by_the_state_and_repeating_it_is_no_event(commands in commands()) {
        let mut state: Option<Contact> = None;
        for Shown(command) in commands {
            let Ok(events) = Contact::decide(state.as_ref(), command.clone()) else { continue };
            let before = state.clone();
            state = fold(state, &events);
            prop_assert!(state.is_some(), "{:?} can't begin a stream", events);
            prop_assert_eq!(before == state, events.is_empty());
            let expected = match command {
                ContactCommand::Create(..) => Err(ContactError::AlreadyExists),
                _ => Ok(vec![]),
            };
            prop_assert_eq!(Contact::decide(state.as_ref(), command), expected);
        }
    }

    #[test]
    fn no_event_tells_what_is_so_already(history in history(), Shown(command) in command()) {
        if let Some(state) = fold::<Contact>(None, &history) {
            for event in Contact::decide(Some(&state), command).unwrap_or_default() {
                prop_assert!(after(&state, &event) != state, "{:?} changes nothing", event);
            }
        }
    }

    #[test]
    fn the_events_of_a_decision_tell_of_different_things(history in history(), Shown(command) in command()) {
        if let Some(state) = fold::<Contact>(None, &history) {
            let events = Contact::decide(Some(&state), command).unwrap_or_default();
            // In whatever order they are applied, the state is the same.
            let reversed: Vec<_> = events.iter().rev().cloned().collect();
            prop_assert_eq!(fold(Some(state.clone()), &reversed), fold(Some(state), &events));
        }
    }

    #[test]
    fn limits_hold_in_every_state(history in history()) {
        if let Some(state) = fold::<Contact>(None, &history) {
            prop_assert!(state.profile.tags.len() <= 100);
            prop_assert!(state.profile.attributes.len() <= 100);
        }
    }

    #[test]
    fn a_deleted_contact_never_changes_until_it_is_restored(history in history(), Shown(command) in command()) {
        if let Some(mut state) = fold::<Contact>(None, &history).filter(|state| !state.erased) {
            state.deleted = true;
            match (command.clone(), Contact::decide(Some(&state), command)) {
                (ContactCommand::Create(..), outcome) => prop_assert_eq!(outcome, Err(ContactError::AlreadyExists)),
                (ContactCommand::Delete, outcome) => prop_assert_eq!(outcome, Ok(vec![])),
                (ContactCommand::Restore, outcome) => prop_assert_eq!(outcome, Ok(vec![ContactEvent::Restored {}])),
                (ContactCommand::Erase, outcome) => prop_assert_eq!(outcome, Ok(vec![ContactEvent::Erased {}])),
                // It names other companies in the place of those that were merged, lest it come back without.
                (ContactCommand::ReplaceRecord { .. }, outcome) => prop_assert!(outcome.is_ok()),
                (_, outcome) => prop_assert_eq!(outcome, Err(ContactError::Deleted)),
            }
        }
    }

    #[test]
    fn folding_in_parts_is_folding_at_once(history in history()) {
        let whole = fold::<Contact>(None, &history);
        for split in 0..=history.len() {
            let (first, rest) = history.split_at(split);
            prop_assert_eq!(fold(fold::<Contact>(None, first), rest), whole.clone());
        }
    }

    #[test]
    fn deciding_is_deterministic(history in history(), Shown(command) in command()) {
        let state = fold::<Contact>(None, &history);
        let decide = || Contact::decide(state.as_ref(), command.clone());
        prop_assert_eq!(decide(), decide());
    }

    #[test]
    fn events_come_back_from_json_as_they_were(history in history()) {
        comes_back(&history)?;
    }

    #[test]
    fn states_come_back_from_json_as_they_were(history in history()) {
        comes_back(&fold::<Contact>(None, &history))?;
    }
}
