//! Letters, and the port by which they are sent.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_domain::values::{Email, PersonName};
use uuid::Uuid;

/// Port: hands letters to whoever delivers them.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends a letter. The same letter may come again, since a crash can fall between sending and noting it: it has the same
    /// `message_id` then, by which mail programs, and files, are told that it is one.
    ///
    /// # Errors
    /// [`MailError`]
    async fn send(&self, letter: &Letter) -> Result<(), MailError>;
}

/// A letter to one person. It holds a link with which one comes in, so `Debug` shows its identity alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its identity: that of the event that asks for it.
    pub message_id: Uuid,
    /// When it was asked for.
    pub asked_at: DateTime<Utc>,
    /// To whom.
    pub to: Recipient,
    /// What it is about, in one line.
    pub subject: String,
    /// What it says, as plain text.
    pub text: String,
    /// The same as a page.
    pub html: String,
}

/// To whom a letter goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Where the person is reached.
    pub address: Email,
    /// What the person is called, where that is known.
    pub name: Option<PersonName>,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("message_id", &self.message_id).finish_non_exhaustive()
    }
}

/// Why a letter was not sent. The texts are logged and stored: they hold nothing personal, and nothing of the letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// It may be sent later.
    #[error("{0}")]
    Transient(String),
    /// It never will be.
    #[error("{0}")]
    Permanent(String),
}

#[cfg(test)]
mod tests {
    use super::{Letter, Recipient};
    use fairlead_domain::values::{Email, PersonName};
    use uuid::Uuid;

    #[test]
    fn debug_shows_nothing_of_a_letter() {
        let to = Recipient {
            address: Email::new("ana@example.com").unwrap(),
            name: Some(PersonName::new("Ana Lima").unwrap()),
        };
        let [subject, text, html] = ["a secret", "b secret", "c secret"].map(str::to_owned);
        let letter =
            Letter { message_id: Uuid::from_u128(7), asked_at: chrono::DateTime::UNIX_EPOCH, to, subject, text, html };
        let shown = format!("{letter:?} {:?}", letter.to);
        assert!(shown.contains("00000007"), "{shown}");
        assert!(["secret", "ana", "Ana"].iter().all(|hidden| !shown.contains(hidden)), "{shown}");
    }
}
