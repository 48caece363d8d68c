//! Timelines, page by page.

use fairlead_application::{
    AppError, Context,
    crm::TimelineEntry,
    envelope::rfc3339,
    list::{Cursors, Literal, Position},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Page, ShowDeleted, page::limit};
use crate::problem::{Check, Problem};

/// Which part of a timeline.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimelineParams {
    /// How many entries at most.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
    /// Where the page begins: the `next_cursor` of the page before.
    cursor: Option<String>,
    /// `true` shows the timeline although the record is deleted.
    #[serde(default)]
    #[param(default = false)]
    deleted: bool,
}

impl TimelineParams {
    /// The part of the timeline, and whether it is shown of what was deleted.
    pub(crate) fn split(self) -> (Self, ShowDeleted) {
        let deleted = self.deleted;
        (self, ShowDeleted { deleted })
    }
}

/// Something that happened to a record.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimelineItem {
    /// The event.
    id: Uuid,
    /// The record to which it happened: the one whose timeline this is, one that was merged into it, or one that is about it or
    /// names it, such as an activity or a deal.
    record_id: Uuid,
    /// What happened: `contact.renamed`.
    #[serde(rename = "type")]
    event_type: String,
    /// That record's version after it.
    version: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    occurred_at: String,
    /// Who did it.
    actor: String,
    /// What happened, in full. What was erased is `{"erased": true}`.
    #[schema(value_type = Map<String, Value>)]
    data: Value,
}

impl From<TimelineEntry> for TimelineItem {
    fn from(entry: TimelineEntry) -> Self {
        Self {
            id: entry.event_id,
            record_id: entry.record_id,
            event_type: entry.event_type,
            version: entry.version,
            occurred_at: rfc3339(entry.occurred_at),
            actor: entry.actor,
            data: entry.data,
        }
    }
}

/// Answers one page of a timeline. `read` takes the position before which the page begins, and how many entries.
///
/// # Errors
/// Everything that is wrong with the parameters at once, or the timeline's failure.
pub(crate) async fn timeline_page(
    cursors: &Cursors,
    cx: &Context,
    path: &str,
    params: TimelineParams,
    read: impl AsyncFnOnce(Option<i64>, u16) -> Result<Vec<TimelineEntry>, AppError>,
) -> Result<Page<TimelineItem>, Problem> {
    let mut check = Check::default();
    let limit = check.parameter("limit", limit(params.limit.as_deref()));
    let cursor = params.cursor.map(|cursor| cursors.open(cx, path, &cursor)).transpose();
    let before = check.parameter("cursor", cursor);
    let (limit, before) = check.finish(limit.zip(before))?;
    let before = before.and_then(|position| match position.value {
        Some(Literal::Text(position)) => position.parse().ok(),
        _ => None,
    });
    let mut entries = read(before, limit + 1).await?;
    let has_more = entries.len() > usize::from(limit);
    entries.truncate(limit.into());
    let next_cursor = entries.last().filter(|_| has_more).map(|last| {
        let position = Position { value: Some(Literal::Text(last.position.to_string())), id: last.event_id };
        cursors.seal(cx, path, &position)
    });
    Ok(Page { data: entries.into_iter().map(TimelineItem::from).collect(), has_more, next_cursor })
}
