//! What is asked of the audit log, and what it answers.

use chrono::{DateTime, Utc};
use fairlead_application::{
    envelope::rfc3339,
    identity::{ActorKind, AuditEntry, AuditQuery},
    list::{Literal, Position, instant},
};
use fairlead_domain::kernel::Invalid;
use serde::{
    Deserialize, Serialize,
    de::{IntoDeserializer, value},
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    answer::limit,
    document::closed,
    problem::{Check, Problem},
};

/// Characters in a name that is looked for, at most.
const MAX_NAME: usize = 300;

macro_rules! params {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize, IntoParams)]
        #[into_params(parameter_in = Query)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $($own)*
            /// Only what this one did.
            #[param(max_length = 300, example = "user:019ca000-0000-7000-8000-000000000001")]
            actor: Option<String>,
            /// Only this: the type of an event, `access.refused`, `session.refused` or `session.started`.
            #[param(max_length = 300, example = "contact.deleted")]
            action: Option<String>,
            /// Only this kind of record.
            #[param(max_length = 300, example = "contact")]
            resource_type: Option<String>,
            /// Only this record.
            #[param(value_type = Option<Uuid>)]
            resource_id: Option<String>,
            /// `done` or `refused`.
            #[param(value_type = Option<AuditOutcome>, example = "refused")]
            outcome: Option<String>,
            /// From then on: a time, or a date for its first moment in UTC.
            #[param(example = "2026-01-01")]
            from: Option<String>,
            /// Before then.
            #[param(example = "2026-02-01T12:00:00Z")]
            to: Option<String>,
        }

        impl $name {
            fn chosen(&self, check: &mut Check) -> Option<AuditQuery> {
                let name = |check: &mut Check, parameter, value: &Option<String>| {
                    check.parameter(parameter, named(value.as_deref()))
                };
                let (actor, action) = (name(check, "actor", &self.actor), name(check, "action", &self.action));
                let resource_type = name(check, "resource_type", &self.resource_type);
                let resource_id = check.parameter("resource_id", record(self.resource_id.as_deref()));
                let refused = check.parameter("outcome", outcome(self.outcome.as_deref()));
                let (from, until) =
                    (check.parameter("from", time(self.from.as_deref())), check.parameter("to", time(self.to.as_deref())));
                Some(AuditQuery {
                    actor: actor?,
                    action: action?,
                    resource_type: resource_type?,
                    resource_id: resource_id?,
                    refused: refused?,
                    from: from?,
                    until: until?,
                    ..AuditQuery::default()
                })
            }
        }
    };
}
params! {
    /// Which entries, and how many.
    AuditParams {
        /// How many entries at most.
        #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
        limit: Option<String>,
        /// Where the page begins: the `next_cursor` of the page before, with the same filters.
        cursor: Option<String>,
    }
}
params! {
    /// Which entries.
    ExportParams {}
}

impl AuditParams {
    /// What is asked for, and a text that stands for it but for the place; `open` reads a cursor of it.
    pub(super) fn query(
        self,
        open: impl FnOnce(&str, &str) -> Result<Position, Invalid>,
    ) -> Result<(AuditQuery, String), Problem> {
        let mut check = Check::default();
        let limit = check.parameter("limit", limit(self.limit.as_deref()));
        let query = self.chosen(&mut check);
        let list = format!("{query:?}");
        let position = self.cursor.as_deref().map(|cursor| open(&list, cursor)).transpose();
        // Of a query that is refused anyway there is no cursor.
        let position = if query.is_some() { check.parameter("cursor", position) } else { None };
        let (query, (limit, position)) = check.finish(query.zip(limit.zip(position)))?;
        let behind = position.and_then(|Position { value, id }| match value {
            Some(Literal::Instant(at)) => Some((at, id)),
            _ => None,
        });
        Ok((AuditQuery { limit, behind, ..query }, list))
    }
}

impl ExportParams {
    /// What is asked for.
    pub(super) fn query(self) -> Result<AuditQuery, Problem> {
        let mut check = Check::default();
        let query = self.chosen(&mut check);
        check.finish(query)
    }
}

/// Where the next entries begin.
pub(super) fn behind(last: &AuditEntry) -> (DateTime<Utc>, Uuid) {
    (last.occurred_at, last.id)
}

/// The same, to be written into a cursor.
pub(super) fn position(last: &AuditEntry) -> Position {
    Position { value: Some(Literal::Instant(last.occurred_at)), id: last.id }
}

fn named(text: Option<&str>) -> Result<Option<String>, Invalid> {
    let fits = |text: &str| (1..=MAX_NAME).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    let invalid = || Invalid::new("filter.invalid_value", format!("must have 1 to {MAX_NAME} characters"));
    text.map(|text| fits(text).then(|| text.to_owned()).ok_or_else(invalid)).transpose()
}

fn record(text: Option<&str>) -> Result<Option<Uuid>, Invalid> {
    let invalid = |_| Invalid::new("filter.invalid_value", "must be a UUID");
    text.map(|text| text.parse().map_err(invalid)).transpose()
}

fn outcome(text: Option<&str>) -> Result<Option<bool>, Invalid> {
    let invalid = |_: value::Error| Invalid::new("filter.invalid_value", "must be done or refused");
    let outcome = text.map(|text| AuditOutcome::deserialize(text.into_deserializer())).transpose().map_err(invalid)?;
    Ok(outcome.map(|outcome| outcome == AuditOutcome::Refused))
}

fn time(text: Option<&str>) -> Result<Option<DateTime<Utc>>, Invalid> {
    let invalid = || Invalid::new("filter.invalid_value", "must be a date, or a time as in RFC 3339");
    text.map(|text| instant(text).ok_or_else(invalid)).transpose()
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AuditOutcome {
    Done,
    Refused,
}

/// Something that was done, or refused.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditItem {
    /// The event, or the note of what no event tells.
    id: Uuid,
    /// When.
    #[schema(format = DateTime)]
    occurred_at: String,
    /// Who.
    actor: String,
    /// What this one is.
    #[schema(value_type = closed::ActorKind)]
    actor_kind: ActorKind,
    /// What: the type of an event, `access.refused`, `session.refused` or `session.started`.
    #[schema(example = "contact.deleted")]
    action: String,
    outcome: AuditOutcome,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "access.forbidden")]
    code: Option<String>,
    /// The permission that the request took, as far as it is known.
    #[schema(required, example = "contacts:write")]
    permission: Option<String>,
    /// The kind of record.
    #[schema(required, example = "contact")]
    resource_type: Option<String>,
    /// The record.
    #[schema(required)]
    resource_id: Option<Uuid>,
    /// The record's version after it.
    #[schema(required, minimum = 1)]
    version: Option<i64>,
    /// What the event tells of, by name; the values stand in the event.
    changes: Vec<String>,
    /// From where, as far as it is known, and unless the person was erased.
    #[schema(required)]
    address: Option<String>,
    /// By which program, likewise.
    #[schema(required)]
    user_agent: Option<String>,
    /// The request.
    #[schema(required)]
    correlation_id: Option<Uuid>,
}

impl From<AuditEntry> for AuditItem {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            occurred_at: rfc3339(entry.occurred_at),
            actor_kind: ActorKind::of(&entry.actor),
            actor: entry.actor,
            action: entry.action,
            outcome: if entry.code.is_some() { AuditOutcome::Refused } else { AuditOutcome::Done },
            code: entry.code,
            permission: entry.permission,
            resource_type: entry.resource_type,
            resource_id: entry.resource_id,
            version: entry.version,
            changes: entry.changes,
            address: entry.address.map(|address| address.to_string()),
            user_agent: entry.user_agent,
            correlation_id: entry.correlation_id,
        }
    }
}
