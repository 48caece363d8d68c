//! Why a command on a pipeline is refused.

use super::{MAX_REASONS, MAX_STAGES};
use crate::kernel::{DomainError, ErrorKind};

/// Why a command on a pipeline is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PipelineError {
    /// There is none with this id.
    #[error("there is no such pipeline")]
    NotFound,
    /// The id is in use.
    #[error("the pipeline exists already")]
    AlreadyExists,
    /// It was deleted; only restoring is possible.
    #[error("the pipeline is deleted; restore it first")]
    Deleted,
    /// Deals have to stand somewhere.
    #[error("a pipeline has one stage at least")]
    NoStages,
    /// More stages than a pipeline can have.
    #[error("a pipeline has {MAX_STAGES} stages at most")]
    TooManyStages,
    /// The id of a stage is in use.
    #[error("the stage exists already")]
    StageExists,
    /// Another stage has the name.
    #[error("another stage has this name")]
    StageNameTaken,
    /// There is no stage with this id.
    #[error("the pipeline has no such stage")]
    UnknownStage,
    /// The stage was taken out of use.
    #[error("the stage is retired")]
    StageRetired,
    /// The only stage in use can't be retired.
    #[error("the last stage can't be retired")]
    LastStage,
    /// Deals can't go there.
    #[error("deals can only go to another stage of the pipeline that is in use")]
    UnknownTarget,
    /// An order names other stages than there are.
    #[error("an order names every stage in use once")]
    OrderIncomplete,
    /// There are fewer stages.
    #[error("a stage can't stand so far behind")]
    PositionBeyond,
    /// More reasons than a pipeline can list.
    #[error("a pipeline lists {MAX_REASONS} reasons of one kind at most")]
    TooManyReasons,
    /// A reason is listed twice.
    #[error("each reason is listed once")]
    DuplicateReason,
}

impl DomainError for PipelineError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound | Self::UnknownStage => ErrorKind::NotFound,
            Self::AlreadyExists
            | Self::Deleted
            | Self::StageExists
            | Self::StageNameTaken
            | Self::StageRetired
            | Self::LastStage => ErrorKind::Conflict,
            Self::NoStages
            | Self::TooManyStages
            | Self::UnknownTarget
            | Self::OrderIncomplete
            | Self::PositionBeyond
            | Self::TooManyReasons
            | Self::DuplicateReason => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "pipeline.not_found",
            Self::AlreadyExists => "pipeline.already_exists",
            Self::Deleted => "pipeline.deleted",
            Self::NoStages => "pipeline.no_stages",
            Self::TooManyStages => "pipeline.too_many_stages",
            Self::StageExists => "pipeline.stage_already_exists",
            Self::StageNameTaken => "pipeline.stage_name_taken",
            Self::UnknownStage => "pipeline.stage_not_found",
            Self::StageRetired => "pipeline.stage_retired",
            Self::LastStage => "pipeline.last_stage",
            Self::UnknownTarget => "pipeline.unknown_target",
            Self::OrderIncomplete => "pipeline.order_incomplete",
            Self::PositionBeyond => "pipeline.position_beyond",
            Self::TooManyReasons => "pipeline.too_many_reasons",
            Self::DuplicateReason => "pipeline.duplicate_reason",
        }
    }
}
