//! A deal's way through the stages.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Deal, DealError, DealEvent, DealStatus};
use crate::{
    crm::Pipeline,
    ids::{PipelineId, StageId},
    values::Label,
};

/// How a deal stayed in a stage, all stays together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeInStage {
    /// How often it entered it.
    pub times: u32,
    /// For how many seconds it was there, until it left it for the last time.
    pub seconds: i64,
}

/// One stay of a deal in a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    /// The stage's pipeline.
    pub pipeline_id: PipelineId,
    /// The stage.
    pub stage_id: StageId,
    /// Since when.
    pub entered_at: DateTime<Utc>,
    /// Until when; `None` while it is there.
    pub left_at: Option<DateTime<Utc>>,
}

impl Stay {
    /// For how many seconds, up to a moment where it has not ended.
    pub fn seconds(&self, now: DateTime<Utc>) -> i64 {
        seconds_between(self.entered_at, self.left_at.unwrap_or(now))
    }
}

/// The stays of a deal, as its events tell them from the first on. What was won or lost is in no stage.
pub fn stays<'e>(events: impl IntoIterator<Item = &'e DealEvent>) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::new();
    for event in events {
        let (left, entered) = match event {
            DealEvent::Opened(profile) => (None, Some((profile.pipeline_id, profile.stage_id, profile.opened_at))),
            DealEvent::StageChanged { pipeline_id, stage_id, at, .. } => {
                (Some(*at), Some((*pipeline_id, *stage_id, *at)))
            }
            DealEvent::Won { at, .. } | DealEvent::Lost { at, .. } => (Some(*at), None),
            DealEvent::Reopened { stage_id, at } => (None, stays.last().map(|last| (last.pipeline_id, *stage_id, *at))),
            _ => (None, None),
        };
        if let (Some(at), Some(last)) = (left, stays.last_mut()) {
            last.left_at = Some(at);
        }
        stays.extend(entered.map(|(pipeline_id, stage_id, entered_at)| Stay {
            pipeline_id,
            stage_id,
            entered_at,
            left_at: None,
        }));
    }
    stays
}

/// Clocks of different machines differ; no stay is shorter than nothing.
fn seconds_between(from: DateTime<Utc>, until: DateTime<Utc>) -> i64 {
    (until - from).num_seconds().max(0)
}

impl Deal {
    pub(super) fn moves(
        &self,
        pipeline_id: PipelineId,
        stage_id: StageId,
        pipeline: Option<&Pipeline>,
        at: DateTime<Utc>,
    ) -> Result<Vec<DealEvent>, DealError> {
        if self.status != DealStatus::Open {
            return Err(DealError::Closed);
        }
        if (pipeline_id, stage_id) == (self.profile.pipeline_id, self.profile.stage_id) {
            return Ok(vec![]);
        }
        check_stage(pipeline, stage_id)?;
        Ok(vec![DealEvent::StageChanged { from_stage_id: self.profile.stage_id, pipeline_id, stage_id, at }])
    }

    /// Leaves a stage that was retired. Only what is open is in a stage.
    pub(super) fn leaves(&self, stage_id: StageId, to: StageId, at: DateTime<Utc>) -> Option<DealEvent> {
        let is_there = self.status == DealStatus::Open && self.profile.stage_id == stage_id && to != stage_id;
        let pipeline_id = self.profile.pipeline_id;
        is_there.then_some(DealEvent::StageChanged { from_stage_id: stage_id, pipeline_id, stage_id: to, at })
    }

    pub(super) fn wins(
        &self,
        reason: Option<Label>,
        pipeline: Option<&Pipeline>,
        at: DateTime<Utc>,
    ) -> Result<Vec<DealEvent>, DealError> {
        if self.is_so(DealStatus::Won, reason.as_ref())? {
            return Ok(vec![]);
        }
        let listed = pipeline.map_or(&[][..], |pipeline| &pipeline.profile.win_reasons);
        Ok(vec![DealEvent::Won { reason: as_listed(reason, listed)?, at }])
    }

    pub(super) fn loses(
        &self,
        reason: Option<Label>,
        pipeline: Option<&Pipeline>,
        at: DateTime<Utc>,
    ) -> Result<Vec<DealEvent>, DealError> {
        if self.is_so(DealStatus::Lost, reason.as_ref())? {
            return Ok(vec![]);
        }
        let listed = pipeline.map_or(&[][..], |pipeline| &pipeline.profile.loss_reasons);
        if reason.is_none() && !listed.is_empty() {
            return Err(DealError::ReasonRequired);
        }
        Ok(vec![DealEvent::Lost { reason: as_listed(reason, listed)?, at }])
    }

    /// Comes back to the stage in which it was, or to the one that took its place.
    pub(super) fn reopens(&self, pipeline: Option<&Pipeline>, at: DateTime<Utc>) -> Result<Vec<DealEvent>, DealError> {
        if self.status == DealStatus::Open {
            return Ok(vec![]);
        }
        let pipeline = living(pipeline)?;
        let stage_id = pipeline.in_place_of(self.profile.stage_id).ok_or(DealError::UnknownStage)?;
        Ok(vec![DealEvent::Reopened { stage_id, at }])
    }

    /// Stays in its stage for longer than that one, or the one that took its place, is patient.
    pub(super) fn rots(&self, pipeline: Option<&Pipeline>, at: DateTime<Utc>) -> Option<DealEvent> {
        if self.status != DealStatus::Open || self.rotted {
            return None;
        }
        let (stage_id, since) = (self.profile.stage_id, self.stage_entered_at);
        let pipeline = pipeline.filter(|pipeline| !pipeline.deleted)?;
        let rotting_days = pipeline.stage(pipeline.in_place_of(stage_id)?)?.rotting_days?;
        let is_due = at >= since + TimeDelta::days(rotting_days.into());
        is_due.then_some(DealEvent::Rotted { stage_id, since, rotting_days })
    }

    /// Whether it is closed so already.
    fn is_so(&self, status: DealStatus, reason: Option<&Label>) -> Result<bool, DealError> {
        let same = |reason: &Label| self.reason.as_ref().is_some_and(|own| own.normalized() == reason.normalized());
        match self.status {
            DealStatus::Open => Ok(false),
            present if present == status && reason.is_none_or(same) => Ok(true),
            _ => Err(DealError::Closed),
        }
    }

    pub(super) fn enter(&mut self, at: DateTime<Utc>) {
        (self.stage_entered_at, self.rotted) = (at, false);
        self.stages.entry(self.profile.stage_id).or_default().times += 1;
    }

    pub(super) fn leave(&mut self, at: DateTime<Utc>) {
        self.stages.entry(self.profile.stage_id).or_default().seconds += seconds_between(self.stage_entered_at, at);
    }

    pub(super) fn close(&mut self, status: DealStatus, reason: Option<Label>, at: DateTime<Utc>) {
        self.leave(at);
        (self.status, self.closed_at, self.reason) = (status, Some(at), reason);
    }
}

/// Whether a deal can enter the stage.
pub(super) fn check_stage(pipeline: Option<&Pipeline>, stage_id: StageId) -> Result<(), DealError> {
    let pipeline = living(pipeline)?;
    if pipeline.retired.contains_key(&stage_id) {
        return Err(DealError::StageRetired);
    }
    pipeline.stage(stage_id).map(drop).ok_or(DealError::UnknownStage)
}

fn living(pipeline: Option<&Pipeline>) -> Result<&Pipeline, DealError> {
    pipeline.filter(|pipeline| !pipeline.deleted).ok_or(DealError::UnknownPipeline)
}

/// The reason as the pipeline writes it. Where none is listed, any will do.
fn as_listed(reason: Option<Label>, listed: &[Label]) -> Result<Option<Label>, DealError> {
    match reason {
        Some(reason) if !listed.is_empty() => {
            let same = listed.iter().find(|listed| listed.normalized() == reason.normalized());
            same.cloned().map(Some).ok_or(DealError::UnknownReason)
        }
        reason => Ok(reason),
    }
}
