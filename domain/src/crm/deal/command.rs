//! What can be asked of a deal, with the facts that it takes to decide.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::DealProfile;
use crate::{
    crm::{Pipeline, Schema},
    ids::{CompanyId, ContactId, PipelineId, ProjectId, StageId, UserId},
    kernel::Patch,
    values::{AttributeKey, AttributeValue, Label, Money, RecordRef, Tag, Title},
};

/// What can be asked of a deal. A pipeline is the one that the deal is in, or is to come to, as it was seen before the
/// command; `None` when there is none.
#[derive(Clone)]
pub enum DealCommand {
    /// Begin it.
    Open {
        /// What is known about it.
        profile: Box<DealProfile>,
        /// What was seen of what it names.
        seen: Box<Seen>,
    },
    /// Change attributes; those not named stay.
    Change(Box<DealChange>),
    /// Put it into another stage, of its pipeline or of another one.
    Move {
        /// The pipeline.
        pipeline_id: PipelineId,
        /// The stage.
        stage_id: StageId,
        /// That pipeline.
        pipeline: Option<Box<Pipeline>>,
        /// When.
        at: DateTime<Utc>,
    },
    /// It was won.
    Win {
        /// Why.
        reason: Option<Label>,
        /// Its pipeline.
        pipeline: Option<Box<Pipeline>>,
        /// When.
        at: DateTime<Utc>,
    },
    /// It was lost.
    Lose {
        /// Why.
        reason: Option<Label>,
        /// Its pipeline.
        pipeline: Option<Box<Pipeline>>,
        /// When.
        at: DateTime<Utc>,
    },
    /// It may be won again.
    Reopen {
        /// Its pipeline.
        pipeline: Option<Box<Pipeline>>,
        /// When.
        at: DateTime<Utc>,
    },
    /// Name people.
    LinkContacts {
        /// Whom.
        contact_ids: BTreeSet<ContactId>,
        /// Which of them were seen.
        seen: BTreeSet<ContactId>,
    },
    /// Name people no more.
    UnlinkContacts(BTreeSet<ContactId>),
    /// Name companies.
    LinkCompanies {
        /// Which.
        company_ids: BTreeSet<CompanyId>,
        /// Which of them were seen.
        seen: BTreeSet<CompanyId>,
    },
    /// Name companies no more.
    UnlinkCompanies(BTreeSet<CompanyId>),
    /// Where a record is named, name the one of which it is part now; also where the deal is closed or deleted.
    ReplaceRecord {
        /// The record that was taken in.
        record: RecordRef,
        /// The record of the same type that took it in.
        by: Uuid,
    },
    /// Where it is open in a stage that was retired, go to the one that took the stage's place; also where it is deleted.
    LeaveStage {
        /// The stage that was retired.
        stage_id: StageId,
        /// The stage of the same pipeline in its place.
        to: StageId,
        /// When.
        at: DateTime<Utc>,
    },
    /// Note that it stays in its stage for longer than the stage is patient; once for each stay.
    Rot {
        /// Its pipeline.
        pipeline: Option<Box<Pipeline>>,
        /// When.
        at: DateTime<Utc>,
    },
    /// Put labels on.
    Tag(BTreeSet<Tag>),
    /// Take labels off.
    Untag(BTreeSet<Tag>),
    /// Delete softly.
    Delete,
    /// Bring back what was deleted.
    Restore,
}

/// What was seen, before the command, of what a deal names.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Its pipeline.
    pub pipeline: Option<Pipeline>,
    /// Those of its contacts that are there and within the caller's reach.
    pub contacts: BTreeSet<ContactId>,
    /// Those of its companies that are there and within the caller's reach.
    pub companies: BTreeSet<CompanyId>,
    /// What its custom attributes may be.
    pub schema: Schema,
}

/// A change of attributes, in the sense of JSON merge patch (RFC 7396).
#[derive(Clone, Default)]
pub struct DealChange {
    /// A new name.
    pub name: Option<Title>,
    /// Another value.
    pub value: Patch<Money>,
    /// Another day.
    pub expected_close: Patch<NaiveDate>,
    /// Another source.
    pub source: Patch<Label>,
    /// A new owner.
    pub owner_id: Patch<UserId>,
    /// Another workspace.
    pub project_id: Patch<ProjectId>,
    /// Custom attributes to set, or with `None` to remove.
    pub attributes: BTreeMap<AttributeKey, Option<AttributeValue>>,
    /// What they may be.
    pub schema: Schema,
}
