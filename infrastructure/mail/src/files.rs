//! Letters as files in a folder, for those who develop: one a letter, as it would travel.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use fairlead_application::identity::{Letter, MailError, Mailer};
use tokio::task::spawn_blocking;

use crate::{Sender, message::message};

/// Puts letters into a folder, as `<time>-<id>.eml`: sorted by name they are in the order in which they were asked for. Each
/// appears whole, and one that comes again takes the place of the first. They hold links with which one comes in, so nobody
/// else on the machine may read them.
#[derive(Debug, Clone)]
pub struct MailFolder {
    folder: PathBuf,
    sender: Sender,
}

impl MailFolder {
    /// Letters go into this folder, which is made when the first one does.
    pub fn new(folder: PathBuf, sender: Sender) -> Self {
        Self { folder, sender }
    }
}

#[async_trait]
impl Mailer for MailFolder {
    async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        let text = message(&self.sender, letter)?.formatted();
        let name = format!("{}-{}.eml", letter.asked_at.format("%Y%m%dT%H%M%S%.6fZ"), letter.message_id);
        let folder = self.folder.clone();
        let written = spawn_blocking(move || put(&folder, &name, &text)).await;
        let transient = |what: &dyn std::fmt::Display| MailError::Transient(format!("can't write a file: {what}"));
        // The kind alone: a path may say more than a log should.
        written.map_err(|error| transient(&error))?.map_err(|error| transient(&error.kind()))
    }
}

/// Writes a file under another name first, so that nobody finds half of it.
fn put(folder: &Path, name: &str, text: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let unfinished = folder.join(format!(".{name}"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(text)?;
    fs::rename(unfinished, folder.join(name))
}
