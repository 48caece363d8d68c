//! Why a command on a custom field is refused.

use super::MAX_OPTIONS;
use crate::kernel::{DomainError, ErrorKind, Invalid};

/// Why a command on a custom field is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustomFieldError {
    /// There is none with this id.
    #[error("there is no such custom field")]
    NotFound,
    /// The id is in use.
    #[error("the custom field exists already")]
    AlreadyExists,
    /// It was deleted; only restoring is possible.
    #[error("the custom field is deleted; restore it first")]
    Deleted,
    /// Values of its type can't be told apart for that.
    #[error("values of this type can't be unique")]
    NotUnique,
    /// All new records would get the same value.
    #[error("a unique field has no default")]
    UniqueDefault,
    /// A reference names its type of record, and nothing else does.
    #[error("a reference, and nothing else, names the type of record to which it refers")]
    Referred,
    /// Options belong to a choice.
    #[error("a select or multi_select, and nothing else, has options")]
    NoChoice,
    /// More options than a field can have.
    #[error("a field has {MAX_OPTIONS} options at most")]
    TooManyOptions,
    /// Two options with the same key.
    #[error("the key of each option is its own")]
    OptionExists,
    /// There is no option with this key.
    #[error("there is no such option")]
    UnknownOption,
    /// An order names each option once.
    #[error("an order names each option once")]
    IncompleteOrder,
    /// New records could not get the default any more.
    #[error("the option is the default; change that first")]
    OptionIsDefault,
    /// The default is no value of the field.
    #[error("the default {0}")]
    Default(Invalid),
}

impl DomainError for CustomFieldError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists | Self::Deleted | Self::OptionExists | Self::OptionIsDefault => ErrorKind::Conflict,
            _ => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "custom_field.not_found",
            Self::AlreadyExists => "custom_field.already_exists",
            Self::Deleted => "custom_field.deleted",
            Self::NotUnique => "custom_field.not_unique",
            Self::UniqueDefault => "custom_field.unique_default",
            Self::Referred => "custom_field.referred",
            Self::NoChoice => "custom_field.no_choice",
            Self::TooManyOptions => "custom_field.too_many_options",
            Self::OptionExists => "custom_field.option_exists",
            Self::UnknownOption => "custom_field.unknown_option",
            Self::IncompleteOrder => "custom_field.incomplete_order",
            Self::OptionIsDefault => "custom_field.option_is_default",
            Self::Default(_) => "custom_field.invalid_default",
        }
    }
}
