//! The board of a pipeline: its open deals by stage, counted and added up.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_domain::{
    crm::{Deal, Pipeline, Stage},
    ids::{PipelineId, StageId},
    kernel::Aggregate,
    values::Percent,
};

use super::deals::DealsRead;
use crate::{
    App, AppError, Context,
    access::{Authorized, Extent},
};

/// A board, as far as the caller reaches.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    /// Its pipeline.
    pub pipeline_id: PipelineId,
    /// The stages in their order.
    pub columns: Vec<BoardColumn>,
}

/// A stage with the open deals in it.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardColumn {
    /// The stage.
    pub stage: Stage,
    /// How many deals there are.
    pub deals: i64,
    /// How many of them are in the stage for longer than it is patient.
    pub rotting: i64,
    /// Those with a value, by currency.
    pub sums: Vec<BoardSum>,
}

/// The deals of a stage that have a value in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardSum {
    /// The currency, as in ISO 4217.
    pub currency: String,
    /// How many deals.
    pub deals: i64,
    /// What they are worth together, in minor units.
    pub amount: i64,
    /// The same by the stage's probability, rounded half up.
    pub weighted: i64,
}

/// What is to be counted.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardQuery {
    /// The pipeline.
    pub pipeline_id: PipelineId,
    /// Its stages; those that were retired, too.
    pub stages: Vec<BoardStage>,
    /// When it is asked.
    pub now: DateTime<Utc>,
}

/// How the deals of a stage count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoardStage {
    /// The stage in which they are.
    pub stage_id: StageId,
    /// The stage to which they count: the same while it is in use, afterwards the one that took its place.
    pub counted_in: StageId,
    /// That one's probability.
    pub probability: Percent,
    /// That one's patience.
    pub rotting_days: Option<u16>,
}

/// The open deals of one stage in one currency, or without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardCell {
    /// The stage to which they count.
    pub stage_id: StageId,
    /// The currency; `None` for those without a value.
    pub currency: Option<String>,
    /// How many deals.
    pub deals: i64,
    /// What they are worth, in minor units; no more than fits.
    pub amount: i64,
    /// The same by probability, rounded half up.
    pub weighted: i64,
    /// How many are in their stage for too long.
    pub rotting: i64,
}

/// Port: counts deals in their read model. Reached only through [`Boards`], which demands the permission.
#[async_trait]
pub trait BoardPort: Send + Sync {
    /// Counts the open deals within. Waits until the read model has seen the write that the context names.
    ///
    /// # Errors
    /// [`AppError::NotYetVisible`], [`AppError::Parked`], [`AppError::Unavailable`].
    async fn cells(&self, cx: &Context, within: Extent<'_>, query: &BoardQuery) -> Result<Vec<BoardCell>, AppError>;
}

/// Boards, for those who may read deals.
#[derive(Clone)]
pub struct Boards(Arc<dyn BoardPort>);

impl Boards {
    /// Boards over their port.
    pub fn new(port: Arc<dyn BoardPort>) -> Self {
        Self(port)
    }

    /// The board of a pipeline; `None` when there is no such pipeline.
    ///
    /// # Errors
    /// As [`BoardPort::cells`].
    pub async fn of(
        &self,
        app: &App,
        cx: &Authorized<DealsRead>,
        pipeline_id: PipelineId,
    ) -> Result<Option<Board>, AppError> {
        // Who may read deals sees in which stages they can be.
        let pipeline = app.read::<Pipeline>(&cx.on_behalf(), pipeline_id).await?;
        let Some(pipeline) = pipeline.map(|pipeline| pipeline.state).filter(|pipeline| !pipeline.deleted) else {
            return Ok(None);
        };
        let query = BoardQuery { pipeline_id, stages: stages(&pipeline), now: app.clock.now() };
        let cells = match cx.reach().extent(Deal::BELONGS) {
            Extent::Nothing => Vec::new(),
            within => self.0.cells(cx, within, &query).await?,
        };
        let mut by_stage: BTreeMap<StageId, Vec<BoardCell>> = BTreeMap::new();
        for cell in cells {
            by_stage.entry(cell.stage_id).or_default().push(cell);
        }
        let columns = pipeline.profile.stages.into_iter();
        let columns = columns.map(|stage| column(by_stage.remove(&stage.id).unwrap_or_default(), stage)).collect();
        Ok(Some(Board { pipeline_id, columns }))
    }
}

/// Deals stay in a retired stage until they are moved, and count where they will be.
fn stages(pipeline: &Pipeline) -> Vec<BoardStage> {
    let all = pipeline.profile.stages.iter().map(|stage| stage.id).chain(pipeline.retired.keys().copied());
    let stages = all.filter_map(|stage_id| {
        let counted = pipeline.stage(pipeline.in_place_of(stage_id)?)?;
        let Stage { id: counted_in, probability, rotting_days, .. } = *counted;
        Some(BoardStage { stage_id, counted_in, probability, rotting_days })
    });
    stages.collect()
}

fn column(cells: Vec<BoardCell>, stage: Stage) -> BoardColumn {
    let (deals, rotting) = (cells.iter().map(|cell| cell.deals).sum(), cells.iter().map(|cell| cell.rotting).sum());
    let sums = cells.into_iter().filter_map(|BoardCell { currency, deals, amount, weighted, .. }| {
        Some(BoardSum { currency: currency?, deals, amount, weighted })
    });
    let mut sums: Vec<_> = sums.collect();
    sums.sort_by(|a, b| a.currency.cmp(&b.currency));
    BoardColumn { stage, deals, rotting, sums }
}
