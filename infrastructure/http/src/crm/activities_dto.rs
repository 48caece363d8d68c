//! Activities as JSON.

use std::collections::BTreeSet;

use fairlead_application::{Recorded, envelope::rfc3339};
use fairlead_domain::{
    crm::{Activity, ActivityChange, ActivityKind, ActivityProfile, Priority},
    ids::{AttachmentId, UserId},
    kernel::{Aggregate, Patch, Told},
    values::{Label, Prose, Subject},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    attachments_dto::{AttachmentBody, NewAttachment},
    values::{RecordRefBody, moment, records},
};
use crate::{
    document::closed::{self, True},
    problem::{Check, Problem},
    request::{List, Member, Object},
};

/// Records in one request at most; an activity is about no more.
const MAX_ABOUT: usize = 20;
/// Users in one request at most; an activity mentions no more.
const MAX_MENTIONS: usize = 50;
/// Files in one request at most; an activity has no more.
const MAX_ATTACHMENTS: usize = 20;

/// An activity that is to begin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "kind": "task",
    "subject": "Send the offer",
    "body": "With the new prices.",
    "about": [{ "type": "company", "id": "01990b1e-7c5a-7d2e-9c42-3a1f5b6c7d8e" }],
    "due_at": "2026-03-02T17:00:00Z",
    "priority": "high"
}))]
pub(super) struct NewActivity {
    /// What it is. Never changes.
    #[schema(value_type = closed::ActivityKind)]
    kind: ActivityKind,
    /// What it is about, in a line. Of an activity about a contact all words are the contact's, and are erased with the
    /// contact: of the first one where there are several.
    #[schema(min_length = 1, max_length = 200)]
    subject: String,
    /// The rest of what there is to say.
    #[schema(min_length = 1, max_length = 10000)]
    body: Option<String>,
    /// The records that it is about.
    #[schema(value_type = Vec<RecordRefBody>, min_items = 1, max_items = 20)]
    about: List<Object<RecordRefBody>, MAX_ABOUT>,
    /// Until when it is to be done. Not of notes.
    #[schema(format = DateTime)]
    due_at: Option<String>,
    /// When somebody wants to be reminded. Not of notes.
    #[schema(format = DateTime)]
    reminder_at: Option<String>,
    /// When it begins. Of calls and meetings.
    #[schema(format = DateTime)]
    starts_at: Option<String>,
    /// When it ends. Of calls and meetings.
    #[schema(format = DateTime)]
    ends_at: Option<String>,
    /// What came of it, in the company's own terms: no place for words about people. Of calls and meetings.
    #[schema(min_length = 1, max_length = 100)]
    outcome: Option<String>,
    /// How much it matters. Not of notes; `normal` of a task if missing.
    #[schema(value_type = Option<closed::Priority>)]
    priority: Option<Priority>,
    /// The user who is to do it.
    assignee_id: Option<Uuid>,
    /// The user who looks after it.
    owner_id: Option<Uuid>,
    /// The workspace to which it belongs.
    project_id: Option<Uuid>,
    /// Users who are mentioned.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, required = false, max_items = 50)]
    mentions: List<Uuid, MAX_MENTIONS>,
    /// Files that stand elsewhere.
    #[serde(default)]
    #[schema(value_type = Vec<NewAttachment>, required = false, max_items = 20)]
    attachments: List<Object<NewAttachment>, MAX_ATTACHMENTS>,
}

/// A change of an activity: what is missing stays, what is null is removed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "subject": "Send the offer again", "body": null }))]
pub(super) struct ActivityPatch {
    /// What it is about, in a line. Can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, nullable = false)]
    subject: Member<String>,
    /// The rest of what there is to say.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 10000)]
    body: Member<String>,
    /// The records that it is about, all of them. Can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<Vec<RecordRefBody>>, min_items = 1, max_items = 20, nullable = false)]
    about: Member<List<Object<RecordRefBody>, MAX_ABOUT>>,
    /// Until when it is to be done. Not of notes.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    due_at: Member<String>,
    /// When somebody wants to be reminded. Not of notes.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    reminder_at: Member<String>,
    /// When it begins. Of calls and meetings.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Member<String>,
    /// When it ends. Of calls and meetings.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Member<String>,
    /// What came of it. Of calls and meetings.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    outcome: Member<String>,
    /// How much it matters. Not of notes; can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<closed::Priority>, nullable = false)]
    priority: Member<Priority>,
    /// The user who looks after it.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    owner_id: Member<Uuid>,
    /// The workspace to which it belongs.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    project_id: Member<Uuid>,
}

/// Who is to do it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "assignee_id": "01990b1e-7c5a-7d2e-9c42-3a1f5b6c7d8e" }))]
pub(super) struct Assignee {
    /// The user; nobody when it is null.
    #[schema(required)]
    assignee_id: Option<Uuid>,
}

/// What came of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub(super) struct Outcome {
    /// In the company's own terms. Of calls and meetings; as it is known if missing.
    #[schema(min_length = 1, max_length = 100)]
    outcome: Option<String>,
}

/// Users who are to be mentioned.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "user_ids": ["01990b1e-7c5a-7d2e-9c42-3a1f5b6c7d8e"] }))]
pub(super) struct Mentions {
    /// Whom.
    #[schema(value_type = Vec<Uuid>, max_items = 50)]
    user_ids: List<Uuid, MAX_MENTIONS>,
}

/// A file that is to be taken away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "attachment_id": "01990b1e-7c5a-7d2e-9c42-3a1f5b6c7d8e" }))]
pub(super) struct Detachment {
    /// Which.
    attachment_id: Uuid,
}

/// An activity.
#[derive(Serialize, ToSchema)]
#[schema(as = Activity)]
pub(super) struct ActivityBody {
    id: Uuid,
    /// Grows with each change.
    #[schema(minimum = 1)]
    version: i64,
    #[schema(value_type = closed::ActivityKind)]
    kind: ActivityKind,
    /// Null when it was erased, as all words are.
    #[schema(required)]
    subject: Option<String>,
    #[schema(required)]
    body: Option<String>,
    about: Vec<RecordRefBody>,
    #[schema(required, format = DateTime)]
    due_at: Option<String>,
    #[schema(required, format = DateTime)]
    reminder_at: Option<String>,
    #[schema(required, format = DateTime)]
    starts_at: Option<String>,
    #[schema(required, format = DateTime)]
    ends_at: Option<String>,
    #[schema(required)]
    outcome: Option<String>,
    #[schema(required, value_type = Option<closed::Priority>)]
    priority: Option<Priority>,
    #[schema(required)]
    assignee_id: Option<Uuid>,
    #[schema(required)]
    owner_id: Option<Uuid>,
    #[schema(required)]
    project_id: Option<Uuid>,
    mentions: Vec<Uuid>,
    attachments: Vec<AttachmentBody>,
    /// When it was done; null while it is open.
    #[schema(required, format = DateTime)]
    completed_at: Option<String>,
    pinned: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// There, and true, when it is deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = True, required = false)]
    deleted: bool,
    /// There, and true, when its words were erased, for good. Then it counts as deleted, too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = True, required = false)]
    erased: bool,
}

impl From<Recorded<Activity>> for ActivityBody {
    fn from(recorded: Recorded<Activity>) -> Self {
        let deleted = recorded.state.is_deleted();
        let Activity { profile, completed_at, pinned, erased, .. } = recorded.state;
        Self {
            id: recorded.id,
            version: recorded.version,
            kind: profile.kind,
            subject: profile.subject.known().map(|subject| subject.as_str().to_owned()),
            body: profile.body.as_ref().and_then(Told::known).map(|body| body.as_str().to_owned()),
            about: profile.about.into_iter().map(Into::into).collect(),
            due_at: profile.due_at.map(rfc3339),
            reminder_at: profile.reminder_at.map(rfc3339),
            starts_at: profile.starts_at.map(rfc3339),
            ends_at: profile.ends_at.map(rfc3339),
            outcome: profile.outcome.map(|outcome| outcome.as_str().to_owned()),
            priority: profile.priority,
            assignee_id: profile.assignee_id.map(Into::into),
            owner_id: profile.owner_id.map(Into::into),
            project_id: profile.project_id.map(Into::into),
            mentions: profile.mentions.into_iter().map(Into::into).collect(),
            attachments: profile.attachments.into_iter().map(Into::into).collect(),
            completed_at: completed_at.map(rfc3339),
            pinned,
            created_at: rfc3339(recorded.created_at),
            updated_at: rfc3339(recorded.updated_at),
            deleted,
            erased,
        }
    }
}

impl NewActivity {
    /// The activity as it is to begin. Files without an id get a fresh one.
    ///
    /// # Errors
    /// Everything that is not accepted.
    pub(super) fn profile(self, fresh: impl Fn() -> AttachmentId) -> Result<ActivityProfile, Problem> {
        let mut check = Check::default();
        let mut time = |pointer, text: Option<String>| check.at(pointer, text.map(|text| moment(&text)).transpose());
        let (due_at, reminder_at) = (time("/due_at", self.due_at), time("/reminder_at", self.reminder_at));
        let (starts_at, ends_at) = (time("/starts_at", self.starts_at), time("/ends_at", self.ends_at));
        let subject = check.at("/subject", Subject::new(&self.subject));
        let body = check.at("/body", self.body.map(|text| Prose::new(&text)).transpose());
        let outcome = check.at("/outcome", self.outcome.map(|text| Label::new(&text)).transpose());
        let attachments = self.attachments.0.into_iter().enumerate();
        let attachments: Vec<_> = attachments
            .map(|(n, Object(attachment))| attachment.checked(&mut check, &format!("/attachments/{n}"), &fresh))
            .collect();
        let profile = || {
            Some(ActivityProfile {
                kind: self.kind,
                subject: subject?.into(),
                body: body?.map(Told::from),
                about: records(self.about),
                due_at: due_at?,
                reminder_at: reminder_at?,
                starts_at: starts_at?,
                ends_at: ends_at?,
                outcome: outcome?,
                priority: self.priority,
                assignee_id: self.assignee_id.map(Into::into),
                owner_id: self.owner_id.map(Into::into),
                project_id: self.project_id.map(Into::into),
                mentions: self.mentions.0.into_iter().map(Into::into).collect(),
                attachments: attachments.into_iter().collect::<Option<_>>()?,
            })
        };
        let profile = profile();
        check.finish(profile)
    }
}

impl TryFrom<ActivityPatch> for ActivityChange {
    type Error = Problem;

    fn try_from(body: ActivityPatch) -> Result<Self, Problem> {
        let mut check = Check::default();
        let mut time = |pointer, member: Member<String>| member.optional(&mut check, pointer, |text| moment(&text));
        let (due_at, reminder_at) = (time("/due_at", body.due_at), time("/reminder_at", body.reminder_at));
        let (starts_at, ends_at) = (time("/starts_at", body.starts_at), time("/ends_at", body.ends_at));
        let subject = body.subject.required(&mut check, "/subject", |text| Subject::new(&text));
        let text: Option<Patch<Prose>> = body.body.optional(&mut check, "/body", |text| Prose::new(&text));
        let about = body.about.required(&mut check, "/about", |about| Ok(records(about)));
        let outcome = body.outcome.optional(&mut check, "/outcome", |text| Label::new(&text));
        let priority = body.priority.required(&mut check, "/priority", Ok);
        let owner_id = body.owner_id.optional(&mut check, "/owner_id", |id| Ok(id.into()));
        let project_id = body.project_id.optional(&mut check, "/project_id", |id| Ok(id.into()));
        let change = || {
            Some(Self {
                subject: subject?,
                body: text?,
                about: about?,
                seen: BTreeSet::new(),
                due_at: due_at?,
                reminder_at: reminder_at?,
                starts_at: starts_at?,
                ends_at: ends_at?,
                outcome: outcome?,
                priority: priority?,
                owner_id: owner_id?,
                project_id: project_id?,
            })
        };
        let change = change();
        check.finish(change)
    }
}

impl From<Assignee> for Option<UserId> {
    fn from(body: Assignee) -> Self {
        body.assignee_id.map(Into::into)
    }
}

impl TryFrom<Outcome> for Option<Label> {
    type Error = Problem;

    fn try_from(body: Outcome) -> Result<Self, Problem> {
        let mut check = Check::default();
        let outcome = check.at("/outcome", body.outcome.map(|text| Label::new(&text)).transpose());
        check.finish(outcome)
    }
}

impl From<Mentions> for BTreeSet<UserId> {
    fn from(body: Mentions) -> Self {
        body.user_ids.0.into_iter().map(Into::into).collect()
    }
}

impl From<Detachment> for AttachmentId {
    fn from(body: Detachment) -> Self {
        body.attachment_id.into()
    }
}
