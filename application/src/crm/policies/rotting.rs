//! A deal that stays too long in a stage is somebody's task.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_domain::{
    crm::{Activity, ActivityCommand, ActivityKind, ActivityProfile, Deal, DealEvent, DealStatus, Pipeline, Priority},
    kernel::Invalid,
    values::{Label, RecordRef, RecordType, Subject, Title},
};

use crate::{
    App, AppError, Expected,
    access::{Authorized, System},
    policy::{Happened, Policy},
};

/// How many characters a subject may have.
const LONGEST_SUBJECT: usize = 200;

/// Gives the owner of a deal that stays too long in its stage the task to look after it. A deal without an owner, and one that
/// has left the stage meanwhile, is passed over.
#[derive(Debug, Default)]
pub struct TaskForRottingDeals(());

impl TaskForRottingDeals {
    /// The policy.
    pub fn new() -> Self {
        Self(())
    }
}

#[async_trait]
impl Policy for TaskForRottingDeals {
    type On = Deal;
    const NAME: &'static str = "crm.task_for_rotting_deals";

    fn events(&self) -> &'static [&'static str] {
        &["deal.rotted"]
    }

    async fn react(&self, app: &App, cx: &Authorized<System>, rotted: Happened<Deal>) -> Result<(), AppError> {
        let DealEvent::Rotted { stage_id, since, .. } = rotted.event else { return Ok(()) };
        let Some(deal) = app.read::<Deal>(cx, rotted.id).await?.map(|deal| deal.state) else { return Ok(()) };
        let is_there = (deal.profile.stage_id, deal.stage_entered_at) == (stage_id, since);
        if deal.deleted || deal.status != DealStatus::Open || !is_there {
            return Ok(());
        }
        let Some(owner) = deal.profile.owner_id else { return Ok(()) };
        let Some(pipeline) = app.read::<Pipeline>(cx, deal.profile.pipeline_id).await? else { return Ok(()) };
        let stage = pipeline.state.in_place_of(stage_id).and_then(|id| pipeline.state.stage(id));
        let Some(stage) = stage else { return Ok(()) };
        let subject = subject(&deal.profile.name, &stage.name, since, rotted.occurred_at);
        let record = RecordRef { record_type: RecordType::Deal, id: rotted.id.into() };
        let mut task = ActivityProfile::new(ActivityKind::Task, subject.map_err(AppError::internal)?, vec![record]);
        task.priority = Some(Priority::default());
        task.due_at = Some(app.now());
        (task.assignee_id, task.owner_id, task.project_id) = (Some(owner), Some(owner), deal.profile.project_id);
        let create = ActivityCommand::Create { profile: Box::new(task), seen: BTreeSet::from([record]) };
        app.execute::<Activity>(cx, app.fresh(), Expected::New, create).await.map(drop)
    }
}

/// What is to be seen of it in a line. A long name loses its end.
fn subject(name: &Title, stage: &Label, since: DateTime<Utc>, at: DateTime<Utc>) -> Result<Subject, Invalid> {
    let days = (at - since).num_days().max(0);
    let unit = if days == 1 { "day" } else { "days" };
    let rest = format!(" has been in {} for {days} {unit}", stage.as_str());
    let room = LONGEST_SUBJECT.saturating_sub(rest.chars().count());
    let name: String = name.as_str().chars().take(room).collect();
    Subject::new(&format!("{}{rest}", name.trim_end()))
}
