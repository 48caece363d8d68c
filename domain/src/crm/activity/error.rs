//! Why a command on an activity is refused.

use super::{MAX_ABOUT, MAX_ATTACHMENTS, MAX_MENTIONS};
use crate::kernel::{DomainError, ErrorKind};

/// Why a command on an activity is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ActivityError {
    /// There is none with this id.
    #[error("there is no such activity")]
    NotFound,
    /// The id is in use.
    #[error("the activity exists already")]
    AlreadyExists,
    /// It was deleted; only restoring is possible.
    #[error("the activity is deleted; restore it first")]
    Deleted,
    /// It was erased; nothing brings it back.
    #[error("the activity was erased, for good")]
    Erased,
    /// Its words are a person's.
    #[error("the activity's words are about a contact, and are erased with the contact; delete the activity instead")]
    AboutAPerson,
    /// It names no record.
    #[error("an activity is about one record at least")]
    AboutNothing,
    /// It names too many records.
    #[error("an activity is about {MAX_ABOUT} records at most")]
    AboutTooMuch,
    /// A record is not there, or beyond the caller's reach.
    #[error("one of the records that it is about is not there")]
    UnknownRecord,
    /// A note has no time at which it would be due.
    #[error("a note has neither a due time nor a reminder")]
    NeverDue,
    /// A note can't be completed.
    #[error("a note can't be completed")]
    NotCompletable,
    /// Only calls and meetings begin and end.
    #[error("only a call or a meeting has a time at which it starts and ends")]
    Timeless,
    /// It would end before it starts, or end without starting.
    #[error("an activity ends after it starts")]
    EndsTooEarly,
    /// Only calls and meetings have an outcome.
    #[error("only a call or a meeting has an outcome")]
    NoOutcome,
    /// A note matters as much as any other.
    #[error("a note has no priority")]
    NoPriority,
    /// More users than can be mentioned.
    #[error("an activity mentions {MAX_MENTIONS} users at most")]
    TooManyMentions,
    /// More files than an activity can refer to.
    #[error("an activity has {MAX_ATTACHMENTS} attachments at most")]
    TooManyAttachments,
    /// Two files of one id.
    #[error("the activity has another attachment with this id")]
    AttachmentExists,
}

impl DomainError for ActivityError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists | Self::Deleted | Self::Erased | Self::AboutAPerson | Self::AttachmentExists => {
                ErrorKind::Conflict
            }
            _ => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "activity.not_found",
            Self::AlreadyExists => "activity.already_exists",
            Self::Deleted => "activity.deleted",
            Self::Erased => "activity.erased",
            Self::AboutAPerson => "activity.about_a_person",
            Self::AboutNothing => "activity.about_nothing",
            Self::AboutTooMuch => "activity.about_too_much",
            Self::UnknownRecord => "activity.unknown_record",
            Self::NeverDue => "activity.never_due",
            Self::NotCompletable => "activity.not_completable",
            Self::Timeless => "activity.timeless",
            Self::EndsTooEarly => "activity.ends_too_early",
            Self::NoOutcome => "activity.no_outcome",
            Self::NoPriority => "activity.no_priority",
            Self::TooManyMentions => "activity.too_many_mentions",
            Self::TooManyAttachments => "activity.too_many_attachments",
            Self::AttachmentExists => "activity.attachment_exists",
        }
    }
}
