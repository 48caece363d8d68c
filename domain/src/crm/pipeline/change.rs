//! Changes of a pipeline and of its stages.

use std::collections::BTreeSet;

use super::{MAX_REASONS, MAX_STAGES, PipelineError, PipelineEvent, PipelineProfile};
use crate::{
    kernel::Patch,
    values::{Description, Label, Percent},
};

/// A change of attributes, in the sense of JSON merge patch (RFC 7396).
#[derive(Clone, Default)]
pub struct PipelineChange {
    /// A new name.
    pub name: Option<Label>,
    /// A new description.
    pub description: Patch<Description>,
    /// Other reasons for winning, all of them. Those that are missing are retired: deals keep them.
    pub win_reasons: Option<Vec<Label>>,
    /// Other reasons for losing, in the same way.
    pub loss_reasons: Option<Vec<Label>>,
}

/// A change of a stage.
#[derive(Clone, Default)]
pub struct StageChange {
    /// A new name.
    pub name: Option<Label>,
    /// Another probability.
    pub probability: Option<Percent>,
    /// Another patience.
    pub rotting_days: Patch<u16>,
}

impl PipelineProfile {
    pub(super) fn checked(self: Box<Self>) -> Result<Box<Self>, PipelineError> {
        let names: BTreeSet<_> = self.stages.iter().map(|stage| stage.name.normalized()).collect();
        let ids: BTreeSet<_> = self.stages.iter().map(|stage| stage.id).collect();
        if self.stages.is_empty() {
            Err(PipelineError::NoStages)
        } else if self.stages.len() > MAX_STAGES {
            Err(PipelineError::TooManyStages)
        } else if ids.len() < self.stages.len() {
            Err(PipelineError::StageExists)
        } else if names.len() < self.stages.len() {
            Err(PipelineError::StageNameTaken)
        } else {
            check_reasons(&self.win_reasons)?;
            check_reasons(&self.loss_reasons)?;
            Ok(self)
        }
    }

    /// One event for each thing that differs.
    pub(super) fn changes(&self, change: PipelineChange) -> Result<Vec<PipelineEvent>, PipelineError> {
        use PipelineEvent::{Described, LossReasonsChanged, Renamed, WinReasonsChanged};
        let mut events = Vec::new();
        events.extend(change.name.filter(|name| *name != self.name).map(|name| Renamed { name }));
        let description = change.description.differing(self.description.as_ref());
        events.extend(description.map(|description| Described { description }));
        if let Some(win_reasons) = change.win_reasons.filter(|reasons| *reasons != self.win_reasons) {
            check_reasons(&win_reasons)?;
            events.push(WinReasonsChanged { win_reasons });
        }
        if let Some(loss_reasons) = change.loss_reasons.filter(|reasons| *reasons != self.loss_reasons) {
            check_reasons(&loss_reasons)?;
            events.push(LossReasonsChanged { loss_reasons });
        }
        Ok(events)
    }
}

fn check_reasons(reasons: &[Label]) -> Result<(), PipelineError> {
    if reasons.len() > MAX_REASONS {
        return Err(PipelineError::TooManyReasons);
    }
    let different: BTreeSet<_> = reasons.iter().map(Label::normalized).collect();
    if different.len() < reasons.len() { Err(PipelineError::DuplicateReason) } else { Ok(()) }
}
