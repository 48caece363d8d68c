//! Valid values, events and commands in few words.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use fairlead_domain::{
    crm::{Contact, ContactChange, ContactCommand, ContactEvent, ContactProfile, Schema},
    kernel::{Aggregate, fold},
    values::{Address, AddressParts, AttributeKey, AttributeValue, Email, Label, PersonName, PhoneNumber, Points, Tag},
};
use serde_json::Value;
use uuid::Uuid;

pub(crate) fn name(text: &str) -> PersonName {
    PersonName::new(text).unwrap()
}

pub(crate) fn email(text: &str) -> Email {
    Email::new(text).unwrap()
}

pub(crate) fn phone(text: &str) -> PhoneNumber {
    PhoneNumber::new(text).unwrap()
}

pub(crate) fn address(city: &str) -> Address {
    Address::new(AddressParts { city: Some(city.to_owned()), ..AddressParts::default() }).unwrap()
}

pub(crate) fn tag(text: &str) -> Tag {
    Tag::new(text).unwrap()
}

pub(crate) fn tags<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<Tag> {
    texts.into_iter().map(tag).collect()
}

/// `t0`, `t1`, … in any number.
pub(crate) fn many_tags(count: usize) -> BTreeSet<Tag> {
    (0..count).map(|n| tag(&format!("t{n}"))).collect()
}

pub(crate) fn key(text: &str) -> AttributeKey {
    AttributeKey::new(text).unwrap()
}

pub(crate) fn value(json: impl Into<Value>) -> AttributeValue {
    AttributeValue::new(json.into()).unwrap()
}

pub(crate) fn id<Id: From<Uuid>>(n: u128) -> Id {
    Uuid::from_u128(n).into()
}

/// So many seconds after the beginning of time.
pub(crate) fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

pub(crate) fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

/// Ids from 1 to this number.
pub(crate) fn ids<Id: From<Uuid> + Ord>(count: u128) -> BTreeSet<Id> {
    (1..=count).map(id).collect()
}

/// Ana, of whom only the name is known.
pub(crate) fn named() -> ContactProfile {
    ContactProfile::named(name("Ana"))
}

/// Ana, of whom everything is known.
pub(crate) fn complete() -> ContactProfile {
    let mut profile = named();
    profile.emails = Points::one(email("Ana@Example.com"));
    profile.phones = Points::one(phone("+351211234567"));
    profile.addresses = Points::one(address("Lisboa"));
    profile.owner_id = Some(id(1));
    profile.project_id = Some(id(2));
    profile.tags = tags(["vip"]);
    profile.attributes = [(key("budget"), value(1000).into())].into();
    profile
}

/// Who is known so.
pub(crate) fn living(profile: ContactProfile) -> Contact {
    Contact::init(&ContactEvent::Created(Box::new(profile))).unwrap()
}

/// What a command makes of what happened so far.
pub(crate) fn after<A: Aggregate<Error: std::fmt::Debug>>(
    history: impl IntoIterator<Item = A::Event>,
    command: A::Command,
) -> A {
    let history: Vec<_> = history.into_iter().collect();
    let state = fold::<A>(None, &history);
    let events = A::decide(state.as_ref(), command).unwrap();
    fold(state, &events).unwrap()
}

pub(crate) fn created() -> ContactEvent {
    ContactEvent::Created(Box::new(named()))
}

pub(crate) fn created_complete() -> ContactEvent {
    ContactEvent::Created(Box::new(complete()))
}

pub(crate) fn deleted() -> ContactEvent {
    ContactEvent::Deleted {}
}

pub(crate) fn erased() -> ContactEvent {
    ContactEvent::Erased {}
}

pub(crate) fn restored() -> ContactEvent {
    ContactEvent::Restored {}
}

pub(crate) fn tagged(text: &str) -> ContactEvent {
    ContactEvent::Tagged { tags: tags([text]) }
}

pub(crate) fn untagged(text: &str) -> ContactEvent {
    ContactEvent::Untagged { tags: tags([text]) }
}

pub(crate) fn attribute_set(name: &str, json: impl Into<Value>) -> ContactEvent {
    ContactEvent::AttributeSet { key: key(name), value: value(json).into(), unique: false }
}

pub(crate) fn email_erased() -> ContactEvent {
    ContactEvent::EmailChanged { emails: Points::default() }
}

pub(crate) fn create(profile: ContactProfile) -> ContactCommand {
    ContactCommand::Create(Box::new(profile), Schema::default())
}

pub(crate) fn change(change: ContactChange) -> ContactCommand {
    ContactCommand::Change(Box::new(change))
}
