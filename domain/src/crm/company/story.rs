//! A company's life, for the conformance suite.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use uuid::Uuid;

use super::{Absorption, Ancestry, Company, CompanyChange, CompanyCommand, CompanyProfile, Kinship};
use crate::{
    crm::Schema,
    kernel::{Invalid, Patch, testing::Story},
    values::{
        Address, AddressParts, AttributeKey, AttributeValue, DomainName, Label, LifecycleStage, PhoneNumber, Tag,
        Title, Website,
    },
};

impl Story for Company {
    #[expect(clippy::expect_used, reason = "the values are valid, and this is for tests alone")]
    fn story() -> Vec<CompanyCommand> {
        life().expect("valid values")
    }

    fn deletion() -> Option<CompanyCommand> {
        Some(CompanyCommand::Delete)
    }

    fn restoration() -> Option<CompanyCommand> {
        Some(CompanyCommand::Restore)
    }
}

fn life() -> Result<Vec<CompanyCommand>, Invalid> {
    let attribute = |key, value| Ok::<_, Invalid>((AttributeKey::new(key)?, AttributeValue::new(value)?));
    let seat = |city: &str| {
        Address::new(AddressParts { city: Some(city.to_owned()), country: Some("pt".to_owned()), ..Default::default() })
    };
    let (segment, midmarket) = attribute("segment", json!("midmarket"))?;
    let profile = CompanyProfile {
        name: Title::new("Lima & Filhos")?,
        domains: BTreeSet::from([DomainName::new("lima.example")?]),
        industry: Some(Label::new("Shipping")?),
        employees: Some(120),
        website: Some(Website::new("https://www.lima.example")?),
        phone: Some(PhoneNumber::new("+351 21 123 4567")?),
        address: Some(seat("Lisboa")?),
        lifecycle_stage: Some(LifecycleStage::Lead),
        parent_id: Some(Uuid::from_u128(4).into()),
        owner_id: Some(Uuid::from_u128(1).into()),
        project_id: Some(Uuid::from_u128(2).into()),
        tags: BTreeSet::from([Tag::new("harbour")?]),
        attributes: BTreeMap::from([(segment.clone(), midmarket)]),
        unique_attributes: BTreeSet::new(),
    };
    let change = CompanyChange {
        name: Some(Title::new("Lima Shipping")?),
        domains: Some(BTreeSet::from([DomainName::new("lima.example")?, DomainName::new("lima-shipping.example")?])),
        industry: Patch::Set(Some(Label::new("Logistics")?)),
        employees: Patch::Set(Some(140)),
        website: Patch::Set(Some(Website::new("https://lima-shipping.example")?)),
        phone: Patch::Set(None),
        address: Patch::Set(Some(seat("Porto")?)),
        lifecycle_stage: Patch::Set(Some(LifecycleStage::Opportunity)),
        parent_id: Patch::Set(Some(Uuid::from_u128(5).into())),
        ancestry: Ancestry::Sound,
        owner_id: Patch::Set(Some(Uuid::from_u128(3).into())),
        project_id: Patch::Set(None),
        attributes: {
            let (tier, gold) = attribute("tier", json!("gold"))?;
            BTreeMap::from([(tier, Some(gold)), (segment, None)])
        },
        schema: Schema::default(),
    };
    let mut loser = CompanyProfile::named(Title::new("Lima")?);
    loser.domains.insert(DomainName::new("lima.test")?);
    loser.phone = Some(PhoneNumber::new("+351 22 765 4321")?);
    loser.tags.insert(Tag::new("porto")?);
    let absorption =
        Absorption { company_id: Uuid::from_u128(6).into(), profile: Some(loser), kinship: Kinship::Apart };
    Ok(vec![
        CompanyCommand::Create(Box::new(profile), Ancestry::Sound, Schema::default()),
        CompanyCommand::Change(Box::new(change)),
        CompanyCommand::Tag(BTreeSet::from([Tag::new("customer")?])),
        CompanyCommand::Untag(BTreeSet::from([Tag::new("harbour")?])),
        CompanyCommand::Absorb(Box::new(absorption)),
        CompanyCommand::ReplaceParent { parent_id: Uuid::from_u128(5).into(), by: None },
        CompanyCommand::Delete,
        CompanyCommand::Restore,
        CompanyCommand::Merge { into: Uuid::from_u128(7).into() },
    ])
}
