//! A deal's life, for the conformance suite.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{Deal, DealChange, DealCommand, DealProfile, DealStatus, Seen};
use crate::{
    crm::Schema,
    crm::{Pipeline, PipelineProfile, Stage},
    kernel::{Invalid, Patch, testing::Story},
    values::{AttributeKey, AttributeValue, Currency, Label, Money, Percent, RecordRef, Tag, Title},
};

impl Story for Deal {
    fn phase(&self) -> &'static str {
        match self.status {
            _ if self.deleted => "deleted",
            DealStatus::Open => "open",
            DealStatus::Won => "won",
            DealStatus::Lost => "lost",
        }
    }

    #[expect(clippy::expect_used, reason = "the values are valid, and this is for tests alone")]
    fn story() -> Vec<DealCommand> {
        life().expect("valid values")
    }

    fn deletion() -> Option<DealCommand> {
        Some(DealCommand::Delete)
    }

    fn restoration() -> Option<DealCommand> {
        Some(DealCommand::Restore)
    }
}

/// A pipeline with the stages 11 and 12, of which the second is patient for seven days.
fn pipeline() -> Result<Pipeline, Invalid> {
    let stage = |n, name, probability, rotting_days| {
        let (name, probability) = (Label::new(name)?, Percent::new(probability)?);
        Ok::<_, Invalid>(Stage { id: Uuid::from_u128(n).into(), name, probability, rotting_days })
    };
    let profile = PipelineProfile {
        name: Label::new("New business")?,
        description: None,
        stages: vec![stage(11, "Qualified", 20, None)?, stage(12, "Proposal", 50, Some(7))?],
        win_reasons: vec![],
        loss_reasons: vec![Label::new("No budget")?],
    };
    Ok(Pipeline { profile, retired: BTreeMap::new(), deleted: false })
}

fn life() -> Result<Vec<DealCommand>, Invalid> {
    let at = |days| DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(days);
    let attribute = |key, value| Ok::<_, Invalid>((AttributeKey::new(key)?, AttributeValue::new(value)?));
    let (pipeline_id, pipeline) = (Uuid::from_u128(10).into(), pipeline()?);
    let (contacts, companies) = ([21, 22].map(Uuid::from_u128), [31, 32].map(Uuid::from_u128));
    let euros = |minor| Money::new(minor, Currency::new("EUR")?);
    let (term, months) = attribute("term", json!(12))?;
    let mut profile =
        DealProfile::begun(Title::new("40 forklifts")?, pipeline_id, Uuid::from_u128(11).into(), at(20_000));
    profile.value = Some(euros(1_250_000)?);
    profile.expected_close = NaiveDate::from_ymd_opt(2026, 12, 31);
    profile.source = Some(Label::new("Trade fair")?);
    profile.owner_id = Some(Uuid::from_u128(1).into());
    profile.project_id = Some(Uuid::from_u128(2).into());
    profile.contact_ids = BTreeSet::from([contacts[0].into()]);
    profile.company_ids = BTreeSet::from([companies[0].into()]);
    profile.tags = BTreeSet::from([Tag::new("rush")?]);
    profile.attributes = BTreeMap::from([(term.clone(), months)]);
    let change = DealChange {
        name: Some(Title::new("42 forklifts")?),
        value: Patch::Set(Some(euros(1_300_000)?)),
        expected_close: Patch::Set(NaiveDate::from_ymd_opt(2027, 1, 31)),
        source: Patch::Set(None),
        owner_id: Patch::Set(Some(Uuid::from_u128(3).into())),
        project_id: Patch::Set(None),
        attributes: {
            let (colour, yellow) = attribute("colour", json!("yellow"))?;
            BTreeMap::from([(colour, Some(yellow)), (term, None)])
        },
        schema: Schema::default(),
    };
    let seen = Seen {
        pipeline: Some(pipeline.clone()),
        contacts: profile.contact_ids.clone(),
        companies: profile.company_ids.clone(),
        schema: Schema::default(),
    };
    let (contact_ids, company_ids) = (BTreeSet::from([contacts[1].into()]), BTreeSet::from([companies[1].into()]));
    let seen_pipeline = || Some(Box::new(pipeline.clone()));
    Ok(vec![
        DealCommand::Open { profile: Box::new(profile), seen: Box::new(seen) },
        DealCommand::Change(Box::new(change)),
        DealCommand::Tag(BTreeSet::from([Tag::new("export")?])),
        DealCommand::Untag(BTreeSet::from([Tag::new("rush")?])),
        DealCommand::LinkContacts { contact_ids: contact_ids.clone(), seen: contact_ids },
        DealCommand::UnlinkContacts(BTreeSet::from([contacts[0].into()])),
        DealCommand::LinkCompanies { company_ids: company_ids.clone(), seen: company_ids },
        DealCommand::UnlinkCompanies(BTreeSet::from([companies[0].into()])),
        DealCommand::ReplaceRecord { record: RecordRef::contact(contacts[1]), by: Uuid::from_u128(23) },
        DealCommand::Move {
            pipeline_id,
            stage_id: Uuid::from_u128(12).into(),
            pipeline: seen_pipeline(),
            at: at(20_003),
        },
        DealCommand::Lose { reason: Some(Label::new("No budget")?), pipeline: seen_pipeline(), at: at(20_010) },
        DealCommand::Reopen { pipeline: seen_pipeline(), at: at(20_020) },
        DealCommand::Rot { pipeline: seen_pipeline(), at: at(20_027) },
        DealCommand::Win { reason: Some(Label::new("Price")?), pipeline: seen_pipeline(), at: at(20_028) },
        DealCommand::Delete,
        DealCommand::Restore,
    ])
}
