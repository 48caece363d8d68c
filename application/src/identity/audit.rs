//! The audit log: who did what, from where, and what was refused.

use std::{net::IpAddr, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use fairlead_domain::kernel::ErrorKind;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    AppError, Context,
    access::{Authorized, Extent, Permission},
    ports::Clock,
};

/// Read the audit log, which tells about every record.
#[derive(Debug, Clone, Copy)]
pub struct AuditRead;

impl Permission for AuditRead {
    const NAME: &'static str = "audit:read";
}

/// Something that was done, or refused.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// The event, or the note of what no event tells.
    pub id: Uuid,
    /// When.
    pub occurred_at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// What: the event's type, or `access.refused`, `session.refused`, `session.started`.
    pub action: String,
    /// The kind of record.
    pub resource_type: Option<String>,
    /// The record.
    pub resource_id: Option<Uuid>,
    /// The record's version after it.
    pub version: Option<i64>,
    /// The request.
    pub correlation_id: Option<Uuid>,
    /// What the event tells of, by the names of its members.
    pub changes: Vec<String>,
    /// The permission that the request took, as far as it is known.
    pub permission: Option<String>,
    /// Why it was refused; `None` when it was not.
    pub code: Option<String>,
    /// From where, as far as it is known.
    pub address: Option<IpAddr>,
    /// By which program, as far as it is known.
    pub user_agent: Option<String>,
}

/// What an actor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A person who signed in.
    User,
    /// A key for programs.
    ApiKey,
    /// A policy of ours.
    Policy,
    /// A consumer of ours.
    Consumer,
    /// A token that says itself what it grants.
    Token,
    /// Nobody known.
    Anonymous,
}

impl ActorKind {
    /// By the name.
    pub fn of(actor: &str) -> Self {
        match actor.split_once(':') {
            Some(("user", _)) => Self::User,
            Some(("api_key", _)) => Self::ApiKey,
            Some(("policy", _)) => Self::Policy,
            Some(("consumer", _)) => Self::Consumer,
            _ if actor == "anonymous" => Self::Anonymous,
            _ => Self::Token,
        }
    }
}

/// Which entries are asked for, the newest first. What is `None` is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// By whom.
    pub actor: Option<String>,
    /// What.
    pub action: Option<String>,
    /// The kind of record.
    pub resource_type: Option<String>,
    /// The record.
    pub resource_id: Option<Uuid>,
    /// What was refused, or what was not.
    pub refused: Option<bool>,
    /// From then on.
    pub from: Option<DateTime<Utc>>,
    /// Before then.
    pub until: Option<DateTime<Utc>>,
    /// Behind this entry: its time and its id.
    pub behind: Option<(DateTime<Utc>, Uuid)>,
    /// How many at most.
    pub limit: u16,
}

/// Port: keeps the audit log. Reached only through [`Audit`], which demands the permission.
#[async_trait]
pub trait AuditPort: Send + Sync {
    /// Entries of the tenant since a moment. Waits for the write that the context names.
    ///
    /// # Errors
    /// [`AppError::NotYetVisible`], [`AppError::Parked`], [`AppError::Unavailable`], [`AppError::Internal`].
    async fn entries(
        &self,
        cx: &Context,
        since: DateTime<Utc>,
        query: &AuditQuery,
    ) -> Result<Vec<AuditEntry>, AppError>;
}

/// The audit log, for those who may read it.
#[derive(Clone)]
pub struct Audit {
    port: Arc<dyn AuditPort>,
    clock: Arc<dyn Clock>,
    kept: TimeDelta,
}

impl Audit {
    /// Guards a port. Nothing is told that is older than `days`, whether it is deleted already or not.
    pub fn new(port: Arc<dyn AuditPort>, clock: Arc<dyn Clock>, days: u16) -> Self {
        Self { port, clock, kept: TimeDelta::days(days.into()) }
    }

    /// Some entries.
    ///
    /// # Errors
    /// `audit.in_part` for who holds the permission over some records alone: entries tell about all. Otherwise as
    /// [`AuditPort::entries`].
    pub async fn entries(&self, cx: &Authorized<AuditRead>, query: &AuditQuery) -> Result<Vec<AuditEntry>, AppError> {
        if [true, false].iter().any(|belongs| cx.reach().extent(*belongs) != Extent::Everything) {
            let detail = "the audit log tells about all records, and you reach some alone".to_owned();
            return Err(AppError::Refused { kind: ErrorKind::Forbidden, code: "audit.in_part", detail });
        }
        let since = self.clock.now() - self.kept;
        let since = query.from.map_or(since, |from| from.max(since));
        self.port.entries(cx, since, query).await
    }
}
