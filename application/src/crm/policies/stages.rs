//! A stage that is retired is left by its deals.

use async_trait::async_trait;
use fairlead_domain::{
    crm::{Deal, DealCommand, DealStatus, Pipeline, PipelineEvent},
    ids::DealId,
};

use super::all_related;
use crate::{
    App, AppError, Expected,
    access::{Authorized, System},
    policy::{Happened, Policy},
    ports::Relation,
};

/// Has the open deals of a stage that was retired go to the stage in its place. A deal that enters it in the same moment is met
/// by [`FollowDeals`](super::FollowDeals), for the reason that stands there.
#[derive(Debug, Default)]
pub struct FollowStages(());

impl FollowStages {
    /// The policy.
    pub fn new() -> Self {
        Self(())
    }
}

#[async_trait]
impl Policy for FollowStages {
    type On = Pipeline;
    const NAME: &'static str = "crm.follow_stages";

    fn events(&self) -> &'static [&'static str] {
        &["pipeline.stage_retired"]
    }

    async fn react(&self, app: &App, cx: &Authorized<System>, retired: Happened<Pipeline>) -> Result<(), AppError> {
        let PipelineEvent::StageRetired { stage_id, .. } = retired.event else { return Ok(()) };
        let Some(pipeline) = app.read::<Pipeline>(cx, retired.id).await? else { return Ok(()) };
        let Some(to) = pipeline.state.in_place_of(stage_id) else { return Ok(()) };
        let leave = DealCommand::LeaveStage { stage_id, to, at: app.now() };
        all_related::<Deal>(app, cx, (Relation::RefersTo, stage_id.into()), &leave).await
    }
}

/// Has a deal leave the stage in which it is, if that was retired.
///
/// # Errors
/// Those of every command.
pub(super) async fn leave_retired(app: &App, cx: &Authorized<System>, id: DealId) -> Result<(), AppError> {
    let Some(deal) = app.read::<Deal>(cx, id).await?.filter(|deal| deal.state.status == DealStatus::Open) else {
        return Ok(());
    };
    let (pipeline_id, stage_id) = (deal.state.profile.pipeline_id, deal.state.profile.stage_id);
    let Some(pipeline) = app.read::<Pipeline>(cx, pipeline_id).await? else { return Ok(()) };
    match pipeline.state.in_place_of(stage_id) {
        Some(to) if to != stage_id => {
            let leave = DealCommand::LeaveStage { stage_id, to, at: app.now() };
            app.execute::<Deal>(cx, id, Expected::Any, leave).await.map(drop)
        }
        _ => Ok(()),
    }
}
