//! A contact's life, for the conformance suite.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate};
use serde_json::json;
use uuid::Uuid;

use super::{
    Channel, Consent, ConsentStatus, Contact, ContactChange, ContactCommand, ContactEvent, ContactProfile, Employment,
    PointsChange,
};
use crate::{
    crm::Schema,
    ids::CompanyId,
    kernel::{Aggregate, Invalid, Patch, Personal, testing::Story},
    values::{
        Address, AddressParts, AttributeKey, AttributeValue, Email, ExternalId, Handle, Label, Language,
        LifecycleStage, PersonName, PhoneNumber, Point, Points, RecordRef, SystemName, Tag, TimeZone,
    },
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
    let profile = profile()?;
    let other = ContactEvent::Created(Box::new(ContactProfile {
        emails: Points::one(Email::new("ana@example.org")?),
        ..ContactProfile::named(PersonName::new("Ana L.")?)
    }));
    let other = Contact::init(&other).ok_or_else(|| Invalid::new("story", "begins with a creation"))?;
    let company: CompanyId = Uuid::from_u128(5).into();
    let employment = Employment {
        role: Some(Label::new("Engineer")?),
        since: NaiveDate::from_ymd_opt(2020, 3, 1),
        until: NaiveDate::from_ymd_opt(2025, 3, 31),
    };
    Ok(vec![
        ContactCommand::Create(Box::new(profile), Schema::default()),
        ContactCommand::Change(Box::new(change()?)),
        ContactCommand::Tag(BTreeSet::from([Tag::new("lisbon")?, Tag::new("customer")?])),
        ContactCommand::Untag(BTreeSet::from([Tag::new("vip")?])),
        ContactCommand::LinkCompany { company_id: company, employment, seen: true },
        ContactCommand::ReplaceRecord { record: RecordRef::company(company), by: Uuid::from_u128(8) },
        ContactCommand::UnlinkCompany(Uuid::from_u128(8).into()),
        ContactCommand::Absorb { contact_id: Uuid::from_u128(6).into(), contact: Some(Box::new(other)) },
        ContactCommand::Delete,
        ContactCommand::Restore,
        ContactCommand::MergeInto(Uuid::from_u128(7).into()),
    ])
}

fn profile() -> Result<ContactProfile, Invalid> {
    let email = |text, label, primary| {
        Ok::<_, Invalid>(Point { value: Email::new(text)?, label: Some(Label::new(label)?), primary })
    };
    let consent = Consent { status: ConsentStatus::Granted, at: DateTime::UNIX_EPOCH };
    Ok(ContactProfile {
        emails: Points::new(vec![email("ana@example.net", "home", false)?, email("Ana@example.com", "work", true)?])?,
        phones: Points::one(PhoneNumber::new("+351 21 123 4567")?),
        addresses: Points::one(Address::new(parts("Lisboa"))?),
        job_title: Some(Label::new("Engineer")?.into()),
        birthday: NaiveDate::from_ymd_opt(1990, 4, 25).map(Personal::from),
        language: Some(Language::new("pt-PT")?.into()),
        time_zone: Some(TimeZone::new("Europe/Lisbon")?.into()),
        lifecycle_stage: Some(LifecycleStage::Lead),
        source: Some(Label::new("fair")?),
        handles: BTreeMap::from([(SystemName::new("mastodon")?, Handle::new("@ana@example.social")?.into())]),
        external_ids: BTreeSet::from([external_id("1")?]),
        consents: BTreeMap::from([(Channel::Email, consent)]),
        companies: BTreeMap::from([(Uuid::from_u128(4).into(), Employment::default().into())]),
        owner_id: Some(Uuid::from_u128(1).into()),
        project_id: Some(Uuid::from_u128(2).into()),
        tags: BTreeSet::from([Tag::new("vip")?]),
        attributes: BTreeMap::from([(AttributeKey::new("budget")?, AttributeValue::new(json!(1250.5))?.into())]),
        ..ContactProfile::named(PersonName::new("Ana Lima")?)
    })
}

/// Everything otherwise.
fn change() -> Result<ContactChange, Invalid> {
    Ok(ContactChange {
        name: Some(PersonName::new("Ana Maria Lima")?),
        emails: PointsChange::Primary(Some(Email::new("ana.maria@example.com")?)),
        phones: PointsChange::Primary(None),
        addresses: PointsChange::All(Points::one(Address::new(parts("Porto"))?)),
        job_title: Patch::Set(Some(Label::new("Head of engineering")?)),
        birthday: Patch::Set(NaiveDate::from_ymd_opt(1990, 4, 26)),
        language: Patch::Set(Some(Language::new("pt")?)),
        time_zone: Patch::Set(None),
        lifecycle_stage: Patch::Set(Some(LifecycleStage::Customer)),
        source: Patch::Set(None),
        handles: BTreeMap::from([(SystemName::new("mastodon")?, Some(Handle::new("@ana@example.town")?))]),
        external_ids: Some(BTreeSet::from([external_id("1")?, external_id("2")?])),
        consents: BTreeMap::from([(Channel::Email, None)]),
        owner_id: Patch::Set(Some(Uuid::from_u128(3).into())),
        project_id: Patch::Set(None),
        attributes: BTreeMap::from([
            (AttributeKey::new("language")?, Some(AttributeValue::new(json!("pt"))?)),
            (AttributeKey::new("budget")?, None),
        ]),
        schema: Schema::default(),
    })
}

fn external_id(id: &str) -> Result<ExternalId, Invalid> {
    Ok(ExternalId { source: SystemName::new("shop")?, id: Handle::new(id)? })
}

fn parts(city: &str) -> AddressParts {
    AddressParts {
        street: Some("Rua Augusta 1".to_owned()),
        city: Some(city.to_owned()),
        postal_code: Some("1100-048".to_owned()),
        country: Some("pt".to_owned()),
        region: None,
    }
}
