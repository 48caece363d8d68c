//! Who asks, for which tenant, and in the course of what.

use chrono::{DateTime, Utc};
use fairlead_domain::{
    ids::{OrganizationId, SessionId},
    kernel::Invalid,
};
use uuid::Uuid;

use crate::{access::Access, consistency::ConsistencyToken};

/// Everything about a request that is not its subject. The only way to a tenant's data.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) tenant: OrganizationId,
    pub(crate) actor: Actor,
    pub(crate) access: Access,
    /// Joins everything that one request from outside brings about.
    pub correlation_id: Option<Uuid>,
    /// The event that brought this about, when it was one.
    pub causation_id: Option<Uuid>,
    /// How many policies followed from one another before this.
    pub(crate) hops: u8,
    /// The caller's trace, continued into events and workers.
    pub trace_parent: Option<TraceParent>,
    /// The caller's key for this command, if it may be sent more than once.
    pub idempotency: Option<IdempotencyKey>,
    /// The caller's own last write, which a query must have seen.
    pub read_after: Option<ConsistencyToken>,
    /// Until when what the caller was granted holds, for answers that go on; `None` when there is no such time.
    pub valid_until: Option<DateTime<Utc>>,
    /// The session in which the caller acts, for people who signed in.
    pub session: Option<SessionId>,
}

impl Context {
    /// A caller within a tenant, with what it was granted.
    pub fn new(tenant: OrganizationId, actor: Actor, access: Access) -> Self {
        Self {
            tenant,
            actor,
            access,
            correlation_id: None,
            causation_id: None,
            hops: 0,
            trace_parent: None,
            idempotency: None,
            read_after: None,
            valid_until: None,
            session: None,
        }
    }

    /// The tenant whose data is meant.
    pub fn tenant(&self) -> OrganizationId {
        self.tenant
    }

    /// What the caller was granted.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
}

/// Who acts: a token's subject, or the name of a policy or consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(String);

impl Actor {
    /// Names an actor.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A caller's key for a command, with a keyed hash of the whole request: the same key for another request is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The key, scoped to tenant and actor.
    pub key: String,
    /// Of the request that came with it.
    pub fingerprint: [u8; 32],
}

/// A trace's position (W3C Trace Context, `traceparent`, version 00).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent(String);

impl TraceParent {
    /// Checks the header's form.
    ///
    /// # Errors
    /// `traceparent.invalid`; the recommendation is to go on without it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let hex =
            |part: &&str, length| part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let parts: Vec<_> = text.split('-').collect();
        let well_formed = matches!(&parts[..], [version, trace, parent, flags]
            if *version == "00" && hex(trace, 32) && hex(parent, 16) && hex(flags, 2)
                && trace.bytes().any(|b| b != b'0') && parent.bytes().any(|b| b != b'0'));
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("traceparent.invalid", "must be version 00 of W3C trace context"))
        }
    }

    /// The header's value.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The trace, in 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.0.split('-').nth(1).unwrap_or_default()
    }

    /// The span, in 16 hexadecimal digits.
    pub fn span_id(&self) -> &str {
        self.0.split('-').nth(2).unwrap_or_default()
    }
}
