//! The kernel: what an aggregate gets without writing it, personal values, and a test language that can say no.

use std::panic::catch_unwind;

use fairlead_domain::{
    crm::{Contact, ContactCommand, ContactError, ContactEvent},
    kernel::{
        Aggregate, DomainError, ErrorKind, Invalid, Personal, UniqueKey, fold,
        testing::{Story, given},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::samples::{create, created, deleted, living, named};

/// An aggregate of the least that the trait demands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Bare;

impl Aggregate for Bare {
    const CONTEXT: &'static str = "test";
    const TYPE: &'static str = "bare";
    const PLURAL: &'static str = "bares";
    type Id = uuid::Uuid;
    type Command = ();
    type Event = ();
    type Error = Invalid;

    fn decide(_: Option<&Self>, (): ()) -> Result<Vec<()>, Invalid> {
        Ok(vec![()])
    }

    fn init((): &()) -> Option<Self> {
        Some(Self)
    }

    fn apply(&mut self, (): &()) {}
}

impl Story for Bare {
    fn story() -> Vec<()> {
        vec![()]
    }
}

#[test]
fn an_aggregate_reserves_nothing_and_has_one_version_unless_it_says_otherwise() {
    assert_eq!((Bare.keys(), Bare.is_deleted()), (vec![], false));
    assert_eq!((Bare::STATE_VERSION, Bare::schema_version("bare.done")), (1, 1));
    assert_eq!(Bare::upcast("bare.done", 1, json!({ "a": 1 })), json!({ "a": 1 }));
    assert_eq!((Bare::deletion(), Bare::restoration()), (None, None));
}

#[test]
fn folding_nothing_leaves_what_was_there() {
    assert_eq!(fold::<Contact>(None, &[]), None);
    let contact = Contact::init(&created());
    assert_eq!(fold::<Contact>(contact.clone(), &[]), contact);
}

#[test]
fn a_second_creation_in_a_history_begins_anew() {
    let bare = living(named());
    assert_eq!(fold::<Contact>(Some(bare.clone()), &[created()]), Some(bare));
}

#[test]
fn a_key_says_in_what_it_is_unique() {
    let key = UniqueKey::new("contact.email", "ana@example.com");
    assert_eq!((key.scope, key.value.as_str()), ("contact.email", "ana@example.com"));
    assert_ne!(key, UniqueKey::new("user.email", "ana@example.com"));
}

#[test]
fn what_can_not_be_built_says_why_without_the_value() {
    let invalid = Invalid::new("email.invalid", "must be an address");
    assert_eq!((invalid.kind(), invalid.code()), (ErrorKind::Invalid, "email.invalid"));
    assert_eq!(invalid.to_string(), "must be an address");
}

#[test]
fn a_personal_value_is_known_or_erased() {
    assert_eq!(Personal::from(1).known(), Some(&1));
    assert_eq!(Personal::<i32>::Erased.known(), None);
}

#[test]
fn only_the_exact_mark_reads_as_erased() {
    let read = serde_json::from_value::<Personal<Value>>;
    assert_eq!(read(json!({ "erased": true })).unwrap(), Personal::Erased);
    assert_eq!(
        read(json!({ "erased": true, "more": 1 })).unwrap().known(),
        Some(&json!({ "erased": true, "more": 1 }))
    );
    assert!(read(json!({ "erased": false })).is_err());
    assert!(serde_json::from_value::<Personal<String>>(json!({ "erased": 1 })).is_err());
    assert!(serde_json::from_value::<Personal<String>>(json!(null)).is_err());
}

#[test]
fn a_story_is_accepted_from_its_beginning_to_its_end() {
    let mut state = None;
    for command in Contact::story() {
        let events = Contact::decide(state.as_ref(), command).unwrap();
        assert!(!events.is_empty());
        state = fold(state, &events);
    }
    assert!(state.unwrap().successor().is_some(), "it ends as part of another");
    let living = given::<Contact>([created()]).when(Contact::deletion().unwrap()).then([deleted()]);
    living.when(Contact::restoration().unwrap()).then([ContactEvent::Restored {}]);
}

#[test]
fn the_test_language_fails_where_it_should() {
    fn fails<T>(claim: fn() -> T) {
        assert!(catch_unwind(claim).is_err());
    }
    fails(|| given::<Contact>([deleted()]));
    fails(|| given::<Contact>([]).state());
    fails(|| given::<Contact>([]).when(create(named())).then([]));
    fails(|| given::<Contact>([]).when(ContactCommand::Delete).then([deleted()]));
    fails(|| given::<Contact>([created()]).when(ContactCommand::Delete).then_nothing());
    fails(|| given::<Contact>([created()]).when(ContactCommand::Delete).refused("contact.deleted"));
    fails(|| given::<Contact>([]).when(ContactCommand::Delete).refused("contact.deleted"));
    assert_eq!(ContactError::NotFound.kind(), ErrorKind::NotFound);
}
