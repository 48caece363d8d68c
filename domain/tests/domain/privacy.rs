//! What `Debug` may not show: it ends in logs.

use std::fmt::Debug;

use fairlead_domain::{
    crm::{Contact, ContactChange, PointsChange},
    kernel::{Aggregate, Patch, Personal, testing::given},
    values::{Address, AddressParts, AttributeValue, Points},
};

use crate::samples::{change, complete, created_complete, email, key, name, phone, tag, tagged, untagged, value};

/// Everything personal that the samples and the changes below hold, as a text search would find it.
const PERSONAL: [&str; 17] = [
    "Ana", "Bo", "ana@", "bo@", "xample", "351", "212", "Lisboa", "Porto", "Rua", "1100", "Alentejo", "PT", "vip",
    "budget", "1000", "secret",
];

#[track_caller]
fn shows_nothing_personal(value: &impl Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        let lower = text.to_lowercase();
        let shown: Vec<_> = PERSONAL.iter().filter(|secret| lower.contains(&secret.to_lowercase())).collect();
        assert!(shown.is_empty(), "{text} shows {shown:?}");
    }
}

fn full_address() -> Address {
    let part = |text: &str| Some(text.to_owned());
    Address::new(AddressParts {
        street: part("Rua Augusta 1"),
        city: part("Lisboa"),
        region: part("Alentejo"),
        postal_code: part("1100-048"),
        country: part("pt"),
    })
    .unwrap()
}

#[test]
fn the_search_itself_finds_what_is_shown() {
    let shown = std::panic::catch_unwind(|| shows_nothing_personal(&"Ana"));
    assert!(shown.is_err());
}

#[test]
fn a_state_hides_what_is_personal() {
    let mut contact = given::<Contact>([created_complete()]).state();
    contact.profile.addresses = Points::one(full_address());
    shows_nothing_personal(&contact);
    shows_nothing_personal(&complete());
}

#[test]
fn every_event_hides_what_is_personal() {
    let contact = given::<Contact>([created_complete()]).state();
    let wanted = ContactChange {
        name: Some(name("Bo")),
        emails: PointsChange::Primary(Some(email("bo@example.com"))),
        phones: PointsChange::Primary(Some(phone("+12125550100"))),
        addresses: PointsChange::Primary(Some(full_address())),
        attributes: [(key("budget"), None), (key("secret"), Some(value("secret")))].into(),
        ..ContactChange::default()
    };
    let events = Contact::decide(Some(&contact), change(wanted)).unwrap();
    assert_eq!(events.len(), 6);
    shows_nothing_personal(&events);
    for event in [created_complete(), tagged("vip"), untagged("vip")] {
        shows_nothing_personal(&event);
    }
}

#[test]
fn the_values_of_commands_hide_what_is_personal() {
    shows_nothing_personal(&(name("Ana"), email("ana@example.com"), phone("+351211234567"), tag("vip")));
    shows_nothing_personal(&(full_address(), key("budget"), value("secret"), value(1000), AttributeValue::Flag(true)));
    shows_nothing_personal(&(Patch::Set(Some(name("Ana"))), Personal::from("Ana"), Patch::<Address>::Keep));
}

#[test]
fn a_reserved_key_hides_its_value() {
    shows_nothing_personal(&given::<Contact>([created_complete()]).state().keys());
}
