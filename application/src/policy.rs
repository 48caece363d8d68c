//! Policies: when this event happened, issue that command.
//!
//! A policy's commands and the place to which it has come in the log are stored in one transaction, so that each event has
//! its effect exactly once. Effects outside the database are for consumers of the broker.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_domain::kernel::{Aggregate, ErrorKind};

use crate::{
    App, AppError, Context,
    access::{Authorized, System},
    context::TraceParent,
    envelope::SequencedEvent,
    ports::Metadata,
    recorded::decode_event,
};

/// How many policies can follow from one another. Beyond it they are taken for a loop.
pub const MAX_HOPS: u8 = 8;

/// A rule of the business that acts by itself.
#[async_trait]
pub trait Policy: Send + Sync + 'static {
    /// The aggregate whose events it looks at.
    type On: Aggregate;
    /// The subscription's name: `crm.tag_new_contacts`. Its commands have the actor `policy:crm.tag_new_contacts`.
    const NAME: &'static str;

    /// The types of the events it looks at. None while it is switched off: what happens meanwhile is passed over.
    fn events(&self) -> &'static [&'static str];

    /// Whether something may follow from this event. Of what does not concern it, it is told nothing, which costs no transaction.
    fn concerns(&self, _event: &<Self::On as Aggregate>::Event) -> bool {
        true
    }

    /// Issues the commands that follow. What it reads and what it changes through `app` belongs to one
    /// transaction, so it waits for nothing else.
    ///
    /// # Errors
    /// What a command is answered. After a refusal nothing of this reaction is stored, the refusal is recorded, and the
    /// event counts as handled; when others were quicker, or a part does not answer, the event is met again; anything
    /// else sets its stream aside.
    async fn react(&self, app: &App, cx: &Authorized<System>, happened: Happened<Self::On>) -> Result<(), AppError>;
}

/// An event, as policies meet it.
#[derive(Debug)]
pub struct Happened<A: Aggregate> {
    /// The record.
    pub id: A::Id,
    /// The record's version since then.
    pub version: i64,
    /// When.
    pub occurred_at: DateTime<Utc>,
    /// What.
    pub event: A::Event,
}

/// A policy whose aggregate is not named, for those who run policies.
#[async_trait]
pub trait AnyPolicy: Send + Sync + 'static {
    /// [`Policy::NAME`]
    fn name(&self) -> &'static str;

    /// [`Policy::events`]
    fn events(&self) -> &'static [&'static str];

    /// [`Policy::concerns`]; also what can't be read, which [`meet`](Self::meet) tells.
    fn concerns(&self, event: &SequencedEvent) -> bool;

    /// Reads the event, and has the policy react to it in the event's tenant.
    ///
    /// # Errors
    /// Those of [`Policy::react`]; [`AppError::Refused`] with `policy.loop` when the event is the last of a long row that
    /// policies brought about; [`AppError::Internal`] with a [`DecodeError`](crate::recorded::DecodeError) when the event
    /// can't be read.
    async fn meet(&self, app: &App, event: &SequencedEvent) -> Result<(), AppError>;
}

#[async_trait]
impl<P: Policy> AnyPolicy for P {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn events(&self) -> &'static [&'static str] {
        Policy::events(self)
    }

    fn concerns(&self, event: &SequencedEvent) -> bool {
        let stored = &event.event;
        let decoded = decode_event::<P::On>(&stored.event_type, stored.schema_version, stored.data.clone());
        decoded.map_or(true, |event| Policy::concerns(self, &event))
    }

    async fn meet(&self, app: &App, event: &SequencedEvent) -> Result<(), AppError> {
        let stored = &event.event;
        if stored.metadata.hops >= MAX_HOPS {
            return Err(AppError::Refused {
                kind: ErrorKind::Conflict,
                code: "policy.loop",
                detail: format!("more than {MAX_HOPS} policies followed from one another"),
            });
        }
        let decoded = decode_event::<P::On>(&stored.event_type, stored.schema_version, stored.data.clone());
        let decoded = decoded.map_err(AppError::internal)?;
        let cx = Context::system(event.tenant.into(), &format!("policy:{}", P::NAME)).because_of(event);
        let happened = Happened {
            id: event.stream.into(),
            version: stored.version,
            occurred_at: stored.occurred_at,
            event: decoded,
        };
        self.react(app, &cx, happened).await
    }
}

impl Authorized<System> {
    /// The same, in the course of what the event belongs to.
    #[must_use]
    fn because_of(mut self, event: &SequencedEvent) -> Self {
        let Metadata { correlation_id, traceparent, hops, .. } = &event.event.metadata;
        self.context.correlation_id = correlation_id.or(Some(event.event.id));
        self.context.causation_id = Some(event.event.id);
        self.context.trace_parent = traceparent.as_deref().and_then(|parent| TraceParent::parse(parent).ok());
        self.context.hops = hops.saturating_add(1);
        self
    }
}
