//! Why a command on a deal is refused.

use super::{MAX_COMPANIES, MAX_CONTACTS};
use crate::{
    kernel::{DomainError, ErrorKind, Invalid},
    values::Tag,
};

/// Why a command on a deal is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DealError {
    /// There is none with this id.
    #[error("there is no such deal")]
    NotFound,
    /// The id is in use.
    #[error("the deal exists already")]
    AlreadyExists,
    /// It was deleted; only restoring is possible.
    #[error("the deal is deleted; restore it first")]
    Deleted,
    /// It was won or lost.
    #[error("the deal is won or lost; reopen it first")]
    Closed,
    /// The pipeline is not there.
    #[error("there is no such pipeline")]
    UnknownPipeline,
    /// The stage is none of the pipeline's.
    #[error("the pipeline has no such stage")]
    UnknownStage,
    /// The stage was taken out of use.
    #[error("the stage is retired")]
    StageRetired,
    /// A contact is not there, or beyond the caller's reach.
    #[error("one of the contacts is not there")]
    UnknownContact,
    /// A company is not there, or beyond the caller's reach.
    #[error("one of the companies is not there")]
    UnknownCompany,
    /// More contacts than a deal can name.
    #[error("a deal names {MAX_CONTACTS} contacts at most")]
    TooManyContacts,
    /// More companies than a deal can name.
    #[error("a deal names {MAX_COMPANIES} companies at most")]
    TooManyCompanies,
    /// More labels than a deal can carry.
    #[error("a deal carries {} tags at most", Tag::MOST)]
    TooManyTags,
    /// A custom attribute is not as it may be.
    #[error("{0}")]
    Attribute(#[from] Invalid),
    /// Less than nothing.
    #[error("the value of a deal is not negative")]
    NegativeValue,
    /// The pipeline lists reasons, and none was given.
    #[error("the pipeline demands a reason for a deal that is lost")]
    ReasonRequired,
    /// The reason is not among those that the pipeline lists.
    #[error("the pipeline does not list this reason")]
    UnknownReason,
}

impl DomainError for DealError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists | Self::Deleted | Self::Closed | Self::StageRetired => ErrorKind::Conflict,
            Self::UnknownPipeline
            | Self::UnknownStage
            | Self::UnknownContact
            | Self::UnknownCompany
            | Self::TooManyContacts
            | Self::TooManyCompanies
            | Self::TooManyTags
            | Self::Attribute(_)
            | Self::NegativeValue
            | Self::ReasonRequired
            | Self::UnknownReason => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "deal.not_found",
            Self::AlreadyExists => "deal.already_exists",
            Self::Deleted => "deal.deleted",
            Self::Closed => "deal.closed",
            Self::UnknownPipeline => "deal.unknown_pipeline",
            Self::UnknownStage => "deal.unknown_stage",
            Self::StageRetired => "deal.stage_retired",
            Self::UnknownContact => "deal.unknown_contact",
            Self::UnknownCompany => "deal.unknown_company",
            Self::TooManyContacts => "deal.too_many_contacts",
            Self::TooManyCompanies => "deal.too_many_companies",
            Self::TooManyTags => "deal.too_many_tags",
            Self::Attribute(invalid) => invalid.code,
            Self::NegativeValue => "deal.negative_value",
            Self::ReasonRequired => "deal.reason_required",
            Self::UnknownReason => "deal.unknown_reason",
        }
    }
}
