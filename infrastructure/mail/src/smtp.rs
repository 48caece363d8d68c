//! Letters handed to a server that speaks SMTP (RFC 5321).

use std::{error::Error as _, time::Duration};

use async_trait::async_trait;
use fairlead_application::identity::{Letter, MailError, Mailer};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    transport::smtp::{Error, extension::ClientId},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use crate::{Sender, message::message};

/// Hands letters to a server. Each takes a connection of its own: they are few, and no connection can grow stale.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    sender: Sender,
    limits: SmtpLimits,
}

/// How long the server may take.
#[derive(Debug, Clone, Copy)]
pub struct SmtpLimits {
    /// To be connected to.
    pub connect: Duration,
    /// For a letter in all, from connecting to its answer. Less than the consumer kit grants a handler.
    pub letter: Duration,
}

impl Default for SmtpLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(15), letter: Duration::from_secs(45) }
    }
}

/// The URL can't be used. It is not repeated, since it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("expected smtp://user:password@host:port?tls=required, or smtps://…")]
pub struct SmtpUrlError;

/// The server refuses us rather than the letter (RFC 4954): it is for an operator to mend, and the letter can wait.
const ABOUT_US: [&str; 4] = ["530", "534", "535", "538"];

impl Smtp {
    /// A server, by its URL: `smtps://` speaks TLS from the start, `smtp://…?tls=required` turns to it, `tls=opportunistic`
    /// where the server offers it. A path is the name by which we greet; else that is the sender's domain.
    ///
    /// # Errors
    /// [`SmtpUrlError`]
    pub fn new(url: &SecretString, sender: Sender, limits: SmtpLimits) -> Result<Self, SmtpUrlError> {
        let url = url.expose_secret();
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| SmtpUrlError)?;
        if !names_us(url) {
            builder = builder.hello_name(ClientId::Domain(sender.0.email.domain().to_owned()));
        }
        Ok(Self { transport: builder.timeout(Some(limits.connect)).build(), sender, limits })
    }
}

/// Whether a URL has a path.
fn names_us(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    rest.split_once('/').is_some_and(|(_, path)| !path.is_empty())
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        let message = message(&self.sender, letter)?;
        // What is cut off here may have arrived all the same, and comes again under the same Message-ID.
        let sent = timeout(self.limits.letter, self.transport.send(message)).await;
        let sent = sent.map_err(|_| MailError::Transient("the mail server takes too long".to_owned()))?;
        sent.map(drop).map_err(|error| meaning(&error, letter))
    }
}

/// What an error means for the letter. Of what the server said only codes are told: the rest may quote the address.
fn meaning(error: &Error, letter: &Letter) -> MailError {
    let Some(code) = error.status().map(|code| code.to_string()) else {
        let what = match error {
            error if error.is_timeout() => "the mail server does not answer in time",
            error if error.is_tls() => "no TLS with the mail server",
            error if error.is_client() && !letter.to.address.as_str().is_ascii() => {
                return MailError::Permanent("the mail server takes no such address".to_owned());
            }
            error if error.is_client() => "the mail server can't do what is needed, such as signing in",
            error if error.is_response() => "the mail server answers in no way that is known",
            _ => "the connection to the mail server failed",
        };
        return MailError::Transient(what.to_owned());
    };
    let said = error.source().map(ToString::to_string).unwrap_or_default();
    let enhanced = said.split_whitespace().next().filter(|word| is_enhanced(word)).unwrap_or_default();
    let text = format!("the mail server answers {code} {enhanced}").trim_end().to_owned();
    if error.is_permanent() && !ABOUT_US.contains(&&*code) {
        MailError::Permanent(text)
    } else {
        MailError::Transient(text)
    }
}

/// Whether a word is an enhanced status code (RFC 3463): `5.1.1`.
fn is_enhanced(word: &str) -> bool {
    let number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    word.split('.').count() == 3 && word.split('.').all(number)
}

#[cfg(test)]
mod tests {
    use super::{Smtp, SmtpLimits, is_enhanced, names_us};

    #[test]
    fn a_url_may_name_us() {
        assert!(names_us("smtp://a:b@host:25/mail.example.com?tls=required"));
        for url in ["smtp://host", "smtp://host/", "smtps://host:465?tls=a/b"] {
            assert!(!names_us(url), "{url}");
        }
    }

    #[test]
    fn status_codes_are_told_from_text() {
        assert!(is_enhanced("5.1.1") && is_enhanced("4.7.123"));
        for word in ["", "5.1", "5.1.1.1", "5..1", "<ana@a.b.c>", "a.b.c", "5.1.1234"] {
            assert!(!is_enhanced(word), "{word}");
        }
    }

    #[test]
    fn a_url_that_is_none_is_refused_without_a_word_of_it() {
        let sender: crate::Sender = "a@example.com".parse().unwrap();
        for url in ["hunter2", "http://hunter2", "smtp://hunter2?tls=perhaps"] {
            let refused = Smtp::new(&url.to_owned().into(), sender.clone(), SmtpLimits::default()).err().unwrap();
            assert!(!refused.to_string().contains("hunter2"));
        }
    }
}
