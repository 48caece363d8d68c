//! `/v1/deals/board` and `/v1/deals/{id}/stages`: how deals stand, and how one went.

use actix_web::{
    get,
    web::{Data, Json},
};
use chrono::{DateTime, Utc};
use fairlead_application::{
    App,
    crm::{Board, BoardColumn, BoardSum, Boards, DealsRead, deal_stays},
    envelope::rfc3339,
};
use fairlead_domain::{
    crm::{Deal, Pipeline, Stay},
    ids::DealId,
    kernel::Invalid,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::pipelines_dto::StageBody;
use crate::{
    answer::missing,
    problem::{Check, Problem},
    request::{Auth, Id, Query},
};

/// Of which pipeline.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct BoardParams {
    /// The pipeline.
    #[param(value_type = Uuid, required = true)]
    pipeline_id: Option<String>,
}

/// The open deals of a pipeline, as far as the caller may read them.
#[derive(Serialize, ToSchema)]
#[schema(as = Board)]
pub(super) struct BoardBody {
    pipeline_id: Uuid,
    /// The stages in their order.
    stages: Vec<BoardStageBody>,
}

/// A stage with its open deals.
#[derive(Serialize, ToSchema)]
#[schema(as = BoardStage)]
pub(super) struct BoardStageBody {
    stage: StageBody,
    /// How many deals are in it.
    #[schema(minimum = 0)]
    deals: i64,
    /// How many of them are in it for more than its `rotting_days`.
    #[schema(minimum = 0)]
    rotting: i64,
    /// What they are worth; those without a value are in none.
    sums: Vec<BoardSumBody>,
}

/// Values in one currency.
#[derive(Serialize, ToSchema)]
#[schema(as = BoardSum)]
pub(super) struct BoardSumBody {
    /// As in ISO 4217.
    currency: String,
    /// How many deals have a value in it.
    #[schema(minimum = 1)]
    deals: i64,
    /// All of them together, in minor units.
    amount: i64,
    /// The same, multiplied by the stage's probability.
    weighted: i64,
}

/// A deal's way.
#[derive(Serialize, ToSchema)]
pub(super) struct DealStages {
    /// Its stays in stages, the first one first. One that was won or lost is in none.
    data: Vec<StayBody>,
}

/// A stay in a stage.
#[derive(Serialize, ToSchema)]
#[schema(as = Stay)]
pub(super) struct StayBody {
    pipeline_id: Uuid,
    stage_id: Uuid,
    #[schema(format = DateTime)]
    entered_at: String,
    /// Null while it is there.
    #[schema(required, format = DateTime)]
    left_at: Option<String>,
    /// For how many seconds, up to now while it is there.
    #[schema(minimum = 0)]
    seconds: i64,
}

impl From<Board> for BoardBody {
    fn from(board: Board) -> Self {
        let stages = board.columns.into_iter().map(|BoardColumn { stage, deals, rotting, sums }| BoardStageBody {
            stage: stage.into(),
            deals,
            rotting,
            sums: sums.into_iter().map(BoardSumBody::from).collect(),
        });
        Self { pipeline_id: board.pipeline_id.into(), stages: stages.collect() }
    }
}

impl From<BoardSum> for BoardSumBody {
    fn from(BoardSum { currency, deals, amount, weighted }: BoardSum) -> Self {
        Self { currency, deals, amount, weighted }
    }
}

impl StayBody {
    fn at(stay: &Stay, now: DateTime<Utc>) -> Self {
        Self {
            pipeline_id: stay.pipeline_id.into(),
            stage_id: stay.stage_id.into(),
            entered_at: rfc3339(stay.entered_at),
            left_at: stay.left_at.map(rfc3339),
            seconds: stay.seconds(now),
        }
    }
}

/// Show how the open deals of a pipeline stand: how many are in each stage, what they are worth, how many rot.
///
/// Of deals alone that the caller may read. Those in a stage that was taken out of use count where they are to go.
#[utoipa::path(
    tag = "deals",
    security(("bearer" = [Auth::<DealsRead>::SCOPE])),
    params(BoardParams),
    responses((status = 200, description = "The board.", body = BoardBody))
)]
#[get("/deals/board")]
pub(super) async fn show_board(
    app: Data<App>,
    boards: Data<Boards>,
    cx: Auth<DealsRead>,
    params: Query<BoardParams>,
) -> Result<Json<BoardBody>, Problem> {
    let mut check = Check::default();
    let given = params.into_inner().pipeline_id;
    let pipeline = given.as_deref().filter(|text| text.len() == 36).and_then(|text| text.parse::<Uuid>().ok());
    let invalid = || match given {
        None => Invalid::new("request.required", "say of which pipeline"),
        Some(_) => Invalid::new("pipeline_id.invalid", "must be a UUID"),
    };
    let pipeline = check.parameter("pipeline_id", pipeline.ok_or_else(invalid));
    let pipeline = check.finish(pipeline)?;
    let board = boards.of(&app, &cx, pipeline.into()).await?.ok_or_else(missing::<Pipeline>)?;
    Ok(Json(board.into()))
}

/// Show a deal's way through stages, and for how long it was in each.
#[utoipa::path(
    tag = "deals",
    security(("bearer" = [Auth::<DealsRead>::SCOPE])),
    responses((status = 200, description = "Its stays.", body = DealStages))
)]
#[get("/deals/{id}/stages")]
pub(super) async fn show_stages(
    app: Data<App>,
    cx: Auth<DealsRead>,
    id: Id<DealId>,
) -> Result<Json<DealStages>, Problem> {
    let deal = app.read::<Deal>(&cx, *id).await?.filter(|deal| !deal.state.deleted).ok_or_else(missing::<Deal>)?;
    let (stays, now) = deal_stays(&app, &cx, &deal).await?;
    Ok(Json(DealStages { data: stays.iter().map(|stay| StayBody::at(stay, now)).collect() }))
}
