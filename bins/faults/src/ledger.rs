//! What the clients asked for, and what they were told.

use std::sync::Mutex;

use uuid::Uuid;

/// What a client was told of a command, which bears a mark that its event repeats.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) mark: Uuid,
    pub(crate) tenant: Uuid,
    pub(crate) answer: Answer,
}

/// How a command was answered in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The record is at this version.
    Done { record: Uuid, version: i64 },
    /// With this code.
    Refused(String),
    /// Nobody knows: the connection was lost, or the server had a fault, and the client gave up.
    Unknown,
}

/// What a query showed.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) tenant: Uuid,
    pub(crate) records: Vec<Uuid>,
    /// The record that the client had written before, and was to see.
    pub(crate) wanted: Option<Uuid>,
}

/// Everything, as it comes.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) entries: Mutex<Vec<Entry>>,
    pub(crate) shown: Mutex<Vec<Shown>>,
}

impl Ledger {
    pub(crate) fn note(&self, tenant: Uuid, mark: Uuid, answer: Answer) {
        self.entries.lock().expect("no panic while noting").push(Entry { mark, tenant, answer });
    }

    pub(crate) fn note_shown(&self, shown: Shown) {
        self.shown.lock().expect("no panic while noting").push(shown);
    }

    /// How many commands were answered for sure.
    pub(crate) fn answered(&self) -> usize {
        let entries = self.entries.lock().expect("no panic while noting");
        entries.iter().filter(|entry| entry.answer != Answer::Unknown).count()
    }
}
