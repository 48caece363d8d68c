//! What properties are tried with: values of every kind, and commands that often meet what is there already.

use std::collections::{BTreeMap, BTreeSet};

use fairlead_domain::{
    crm::{Contact, ContactChange, ContactCommand, ContactEvent, ContactProfile, Employment, PointsChange, Schema},
    ids::CompanyId,
    kernel::{Aggregate, Patch, Personal, fold},
    values::{
        Address, AddressParts, AttributeKey, AttributeValue, Email, PersonName, PhoneNumber, Point, Points, RecordRef,
        Tag,
    },
};
use proptest::{
    collection::vec,
    option,
    prelude::{Just, Strategy, any},
    prop_oneof,
    sample::select,
};
use serde_json::{Number, Value};
use uuid::Uuid;

use crate::samples::{key, living, tag, value};

/// Text of which a third is what values usually look like, so that it is often accepted.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ \\t]{0,2}\\PC{0,60}[ \\n]{0,2}",
        "\\+?[0-9 ().-]{5,24}",
        "[A-Za-z0-9.ÄßΣİ_+-]{1,12}@[a-zA-Z0-9Ä-]{1,8}\\.[a-z]{2,4}",
        "[a-zA-Z0-9_./ΣİǅßÀ-]{1,52}",
    ]
}

fn few_names() -> impl Strategy<Value = PersonName> {
    prop_oneof![select(vec!["Ana", "Bo"]).prop_map(str::to_owned), "\\PC{1,30}"]
        .prop_filter_map("a name", |text| PersonName::new(&text).ok())
}

fn few_emails() -> impl Strategy<Value = Email> {
    select(vec!["ana@example.com", "Ana@Example.com", "bo@example.org"])
        .prop_filter_map("an address", |text| Email::new(text).ok())
}

fn few_phones() -> impl Strategy<Value = PhoneNumber> {
    select(vec!["+351211234567", "+1 212 555 0100"]).prop_filter_map("a number", |text| PhoneNumber::new(text).ok())
}

fn few_addresses() -> impl Strategy<Value = Address> {
    let part = || option::of(select(vec!["Lisboa", "Porto"]).prop_map(str::to_owned));
    let parts = (part(), part(), part(), part(), option::of(select(vec!["pt", "ES"]).prop_map(str::to_owned)));
    parts.prop_filter_map("an address", |(street, city, region, postal_code, country)| {
        Address::new(AddressParts { street, city, region, postal_code, country }).ok()
    })
}

fn few_ids<Id: From<Uuid> + std::fmt::Debug>() -> impl Strategy<Value = Id> {
    (1..4_u128).prop_map(|n| Uuid::from_u128(n).into())
}

/// Some of 130 numbers: few as a rule, and now and then as many as touch the limit of a hundred.
fn numbers() -> impl Strategy<Value = Vec<usize>> {
    let count = prop_oneof![9 => 0..6_usize, 1 => 95..106_usize];
    (0..130_usize, count).prop_map(|(first, count)| (first..first + count).map(|n| n % 130).collect())
}

fn labels() -> impl Strategy<Value = BTreeSet<Tag>> {
    numbers().prop_map(|numbers| numbers.iter().map(|n| tag(&format!("t{n}"))).collect())
}

fn attributes<T: std::fmt::Debug>(
    value: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = BTreeMap<AttributeKey, T>> {
    numbers().prop_flat_map(move |numbers| {
        let values = vec(value.clone(), numbers.len());
        values.prop_map(move |values| numbers.iter().map(|n| key(&format!("a{n}"))).zip(values).collect())
    })
}

pub(crate) fn attribute_value() -> impl Strategy<Value = AttributeValue> + Clone {
    const LIMIT: i64 = 1_000_000_000_000_000;
    let fraction = any::<f64>().prop_map(|n| Number::from_f64(n % LIMIT as f64).unwrap_or(0.into()));
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        (0..3).prop_map(Value::from),
        (1 - LIMIT..LIMIT).prop_map(Value::from),
        fraction.prop_map(Value::Number),
        "\\PC{0,8}".prop_map(Value::String),
    ]
    .prop_map(value)
}

fn points<T: Clone + PartialEq + std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Points<T>> {
    vec(value, 0..3).prop_filter_map("each once", |values| {
        Points::new(values.into_iter().map(|value| Point { value, label: None, primary: false }).collect()).ok()
    })
}

fn profile() -> impl Strategy<Value = ContactProfile> {
    let people = (few_names(), points(few_emails()), points(few_phones()), points(few_addresses()));
    let rest = (
        option::of(few_ids()),
        option::of(few_ids()),
        labels(),
        attributes(attribute_value().prop_map(Personal::Known)),
    );
    (people, rest).prop_map(|((name, emails, phones, addresses), (owner_id, project_id, tags, attributes))| {
        let named = ContactProfile::named(name);
        ContactProfile { emails, phones, addresses, owner_id, project_id, tags, attributes, ..named }
    })
}

fn points_change<T: Clone + PartialEq + std::fmt::Debug>(
    value: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = ChangedPoints<T>> {
    let value = value.boxed();
    prop_oneof![
        Just(ChangedPoints(PointsChange::Keep)),
        option::of(value.clone()).prop_map(|value| ChangedPoints(PointsChange::Primary(value))),
        points(value).prop_map(|points| ChangedPoints(PointsChange::All(points))),
    ]
}

/// Changes have no `Debug` either.
#[derive(Clone)]
struct ChangedPoints<T>(PointsChange<T>);

impl<T> std::fmt::Debug for ChangedPoints<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChangedPoints")
    }
}

fn patch<T: Clone + std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Patch<T>> {
    prop_oneof![Just(()).prop_map(|()| Patch::Keep), option::of(value).prop_map(Patch::Set)]
}

fn change() -> impl Strategy<Value = Shown> {
    (
        option::of(few_names()),
        points_change(few_emails()),
        points_change(few_phones()),
        points_change(few_addresses()),
        patch(few_ids()),
        patch(few_ids()),
        attributes(option::of(attribute_value())),
    )
        .prop_map(|(name, emails, phones, addresses, owner_id, project_id, attributes)| {
            let (emails, phones, addresses) = (emails.0, phones.0, addresses.0);
            let keep = ContactChange::default();
            let change = ContactChange { name, emails, phones, addresses, owner_id, project_id, attributes, ..keep };
            Shown(ContactCommand::Change(Box::new(change)))
        })
}

/// Commands have no `Debug`, so that nobody logs them; proptest wants one.
#[derive(Clone)]
pub(crate) struct Shown(pub(crate) ContactCommand);

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &self.0 {
            ContactCommand::Create(..) => "Create",
            ContactCommand::Change(_) => "Change",
            ContactCommand::Upsert(..) => "Upsert",
            ContactCommand::LinkCompany { .. } => "LinkCompany",
            ContactCommand::ReplaceRecord { .. } => "ReplaceRecord",
            ContactCommand::UnlinkCompany(_) => "UnlinkCompany",
            ContactCommand::Absorb { .. } => "Absorb",
            ContactCommand::MergeInto(_) => "MergeInto",
            ContactCommand::Tag(_) => "Tag",
            ContactCommand::Untag(_) => "Untag",
            ContactCommand::Delete => "Delete",
            ContactCommand::Restore => "Restore",
            ContactCommand::Erase => "Erase",
        })
    }
}

pub(crate) fn command() -> impl Strategy<Value = Shown> {
    prop_oneof![
        2 => profile().prop_map(|profile| Shown(ContactCommand::Create(Box::new(profile), Schema::default()))),
        4 => change(),
        1 => (profile(), few_ids()).prop_map(|(profile, contact_id)| {
            let contact = Some(Box::new(living(profile)));
            Shown(ContactCommand::Absorb { contact_id, contact })
        }),
        1 => (few_ids(), any::<bool>()).prop_map(|(company_id, seen)| {
            Shown(ContactCommand::LinkCompany { company_id, employment: Employment::default(), seen })
        }),
        1 => few_ids().prop_map(|id| Shown(ContactCommand::UnlinkCompany(id))),
        1 => (few_ids::<CompanyId>(), few_ids()).prop_map(|(company, by)| {
            Shown(ContactCommand::ReplaceRecord { record: RecordRef::company(company), by })
        }),
        2 => labels().prop_map(|tags| Shown(ContactCommand::Tag(tags))),
        2 => labels().prop_map(|tags| Shown(ContactCommand::Untag(tags))),
        1 => Just(Shown(ContactCommand::Delete)),
        1 => Just(Shown(ContactCommand::Restore)),
        1 => Just(Shown(ContactCommand::Erase)),
    ]
}

pub(crate) fn commands() -> impl Strategy<Value = Vec<Shown>> {
    vec(command(), 1..12)
}

/// What a contact may have been through, now and then erased in part.
pub(crate) fn history() -> impl Strategy<Value = Vec<ContactEvent>> {
    (commands(), vec(0..40_usize, 0..3)).prop_map(|(commands, erasures)| {
        let mut state: Option<Contact> = None;
        let mut history = Vec::new();
        for Shown(command) in commands {
            let events = Contact::decide(state.as_ref(), command).unwrap_or_default();
            state = fold(state, &events);
            history.extend(events);
        }
        for at in erasures {
            history.get_mut(at).map(erase);
        }
        history
    })
}

fn erase(event: &mut ContactEvent) {
    match event {
        ContactEvent::Created(profile) => {
            profile.name = Personal::Erased;
            profile.emails = Points::default();
            profile.attributes.values_mut().for_each(|value| *value = Personal::Erased);
        }
        ContactEvent::EmailChanged { emails } => *emails = Points::default(),
        ContactEvent::AddressChanged { addresses } => *addresses = Points::default(),
        ContactEvent::AttributeSet { value, .. } => *value = Personal::Erased,
        _ => {}
    }
}
