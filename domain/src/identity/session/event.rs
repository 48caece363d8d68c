//! What happens to a session, and why something does not.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EndReason, SessionMethod, SessionStart};
use crate::{
    ids::{OrganizationId, UserId},
    kernel::{DomainError, ErrorKind, PersonalOf},
    values::{Origin, Provider},
};

/// What happened to a session. Names are public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the state, where they are explained")]
pub enum SessionEvent {
    /// A person signed in.
    #[serde(rename = "session.started")]
    Started {
        user_id: UserId,
        organization_id: OrganizationId,
        methods: BTreeSet<SessionMethod>,
        provider: Option<Provider>,
        origin: PersonalOf<Origin>,
        at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    },
    /// The person goes on, with another refresh token.
    #[serde(rename = "session.refreshed")]
    Refreshed { generation: u32, origin: PersonalOf<Origin>, at: DateTime<Utc> },
    /// The person went to work in another organization.
    #[serde(rename = "session.switched")]
    Switched { organization_id: OrganizationId },
    /// It ended.
    #[serde(rename = "session.ended")]
    Ended { reason: EndReason },
}

impl SessionEvent {
    pub(super) fn started(start: SessionStart) -> Self {
        let SessionStart { user_id, organization_id, methods, provider, origin, at, expires_at } = start;
        let origin = PersonalOf { subject: user_id.into(), value: origin.into() };
        Self::Started { user_id, organization_id, methods, provider, origin, at, expires_at }
    }
}

/// Why a command on a session is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// There is none with this id.
    #[error("there is no such session")]
    NotFound,
    /// The id is in use.
    #[error("the session exists already")]
    AlreadyExists,
    /// Nothing brings it back.
    #[error("the session has ended; sign in again")]
    Ended,
    /// It was not refreshed in time.
    #[error("the session has expired; sign in again")]
    Expired,
    /// No such refresh token was issued yet.
    #[error("the session has no such refresh token")]
    Invalid,
}

impl DomainError for SessionError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists | Self::Ended | Self::Expired => ErrorKind::Conflict,
            Self::Invalid => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "session.not_found",
            Self::AlreadyExists => "session.already_exists",
            Self::Ended => "session.ended",
            Self::Expired => "session.expired",
            Self::Invalid => "session.invalid",
        }
    }
}
