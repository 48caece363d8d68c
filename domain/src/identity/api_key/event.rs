//! What happens to a key, and why something does not.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApiKeyProfile, MAX_PERMISSIONS, MAX_PROJECTS};
use crate::{
    kernel::{DomainError, ErrorKind},
    values::Label,
};

/// What happened to a key. Names are public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the state, where they are explained")]
pub enum ApiKeyEvent {
    /// It was issued, with the secret of generation 1.
    #[serde(rename = "api_key.issued")]
    Issued(Box<ApiKeyProfile>),
    /// It got another secret; the one before works until the overlap ends, if there is one.
    #[serde(rename = "api_key.rotated")]
    Rotated { generation: u32, overlap_until: Option<DateTime<Utc>> },
    /// The name changed.
    #[serde(rename = "api_key.renamed")]
    Renamed { name: Label },
    /// No secret of it works any more.
    #[serde(rename = "api_key.revoked")]
    Revoked {},
}

/// Why a command on a key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    /// There is none with this id.
    #[error("there is no such API key")]
    NotFound,
    /// The id is in use.
    #[error("the API key exists already")]
    AlreadyExists,
    /// Nothing brings it back.
    #[error("the API key was revoked; issue another one")]
    Revoked,
    /// Another secret would not work either.
    #[error("the API key has expired; issue another one")]
    Expired,
    /// A key that opens nothing is none.
    #[error("an API key needs one permission at least")]
    NoPermission,
    /// More permissions than a key can have.
    #[error("an API key has {MAX_PERMISSIONS} permissions at most")]
    TooManyPermissions,
    /// More projects than a key can be limited to.
    #[error("an API key is limited to {MAX_PROJECTS} projects at most")]
    TooManyProjects,
}

impl DomainError for ApiKeyError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists | Self::Revoked | Self::Expired => ErrorKind::Conflict,
            Self::NoPermission | Self::TooManyPermissions | Self::TooManyProjects => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "api_key.not_found",
            Self::AlreadyExists => "api_key.already_exists",
            Self::Revoked => "api_key.revoked",
            Self::Expired => "api_key.expired",
            Self::NoPermission => "api_key.no_permission",
            Self::TooManyPermissions => "api_key.too_many_permissions",
            Self::TooManyProjects => "api_key.too_many_projects",
        }
    }
}
