//! A contact's life, for the conformance suite.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use uuid::Uuid;

use super::{Contact, ContactChange, ContactCommand, ContactProfile};
use crate::{
    kernel::{Invalid, Patch, testing::Story},
    values::{Address, AddressParts, AttributeKey, AttributeValue, Email, PersonName, PhoneNumber, Tag},
};

impl Story for Contact {
    #[expect(clippy::expect_used, reason = "the values are valid, and this is for tests alone")]
    fn story() -> Vec<ContactCommand> {
        life().expect("valid values")
    }

    fn deletion() -> Option<ContactCommand> {
        Some(ContactCommand::Delete)
    }

    fn restoration() -> Option<ContactCommand> {
        Some(ContactCommand::Restore)
    }
}

fn life() -> Result<Vec<ContactCommand>, Invalid> {
    let attribute = |key, value| Ok::<_, Invalid>((AttributeKey::new(key)?, AttributeValue::new(value)?));
    let parts = |city: &str| AddressParts {
        street: Some("Rua Augusta 1".to_owned()),
        city: Some(city.to_owned()),
        postal_code: Some("1100-048".to_owned()),
        country: Some("pt".to_owned()),
        region: None,
    };
    let (budget, amount) = attribute("budget", json!(1250.5))?;
    let mut profile = ContactProfile::named(PersonName::new("Ana Lima")?);
    profile.email = Some(Email::new("Ana@example.com")?.into());
    profile.phone = Some(PhoneNumber::new("+351 21 123 4567")?.into());
    profile.address = Some(Address::new(parts("Lisboa"))?.into());
    profile.owner_id = Some(Uuid::from_u128(1).into());
    profile.project_id = Some(Uuid::from_u128(2).into());
    profile.tags = BTreeSet::from([Tag::new("vip")?]);
    profile.attributes = BTreeMap::from([(budget.clone(), amount.into())]);
    let everything = ContactChange {
        name: Some(PersonName::new("Ana Maria Lima")?),
        email: Patch::Set(Some(Email::new("ana.maria@example.com")?)),
        phone: Patch::Set(None),
        address: Patch::Set(Some(Address::new(parts("Porto"))?)),
        owner_id: Patch::Set(Some(Uuid::from_u128(3).into())),
        project_id: Patch::Set(None),
        attributes: {
            let (language, portuguese) = attribute("language", json!("pt"))?;
            BTreeMap::from([(language, Some(portuguese)), (budget, None)])
        },
    };
    Ok(vec![
        ContactCommand::Create(Box::new(profile)),
        ContactCommand::Change(Box::new(everything)),
        ContactCommand::Tag(BTreeSet::from([Tag::new("lisbon")?, Tag::new("customer")?])),
        ContactCommand::Untag(BTreeSet::from([Tag::new("vip")?])),
        ContactCommand::Delete,
        ContactCommand::Restore,
    ])
}
