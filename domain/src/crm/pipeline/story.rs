//! A pipeline's life, for the conformance suite.

use uuid::Uuid;

use super::{Pipeline, PipelineChange, PipelineCommand, PipelineProfile, Stage, StageChange};
use crate::{
    ids::StageId,
    kernel::{Invalid, Patch, testing::Story},
    values::{Description, Label, Percent},
};

impl Story for Pipeline {
    #[expect(clippy::expect_used, reason = "the values are valid, and this is for tests alone")]
    fn story() -> Vec<PipelineCommand> {
        life().expect("valid values")
    }

    fn deletion() -> Option<PipelineCommand> {
        Some(PipelineCommand::Delete)
    }

    fn restoration() -> Option<PipelineCommand> {
        Some(PipelineCommand::Restore)
    }
}

fn life() -> Result<Vec<PipelineCommand>, Invalid> {
    let id = |n| StageId::from(Uuid::from_u128(n));
    let stage = |n, name, probability, rotting_days| {
        Ok::<_, Invalid>(Stage {
            id: id(n),
            name: Label::new(name)?,
            probability: Percent::new(probability)?,
            rotting_days,
        })
    };
    let profile = PipelineProfile {
        name: Label::new("New business")?,
        description: Some(Description::new("From the first call to the signature")?),
        stages: vec![stage(1, "Qualified", 20, Some(14))?, stage(2, "Proposal", 50, None)?],
        win_reasons: vec![Label::new("Price")?],
        loss_reasons: vec![Label::new("No budget")?],
    };
    let change = PipelineChange {
        name: Some(Label::new("New customers")?),
        description: Patch::Set(None),
        win_reasons: Some(vec![Label::new("Price")?, Label::new("Quality")?]),
        loss_reasons: Some(vec![Label::new("No budget")?, Label::new("No decision")?]),
    };
    let stage_change = StageChange {
        name: Some(Label::new("Offer")?),
        probability: Some(Percent::new(60)?),
        rotting_days: Patch::Set(Some(7)),
    };
    Ok(vec![
        PipelineCommand::Create(Box::new(profile)),
        PipelineCommand::Change(Box::new(change)),
        PipelineCommand::AddStage { stage: stage(3, "Negotiation", 80, Some(10))?, position: Some(1) },
        PipelineCommand::ChangeStage { stage_id: id(2), change: stage_change },
        PipelineCommand::ReorderStages(vec![id(1), id(2), id(3)]),
        PipelineCommand::RetireStage { stage_id: id(1), move_deals_to: id(2) },
        PipelineCommand::Delete,
        PipelineCommand::Restore,
    ])
}
