//! The way of deals: stages in their order, and the reasons for which deals are won and lost.

mod change;
mod error;
mod event;
mod stage;
#[cfg(feature = "testing")]
mod story;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    change::{PipelineChange, StageChange},
    error::PipelineError,
    event::PipelineEvent,
    stage::{RetiredStage, Stage},
};
use crate::{
    ids::{PipelineId, StageId},
    kernel::{Aggregate, UniqueKey},
    values::{Description, Label},
};

/// How many stages a pipeline has at most, those not counted that are retired.
const MAX_STAGES: usize = 50;
/// How many reasons of one kind a pipeline lists at most.
const MAX_REASONS: usize = 50;

/// A pipeline's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pipeline {
    /// What it is.
    #[serde(flatten)]
    pub profile: PipelineProfile,
    /// Stages that were retired, and where deals go instead.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub retired: BTreeMap<StageId, RetiredStage>,
    /// Softly deleted: kept, but out of sight, and its name free for others.
    #[serde(default)]
    pub deleted: bool,
}

/// What a pipeline is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PipelineProfile {
    /// What it is called. Unique among the living pipelines of an organization, without regard to case.
    pub name: Label,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// The stages in their order, one at least.
    pub stages: Vec<Stage>,
    /// Why deals are won. Where there are none, any reason can be given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub win_reasons: Vec<Label>,
    /// Why deals are lost. Where there are some, each deal that is lost needs one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loss_reasons: Vec<Label>,
}

/// What can be asked of a pipeline.
#[derive(Clone)]
pub enum PipelineCommand {
    /// Begin it.
    Create(Box<PipelineProfile>),
    /// Change attributes; those not named stay.
    Change(Box<PipelineChange>),
    /// Add a stage.
    AddStage {
        /// The stage.
        stage: Stage,
        /// Before which of the others it is to stand, counted from 0; without, behind all.
        position: Option<usize>,
    },
    /// Change a stage.
    ChangeStage {
        /// Which one.
        stage_id: StageId,
        /// What of it.
        change: StageChange,
    },
    /// Put the stages in another order.
    ReorderStages(Vec<StageId>),
    /// Take a stage out of use.
    RetireStage {
        /// Which one.
        stage_id: StageId,
        /// The stage to which its deals go.
        move_deals_to: StageId,
    },
    /// Delete softly.
    Delete,
    /// Bring back what was deleted.
    Restore,
}

impl Aggregate for Pipeline {
    const CONTEXT: &'static str = "crm";
    const TYPE: &'static str = "pipeline";
    const PLURAL: &'static str = "pipelines";
    type Id = PipelineId;
    type Command = PipelineCommand;
    type Event = PipelineEvent;
    type Error = PipelineError;

    fn decide(state: Option<&Self>, command: PipelineCommand) -> Result<Vec<PipelineEvent>, PipelineError> {
        use PipelineCommand::{AddStage, Change, ChangeStage, Create, Delete, ReorderStages, Restore, RetireStage};
        match (state, command) {
            (None, Create(profile)) => profile.checked().map(|profile| vec![PipelineEvent::Created(profile)]),
            (None, _) => Err(PipelineError::NotFound),
            (Some(_), Create(_)) => Err(PipelineError::AlreadyExists),
            (Some(pipeline), Delete) if pipeline.deleted => Ok(vec![]),
            (Some(pipeline), Restore) if pipeline.deleted => Ok(vec![PipelineEvent::Restored {}]),
            (Some(pipeline), _) if pipeline.deleted => Err(PipelineError::Deleted),
            (Some(pipeline), Change(change)) => pipeline.profile.changes(*change),
            (Some(pipeline), AddStage { stage, position }) => pipeline.adds(stage, position),
            (Some(pipeline), ChangeStage { stage_id, change }) => pipeline.changes_stage(stage_id, change),
            (Some(pipeline), ReorderStages(stage_ids)) => pipeline.reorders(stage_ids),
            (Some(pipeline), RetireStage { stage_id, move_deals_to }) => pipeline.retires(stage_id, move_deals_to),
            (Some(_), Delete) => Ok(vec![PipelineEvent::Deleted {}]),
            (Some(_), Restore) => Ok(vec![]),
        }
    }

    fn init(event: &PipelineEvent) -> Option<Self> {
        match event {
            PipelineEvent::Created(profile) => {
                Some(Self { profile: (**profile).clone(), retired: BTreeMap::new(), deleted: false })
            }
            _ => None,
        }
    }

    fn apply(&mut self, event: &PipelineEvent) {
        let profile = &mut self.profile;
        match event.clone() {
            PipelineEvent::Created(created) => *profile = *created,
            PipelineEvent::Renamed { name } => profile.name = name,
            PipelineEvent::Described { description } => profile.description = description,
            PipelineEvent::WinReasonsChanged { win_reasons } => profile.win_reasons = win_reasons,
            PipelineEvent::LossReasonsChanged { loss_reasons } => profile.loss_reasons = loss_reasons,
            PipelineEvent::StageAdded { stage, position } => {
                profile.stages.insert(position.min(profile.stages.len()), stage);
            }
            PipelineEvent::StageRenamed { stage_id, name } => self.on_stage(stage_id, |stage| stage.name = name),
            PipelineEvent::StageProbabilityChanged { stage_id, probability } => {
                self.on_stage(stage_id, |stage| stage.probability = probability);
            }
            PipelineEvent::StageRottingChanged { stage_id, rotting_days } => {
                self.on_stage(stage_id, |stage| stage.rotting_days = rotting_days);
            }
            PipelineEvent::StagesReordered { stage_ids } => {
                profile.stages.sort_by_key(|stage| stage_ids.iter().position(|id| *id == stage.id));
            }
            PipelineEvent::StageRetired { stage_id, move_deals_to } => self.retired(stage_id, move_deals_to),
            PipelineEvent::Deleted {} => self.deleted = true,
            PipelineEvent::Restored {} => self.deleted = false,
        }
    }

    fn keys(&self) -> Vec<UniqueKey> {
        vec![UniqueKey::new("pipeline.name", self.profile.name.normalized())]
    }

    fn is_deleted(&self) -> bool {
        self.deleted
    }
}
