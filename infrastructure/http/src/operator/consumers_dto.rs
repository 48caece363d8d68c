//! Consumers as JSON.

use fairlead_application::{
    administration::{ConsumerStatus, HeldDetail, ReturnedLetters, StreamKey},
    envelope::rfc3339,
};
use fairlead_domain::kernel::Invalid;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    problem::{Check, Problem},
    request::Member,
};

/// Dead letters that one request brings back, unless it says otherwise.
const LETTERS: u32 = 100;
/// Dead letters that one request brings back at most: each is a round trip to the broker.
const MOST_LETTERS: u32 = 1_000;

/// A consumer whose tables are in Fairlead's own database.
#[derive(Serialize, ToSchema)]
#[schema(as = Consumer)]
pub(super) struct ConsumerBody {
    /// What it is called, as its queue is.
    #[schema(example = "mailer")]
    name: String,
    /// Streams that wait because an event of theirs fails, the dead ones included.
    #[schema(minimum = 0)]
    held_streams: i64,
    /// Streams that it has given up, until an operator decides.
    #[schema(minimum = 0)]
    dead_streams: i64,
}

impl From<ConsumerStatus> for ConsumerBody {
    fn from(status: ConsumerStatus) -> Self {
        Self { name: status.name, held_streams: status.held, dead_streams: status.dead }
    }
}

/// Which waiting streams, and how many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct HeldParams {
    /// How many streams at most.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    pub(super) limit: Option<String>,
    /// Where the page begins: the `next_cursor` of the page before, with the same `dead`.
    pub(super) cursor: Option<String>,
    /// `true` for dead streams alone, `false` for those that are tried again; all if missing.
    pub(super) dead: Option<bool>,
}

/// A stream that waits because an event of it fails.
#[derive(Serialize, ToSchema)]
#[schema(as = HeldStream)]
pub(super) struct HeldBody {
    /// The stream's organization.
    organization_id: Uuid,
    /// The stream, which is the record's id.
    stream_id: Uuid,
    /// The event that fails.
    event_id: Uuid,
    /// The routing key under which it was published.
    #[schema(example = "crm.contact.created")]
    routing_key: String,
    /// The attempts that count.
    #[schema(minimum = 0)]
    attempts: i32,
    /// `failed`, `rejected` or `unreadable`; null before the first attempt. What the handler said is in the consumer's log.
    #[schema(required, example = "failed")]
    reason: Option<String>,
    /// When the event was set aside.
    #[schema(value_type = String, format = DateTime)]
    held_at: String,
    /// When its first attempt failed.
    #[schema(required, format = DateTime)]
    failed_at: Option<String>,
    /// When it is tried again; null when the stream is dead.
    #[schema(required, format = DateTime)]
    due_at: Option<String>,
    /// When the stream was given up; null when it is not dead.
    #[schema(required, format = DateTime)]
    dead_at: Option<String>,
    /// Events of the stream that are set aside, this one included.
    #[schema(minimum = 1)]
    messages: i64,
}

impl From<HeldDetail> for HeldBody {
    fn from(held: HeldDetail) -> Self {
        let StreamKey { tenant, stream } = held.key;
        Self {
            organization_id: tenant,
            stream_id: stream,
            event_id: held.event,
            routing_key: held.routing_key,
            attempts: held.attempts,
            reason: held.reason,
            held_at: rfc3339(held.held_at),
            failed_at: held.failed_at.map(rfc3339),
            due_at: held.due_at.map(rfc3339),
            dead_at: held.dead_at.map(rfc3339),
            messages: held.messages,
        }
    }
}

/// The event that is given up: the one that its stream waits for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "organization_id": "0193a3c0-0000-7000-8000-000000000001",
    "stream_id": "019ca000-0000-7000-8000-000000000001",
    "event_id": "019ca000-0000-7000-8000-000000000002"
}))]
pub(super) struct Discard {
    /// The stream's organization.
    organization_id: Uuid,
    /// The stream, which is the record's id.
    stream_id: Uuid,
    /// The event.
    pub(super) event_id: Uuid,
}

impl Discard {
    /// The event's stream.
    pub(super) fn stream(&self) -> StreamKey {
        StreamKey { tenant: self.organization_id, stream: self.stream_id }
    }
}

/// How many dead letters are brought back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "limit": 100 }))]
pub(super) struct LettersOrder {
    /// At most, of those that are there; 100 if missing.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1000, nullable = false)]
    limit: Member<u32>,
}

impl LettersOrder {
    /// How many.
    ///
    /// # Errors
    /// `limit.invalid`
    pub(super) fn limit(self) -> Result<u32, Problem> {
        let mut check = Check::default();
        let invalid = || Invalid::new("limit.invalid", format!("must be a whole number from 1 to {MOST_LETTERS}"));
        let within = |limit: u32| (1..=MOST_LETTERS).contains(&limit).then_some(limit).ok_or_else(invalid);
        let limit = self.limit.required(&mut check, "/limit", within);
        Ok(check.finish(limit)?.unwrap_or(LETTERS))
    }
}

/// What became of dead letters.
#[derive(Serialize, ToSchema)]
pub(super) struct Returned {
    /// Put back into the consumer's queue: what is no event, and what the broker itself had put away.
    requeued: u64,
    /// Copies of events of dead streams: those streams are tried again, in order.
    replayed: u64,
    /// Copies of what was handled or discarded meanwhile, or is being tried: taken off the queue.
    settled: u64,
}

impl From<ReturnedLetters> for Returned {
    fn from(ReturnedLetters { requeued, replayed, settled }: ReturnedLetters) -> Self {
        Self { requeued, replayed, settled }
    }
}
