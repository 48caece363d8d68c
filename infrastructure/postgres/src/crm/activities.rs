//! The list of activities.

use fairlead_application::{Recorded, list::Field};
use fairlead_domain::{
    crm::{Activity, Priority},
    kernel::Told,
};
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{StateProjection, search::Words};

/// Activities as lists show them.
pub(crate) struct ActivityList;

/// A row of `crm.activities`.
#[derive(Clone, Debug, PartialEq, Serialize, DeriveEntityModel)]
#[sea_orm(schema_name = "crm", table_name = "activities")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub subject_id: Uuid,
    pub version: i64,
    pub kind: String,
    pub about: Vec<Uuid>,
    pub due_at: Option<DateTimeUtc>,
    pub completed: bool,
    pub completed_at: Option<DateTimeUtc>,
    pub pinned: bool,
    pub priority: Option<String>,
    pub assignee_id: Option<Uuid>,
    pub mentions: Vec<Uuid>,
    pub owner_id: Option<Uuid>,
    pub project_id: Option<Uuid>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub state: Json,
    pub words: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl StateProjection for ActivityList {
    type Aggregate = Activity;
    type Entity = Entity;
    const NAME: &'static str = "crm.activities";
    const LOOKUP: Option<&'static str> = Some("crm.activity_ids");

    fn row(recorded: &Recorded<Activity>) -> Result<Model, serde_json::Error> {
        let activity = &recorded.state;
        let profile = &activity.profile;
        Ok(Model {
            tenant_id: recorded.tenant.into(),
            id: recorded.id,
            subject_id: profile.subject.subject().unwrap_or(recorded.id),
            version: recorded.version,
            kind: profile.kind.name().to_owned(),
            about: profile.about.iter().map(|record| record.id).collect(),
            due_at: profile.due_at,
            completed: activity.completed_at.is_some(),
            completed_at: activity.completed_at,
            pinned: activity.pinned,
            priority: profile.priority.map(|priority| of(priority).to_owned()),
            assignee_id: profile.assignee_id.map(Into::into),
            mentions: profile.mentions.iter().copied().map(Into::into).collect(),
            owner_id: profile.owner_id.map(Into::into),
            project_id: profile.project_id.map(Into::into),
            created_at: recorded.created_at,
            updated_at: recorded.updated_at,
            state: serde_json::to_value(activity)?,
            words: words(recorded).to_tsvector(),
        })
    }

    fn column(field: &Field) -> Column {
        match &*field.name {
            "updated" => Column::UpdatedAt,
            "due" => Column::DueAt,
            "kind" => Column::Kind,
            "about" => Column::About,
            "completed" => Column::Completed,
            "pinned" => Column::Pinned,
            "priority" => Column::Priority,
            "assignee" => Column::AssigneeId,
            "mention" => Column::Mentions,
            "owner" => Column::OwnerId,
            "project" => Column::ProjectId,
            _ => Column::CreatedAt,
        }
    }
}

/// As the domain writes it.
fn of(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Normal => "normal",
        Priority::High => "high",
    }
}

/// What an activity is found by: its subject as a name, then files, then the body, since there is a limit.
fn words(recorded: &Recorded<Activity>) -> Words {
    let profile = &recorded.state.profile;
    let mut words = Words::of_name(recorded.tenant, profile.subject.known().map_or("", |subject| subject.as_str()));
    for name in profile.attachments.iter().filter_map(|attachment| attachment.name.known()) {
        words.add(name.as_str());
    }
    if let Some(body) = profile.body.as_ref().and_then(Told::known) {
        words.add(body.as_str());
    }
    words
}
