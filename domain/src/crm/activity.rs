//! Something that was done or is to be done about a contact, a company or a deal: a note, a task, a call, a meeting.

mod attachment;
mod change;
mod command;
mod error;
mod event;
#[cfg(feature = "testing")]
mod story;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::{
    attachment::Attachment,
    command::{ActivityChange, ActivityCommand},
    error::ActivityError,
    event::ActivityEvent,
};
use crate::{
    ids::{ProjectId, UserId},
    kernel::{Aggregate, Belonging, Reference, Told},
    values::{Label, Prose, RecordRef, Subject},
};

/// How many records an activity can be about.
const MAX_ABOUT: usize = 20;
/// How many users can be mentioned in an activity.
const MAX_MENTIONS: usize = 50;
/// How many files an activity can refer to.
const MAX_ATTACHMENTS: usize = 20;

/// What an activity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActivityKind {
    /// Something to remember. It has no time and can't be completed.
    Note,
    /// Something to be done.
    Task,
    /// A talk by telephone, made or planned.
    Call,
    /// A talk at an appointed time.
    Meeting,
}

/// How much it matters that something is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Less than others.
    Low,
    /// As others.
    #[default]
    Normal,
    /// More than others.
    High,
}

/// An activity's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// What is known about it.
    #[serde(flatten)]
    pub profile: ActivityProfile,
    /// When it was completed; `None` while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<DateTime<Utc>>,
    /// Whether it is kept in sight.
    #[serde(default)]
    pub pinned: bool,
    /// Softly deleted: kept, but out of sight.
    #[serde(default)]
    pub deleted: bool,
    /// Erased: none of its words are left, and none can be added. Counts as deleted, for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
}

/// What is known about an activity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActivityProfile {
    /// What it is. Never changes.
    pub kind: ActivityKind,
    /// What it is about, in a line. Of an activity about a contact all words are the contact's: of the first one where there
    /// are several.
    pub subject: Told<Subject>,
    /// The rest of what there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Told<Prose>>,
    /// The records that it is about, each once: one at least.
    pub about: Vec<RecordRef>,
    /// Until when it is to be done. Not of notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime<Utc>>,
    /// When somebody wants to be reminded. Not of notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminder_at: Option<DateTime<Utc>>,
    /// When it begins. Of calls and meetings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<DateTime<Utc>>,
    /// When it ends. Of calls and meetings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTime<Utc>>,
    /// What came of it, in the company's own terms, which are no place for words about people. Of calls and meetings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Label>,
    /// How much it matters. Every task has one, no note has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Who is to do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee_id: Option<UserId>,
    /// Who in the company looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
    /// The workspace to which it belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// Users who are mentioned.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub mentions: BTreeSet<UserId>,
    /// Files that belong to it and stand elsewhere, in the order in which they were added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
}

impl Aggregate for Activity {
    const CONTEXT: &'static str = "crm";
    const TYPE: &'static str = "activity";
    const PLURAL: &'static str = "activities";
    const BELONGS: bool = true;
    type Id = crate::ids::ActivityId;
    type Command = ActivityCommand;
    type Event = ActivityEvent;
    type Error = ActivityError;

    fn decide(state: Option<&Self>, command: ActivityCommand) -> Result<Vec<ActivityEvent>, ActivityError> {
        use ActivityCommand::{
            Assign, Attach, Change, Complete, Create, Delete, Detach, Erase, Forget, Mention, Pin, Reopen,
            ReplaceRecord, Restore, Unpin,
        };
        match (state, command) {
            (None, Create { profile, seen }) => {
                profile.checked(&seen).map(|profile| vec![ActivityEvent::Created(profile)])
            }
            (None, _) => Err(ActivityError::NotFound),
            (Some(_), Create { .. }) => Err(ActivityError::AlreadyExists),
            (Some(activity), Delete | Erase | Forget { .. } | ReplaceRecord { .. }) if activity.erased => Ok(vec![]),
            (Some(activity), _) if activity.erased => Err(ActivityError::Erased),
            (Some(activity), Forget { person, part_of }) => Ok(activity.forgetting(person, part_of)),
            // What is deleted may be restored, and is to be about what it would be about.
            (Some(activity), ReplaceRecord { record, by }) => {
                Ok(activity.profile.record_replaced(record, by).into_iter().collect())
            }
            (Some(activity), Erase) => activity.erasing(),
            (Some(activity), Delete) if activity.deleted => Ok(vec![]),
            (Some(activity), Restore) if activity.deleted => {
                Ok(vec![ActivityEvent::Restored { about: activity.about() }])
            }
            (Some(activity), _) if activity.deleted => Err(ActivityError::Deleted),
            (Some(activity), Change(change)) => activity.profile.changes(*change),
            (Some(activity), Assign { assignee_id }) => Ok(activity.assigning(assignee_id)),
            (Some(activity), Complete { at, outcome }) => activity.completing(at, outcome),
            (Some(activity), Reopen) => Ok(activity.reopening()),
            (Some(activity), Pin) => Ok(activity.pinning(true)),
            (Some(activity), Unpin) => Ok(activity.pinning(false)),
            (Some(activity), Mention { user_ids }) => activity.mentioning(&user_ids),
            (Some(activity), Attach(attachment)) => activity.attaching(*attachment),
            (Some(activity), Detach { attachment_id }) => Ok(activity.detaching(attachment_id)),
            (Some(activity), Delete) => Ok(vec![ActivityEvent::Deleted { about: activity.about() }]),
            (Some(_), Restore) => Ok(vec![]),
        }
    }

    fn init(event: &ActivityEvent) -> Option<Self> {
        match event {
            ActivityEvent::Created(profile) => Some(Self {
                profile: (**profile).clone(),
                completed_at: None,
                pinned: false,
                deleted: false,
                erased: false,
            }),
            _ => None,
        }
    }

    fn apply(&mut self, event: &ActivityEvent) {
        let profile = &mut self.profile;
        match event.clone() {
            ActivityEvent::Created(created) => *profile = *created,
            ActivityEvent::SubjectChanged { subject, .. } => profile.subject = subject,
            ActivityEvent::BodyChanged { body, .. } => profile.body = body,
            ActivityEvent::AboutChanged { about, .. } => profile.about = about,
            ActivityEvent::DueChanged { due_at, .. } => profile.due_at = due_at,
            ActivityEvent::ReminderChanged { reminder_at, .. } => profile.reminder_at = reminder_at,
            ActivityEvent::TimesChanged { starts_at, ends_at, .. } => {
                profile.starts_at = starts_at;
                profile.ends_at = ends_at;
            }
            ActivityEvent::OutcomeChanged { outcome, .. } => profile.outcome = outcome,
            ActivityEvent::PriorityChanged { priority, .. } => profile.priority = Some(priority),
            ActivityEvent::Assigned { assignee_id, .. } => profile.assignee_id = assignee_id,
            ActivityEvent::OwnerChanged { owner_id, .. } => profile.owner_id = owner_id,
            ActivityEvent::ProjectChanged { project_id, .. } => profile.project_id = project_id,
            ActivityEvent::Completed { completed_at, .. } => self.completed_at = Some(completed_at),
            ActivityEvent::Reopened { .. } => self.completed_at = None,
            ActivityEvent::Pinned { .. } => self.pinned = true,
            ActivityEvent::Unpinned { .. } => self.pinned = false,
            ActivityEvent::Mentioned { user_ids, .. } => profile.mentions.extend(user_ids),
            ActivityEvent::Attached { attachment, .. } => profile.attachments.push(*attachment),
            ActivityEvent::Detached { attachment_id, .. } => {
                profile.attachments.retain(|attachment| attachment.id != attachment_id);
            }
            ActivityEvent::Deleted { .. } => self.deleted = true,
            ActivityEvent::Restored { .. } => self.deleted = false,
            ActivityEvent::Forgotten { person, .. } => profile.forget(person),
            ActivityEvent::Erased { .. } => {
                profile.erase();
                self.erased = true;
            }
        }
    }

    fn belongs(&self) -> Option<Belonging> {
        Some(Belonging { owner_id: self.profile.owner_id, project_id: self.profile.project_id })
    }

    fn references(&self) -> Vec<Reference> {
        self.profile.about.iter().copied().map(Reference::from).collect()
    }

    fn is_deleted(&self) -> bool {
        self.deleted || self.erased
    }

    fn is_erased(&self) -> bool {
        self.erased
    }

    fn erasure() -> Option<ActivityCommand> {
        Some(ActivityCommand::Erase)
    }
}

impl ActivityProfile {
    /// An activity of which only this is known.
    pub fn new(kind: ActivityKind, subject: Subject, about: Vec<RecordRef>) -> Self {
        Self {
            kind,
            subject: subject.into(),
            body: None,
            about,
            due_at: None,
            reminder_at: None,
            starts_at: None,
            ends_at: None,
            outcome: None,
            priority: None,
            assignee_id: None,
            owner_id: None,
            project_id: None,
            mentions: BTreeSet::new(),
            attachments: Vec::new(),
        }
    }

    /// The person whom new words are about.
    pub fn person(&self) -> Option<Uuid> {
        person_among(&self.about)
    }

    fn forget(&mut self, person: Uuid) {
        self.subject.forget(person);
        self.body.iter_mut().for_each(|body| body.forget(person));
        self.attachments.iter_mut().for_each(|attachment| attachment.forget(person));
    }

    /// Leaves what is about the company: kind, times, who had to do with it and which records it was about.
    fn erase(&mut self) {
        self.subject.erase();
        self.body.iter_mut().for_each(Told::erase);
        self.attachments.iter_mut().for_each(Attachment::erase);
    }

    /// The people whom known words are about.
    fn people(&self) -> impl Iterator<Item = Uuid> {
        let words = [self.subject.person(), self.body.as_ref().and_then(Told::person)];
        words.into_iter().flatten().chain(self.attachments.iter().flat_map(Attachment::people))
    }
}

/// The first person among some records.
fn person_among(about: &[RecordRef]) -> Option<Uuid> {
    about.iter().find_map(RecordRef::person)
}
