//! A person's life, in words that are found nowhere else.

use std::collections::BTreeSet;

use fairlead_domain::{
    crm::{ContactChange, ContactCommand, ContactProfile, Employment, PointsChange, Schema},
    kernel::Patch,
    values::{
        Address, AddressParts, AttributeKey, AttributeValue, Email, ExternalId, Handle, Label, PersonName, PhoneNumber,
        Point, Points, SystemName, Tag,
    },
};
use serde_json::json;
use uuid::Uuid;

/// Everything that the life below tells about a person.
pub(crate) const TOLD: [&str; 23] = [
    "Zebulon Quixworth",
    "Zebbina Quixmoor",
    "Zeb.Q@quixworth.example",
    "zebbi@quixmoor.example",
    "+351987650001",
    "+351987650002",
    "Quixlane 17",
    "Quixburgh",
    "Quixshire",
    "QX-90210",
    "Quixavenue 4",
    "quixlabel",
    "quixsecond",
    "quixthird",
    "Zebbyquix",
    "Quixnote",
    "90210777",
    "Quixpoint",
    "Quixtitle",
    "1893-07-19",
    "Quixhandle",
    "Quixid",
    "Quixrole",
];

fn address(street: &str) -> Address {
    let part = |text: &str| Some(text.to_owned());
    Address::new(AddressParts {
        street: part(street),
        city: part("Quixburgh"),
        region: part("Quixshire"),
        postal_code: part("QX-90210"),
        country: None,
    })
    .unwrap()
}

pub(crate) fn tags<const N: usize>(labels: [&str; N]) -> BTreeSet<Tag> {
    labels.map(|label| Tag::new(label).unwrap()).into()
}

fn attribute(name: &str) -> AttributeKey {
    AttributeKey::new(name).unwrap()
}

fn value(value: serde_json::Value) -> AttributeValue {
    AttributeValue::new(value).unwrap()
}

/// A life in which every field is known, changed, deleted and restored.
pub(crate) fn life() -> Vec<ContactCommand> {
    let mut profile = ContactProfile::named(PersonName::new(TOLD[0]).unwrap());
    profile.emails = Points::one(Email::new(TOLD[2]).unwrap());
    profile.phones = Points::one(PhoneNumber::new(TOLD[4]).unwrap());
    profile.addresses = Points::one(address("Quixlane 17"));
    profile.tags = tags(["quixlabel"]);
    profile.attributes = [(attribute("nickname"), value(json!("Zebbyquix")).into())].into();
    let change = ContactChange {
        name: Some(PersonName::new(TOLD[1]).unwrap()),
        emails: PointsChange::All(
            Points::new(vec![Point {
                value: Email::new(TOLD[3]).unwrap(),
                label: Some(Label::new("Quixpoint").unwrap()),
                primary: true,
            }])
            .unwrap(),
        ),
        phones: PointsChange::Primary(Some(PhoneNumber::new(TOLD[5]).unwrap())),
        addresses: PointsChange::Primary(Some(address("Quixavenue 4"))),
        job_title: Patch::Set(Some(Label::new("Quixtitle").unwrap())),
        birthday: Patch::Set(Some("1893-07-19".parse().unwrap())),
        handles: [(SystemName::new("net").unwrap(), Some(Handle::new("Quixhandle").unwrap()))].into(),
        external_ids: Some(
            [ExternalId { source: SystemName::new("shop").unwrap(), id: Handle::new("Quixid").unwrap() }].into(),
        ),
        attributes: [
            (attribute("note"), Some(value(json!("Quixnote")))),
            (attribute("number"), Some(value(json!(90_210_777)))),
        ]
        .into(),
        ..ContactChange::default()
    };
    vec![
        ContactCommand::Create(Box::new(profile), Schema::default()),
        ContactCommand::Change(Box::new(change)),
        ContactCommand::Tag(tags(["quixsecond", "quixthird"])),
        ContactCommand::Untag(tags(["quixlabel"])),
        ContactCommand::LinkCompany {
            company_id: Uuid::from_u128(5).into(),
            employment: Employment { role: Some(Label::new("Quixrole").unwrap()), ..Employment::default() },
            seen: true,
        },
        ContactCommand::Delete,
        ContactCommand::Restore,
    ]
}
