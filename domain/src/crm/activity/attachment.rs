//! Files that belong to an activity and stand elsewhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    ids::AttachmentId,
    kernel::Told,
    values::{FileName, FileUrl, MediaType, Sha256},
};

/// A file that stands elsewhere. Name and address are the words of whom the activity is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attachment {
    /// Tells it from the activity's others.
    pub id: AttachmentId,
    /// What it is called.
    pub name: Told<FileName>,
    /// Where it can be had.
    pub url: Told<FileUrl>,
    /// What it is.
    pub media_type: MediaType,
    /// How many bytes it has.
    pub size: u64,
    /// Of its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
}

impl Attachment {
    /// The same, with words about this person.
    pub(super) fn now_about(self, person: Option<Uuid>) -> Self {
        Self { name: self.name.now_about(person), url: self.url.now_about(person), ..self }
    }

    pub(super) fn forget(&mut self, person: Uuid) {
        self.name.forget(person);
        self.url.forget(person);
    }

    pub(super) fn erase(&mut self) {
        self.name.erase();
        self.url.erase();
    }

    pub(super) fn people(&self) -> impl Iterator<Item = Uuid> + use<> {
        [self.name.person(), self.url.person()].into_iter().flatten()
    }
}
