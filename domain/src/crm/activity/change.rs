//! What follows from a command: an event for each thing that differs.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    Activity, ActivityChange, ActivityError, ActivityEvent, ActivityKind, ActivityProfile, Attachment, MAX_ABOUT,
    MAX_ATTACHMENTS, MAX_MENTIONS, Priority, person_among,
};
use crate::{
    ids::{AttachmentId, UserId},
    kernel::{Patch, Told},
    values::{Label, RecordRef},
};

impl ActivityKind {
    /// Whether it can be due, and done.
    fn can_be_done(self) -> bool {
        self != Self::Note
    }

    /// Whether it is a talk, which begins and ends, and of which something comes.
    fn is_talk(self) -> bool {
        matches!(self, Self::Call | Self::Meeting)
    }
}

impl Activity {
    pub(super) fn about(&self) -> Vec<RecordRef> {
        self.profile.about.clone()
    }

    /// An activity about nobody else goes with its words: without them it would be an empty line in somebody's list. So does one
    /// that is about the person as part of whom this one was known, when nothing is left to be said.
    pub(super) fn forgetting(&self, person: Uuid, part_of: Option<Uuid>) -> Vec<ActivityEvent> {
        let known: Vec<_> = self.profile.people().collect();
        if !known.contains(&person) {
            return Vec::new();
        }
        let about = self.about();
        let alone = about.iter().all(|record| record.person() == Some(person));
        let one = about.iter().all(|record| record.person().is_some_and(|id| id == person || Some(id) == part_of));
        let mute = known.iter().all(|other| *other == person);
        let mut events = vec![ActivityEvent::Forgotten { about: about.clone(), person }];
        if (alone || one && mute) && !self.deleted {
            events.push(ActivityEvent::Deleted { about });
        }
        events
    }

    /// Words about a person stay readable in events until the person is erased, so that to call them erased would be a lie.
    pub(super) fn erasing(&self) -> Result<Vec<ActivityEvent>, ActivityError> {
        match self.profile.people().next() {
            Some(_) => Err(ActivityError::AboutAPerson),
            None => Ok(vec![ActivityEvent::Erased { about: self.about() }]),
        }
    }

    pub(super) fn assigning(&self, assignee_id: Option<UserId>) -> Vec<ActivityEvent> {
        let assigned = ActivityEvent::Assigned { about: self.about(), assignee_id };
        if assignee_id == self.profile.assignee_id { vec![] } else { vec![assigned] }
    }

    pub(super) fn completing(
        &self,
        completed_at: DateTime<Utc>,
        outcome: Option<Label>,
    ) -> Result<Vec<ActivityEvent>, ActivityError> {
        let profile = &self.profile;
        if !profile.kind.can_be_done() {
            return Err(ActivityError::NotCompletable);
        }
        if outcome.is_some() && !profile.kind.is_talk() {
            return Err(ActivityError::NoOutcome);
        }
        if self.completed_at.is_some() {
            return Ok(vec![]);
        }
        let about = || profile.about.clone();
        let outcome = outcome.filter(|outcome| profile.outcome.as_ref() != Some(outcome));
        let told = outcome.map(|outcome| ActivityEvent::OutcomeChanged { about: about(), outcome: Some(outcome) });
        Ok(told.into_iter().chain([ActivityEvent::Completed { about: about(), completed_at }]).collect())
    }

    pub(super) fn reopening(&self) -> Vec<ActivityEvent> {
        let reopened = || ActivityEvent::Reopened { about: self.about() };
        self.completed_at.iter().map(|_| reopened()).collect()
    }

    pub(super) fn pinning(&self, pinned: bool) -> Vec<ActivityEvent> {
        let about = self.about();
        match (self.pinned, pinned) {
            (false, true) => vec![ActivityEvent::Pinned { about }],
            (true, false) => vec![ActivityEvent::Unpinned { about }],
            _ => vec![],
        }
    }

    pub(super) fn mentioning(&self, user_ids: &BTreeSet<UserId>) -> Result<Vec<ActivityEvent>, ActivityError> {
        let mentions = &self.profile.mentions;
        let user_ids: BTreeSet<_> = user_ids.difference(mentions).copied().collect();
        if mentions.len() + user_ids.len() > MAX_MENTIONS {
            return Err(ActivityError::TooManyMentions);
        }
        let mentioned = (!user_ids.is_empty()).then(|| ActivityEvent::Mentioned { about: self.about(), user_ids });
        Ok(mentioned.into_iter().collect())
    }

    pub(super) fn attaching(&self, attachment: Attachment) -> Result<Vec<ActivityEvent>, ActivityError> {
        let present = &self.profile.attachments;
        let attachment = attachment.now_about(self.profile.person());
        match present.iter().find(|other| other.id == attachment.id) {
            Some(same) if *same == attachment => Ok(vec![]),
            Some(_) => Err(ActivityError::AttachmentExists),
            None if present.len() == MAX_ATTACHMENTS => Err(ActivityError::TooManyAttachments),
            None => Ok(vec![ActivityEvent::Attached { about: self.about(), attachment: Box::new(attachment) }]),
        }
    }

    pub(super) fn detaching(&self, attachment_id: AttachmentId) -> Vec<ActivityEvent> {
        let present = self.profile.attachments.iter().filter(|attachment| attachment.id == attachment_id);
        present.map(|_| ActivityEvent::Detached { about: self.about(), attachment_id }).collect()
    }
}

/// The records that an activity is about, each once, in the order in which they are named.
fn checked_about(about: Vec<RecordRef>) -> Result<Vec<RecordRef>, ActivityError> {
    let mut seen = BTreeSet::new();
    let about: Vec<_> = about.into_iter().filter(|record| seen.insert(*record)).collect();
    match about.len() {
        0 => Err(ActivityError::AboutNothing),
        1..=MAX_ABOUT => Ok(about),
        _ => Err(ActivityError::AboutTooMuch),
    }
}

/// The records that an activity comes to be about have to be there.
fn check_records(about: &[RecordRef], before: &[RecordRef], seen: &BTreeSet<RecordRef>) -> Result<(), ActivityError> {
    let is_there = |record: &RecordRef| before.contains(record) || seen.contains(record);
    if about.iter().all(is_there) { Ok(()) } else { Err(ActivityError::UnknownRecord) }
}

fn checked_times(starts_at: Option<DateTime<Utc>>, ends_at: Option<DateTime<Utc>>) -> Result<(), ActivityError> {
    let sound = ends_at.is_none_or(|end| starts_at.is_some_and(|start| start <= end));
    if sound { Ok(()) } else { Err(ActivityError::EndsTooEarly) }
}

/// The value that a change leaves.
fn left<T: Clone>(patch: &Patch<T>, present: Option<&T>) -> Option<T> {
    match patch {
        Patch::Keep => present.cloned(),
        Patch::Set(value) => value.clone(),
    }
}

/// Whether these words are there already, or none are.
fn is_said<T: PartialEq>(wanted: Option<&T>, present: Option<&Told<T>>) -> bool {
    match (wanted, present) {
        (None, None) => true,
        (Some(wanted), Some(present)) => present.known() == Some(wanted),
        _ => false,
    }
}

fn gives<T>(patch: &Patch<T>) -> bool {
    matches!(patch, Patch::Set(Some(_)))
}

impl ActivityProfile {
    /// As it is to begin: with words about whom it is about.
    pub(super) fn checked(self: Box<Self>, seen: &BTreeSet<RecordRef>) -> Result<Box<Self>, ActivityError> {
        let kind = self.kind;
        let about = checked_about(self.about)?;
        check_records(&about, &[], seen)?;
        let person = person_among(&about);
        let mut ids = BTreeSet::new();
        if (self.due_at.is_some() || self.reminder_at.is_some()) && !kind.can_be_done() {
            return Err(ActivityError::NeverDue);
        }
        if (self.starts_at.is_some() || self.ends_at.is_some()) && !kind.is_talk() {
            return Err(ActivityError::Timeless);
        }
        checked_times(self.starts_at, self.ends_at)?;
        if self.outcome.is_some() && !kind.is_talk() {
            return Err(ActivityError::NoOutcome);
        }
        if self.priority.is_some() && !kind.can_be_done() {
            return Err(ActivityError::NoPriority);
        }
        if self.mentions.len() > MAX_MENTIONS {
            return Err(ActivityError::TooManyMentions);
        }
        if self.attachments.len() > MAX_ATTACHMENTS {
            return Err(ActivityError::TooManyAttachments);
        }
        if !self.attachments.iter().all(|attachment| ids.insert(attachment.id)) {
            return Err(ActivityError::AttachmentExists);
        }
        Ok(Box::new(Self {
            about,
            subject: self.subject.now_about(person),
            body: self.body.map(|body| body.now_about(person)),
            priority: self.priority.or((kind == ActivityKind::Task).then(Priority::default)),
            attachments: self.attachments.into_iter().map(|attachment| attachment.now_about(person)).collect(),
            ..*self
        }))
    }

    /// One event for each thing that differs. New words are about whom the activity is about from then on; what was
    /// said before stays with whom it was about.
    pub(super) fn changes(&self, change: ActivityChange) -> Result<Vec<ActivityEvent>, ActivityError> {
        self.suits(&change)?;
        let now = change.about.map_or_else(|| Ok(self.about.clone()), checked_about)?;
        check_records(&now, &self.about, &change.seen)?;
        let (person, about) = (person_among(&now), || now.clone());
        let mut events = Vec::new();
        if now != self.about {
            events.push(ActivityEvent::AboutChanged { about: about(), before: self.about.clone() });
        }
        let subject = change.subject.filter(|subject| self.subject.known() != Some(subject));
        events.extend(
            subject
                .map(|subject| ActivityEvent::SubjectChanged { about: about(), subject: Told::about(person, subject) }),
        );
        let body = match change.body {
            Patch::Set(body) if !is_said(body.as_ref(), self.body.as_ref()) => Some(body),
            _ => None,
        };
        let body = body.map(|body| body.map(|body| Told::about(person, body)));
        events.extend(body.map(|body| ActivityEvent::BodyChanged { about: about(), body }));
        let due = change.due_at.differing(self.due_at.as_ref());
        events.extend(due.map(|due_at| ActivityEvent::DueChanged { about: about(), due_at }));
        let reminder = change.reminder_at.differing(self.reminder_at.as_ref());
        events.extend(reminder.map(|reminder_at| ActivityEvent::ReminderChanged { about: about(), reminder_at }));
        let starts_at = left(&change.starts_at, self.starts_at.as_ref());
        let ends_at = left(&change.ends_at, self.ends_at.as_ref());
        if (starts_at, ends_at) != (self.starts_at, self.ends_at) {
            checked_times(starts_at, ends_at)?;
            events.push(ActivityEvent::TimesChanged { about: about(), starts_at, ends_at });
        }
        let outcome = change.outcome.differing(self.outcome.as_ref());
        events.extend(outcome.map(|outcome| ActivityEvent::OutcomeChanged { about: about(), outcome }));
        let priority = change.priority.filter(|priority| self.priority != Some(*priority));
        events.extend(priority.map(|priority| ActivityEvent::PriorityChanged { about: about(), priority }));
        let owner = change.owner_id.differing(self.owner_id.as_ref());
        events.extend(owner.map(|owner_id| ActivityEvent::OwnerChanged { about: about(), owner_id }));
        let project = change.project_id.differing(self.project_id.as_ref());
        events.extend(project.map(|project_id| ActivityEvent::ProjectChanged { about: about(), project_id }));
        Ok(events)
    }

    /// It is about the other record in the same place, and once.
    pub(super) fn record_replaced(&self, record: RecordRef, by: Uuid) -> Option<ActivityEvent> {
        if by == record.id || !self.about.contains(&record) {
            return None;
        }
        let mut named = BTreeSet::new();
        let after =
            self.about.iter().map(|other| if *other == record { RecordRef { id: by, ..record } } else { *other });
        let about = after.filter(|record| named.insert(*record)).collect();
        Some(ActivityEvent::AboutChanged { about, before: self.about.clone() })
    }

    /// Whether an activity of this kind has what is to change. To remove what it can't have changes nothing.
    fn suits(&self, change: &ActivityChange) -> Result<(), ActivityError> {
        if (gives(&change.due_at) || gives(&change.reminder_at)) && !self.kind.can_be_done() {
            Err(ActivityError::NeverDue)
        } else if (gives(&change.starts_at) || gives(&change.ends_at)) && !self.kind.is_talk() {
            Err(ActivityError::Timeless)
        } else if gives(&change.outcome) && !self.kind.is_talk() {
            Err(ActivityError::NoOutcome)
        } else if change.priority.is_some() && !self.kind.can_be_done() {
            Err(ActivityError::NoPriority)
        } else {
            Ok(())
        }
    }
}
