//! Why a command on a company is refused.

use super::{Company, MAX_DOMAINS};
use crate::{
    ids::CompanyId,
    kernel::{DomainError, ErrorKind, Invalid},
    values::Tag,
};

/// Why a command on a company is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompanyError {
    /// There is none with this id.
    #[error("there is no such company")]
    NotFound,
    /// The id is in use.
    #[error("the company exists already")]
    AlreadyExists,
    /// It was deleted; only restoring is possible.
    #[error("the company is deleted; restore it first")]
    Deleted,
    /// It became a part of another company; nothing brings it back.
    #[error("the company was merged into {into}, for good")]
    Merged {
        /// That company.
        into: CompanyId,
    },
    /// A company that is to become known needs a name.
    #[error("a company that is not known yet needs a name")]
    Nameless,
    /// More domains than a company can have.
    #[error("a company has {MAX_DOMAINS} domains at most")]
    TooManyDomains,
    /// More labels than a company can carry.
    #[error("a company carries {} tags at most", Tag::MOST)]
    TooManyTags,
    /// A custom attribute is not as it may be.
    #[error("{0}")]
    Attribute(#[from] Invalid),
    /// The parent is not there, or beyond the caller's reach.
    #[error("there is no company that could be the parent")]
    UnknownParent,
    /// A company would stand above itself.
    #[error("the parent is the company itself, or belongs to it")]
    Circular,
    /// Too many companies would stand above one another.
    #[error("{} companies at most stand above one another", Company::MAX_LEVELS)]
    TooDeep,
    /// The company to be taken in is not there, or beyond the caller's reach.
    #[error("there is no company that could be taken in")]
    UnknownLoser,
    /// A company can't take itself in.
    #[error("a company can't be merged with itself")]
    MergedWithItself,
}

impl DomainError for CompanyError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists | Self::Deleted | Self::Merged { .. } | Self::Circular => ErrorKind::Conflict,
            Self::Nameless
            | Self::TooManyDomains
            | Self::TooManyTags
            | Self::Attribute(_)
            | Self::UnknownParent
            | Self::TooDeep
            | Self::UnknownLoser
            | Self::MergedWithItself => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "company.not_found",
            Self::AlreadyExists => "company.already_exists",
            Self::Deleted => "company.deleted",
            Self::Merged { .. } => "company.merged",
            Self::Nameless => "company.nameless",
            Self::TooManyDomains => "company.too_many_domains",
            Self::TooManyTags => "company.too_many_tags",
            Self::Attribute(invalid) => invalid.code,
            Self::UnknownParent => "company.unknown_parent",
            Self::Circular => "company.circular",
            Self::TooDeep => "company.too_deep",
            Self::UnknownLoser => "company.unknown_loser",
            Self::MergedWithItself => "company.merged_with_itself",
        }
    }
}
