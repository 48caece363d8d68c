//! The smallest aggregate that shows all that `App` does.

use fairlead_domain::kernel::{Aggregate, DomainError, ErrorKind, UniqueKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// A text that can be written until it is closed, as a program knows it that stores states of shape `STATE` and events
/// of shape `EVENTS`. Events of shape 1 had no author.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Note<const STATE: i16 = 1, const EVENTS: i16 = 1> {
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) author: String,
    pub(crate) closed: bool,
}

#[derive(Clone)]
pub(crate) enum NoteCommand {
    /// Refused when it is there already.
    Open(&'static str),
    Write(String),
    /// Writes twice.
    Rewrite(&'static str, &'static str),
    /// Refused the second time.
    Close,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum NoteEvent {
    #[serde(rename = "note.written")]
    Written {
        text: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        author: String,
    },
    #[serde(rename = "note.closed")]
    Closed {},
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum NoteError {
    #[error("there is no such note")]
    NotFound,
    #[error("the note exists already")]
    AlreadyExists,
    #[error("the note is closed")]
    Closed,
}

impl DomainError for NoteError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists | Self::Closed => ErrorKind::Conflict,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "note.not_found",
            Self::AlreadyExists => "note.already_exists",
            Self::Closed => "note.closed",
        }
    }
}

impl<const STATE: i16, const EVENTS: i16> Aggregate for Note<STATE, EVENTS> {
    const CONTEXT: &'static str = "test";
    const TYPE: &'static str = "note";
    const PLURAL: &'static str = "notes";
    const STATE_VERSION: i16 = STATE;
    type Id = Uuid;
    type Command = NoteCommand;
    type Event = NoteEvent;
    type Error = NoteError;

    fn decide(state: Option<&Self>, command: NoteCommand) -> Result<Vec<NoteEvent>, NoteError> {
        let written = |text: &str| NoteEvent::Written { text: text.to_owned(), author: String::new() };
        match (state, command) {
            (None, NoteCommand::Open(text)) => Ok(vec![written(text)]),
            (None, _) => Err(NoteError::NotFound),
            (Some(_), NoteCommand::Open(_)) => Err(NoteError::AlreadyExists),
            (Some(note), _) if note.closed => Err(NoteError::Closed),
            (Some(note), NoteCommand::Write(text)) if note.text == text => Ok(vec![]),
            (Some(_), NoteCommand::Write(text)) => Ok(vec![written(&text)]),
            (Some(_), NoteCommand::Rewrite(first, second)) => Ok(vec![written(first), written(second)]),
            (Some(_), NoteCommand::Close) => Ok(vec![NoteEvent::Closed {}]),
        }
    }

    fn init(event: &NoteEvent) -> Option<Self> {
        match event {
            NoteEvent::Written { text, author } => {
                Some(Self { text: text.clone(), author: author.clone(), closed: false })
            }
            NoteEvent::Closed {} => None,
        }
    }

    fn apply(&mut self, event: &NoteEvent) {
        match event.clone() {
            NoteEvent::Written { text, author } => (self.text, self.author) = (text, author),
            NoteEvent::Closed {} => self.closed = true,
        }
    }

    fn schema_version(_: &str) -> i16 {
        EVENTS
    }

    fn upcast(event_type: &str, schema_version: i16, mut data: Value) -> Value {
        if (event_type, schema_version) == ("note.written", 1) {
            data["author"] = "unknown".into();
        }
        data
    }

    fn keys(&self) -> Vec<UniqueKey> {
        // Only titles are unique.
        let title = self.text.strip_prefix('#');
        title.map(|title| UniqueKey::new("note.title", title)).into_iter().collect()
    }
}
