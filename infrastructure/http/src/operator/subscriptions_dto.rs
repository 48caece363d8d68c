//! Subscriptions as JSON.

use fairlead_application::{
    administration::{ParkedDetail, PartitionStatus, RebuildState, RebuildStatus, SubscriptionStatus},
    envelope::rfc3339,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::document::closed;

/// A reader of the log: the relay, a read model.
#[derive(Serialize, ToSchema)]
#[schema(as = Subscription)]
pub(super) struct SubscriptionBody {
    /// What it is called.
    #[schema(example = "crm.contacts")]
    name: String,
    /// Whether an operator demanded that nobody works it.
    paused: bool,
    /// How many positions there are from its first unhandled event to the log's end; 0 when it has handled all.
    #[schema(minimum = 0)]
    behind: i64,
    /// When its first unhandled event occurred; null when it has handled all.
    #[schema(required, format = DateTime)]
    oldest_unhandled_at: Option<String>,
    /// How many streams it has set aside.
    #[schema(minimum = 0)]
    parked_streams: i64,
    /// Among whom its work is divided.
    partitions: Vec<PartitionBody>,
}

/// A part of a subscription, worked by one process at a time.
#[derive(Serialize, ToSchema)]
#[schema(as = Partition)]
struct PartitionBody {
    /// From 0.
    #[schema(minimum = 0)]
    number: i16,
    /// Up to here everything of its own was handled.
    #[schema(minimum = 0)]
    position: i64,
    /// How many positions there are from its first unhandled event to the log's end; 0 when it has handled all of its own.
    #[schema(minimum = 0)]
    behind: i64,
    /// When its first unhandled event occurred.
    #[schema(required, format = DateTime)]
    oldest_unhandled_at: Option<String>,
    /// Whether a process works it.
    held: bool,
    /// How many streams it has set aside.
    #[schema(minimum = 0)]
    parked_streams: i64,
}

impl From<SubscriptionStatus> for SubscriptionBody {
    fn from(status: SubscriptionStatus) -> Self {
        Self {
            paused: status.paused,
            behind: status.behind(),
            oldest_unhandled_at: status.oldest().map(rfc3339),
            parked_streams: status.parked(),
            partitions: status.partitions.into_iter().map(PartitionBody::from).collect(),
            name: status.name,
        }
    }
}

impl From<PartitionStatus> for PartitionBody {
    fn from(status: PartitionStatus) -> Self {
        let PartitionStatus { number, position, behind, oldest, held, parked } = status;
        Self { number, position, behind, oldest_unhandled_at: oldest.map(rfc3339), held, parked_streams: parked }
    }
}

/// Which parked streams, and how many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ParkedParams {
    /// How many streams at most.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    pub(super) limit: Option<String>,
    /// Where the page begins: the `next_cursor` of the page before, with the same `subscription`.
    pub(super) cursor: Option<String>,
    /// Only streams that this subscription has set aside.
    #[param(example = "crm.contacts")]
    pub(super) subscription: Option<String>,
}

/// A stream that a subscription could not handle.
#[derive(Serialize, ToSchema)]
#[schema(as = ParkedStream)]
pub(super) struct ParkedBody {
    /// By which subscription.
    #[schema(example = "crm.contacts")]
    subscription: String,
    /// The stream's organization.
    organization_id: Uuid,
    /// The stream, which is the record's id.
    stream_id: Uuid,
    /// The record's version after the first event that was not handled.
    #[schema(minimum = 1)]
    first_version: i64,
    /// Why, without the values concerned.
    #[schema(example = "23514 (contacts_name_check)")]
    error: String,
    /// How often it was tried.
    #[schema(minimum = 1)]
    attempts: i32,
    /// When it was set aside.
    #[schema(value_type = String, format = DateTime)]
    parked_at: String,
    /// Whether it is going to be tried again.
    replay_demanded: bool,
}

impl From<ParkedDetail> for ParkedBody {
    fn from(parked: ParkedDetail) -> Self {
        Self {
            subscription: parked.subscription,
            organization_id: parked.tenant,
            stream_id: parked.stream,
            first_version: parked.first_version,
            error: parked.error,
            attempts: parked.attempts,
            parked_at: rfc3339(parked.parked_at),
            replay_demanded: parked.replay_demanded,
        }
    }
}

/// A read model that is, or was, built anew.
#[derive(Serialize, ToSchema)]
#[schema(as = Rebuild)]
pub(super) struct RebuildBody {
    /// The read model, which is the subscription's name.
    #[schema(example = "crm.contacts")]
    subscription: String,
    /// How far it is.
    #[schema(value_type = closed::RebuildState)]
    state: RebuildState,
    /// Streams, or positions of the log, so far.
    #[schema(minimum = 0)]
    done: i64,
    /// Of how many, as counted at the beginning.
    #[schema(minimum = 0)]
    total: i64,
    /// Why it failed.
    #[schema(required)]
    error: Option<String>,
    /// When it was demanded.
    #[schema(value_type = String, format = DateTime)]
    demanded_at: String,
    /// When it ended; null while it has not.
    #[schema(required, format = DateTime)]
    finished_at: Option<String>,
}

impl From<RebuildStatus> for RebuildBody {
    fn from(status: RebuildStatus) -> Self {
        let RebuildStatus { subscription, state, done, total, error, demanded_at, finished_at } = status;
        let (demanded_at, finished_at) = (rfc3339(demanded_at), finished_at.map(rfc3339));
        Self { subscription, state, done, total, error, demanded_at, finished_at }
    }
}
