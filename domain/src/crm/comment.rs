//! What somebody said of an activity.

#[cfg(feature = "testing")]
mod story;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    ids::{ActivityId, CommentId, UserId},
    kernel::{Aggregate, DomainError, ErrorKind, Personal, PersonalOf, Reference},
    values::Prose,
};

/// How many users can be mentioned in a comment.
const MAX_MENTIONS: usize = 50;

/// A comment's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comment {
    /// What is known about it.
    #[serde(flatten)]
    pub profile: CommentProfile,
    /// Whether its text was changed since it was written.
    #[serde(default)]
    pub edited: bool,
    /// Softly deleted: kept, but out of sight.
    #[serde(default)]
    pub deleted: bool,
}

/// What is known about a comment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommentProfile {
    /// The activity. Never changes.
    pub activity_id: ActivityId,
    /// Who wrote it.
    pub author: Author,
    /// What was said, about the person whom the activity is about. Where it is about nobody in particular, the words are the
    /// activity's, and erased with it.
    pub text: PersonalOf<Prose>,
    /// Users who are mentioned.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub mentions: BTreeSet<UserId>,
}

/// Who wrote a comment, under the name under which they act: `user:<id>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Author(String);

impl Author {
    /// Who acts under this name.
    pub fn new(actor: impl Into<String>) -> Self {
        Self(actor.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who wants to change a comment, and whether they may change those of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Editor {
    /// Under which name they act.
    pub actor: Author,
    /// Whether they may change what others wrote.
    pub moderates: bool,
}

/// What can be asked of a comment.
#[derive(Clone)]
pub enum CommentCommand {
    /// Say something.
    Create(Box<CommentProfile>),
    /// Say something else.
    Change {
        /// Who wants it.
        by: Editor,
        /// What is to change.
        change: Box<CommentChange>,
    },
    /// Delete softly.
    Delete {
        /// Who wants it.
        by: Editor,
    },
    /// Bring back what was deleted.
    Restore {
        /// Who wants it.
        by: Editor,
    },
    /// Leave nothing of the words about a person, or an activity, that was erased.
    Forget {
        /// The person, or the activity.
        person: Uuid,
    },
}

/// A change of attributes.
#[derive(Clone, Default)]
pub struct CommentChange {
    /// Another text, with whom the activity is about now.
    pub text: Option<PersonalOf<Prose>>,
    /// Other users who are mentioned, all of them.
    pub mentions: Option<BTreeSet<UserId>>,
}

/// What happened to a comment. Names are public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the profile, where they are explained")]
pub enum CommentEvent {
    /// Somebody said something.
    #[serde(rename = "comment.created")]
    Created(Box<CommentProfile>),
    /// Other words took the place of the old ones.
    #[serde(rename = "comment.edited")]
    Edited { activity_id: ActivityId, text: PersonalOf<Prose> },
    /// Other users are mentioned.
    #[serde(rename = "comment.mentions_changed")]
    MentionsChanged { activity_id: ActivityId, mentions: BTreeSet<UserId> },
    /// The comment was deleted softly.
    #[serde(rename = "comment.deleted")]
    Deleted { activity_id: ActivityId },
    /// The comment was brought back.
    #[serde(rename = "comment.restored")]
    Restored { activity_id: ActivityId },
    /// The words about a person, or an activity, that was erased are gone.
    #[serde(rename = "comment.forgotten")]
    Forgotten { activity_id: ActivityId, person: Uuid },
}

/// Why a command on a comment is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommentError {
    /// There is none with this id.
    #[error("there is no such comment")]
    NotFound,
    /// The id is in use.
    #[error("the comment exists already")]
    AlreadyExists,
    /// It was deleted; only restoring is possible.
    #[error("the comment is deleted; restore it first")]
    Deleted,
    /// Somebody else wrote it.
    #[error("somebody else wrote the comment; changing it needs the permission comments:moderate")]
    NotYours,
    /// More users than can be mentioned.
    #[error("a comment mentions {MAX_MENTIONS} users at most")]
    TooManyMentions,
}

impl DomainError for CommentError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists | Self::Deleted => ErrorKind::Conflict,
            Self::NotYours => ErrorKind::Forbidden,
            Self::TooManyMentions => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "comment.not_found",
            Self::AlreadyExists => "comment.already_exists",
            Self::Deleted => "comment.deleted",
            Self::NotYours => "comment.not_yours",
            Self::TooManyMentions => "comment.too_many_mentions",
        }
    }
}

impl Aggregate for Comment {
    const CONTEXT: &'static str = "crm";
    const TYPE: &'static str = "comment";
    const PLURAL: &'static str = "comments";
    type Id = CommentId;
    type Command = CommentCommand;
    type Event = CommentEvent;
    type Error = CommentError;

    fn decide(state: Option<&Self>, command: CommentCommand) -> Result<Vec<CommentEvent>, CommentError> {
        use CommentCommand::{Change, Create, Delete, Forget, Restore};
        match (state, command) {
            (None, Create(profile)) if profile.mentions.len() > MAX_MENTIONS => Err(CommentError::TooManyMentions),
            (None, Create(profile)) => Ok(vec![CommentEvent::Created(profile)]),
            (None, _) => Err(CommentError::NotFound),
            (Some(_), Create(_)) => Err(CommentError::AlreadyExists),
            (Some(comment), Forget { person }) => Ok(comment.forgetting(person)),
            (Some(comment), Change { by, .. } | Delete { by } | Restore { by }) if !comment.is_open_to(&by) => {
                Err(CommentError::NotYours)
            }
            (Some(comment), Delete { .. }) if comment.deleted => Ok(vec![]),
            (Some(comment), Restore { .. }) if comment.deleted => {
                Ok(vec![CommentEvent::Restored { activity_id: comment.profile.activity_id }])
            }
            (Some(comment), _) if comment.deleted => Err(CommentError::Deleted),
            (Some(comment), Change { change, .. }) => comment.profile.changes(*change),
            (Some(comment), Delete { .. }) => {
                Ok(vec![CommentEvent::Deleted { activity_id: comment.profile.activity_id }])
            }
            (Some(_), Restore { .. }) => Ok(vec![]),
        }
    }

    fn init(event: &CommentEvent) -> Option<Self> {
        match event {
            CommentEvent::Created(profile) => {
                Some(Self { profile: (**profile).clone(), edited: false, deleted: false })
            }
            _ => None,
        }
    }

    fn apply(&mut self, event: &CommentEvent) {
        let profile = &mut self.profile;
        match event.clone() {
            CommentEvent::Created(created) => *profile = *created,
            CommentEvent::Edited { text, .. } => {
                profile.text = text;
                self.edited = true;
            }
            CommentEvent::MentionsChanged { mentions, .. } => profile.mentions = mentions,
            CommentEvent::Deleted { .. } => self.deleted = true,
            CommentEvent::Restored { .. } => self.deleted = false,
            CommentEvent::Forgotten { .. } => profile.text.value = Personal::Erased,
        }
    }

    fn references(&self) -> Vec<Reference> {
        vec![Reference::new("activity", self.profile.activity_id)]
    }

    fn is_deleted(&self) -> bool {
        self.deleted
    }
}

impl Comment {
    fn is_open_to(&self, editor: &Editor) -> bool {
        editor.moderates || editor.actor == self.profile.author
    }

    fn forgetting(&self, person: Uuid) -> Vec<CommentEvent> {
        let CommentProfile { activity_id, text, .. } = &self.profile;
        let is_told = text.subject == person && text.value.known().is_some();
        let forgotten = CommentEvent::Forgotten { activity_id: *activity_id, person };
        if is_told { vec![forgotten] } else { vec![] }
    }
}

impl CommentProfile {
    /// One event for each thing that differs.
    fn changes(&self, change: CommentChange) -> Result<Vec<CommentEvent>, CommentError> {
        let activity_id = self.activity_id;
        let mut events = Vec::new();
        // The same words stay with whom they were about.
        let text = change.text.filter(|text| text.value != self.text.value);
        events.extend(text.map(|text| CommentEvent::Edited { activity_id, text }));
        let mentions = change.mentions.filter(|mentions| *mentions != self.mentions);
        if mentions.as_ref().is_some_and(|mentions| mentions.len() > MAX_MENTIONS) {
            return Err(CommentError::TooManyMentions);
        }
        events.extend(mentions.map(|mentions| CommentEvent::MentionsChanged { activity_id, mentions }));
        Ok(events)
    }
}
