//! Who asked for what from where, noted beside the events: in batches, and without anybody waiting for it.

use std::{mem, time::Duration};

use chrono::{DateTime, Utc};
use fairlead_domain::{
    ids::{OrganizationId, UserId},
    values::Origin,
};
use metrics::counter;
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use crate::Actor;

/// Notes that wait to be kept, at most; what comes beyond is lost.
const MOST_WAITING: usize = 20_000;
/// Notes kept at once.
const BATCH: usize = 500;
/// How long a note waits for others.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is noted about a request.
#[derive(Debug, Clone)]
pub struct AccessNote {
    /// The note.
    pub id: Uuid,
    /// Where it belongs.
    pub place: NotePlace,
    /// When the request was answered.
    pub at: DateTime<Utc>,
    /// What joins it with the events that it brought about.
    pub correlation_id: Option<Uuid>,
    /// Who asked.
    pub actor: Actor,
    /// What happened of which no event tells.
    pub action: Option<AccessAction>,
    /// What it was about: a kind of record, and a record.
    pub resource: (Option<String>, Option<Uuid>),
    /// The permission that it takes.
    pub permission: Option<&'static str>,
    /// Why it was refused; `None` when it was not.
    pub code: Option<String>,
    /// From where.
    pub origin: Origin,
}

/// What happened of which no event of the organization tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessAction {
    /// Somebody may not do what they asked for.
    AccessRefused,
    /// Somebody could not sign in.
    SessionRefused,
    /// Somebody signed in.
    SessionStarted,
}

impl AccessAction {
    /// As it stands in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessRefused => "access.refused",
            Self::SessionRefused => "session.refused",
            Self::SessionStarted => "session.started",
        }
    }
}

/// In whose audit log a note belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotePlace {
    /// An organization's, or the directory's.
    Organization(OrganizationId),
    /// Those of all organizations of a user; the directory's when there is none. Found out when it is kept, so that nobody
    /// can tell by the time of an answer whether there is such a user.
    OrganizationsOf(UserId),
}

/// Takes notes. Cheap to clone; one that is made by default keeps none.
#[derive(Debug, Clone, Default)]
pub struct AccessLog(Option<Sender<AccessNote>>);

/// The notes that were taken.
#[derive(Debug)]
pub struct AccessNotes {
    taken: Receiver<AccessNote>,
    /// What was taken out already.
    batch: Vec<AccessNote>,
}

impl AccessLog {
    /// A log, and where its notes are taken out.
    pub fn new() -> (Self, AccessNotes) {
        let (sender, receiver) = channel(MOST_WAITING);
        (Self(Some(sender)), AccessNotes { taken: receiver, batch: Vec::new() })
    }

    /// Takes a note. It is lost when too many wait to be kept, which the metric tells.
    pub fn note(&self, note: AccessNote) {
        if self.0.as_ref().is_some_and(|sender| sender.try_send(note).is_err()) {
            counter!("fairlead_audit_notes_lost_total").increment(1);
        }
    }
}

impl AccessNotes {
    /// The next notes: waits for the first one, and a second at most for more. `None` when nobody takes notes any more.
    /// Nothing is lost when it is not awaited to the end.
    pub async fn next(&mut self) -> Option<Vec<AccessNote>> {
        if self.batch.is_empty() {
            self.batch.push(self.taken.recv().await?);
        }
        let until = Instant::now() + PATIENCE;
        while self.batch.len() < BATCH {
            let left = BATCH - self.batch.len();
            match timeout_at(until, self.taken.recv_many(&mut self.batch, left)).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        Some(mem::take(&mut self.batch))
    }

    /// The notes that are there already.
    pub fn rest(&mut self) -> Vec<AccessNote> {
        let mut notes = mem::take(&mut self.batch);
        while let Ok(note) = self.taken.try_recv() {
            notes.push(note);
        }
        notes
    }
}
