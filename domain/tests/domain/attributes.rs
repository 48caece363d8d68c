//! A contact's custom attributes: a merge patch, and its limit.

use std::collections::BTreeMap;

use fairlead_domain::{
    crm::{
        Contact, ContactChange, ContactCommand,
        ContactEvent::{self, AttributeRemoved, Created},
        ContactProfile,
    },
    kernel::{ErrorKind, Personal, testing::given},
    values::{AttributeKey, AttributeValue},
};
use serde_json::{Value, json};

use crate::samples::{attribute_set, change, create, created, created_complete, key, name, named, value};

/// A patch as a caller writes it: `null` removes.
fn patch<const N: usize>(attributes: [(&str, Value); N]) -> ContactCommand {
    let attributes = attributes.map(|(name, json)| (key(name), (!json.is_null()).then(|| value(json))));
    change(ContactChange { attributes: attributes.into(), ..ContactChange::default() })
}

fn removed(name: &str) -> ContactEvent {
    AttributeRemoved { key: key(name) }
}

fn numbered(count: usize) -> BTreeMap<AttributeKey, AttributeValue> {
    (0..count).map(|n| (key(&format!("a{n}")), value(n))).collect()
}

fn with_attributes(count: usize) -> ContactProfile {
    let attributes = numbered(count).into_iter().map(|(key, value)| (key, value.into())).collect();
    ContactProfile { attributes, ..named() }
}

#[test]
fn what_a_patch_does_to_an_attribute() {
    for (present, patched, expected) in [
        (None, json!(null), None),
        (None, json!("x"), Some(attribute_set("it", "x"))),
        (Some("x"), json!("x"), None),
        (Some("x"), json!("y"), Some(attribute_set("it", "y"))),
        (Some("x"), json!(null), Some(removed("it"))),
        (Some("1"), json!(1), Some(attribute_set("it", 1))),
        (Some("true"), json!(true), Some(attribute_set("it", true))),
    ] {
        let history = [created()].into_iter().chain(present.map(|present| attribute_set("it", present)));
        let after = given::<Contact>(history).when(patch([("it", patched.clone())])).then(expected);
        after.when(patch([("it", patched)])).then_nothing();
    }
}

#[test]
fn attributes_that_a_patch_does_not_name_stay() {
    let contact = given::<Contact>([created_complete()])
        .when(patch([("language", json!("pt")), ("unheard_of", json!(null))]))
        .then([attribute_set("language", "pt")])
        .state();
    let expected = [("budget", json!(1000)), ("language", json!("pt"))];
    assert_eq!(contact.profile.attributes, expected.map(|(name, json)| (key(name), value(json).into())).into());
}

#[test]
fn each_attribute_is_an_event_of_its_own_in_the_order_of_names() {
    given::<Contact>([created_complete()])
        .when(patch([("z", json!(1)), ("budget", json!(null)), ("a", json!(2))]))
        .then([attribute_set("a", 2), removed("budget"), attribute_set("z", 1)]);
}

#[test]
fn an_erased_attribute_can_be_set_again_or_removed() {
    let erased = ContactEvent::AttributeSet { key: key("budget"), value: Personal::Erased, unique: false };
    let history = || [created_complete(), erased.clone()];
    given::<Contact>(history()).when(patch([("budget", json!(1))])).then([attribute_set("budget", 1)]);
    given::<Contact>(history()).when(patch([("budget", json!(null))])).then([removed("budget")]);
}

#[test]
fn a_contact_has_a_hundred_attributes_and_no_more() {
    let kind = given::<Contact>([]).when(create(with_attributes(101))).refused("attribute.too_many");
    assert_eq!(kind, ErrorKind::Invalid);
    let full = || given::<Contact>([]).when(create(with_attributes(100))).then([created_with(100)]);
    full().when(patch([("one_more", json!(1))])).refused("attribute.too_many");
    full().when(patch([("a0", json!("replaced"))])).then([attribute_set("a0", "replaced")]);
    full()
        .when(patch([("a0", json!(null))]))
        .then([removed("a0")])
        .when(patch([("b", json!(1))]))
        .then([attribute_set("b", 1)]);
}

#[test]
fn removing_makes_room_within_the_same_patch_whatever_the_order_of_names() {
    let full = || given::<Contact>([created_with(100)]);
    full().when(patch([("a0", json!(null)), ("b", json!(1))])).then([removed("a0"), attribute_set("b", 1)]);
    full().when(patch([("a0", json!(null)), ("a", json!(1))])).then([attribute_set("a", 1), removed("a0")]);
    full().when(patch([("a0", json!(null)), ("b", json!(1)), ("c", json!(1))])).refused("attribute.too_many");
}

#[test]
fn a_patch_beyond_the_limit_changes_nothing_else_either() {
    let attributes = numbered(101).into_iter().map(|(key, value)| (key, Some(value))).collect();
    let wanted = ContactChange { name: Some(name("Bo")), attributes, ..ContactChange::default() };
    given::<Contact>([created()]).when(change(wanted)).refused("attribute.too_many");
}

fn created_with(attributes: usize) -> ContactEvent {
    Created(Box::new(with_attributes(attributes)))
}
