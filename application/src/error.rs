//! What a use case can answer instead of doing its work.

use std::error::Error;

use fairlead_domain::kernel::{DomainError, ErrorKind};

use crate::ports::StoreError;

/// A refusal or a failure, with a stable code.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The aggregate refused.
    #[error("{detail}")]
    Refused {
        /// The class of the refusal.
        kind: ErrorKind,
        /// Its stable code.
        code: &'static str,
        /// The sentence for people.
        detail: String,
    },
    /// A unique value belongs to another stream.
    #[error("{} is already in use", scope.replace('.', "'s "))]
    Taken {
        /// What must be unique: `contact.email`.
        scope: String,
    },
    /// Something personal was to be recorded about a person who was erased.
    #[error("the person was erased; nothing about them can be recorded any more")]
    SubjectErased,
    /// The stream is not at the version the caller demanded.
    #[error("the record is at version {actual}, not at {demanded}; read it again")]
    Stale {
        /// The version in `If-Match`.
        demanded: i64,
        /// The version stored.
        actual: i64,
    },
    /// Others kept changing the stream; the command was tried several times.
    #[error("the record is changing too fast; try again")]
    Contended,
    /// The record is otherwise than when it was looked up what a command takes to decide: that is to be looked up once more.
    #[error("the record is changing too fast; try again")]
    Unforeseen,
    /// Too many of the organization's events wait for being published.
    #[error("too many of the organization's events wait for being published; come back later")]
    HeldBack,
    /// Nobody vouches for the caller, or not any more. Says nothing that helps to guess.
    #[error("{detail}")]
    Unauthenticated {
        /// The stable code.
        code: &'static str,
        /// The sentence for people.
        detail: &'static str,
    },
    /// Too many attempts; later ones are looked at again.
    #[error("too many attempts; come back later")]
    TooManyAttempts {
        /// In how many seconds.
        retry_after: u64,
    },
    /// The caller lacks a permission.
    #[error("this needs the permission {permission}")]
    Forbidden {
        /// The permission's name.
        permission: &'static str,
    },
    /// The record would be beyond what the caller's permission reaches.
    #[error(
        "this would put the record beyond what your permission reaches: your own records, or those of your projects"
    )]
    OutOfReach,
    /// The idempotency key came with a different request before.
    #[error("this Idempotency-Key was used for a different request")]
    KeyReused,
    /// A request with the same idempotency key is still at work.
    #[error("a request with this Idempotency-Key is still being worked on; try again")]
    KeyInProgress,
    /// The state would exceed what one stream may hold.
    #[error("the record would have {size} bytes, more than the {limit} it may have")]
    StateTooLarge {
        /// Bytes of JSON.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The read model has not caught up with the caller's write in time.
    #[error("the write you refer to is not visible yet; try again")]
    NotYetVisible,
    /// The read model could not take in the caller's write; an operator has to see to it.
    #[error("the record you refer to can't be shown here at present; it is kept, and will be seen to")]
    Parked,
    /// The database or the broker does not answer, or is too busy.
    #[error("a part that is needed does not answer; try again")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// A fault of ours.
    #[error("an internal fault")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

impl AppError {
    /// The class, for adapters.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused { kind, .. } => *kind,
            Self::Taken { .. } | Self::SubjectErased | Self::KeyInProgress | Self::Contended | Self::Unforeseen => {
                ErrorKind::Conflict
            }
            Self::Stale { .. } => ErrorKind::Stale,
            Self::Forbidden { .. } | Self::OutOfReach => ErrorKind::Forbidden,
            Self::KeyReused | Self::StateTooLarge { .. } => ErrorKind::Invalid,
            Self::NotYetVisible | Self::Parked | Self::Unavailable(_) => ErrorKind::Unavailable,
            Self::HeldBack | Self::TooManyAttempts { .. } => ErrorKind::TooMany,
            Self::Unauthenticated { .. } => ErrorKind::Unauthenticated,
            Self::Internal(_) => ErrorKind::Internal,
        }
    }

    /// The stable code, for programs.
    pub fn code(&self) -> String {
        match self {
            Self::Refused { code, .. } => code,
            Self::Taken { scope } => return format!("{scope}_taken"),
            Self::SubjectErased => "subject.erased",
            Self::Stale { .. } => "version.stale",
            Self::Contended | Self::Unforeseen => "version.contended",
            Self::HeldBack => "organization.backlog",
            Self::Unauthenticated { code, .. } => code,
            Self::TooManyAttempts { .. } => "access.too_many_attempts",
            Self::Forbidden { .. } => "access.forbidden",
            Self::OutOfReach => "access.out_of_reach",
            Self::KeyReused => "idempotency.key_reused",
            Self::KeyInProgress => "idempotency.in_progress",
            Self::StateTooLarge { .. } => "state.too_large",
            Self::NotYetVisible => "consistency.not_yet_visible",
            Self::Parked => "consistency.parked",
            Self::Unavailable(_) => "service.unavailable",
            Self::Internal(_) => "service.internal",
        }
        .to_owned()
    }

    /// A fault of ours, with its cause for the log.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }
}

impl<E: DomainError> From<E> for AppError {
    fn from(error: E) -> Self {
        Self::Refused { kind: error.kind(), code: error.code(), detail: error.to_string() }
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale { .. } => Self::Contended,
            StoreError::Taken { claims } => {
                Self::Taken { scope: claims.into_iter().next().map_or_else(|| "key".to_owned(), |claim| claim.scope) }
            }
            StoreError::Erased { .. } => Self::SubjectErased,
            StoreError::KeyInProgress => Self::KeyInProgress,
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Internal(cause) => Self::Internal(cause),
        }
    }
}
