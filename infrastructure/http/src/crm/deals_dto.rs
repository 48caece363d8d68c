//! Deals as JSON.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use fairlead_application::{
    Recorded,
    crm::{DealDraft, DealLinks, DealRequest},
    envelope::rfc3339,
};
use fairlead_domain::{
    crm::{Deal, DealChange, DealStatus, Schema},
    kernel::Invalid,
    values::{AttributeValue, Currency, Label, Money, Title},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::values::{AttributeBody, AttributeOrNull, MoneyBody, attributes, tags};
use crate::{
    document::closed::{self, True},
    problem::{Check, Problem},
    request::{List, Map, Member, Object},
};

/// Contacts in one request at most; a deal names no more.
const MAX_CONTACTS: usize = 50;
/// Companies in one request at most; a deal names no more.
const MAX_COMPANIES: usize = 20;
/// Tags in one request at most; a deal carries no more.
const MAX_TAGS: usize = 100;
/// Custom attributes in one request at most. Twice what a deal has, so that one patch can exchange them all.
const MAX_ATTRIBUTES: usize = 200;

/// A deal that is to be opened.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "40 forklifts",
    "pipeline_id": "0192b1c8-6a3e-7000-8000-000000000010",
    "value": { "amount": 12500000, "currency": "EUR" },
    "expected_close": "2026-12-31",
    "source": "Trade fair",
    "tags": ["rush"],
    "attributes": { "term": 12 }
}))]
pub(super) struct NewDeal {
    /// What it is called; several may have the same name.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// The pipeline in which it is to be.
    pipeline_id: Uuid,
    /// Its first stage; without, the first of the pipeline.
    stage_id: Option<Uuid>,
    /// What it is worth.
    #[schema(value_type = Option<MoneyBody>)]
    value: Option<Object<MoneyBody>>,
    /// The day on which it is expected to be won.
    #[schema(format = Date)]
    expected_close: Option<String>,
    /// Where it came from.
    #[schema(min_length = 1, max_length = 100)]
    source: Option<String>,
    /// The user who looks after it.
    owner_id: Option<Uuid>,
    /// The workspace to which it belongs.
    project_id: Option<Uuid>,
    /// The people whom it concerns, whom the caller may read.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, required = false, max_items = 50)]
    contact_ids: List<Uuid, MAX_CONTACTS>,
    /// The companies that it concerns, which the caller may read.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, required = false, max_items = 20)]
    company_ids: List<Uuid, MAX_COMPANIES>,
    /// Labels: letters, digits, `-`, `_`, `.` and `/`, kept in lower case.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false, max_items = 100)]
    tags: List<String, MAX_TAGS>,
    /// Custom attributes, 100 at most. Names match `[a-z][a-z0-9_]*`.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, AttributeBody>, required = false)]
    attributes: Map<Value, MAX_ATTRIBUTES>,
}

/// A change of a deal: what is missing stays, what is null is removed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "value": { "amount": 13000000, "currency": "EUR" }, "expected_close": null }))]
pub(super) struct DealPatch {
    /// What it is called. Can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, nullable = false)]
    name: Member<String>,
    /// What it is worth; replaced as a whole.
    #[serde(default)]
    #[schema(value_type = Option<MoneyBody>)]
    value: Member<Object<MoneyBody>>,
    /// The day on which it is expected to be won.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    expected_close: Member<String>,
    /// Where it came from.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    source: Member<String>,
    /// The user who looks after it.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    owner_id: Member<Uuid>,
    /// The workspace to which it belongs.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    project_id: Member<Uuid>,
    /// Custom attributes to set, or with null to remove, 200 at most; those not named stay.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, AttributeOrNull>, required = false)]
    attributes: Map<Value, MAX_ATTRIBUTES>,
}

/// Where a deal is to go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "stage_id": "0192b1c8-6a3e-7000-8000-000000000012" }))]
pub(super) struct Moving {
    /// The stage.
    stage_id: Uuid,
    /// The stage's pipeline; without, the deal stays in its own.
    pipeline_id: Option<Uuid>,
}

/// Why a deal was won or lost.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": null }))]
pub(super) struct Closing {
    /// One of the pipeline's reasons, without regard to case; where it lists none, any.
    #[schema(min_length = 1, max_length = 100)]
    reason: Option<String>,
}

/// People and companies.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "contact_ids": ["0192b1c8-6a3e-7000-8000-000000000021"] }))]
pub(super) struct Links {
    /// People.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, required = false, max_items = 50)]
    contact_ids: List<Uuid, MAX_CONTACTS>,
    /// Companies.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, required = false, max_items = 20)]
    company_ids: List<Uuid, MAX_COMPANIES>,
}

/// A deal.
#[derive(Serialize, ToSchema)]
#[schema(as = Deal)]
pub(super) struct DealBody {
    id: Uuid,
    /// Grows with each change.
    #[schema(minimum = 1)]
    version: i64,
    name: String,
    #[schema(value_type = closed::DealStatus)]
    status: DealStatus,
    pipeline_id: Uuid,
    /// The stage in which it is, or was when it was won or lost.
    stage_id: Uuid,
    #[schema(format = DateTime)]
    stage_entered_at: String,
    #[schema(required)]
    value: Option<MoneyBody>,
    #[schema(required, format = Date)]
    expected_close: Option<String>,
    #[schema(required)]
    source: Option<String>,
    #[schema(required)]
    owner_id: Option<Uuid>,
    #[schema(required)]
    project_id: Option<Uuid>,
    contact_ids: Vec<Uuid>,
    company_ids: Vec<Uuid>,
    tags: Vec<String>,
    #[schema(value_type = BTreeMap<String, AttributeBody>)]
    attributes: BTreeMap<String, Value>,
    #[schema(format = DateTime)]
    opened_at: String,
    /// When it was won or lost.
    #[schema(required, format = DateTime)]
    closed_at: Option<String>,
    /// Why it was won or lost.
    #[schema(required)]
    reason: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// There, and true, when it is deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = True, required = false)]
    deleted: bool,
}

impl From<Recorded<Deal>> for DealBody {
    fn from(recorded: Recorded<Deal>) -> Self {
        let Deal { profile, status, closed_at, reason, stage_entered_at, deleted, .. } = recorded.state;
        let attributes = profile.attributes.iter();
        let text = |label: Label| label.as_str().to_owned();
        Self {
            id: recorded.id,
            version: recorded.version,
            name: profile.name.as_str().to_owned(),
            status,
            pipeline_id: profile.pipeline_id.into(),
            stage_id: profile.stage_id.into(),
            stage_entered_at: rfc3339(stage_entered_at),
            value: profile
                .value
                .map(|value| MoneyBody { amount: value.minor(), currency: value.currency().code().to_owned() }),
            expected_close: profile.expected_close.map(|day| day.to_string()),
            source: profile.source.map(text),
            owner_id: profile.owner_id.map(Into::into),
            project_id: profile.project_id.map(Into::into),
            contact_ids: profile.contact_ids.into_iter().map(Into::into).collect(),
            company_ids: profile.company_ids.into_iter().map(Into::into).collect(),
            tags: profile.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            attributes: attributes.map(|(key, value)| (key.as_str().to_owned(), value.to_json())).collect(),
            opened_at: rfc3339(profile.opened_at),
            closed_at: closed_at.map(rfc3339),
            reason: reason.map(text),
            created_at: rfc3339(recorded.created_at),
            updated_at: rfc3339(recorded.updated_at),
            deleted,
        }
    }
}

impl TryFrom<NewDeal> for DealDraft {
    type Error = Problem;

    fn try_from(body: NewDeal) -> Result<Self, Problem> {
        let mut check = Check::default();
        let name = check.at("/name", Title::new(&body.name));
        let value = body.value.map_or(Some(None), |value| money(&mut check, value).map(Some));
        let expected_close = check.at("/expected_close", body.expected_close.map(|text| day(&text)).transpose());
        let source = check.at("/source", body.source.map(|text| Label::new(&text)).transpose());
        let tags = tags(&mut check, body.tags);
        let attributes = attributes(&mut check, body.attributes, AttributeValue::new);
        let draft = || {
            Some(Self {
                name: name?,
                pipeline_id: body.pipeline_id.into(),
                stage_id: body.stage_id.map(Into::into),
                value: value?,
                expected_close: expected_close?,
                source: source?,
                owner_id: body.owner_id.map(Into::into),
                project_id: body.project_id.map(Into::into),
                contact_ids: ids(body.contact_ids),
                company_ids: ids(body.company_ids),
                tags: tags?,
                attributes: attributes?,
            })
        };
        let draft = draft();
        check.finish(draft)
    }
}

impl TryFrom<DealPatch> for DealChange {
    type Error = Problem;

    fn try_from(body: DealPatch) -> Result<Self, Problem> {
        let mut check = Check::default();
        let name = body.name.required(&mut check, "/name", |text| Title::new(&text));
        let value = body.value.optional_with(|value| money(&mut check, value));
        let expected_close = body.expected_close.optional(&mut check, "/expected_close", |text| day(&text));
        let source = body.source.optional(&mut check, "/source", |text| Label::new(&text));
        let owner_id = body.owner_id.optional(&mut check, "/owner_id", |id| Ok(id.into()));
        let project_id = body.project_id.optional(&mut check, "/project_id", |id| Ok(id.into()));
        let attributes = attributes(&mut check, body.attributes, |value| match value {
            Value::Null => Ok(None),
            value => AttributeValue::new(value).map(Some),
        });
        let change = || {
            Some(Self {
                name: name?,
                value: value?,
                expected_close: expected_close?,
                source: source?,
                owner_id: owner_id?,
                project_id: project_id?,
                attributes: attributes?,
                schema: Schema::default(),
            })
        };
        let change = change();
        check.finish(change)
    }
}

impl From<Moving> for DealRequest {
    fn from(body: Moving) -> Self {
        Self::Move { pipeline_id: body.pipeline_id.map(Into::into), stage_id: body.stage_id.into() }
    }
}

impl From<Links> for DealLinks {
    fn from(body: Links) -> Self {
        Self { contact_ids: ids(body.contact_ids), company_ids: ids(body.company_ids) }
    }
}

impl TryFrom<Closing> for Option<Label> {
    type Error = Problem;

    fn try_from(body: Closing) -> Result<Self, Problem> {
        let mut check = Check::default();
        let reason = check.at("/reason", body.reason.map(|text| Label::new(&text)).transpose());
        check.finish(reason)
    }
}

/// Ids, each once.
pub(super) fn ids<Id: From<Uuid> + Ord, const MAX: usize>(List(ids): List<Uuid, MAX>) -> BTreeSet<Id> {
    ids.into_iter().map(Into::into).collect()
}

/// An amount, or a fault for each part that is not acceptable.
fn money(check: &mut Check, Object(MoneyBody { amount, currency }): Object<MoneyBody>) -> Option<Money> {
    let currency = check.at("/value/currency", Currency::new(&currency))?;
    check.at("/value/amount", Money::new(amount, currency))
}

/// A day that RFC 3339 can write.
fn day(text: &str) -> Result<NaiveDate, Invalid> {
    let day = text.parse().ok().filter(|day: &NaiveDate| day.to_string() == text && (1..=9999).contains(&day.year()));
    day.ok_or_else(|| Invalid::new("date.invalid", "must be a date as in 2026-01-31"))
}
