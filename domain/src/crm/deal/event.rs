//! What happens to a deal.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DealProfile;
use crate::{
    ids::{CompanyId, ContactId, PipelineId, ProjectId, StageId, UserId},
    values::{AttributeKey, AttributeValue, Label, Money, Tag, Title},
};

/// What happened to a deal. Names are public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the profile, where they are explained; `at` is when")]
pub enum DealEvent {
    /// It was begun, and entered its first stage.
    #[serde(rename = "deal.opened")]
    Opened(Box<DealProfile>),
    /// The name changed.
    #[serde(rename = "deal.renamed")]
    Renamed { name: Title },
    /// The value changed, or was removed.
    #[serde(rename = "deal.value_changed")]
    ValueChanged { value: Option<Money> },
    /// It is expected to be won on another day, or nobody knows when.
    #[serde(rename = "deal.expected_close_changed")]
    ExpectedCloseChanged { expected_close: Option<NaiveDate> },
    /// It came from elsewhere than was known.
    #[serde(rename = "deal.source_changed")]
    SourceChanged { source: Option<Label> },
    /// Another user looks after it, or nobody does.
    #[serde(rename = "deal.owner_changed")]
    OwnerChanged { owner_id: Option<UserId> },
    /// It moved to another workspace, or out of all.
    #[serde(rename = "deal.project_changed")]
    ProjectChanged { project_id: Option<ProjectId> },
    /// A custom attribute got a value.
    #[serde(rename = "deal.attribute_set")]
    AttributeSet {
        key: AttributeKey,
        value: AttributeValue,
        /// Whether no other living deal may have the value.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unique: bool,
    },
    /// A custom attribute was removed.
    #[serde(rename = "deal.attribute_removed")]
    AttributeRemoved { key: AttributeKey },
    /// Labels were put on.
    #[serde(rename = "deal.tagged")]
    Tagged { tags: BTreeSet<Tag> },
    /// Labels were taken off.
    #[serde(rename = "deal.untagged")]
    Untagged { tags: BTreeSet<Tag> },
    /// It concerns these people, too.
    #[serde(rename = "deal.contacts_linked")]
    ContactsLinked { contact_ids: BTreeSet<ContactId> },
    /// It does not concern these people any more.
    #[serde(rename = "deal.contacts_unlinked")]
    ContactsUnlinked { contact_ids: BTreeSet<ContactId> },
    /// It concerns these companies, too.
    #[serde(rename = "deal.companies_linked")]
    CompaniesLinked { company_ids: BTreeSet<CompanyId> },
    /// It does not concern these companies any more.
    #[serde(rename = "deal.companies_unlinked")]
    CompaniesUnlinked { company_ids: BTreeSet<CompanyId> },
    /// It left a stage and entered another one, of the same pipeline or of another.
    #[serde(rename = "deal.stage_changed")]
    StageChanged { from_stage_id: StageId, pipeline_id: PipelineId, stage_id: StageId, at: DateTime<Utc> },
    /// It was won.
    #[serde(rename = "deal.won")]
    Won { reason: Option<Label>, at: DateTime<Utc> },
    /// It was lost.
    #[serde(rename = "deal.lost")]
    Lost { reason: Option<Label>, at: DateTime<Utc> },
    /// It may be won again, and entered this stage.
    #[serde(rename = "deal.reopened")]
    Reopened { stage_id: StageId, at: DateTime<Utc> },
    /// It stays in its stage for longer than the stage is patient. Told once for each stay.
    #[serde(rename = "deal.rotted")]
    Rotted {
        stage_id: StageId,
        /// Since when it is in the stage.
        since: DateTime<Utc>,
        /// For how many days the stage is patient.
        rotting_days: u16,
    },
    /// It was deleted softly.
    #[serde(rename = "deal.deleted")]
    Deleted {},
    /// It was brought back.
    #[serde(rename = "deal.restored")]
    Restored {},
}
