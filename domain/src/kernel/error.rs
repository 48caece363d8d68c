//! Refusals: a kind for machines that route, a code for machines that react, a sentence for people.

use std::error::Error;

/// The class of a refusal. Each adapter translates it once (HTTP to a status). Aggregates use the first three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// A value breaks a rule, whatever the state.
    Invalid,
    /// There is no such thing in this tenant.
    NotFound,
    /// The state forbids it, or a unique key is taken.
    Conflict,
    /// The request can't be read.
    Malformed,
    /// Nobody vouches for the caller.
    Unauthenticated,
    /// The caller may not do it.
    Forbidden,
    /// The stream is not at the version that the caller demands.
    Stale,
    /// More bytes than are taken.
    TooLarge,
    /// More than the caller may ask for in this time; waiting helps.
    TooMany,
    /// A part is down or late; trying again later helps.
    Unavailable,
    /// A fault of ours.
    Internal,
}

/// An aggregate's reason to refuse. `Display` is the sentence a person reads.
pub trait DomainError: Error + Send + Sync + 'static {
    /// The class of the refusal.
    fn kind(&self) -> ErrorKind;
    /// A stable name such as `contact.deleted`. Public contract: never renamed.
    fn code(&self) -> &'static str;
}

/// Why a value object can't be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Invalid {
    /// A stable name such as `email.malformed`.
    pub code: &'static str,
    /// What is expected, without repeating the value (it may be personal).
    pub detail: String,
}

impl Invalid {
    /// A refusal with its stable code and a sentence that says what is expected.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl DomainError for Invalid {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn code(&self) -> &'static str {
        self.code
    }
}
