//! What can be asked of an activity.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{ActivityProfile, Attachment, Priority};
use crate::{
    ids::{AttachmentId, ProjectId, UserId},
    kernel::Patch,
    values::{Label, Prose, RecordRef, Subject},
};

/// What can be asked of an activity.
#[derive(Clone)]
pub enum ActivityCommand {
    /// Begin it. About whom its words are, its records say.
    Create {
        /// What is known about it.
        profile: Box<ActivityProfile>,
        /// Those of its records that are there and within the caller's reach.
        seen: BTreeSet<RecordRef>,
    },
    /// Change attributes; those not named stay.
    Change(Box<ActivityChange>),
    /// Give it to a user, or to nobody.
    Assign {
        /// Who is to do it.
        assignee_id: Option<UserId>,
    },
    /// Say that it is done.
    Complete {
        /// When.
        at: DateTime<Utc>,
        /// What came of it; as it is known when missing.
        outcome: Option<Label>,
    },
    /// Say that it is not done after all.
    Reopen,
    /// Keep it in sight.
    Pin,
    /// Don't keep it in sight any more.
    Unpin,
    /// Mention users.
    Mention {
        /// Whom.
        user_ids: BTreeSet<UserId>,
    },
    /// Add a file that stands elsewhere.
    Attach(Box<Attachment>),
    /// Take a file away.
    Detach {
        /// Which.
        attachment_id: AttachmentId,
    },
    /// Delete softly.
    Delete,
    /// Bring back what was deleted.
    Restore,
    /// Where it is about a record, be about the one that took it in; also where it is deleted. What was said stays with whom it
    /// was about.
    ReplaceRecord {
        /// The record that was taken in.
        record: RecordRef,
        /// The record of the same kind that took it in.
        by: Uuid,
    },
    /// Leave nothing of the words about a person who was erased.
    Forget {
        /// The person.
        person: Uuid,
        /// The person as part of whom that one was known.
        part_of: Option<Uuid>,
    },
    /// Erase the words, for good, where they are about nobody in particular.
    Erase,
}

/// A change of attributes, in the sense of JSON merge patch (RFC 7396).
#[derive(Clone, Default)]
pub struct ActivityChange {
    /// A new subject.
    pub subject: Option<Subject>,
    /// A new body.
    pub body: Patch<Prose>,
    /// Other records that it is about, all of them.
    pub about: Option<Vec<RecordRef>>,
    /// Those of them that are there and within the caller's reach.
    pub seen: BTreeSet<RecordRef>,
    /// Until when it is to be done.
    pub due_at: Patch<DateTime<Utc>>,
    /// When somebody wants to be reminded.
    pub reminder_at: Patch<DateTime<Utc>>,
    /// When it begins.
    pub starts_at: Patch<DateTime<Utc>>,
    /// When it ends.
    pub ends_at: Patch<DateTime<Utc>>,
    /// What came of it.
    pub outcome: Patch<Label>,
    /// How much it matters.
    pub priority: Option<Priority>,
    /// A new owner.
    pub owner_id: Patch<UserId>,
    /// Another workspace.
    pub project_id: Patch<ProjectId>,
}
