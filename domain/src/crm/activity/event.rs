//! What can happen to an activity.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ActivityProfile, Attachment, Priority};
use crate::{
    ids::{AttachmentId, ProjectId, UserId},
    kernel::Told,
    values::{Label, Prose, RecordRef, Subject},
};

/// What happened to an activity. Names are public contract.
///
/// Each event names the records that the activity was about then, so that whoever looks after one of them need not know
/// the activity's past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the profile, where they are explained")]
pub enum ActivityEvent {
    /// It was noted, or planned.
    #[serde(rename = "activity.created")]
    Created(Box<ActivityProfile>),
    /// The subject changed.
    #[serde(rename = "activity.subject_changed")]
    SubjectChanged { about: Vec<RecordRef>, subject: Told<Subject> },
    /// The body changed, or was removed.
    #[serde(rename = "activity.body_changed")]
    BodyChanged { about: Vec<RecordRef>, body: Option<Told<Prose>> },
    /// It is about other records; `before` names those that it was about.
    #[serde(rename = "activity.about_changed")]
    AboutChanged { about: Vec<RecordRef>, before: Vec<RecordRef> },
    /// It is to be done at another time, or at none in particular.
    #[serde(rename = "activity.due_changed")]
    DueChanged { about: Vec<RecordRef>, due_at: Option<DateTime<Utc>> },
    /// Somebody wants to be reminded at another time, or not at all.
    #[serde(rename = "activity.reminder_changed")]
    ReminderChanged { about: Vec<RecordRef>, reminder_at: Option<DateTime<Utc>> },
    /// It begins or ends at another time; both are told.
    #[serde(rename = "activity.times_changed")]
    TimesChanged { about: Vec<RecordRef>, starts_at: Option<DateTime<Utc>>, ends_at: Option<DateTime<Utc>> },
    /// What came of it is seen otherwise.
    #[serde(rename = "activity.outcome_changed")]
    OutcomeChanged { about: Vec<RecordRef>, outcome: Option<Label> },
    /// It matters more, or less.
    #[serde(rename = "activity.priority_changed")]
    PriorityChanged { about: Vec<RecordRef>, priority: Priority },
    /// Another user is to do it, or nobody is.
    #[serde(rename = "activity.assigned")]
    Assigned { about: Vec<RecordRef>, assignee_id: Option<UserId> },
    /// Another user looks after it, or nobody does.
    #[serde(rename = "activity.owner_changed")]
    OwnerChanged { about: Vec<RecordRef>, owner_id: Option<UserId> },
    /// It moved to another workspace, or out of all.
    #[serde(rename = "activity.project_changed")]
    ProjectChanged { about: Vec<RecordRef>, project_id: Option<ProjectId> },
    /// It was done.
    #[serde(rename = "activity.completed")]
    Completed { about: Vec<RecordRef>, completed_at: DateTime<Utc> },
    /// It was not done after all.
    #[serde(rename = "activity.reopened")]
    Reopened { about: Vec<RecordRef> },
    /// It is kept in sight.
    #[serde(rename = "activity.pinned")]
    Pinned { about: Vec<RecordRef> },
    /// It is not kept in sight any more.
    #[serde(rename = "activity.unpinned")]
    Unpinned { about: Vec<RecordRef> },
    /// Users were mentioned who had not been.
    #[serde(rename = "activity.mentioned")]
    Mentioned { about: Vec<RecordRef>, user_ids: BTreeSet<UserId> },
    /// A file was added.
    #[serde(rename = "activity.attached")]
    Attached { about: Vec<RecordRef>, attachment: Box<Attachment> },
    /// A file was taken away.
    #[serde(rename = "activity.detached")]
    Detached { about: Vec<RecordRef>, attachment_id: AttachmentId },
    /// The activity was deleted softly.
    #[serde(rename = "activity.deleted")]
    Deleted { about: Vec<RecordRef> },
    /// The activity was brought back.
    #[serde(rename = "activity.restored")]
    Restored { about: Vec<RecordRef> },
    /// The words about a person who was erased are gone.
    #[serde(rename = "activity.forgotten")]
    Forgotten { about: Vec<RecordRef>, person: Uuid },
    /// All words were erased.
    #[serde(rename = "activity.erased")]
    Erased { about: Vec<RecordRef> },
}

impl ActivityEvent {
    /// The person whom the words of the event are about, erased or not.
    pub fn person(&self) -> Option<Uuid> {
        match self {
            Self::Created(profile) => profile.subject.subject(),
            Self::SubjectChanged { subject, .. } => subject.subject(),
            Self::BodyChanged { body, .. } => body.as_ref().and_then(Told::subject),
            Self::Attached { attachment, .. } => attachment.name.subject(),
            _ => None,
        }
    }

    /// The records in whose history the event stands.
    pub fn concerns(&self) -> BTreeSet<RecordRef> {
        let (about, before) = match self {
            Self::Created(profile) => (&profile.about, None),
            Self::AboutChanged { about, before } => (about, Some(before)),
            Self::SubjectChanged { about, .. }
            | Self::BodyChanged { about, .. }
            | Self::DueChanged { about, .. }
            | Self::ReminderChanged { about, .. }
            | Self::TimesChanged { about, .. }
            | Self::OutcomeChanged { about, .. }
            | Self::PriorityChanged { about, .. }
            | Self::Assigned { about, .. }
            | Self::OwnerChanged { about, .. }
            | Self::ProjectChanged { about, .. }
            | Self::Completed { about, .. }
            | Self::Reopened { about }
            | Self::Pinned { about }
            | Self::Unpinned { about }
            | Self::Mentioned { about, .. }
            | Self::Attached { about, .. }
            | Self::Detached { about, .. }
            | Self::Deleted { about }
            | Self::Restored { about }
            | Self::Forgotten { about, .. }
            | Self::Erased { about } => (about, None),
        };
        about.iter().chain(before.into_iter().flatten()).copied().collect()
    }
}
