//! The stages of a pipeline, and what becomes of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MAX_STAGES, Pipeline, PipelineError, PipelineEvent, StageChange};
use crate::{
    ids::StageId,
    values::{Label, Percent},
};

/// A stage of a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stage {
    /// By which deals refer to it.
    pub id: StageId,
    /// What it is called. Unique among the stages of the pipeline that are in use, without regard to case.
    pub name: Label,
    /// How probable it is that a deal in this stage will be won.
    pub probability: Percent,
    /// After how many days in this stage a deal is taken for neglected; without, never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotting_days: Option<u16>,
}

/// A stage that was taken out of use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetiredStage {
    /// What it was called.
    pub name: Label,
    /// The stage to which its deals went. It may have been retired since.
    pub move_deals_to: StageId,
}

impl Pipeline {
    /// The stage, if it is in use.
    pub fn stage(&self, id: StageId) -> Option<&Stage> {
        self.profile.stages.iter().find(|stage| stage.id == id)
    }

    /// The stage itself while it is in use, and afterwards the one to which its deals went; `None` when it never was one
    /// of this pipeline.
    pub fn in_place_of(&self, id: StageId) -> Option<StageId> {
        let mut id = id;
        // A stage retires once, and into one that is in use then: there is no circle.
        while let Some(retired) = self.retired.get(&id) {
            id = retired.move_deals_to;
        }
        self.stage(id).map(|stage| stage.id)
    }

    pub(super) fn adds(&self, stage: Stage, position: Option<usize>) -> Result<Vec<PipelineEvent>, PipelineError> {
        let stages = &self.profile.stages;
        let position = position.unwrap_or(stages.len());
        if stages.len() >= MAX_STAGES {
            Err(PipelineError::TooManyStages)
        } else if position > stages.len() {
            Err(PipelineError::PositionBeyond)
        } else if self.stage(stage.id).is_some() || self.retired.contains_key(&stage.id) {
            Err(PipelineError::StageExists)
        } else if self.is_named(&stage.name, None) {
            Err(PipelineError::StageNameTaken)
        } else {
            Ok(vec![PipelineEvent::StageAdded { stage, position }])
        }
    }

    /// One event for each thing that differs.
    pub(super) fn changes_stage(
        &self,
        stage_id: StageId,
        change: StageChange,
    ) -> Result<Vec<PipelineEvent>, PipelineError> {
        let stage = self.in_use(stage_id)?;
        let mut events = Vec::new();
        if let Some(name) = change.name.filter(|name| *name != stage.name) {
            if self.is_named(&name, Some(stage_id)) {
                return Err(PipelineError::StageNameTaken);
            }
            events.push(PipelineEvent::StageRenamed { stage_id, name });
        }
        let probability = change.probability.filter(|probability| *probability != stage.probability);
        events.extend(probability.map(|probability| PipelineEvent::StageProbabilityChanged { stage_id, probability }));
        let rotting = change.rotting_days.differing(stage.rotting_days.as_ref());
        events.extend(rotting.map(|rotting_days| PipelineEvent::StageRottingChanged { stage_id, rotting_days }));
        Ok(events)
    }

    pub(super) fn reorders(&self, stage_ids: Vec<StageId>) -> Result<Vec<PipelineEvent>, PipelineError> {
        let present: Vec<_> = self.profile.stages.iter().map(|stage| stage.id).collect();
        let sorted = |ids: &[StageId]| {
            let mut ids = ids.to_vec();
            ids.sort_unstable();
            ids
        };
        if sorted(&stage_ids) != sorted(&present) {
            return Err(PipelineError::OrderIncomplete);
        }
        Ok(if stage_ids == present { vec![] } else { vec![PipelineEvent::StagesReordered { stage_ids }] })
    }

    pub(super) fn retires(&self, stage_id: StageId, to: StageId) -> Result<Vec<PipelineEvent>, PipelineError> {
        if self.retired.get(&stage_id).is_some_and(|retired| retired.move_deals_to == to) {
            return Ok(vec![]);
        }
        self.in_use(stage_id)?;
        if self.profile.stages.len() == 1 {
            return Err(PipelineError::LastStage);
        }
        if to == stage_id || self.stage(to).is_none() {
            return Err(PipelineError::UnknownTarget);
        }
        Ok(vec![PipelineEvent::StageRetired { stage_id, move_deals_to: to }])
    }

    pub(super) fn on_stage(&mut self, id: StageId, change: impl FnOnce(&mut Stage)) {
        if let Some(stage) = self.profile.stages.iter_mut().find(|stage| stage.id == id) {
            change(stage);
        }
    }

    pub(super) fn retired(&mut self, id: StageId, move_deals_to: StageId) {
        if let Some(at) = self.profile.stages.iter().position(|stage| stage.id == id) {
            let Stage { name, .. } = self.profile.stages.remove(at);
            self.retired.insert(id, RetiredStage { name, move_deals_to });
        }
    }

    fn in_use(&self, id: StageId) -> Result<&Stage, PipelineError> {
        let missing =
            || if self.retired.contains_key(&id) { PipelineError::StageRetired } else { PipelineError::UnknownStage };
        self.stage(id).ok_or_else(missing)
    }

    /// Whether another stage than this one has that name.
    fn is_named(&self, name: &Label, but: Option<StageId>) -> bool {
        let mut others = self.profile.stages.iter().filter(|stage| Some(stage.id) != but);
        others.any(|stage| stage.name.normalized() == name.normalized())
    }
}
