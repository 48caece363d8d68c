//! `/v1/pipelines`

use actix_web::{patch, post, web::Data};
use fairlead_application::{
    App, Expected,
    crm::{PipelinesRead, PipelinesWrite},
};
use fairlead_domain::{
    crm::{Pipeline, PipelineCommand},
    ids::PipelineId,
};
use utoipa_actix_web::service_config::ServiceConfig;

use super::pipelines_dto::{AddedStage, NewPipeline, PipelineBody, PipelinePatch, Retirement, StageOrder, StagePatch};
use crate::{
    answer::{Created, Receipt},
    problem::Problem,
    request::{Auth, Id, IfMatch, Valid},
    resource::resource,
};

/// The routes of pipelines.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.configure(resource::routes).service(create).service(change);
    config.service(add_stage).service(change_stage).service(reorder).service(retire);
}

resource! {
    aggregate: Pipeline, id: PipelineId, command: PipelineCommand, body: PipelineBody,
    reads: PipelinesRead, writes: PipelinesWrite,
    tag: "pipelines", one: "a pipeline", many: "pipelines",
    paths: "/pipelines", "/pipelines/search", "/pipelines/{id}", "/pipelines/{id}/restore", "/pipelines/{id}/events",
}

/// Begin a pipeline with its stages.
#[utoipa::path(
    tag = "pipelines",
    security(("bearer" = [Auth::<PipelinesWrite>::SCOPE])),
    request_body = NewPipeline,
    responses((status = 201, description = "The pipeline is there.", body = Receipt))
)]
#[post("/pipelines")]
async fn create(app: Data<App>, cx: Auth<PipelinesWrite>, body: Valid<NewPipeline>) -> Result<Created, Problem> {
    let profile = body.into_inner().profile(|| app.fresh())?;
    let command = PipelineCommand::Create(Box::new(profile));
    app.execute::<Pipeline>(&cx, app.fresh(), Expected::New, command).await?.try_into()
}

/// Change a pipeline's attributes (JSON merge patch, RFC 7396; reasons are replaced as a whole).
#[utoipa::path(
    tag = "pipelines",
    security(("bearer" = [Auth::<PipelinesWrite>::SCOPE])),
    params(IfMatch),
    request_body(
        content((PipelinePatch = "application/merge-patch+json"), (PipelinePatch = "application/json")),
        description = "What is missing stays, what is null is removed."
    ),
    responses((status = 200, description = "It is as demanded.", body = Receipt))
)]
#[patch("/pipelines/{id}")]
async fn change(
    app: Data<App>,
    cx: Auth<PipelinesWrite>,
    id: Id<PipelineId>,
    expected: IfMatch,
    body: Valid<PipelinePatch>,
) -> Result<Receipt, Problem> {
    let command = PipelineCommand::Change(Box::new(body.into_inner().try_into()?));
    app.execute::<Pipeline>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Add a stage to a pipeline. The pipeline shows its id.
#[utoipa::path(
    tag = "pipelines",
    security(("bearer" = [Auth::<PipelinesWrite>::SCOPE])),
    params(IfMatch),
    request_body = AddedStage,
    responses((status = 200, description = "The pipeline has the stage.", body = Receipt))
)]
#[post("/pipelines/{id}/stages")]
async fn add_stage(
    app: Data<App>,
    cx: Auth<PipelinesWrite>,
    id: Id<PipelineId>,
    expected: IfMatch,
    body: Valid<AddedStage>,
) -> Result<Receipt, Problem> {
    let body = body.into_inner();
    let position = body.position;
    let command = PipelineCommand::AddStage { stage: body.stage(|| app.fresh())?, position };
    app.execute::<Pipeline>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Change one of a pipeline's stages (JSON merge patch, RFC 7396; `stage_id` says which).
#[utoipa::path(
    tag = "pipelines",
    security(("bearer" = [Auth::<PipelinesWrite>::SCOPE])),
    params(IfMatch),
    request_body(
        content((StagePatch = "application/merge-patch+json"), (StagePatch = "application/json")),
        description = "What is missing stays, what is null is removed."
    ),
    responses((status = 200, description = "The stage is as demanded.", body = Receipt))
)]
#[patch("/pipelines/{id}/stages")]
async fn change_stage(
    app: Data<App>,
    cx: Auth<PipelinesWrite>,
    id: Id<PipelineId>,
    expected: IfMatch,
    body: Valid<StagePatch>,
) -> Result<Receipt, Problem> {
    let body = body.into_inner();
    let command = PipelineCommand::ChangeStage { stage_id: body.stage_id.into(), change: body.try_into()? };
    app.execute::<Pipeline>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Put the stages of a pipeline into another order.
#[utoipa::path(
    tag = "pipelines",
    security(("bearer" = [Auth::<PipelinesWrite>::SCOPE])),
    params(IfMatch),
    request_body = StageOrder,
    responses((status = 200, description = "The stages stand in this order.", body = Receipt))
)]
#[post("/pipelines/{id}/stages/reorder")]
async fn reorder(
    app: Data<App>,
    cx: Auth<PipelinesWrite>,
    id: Id<PipelineId>,
    expected: IfMatch,
    body: Valid<StageOrder>,
) -> Result<Receipt, Problem> {
    let stage_ids = body.into_inner().stage_ids.0.into_iter().map(Into::into).collect();
    app.execute::<Pipeline>(&cx, *id, expected.into(), PipelineCommand::ReorderStages(stage_ids)).await?.try_into()
}

/// Take a stage out of use. Deals enter it no more, and boards count those that are in it where they are to go.
#[utoipa::path(
    tag = "pipelines",
    security(("bearer" = [Auth::<PipelinesWrite>::SCOPE])),
    params(IfMatch),
    request_body = Retirement,
    responses((status = 200, description = "The stage is out of use.", body = Receipt))
)]
#[post("/pipelines/{id}/stages/retire")]
async fn retire(
    app: Data<App>,
    cx: Auth<PipelinesWrite>,
    id: Id<PipelineId>,
    expected: IfMatch,
    body: Valid<Retirement>,
) -> Result<Receipt, Problem> {
    let Retirement { stage_id, move_deals_to } = body.into_inner();
    let command = PipelineCommand::RetireStage { stage_id: stage_id.into(), move_deals_to: move_deals_to.into() };
    app.execute::<Pipeline>(&cx, *id, expected.into(), command).await?.try_into()
}
