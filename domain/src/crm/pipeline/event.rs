//! What happens to a pipeline.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PipelineProfile, Stage};
use crate::{
    ids::StageId,
    values::{Description, Label, Percent},
};

/// What happened to a pipeline. Names are public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the profile and in the stage, where they are explained")]
pub enum PipelineEvent {
    /// It was begun.
    #[serde(rename = "pipeline.created")]
    Created(Box<PipelineProfile>),
    /// The name changed.
    #[serde(rename = "pipeline.renamed")]
    Renamed { name: Label },
    /// The description changed, or was removed.
    #[serde(rename = "pipeline.described")]
    Described { description: Option<Description> },
    /// Deals are won for other reasons; these are all.
    #[serde(rename = "pipeline.win_reasons_changed")]
    WinReasonsChanged { win_reasons: Vec<Label> },
    /// Deals are lost for other reasons; these are all.
    #[serde(rename = "pipeline.loss_reasons_changed")]
    LossReasonsChanged { loss_reasons: Vec<Label> },
    /// A stage was added, before the one that stood at this position, counted from 0.
    #[serde(rename = "pipeline.stage_added")]
    StageAdded { stage: Stage, position: usize },
    /// A stage has another name.
    #[serde(rename = "pipeline.stage_renamed")]
    StageRenamed { stage_id: StageId, name: Label },
    /// Deals in a stage are won with another probability.
    #[serde(rename = "pipeline.stage_probability_changed")]
    StageProbabilityChanged { stage_id: StageId, probability: Percent },
    /// Deals in a stage are taken for neglected after another time, or never.
    #[serde(rename = "pipeline.stage_rotting_changed")]
    StageRottingChanged { stage_id: StageId, rotting_days: Option<u16> },
    /// The stages stand in another order; these are all that are in use.
    #[serde(rename = "pipeline.stages_reordered")]
    StagesReordered { stage_ids: Vec<StageId> },
    /// A stage was taken out of use; its open deals go to another one.
    #[serde(rename = "pipeline.stage_retired")]
    StageRetired { stage_id: StageId, move_deals_to: StageId },
    /// It was deleted softly.
    #[serde(rename = "pipeline.deleted")]
    Deleted {},
    /// It was brought back.
    #[serde(rename = "pipeline.restored")]
    Restored {},
}
