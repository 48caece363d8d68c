//! Mail: the consumer that answers events with letters, and what delivers them: a server that speaks SMTP, or a folder.

mod files;
mod message;
mod post;
mod smtp;

pub use files::MailFolder;
pub use message::{Sender, SenderError};
pub use post::{BINDINGS, CONSUMER, Post, builder};
pub use smtp::{Smtp, SmtpLimits, SmtpUrlError};
