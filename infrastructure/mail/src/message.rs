//! A letter as it travels (RFC 5322).

use std::{str::FromStr, time::SystemTime};

use fairlead_application::identity::{Letter, MailError};
use fairlead_domain::values::PersonName;
use lettre::{
    Address, Message,
    message::{
        Body, Mailbox, MultiPart,
        header::{ContentTransferEncoding, Header, HeaderName, HeaderValue},
    },
};

/// Characters that a line of mail may have (RFC 5322, 2.1.1).
const MAX_LINE: usize = 998;

/// Who sends: `Fairlead <no-reply@example.com>`, or the address alone.
#[derive(Debug, Clone)]
pub struct Sender(pub(crate) Mailbox);

/// Nobody can send under this name.
#[derive(Debug, thiserror::Error)]
#[error("expected an address such as no-reply@example.com or Fairlead <no-reply@example.com>, in ASCII")]
pub struct SenderError;

impl FromStr for Sender {
    type Err = SenderError;

    fn from_str(text: &str) -> Result<Self, SenderError> {
        let mailbox: Mailbox = text.trim().parse().map_err(|_| SenderError)?;
        // The domain ends every Message-ID.
        if mailbox.email.to_string().is_ascii() { Ok(Self(mailbox)) } else { Err(SenderError) }
    }
}

/// Tells programs that answer by themselves not to (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The letter with its headers. Whatever is no plain ASCII in them is encoded (RFC 2047), line ends above all.
///
/// # Errors
/// [`MailError::Permanent`] where nobody can be written to under such an address.
pub(crate) fn message(sender: &Sender, letter: &Letter) -> Result<Message, MailError> {
    let refused = |what: &str| MailError::Permanent(what.to_owned());
    let address: Address =
        letter.to.address.as_str().parse().map_err(|_| refused("no mail goes to such an address"))?;
    let name = letter.to.name.as_ref().map(PersonName::as_str).map(str::to_owned);
    let id = format!("<{}@{}>", letter.message_id, sender.0.email.domain());
    Message::builder()
        .from(sender.0.clone())
        .to(Mailbox::new(name, address))
        .subject(&*letter.subject)
        .date(SystemTime::from(letter.asked_at))
        .message_id(Some(id))
        .header(AutoSubmitted)
        .multipart(MultiPart::alternative_plain_html(body(&letter.text), body(&letter.html)))
        .map_err(|_| refused("the letter can't be put together"))
}

/// A part as it travels: as it stands where mail allows that, so that whoever opens the file finds the link in one piece.
fn body(text: &str) -> Body {
    let as_it_stands =
        text.is_ascii() && !text.contains(['\r', '\0']) && text.lines().all(|line| line.len() <= MAX_LINE);
    if as_it_stands {
        let text = text.replace('\n', "\r\n").into_bytes();
        return Body::dangerous_pre_encoded(text, ContentTransferEncoding::SevenBit);
    }
    Body::new(text.to_owned())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use fairlead_application::identity::{Letter, Recipient};
    use fairlead_domain::values::{Email, PersonName};
    use uuid::Uuid;

    use super::{Sender, message};

    /// As long as they are.
    fn link() -> String {
        format!("https://app.example.com/verify-email?token={}", "a".repeat(91))
    }

    fn written(name: Option<&str>, subject: &str) -> String {
        let letter = Letter {
            message_id: Uuid::from_u128(7),
            asked_at: "2026-03-04T05:06:07Z".parse::<DateTime<Utc>>().unwrap(),
            to: Recipient {
                address: Email::new("ana@example.com").unwrap(),
                name: name.map(|name| PersonName::new(name).unwrap()),
            },
            subject: subject.to_owned(),
            text: format!("Hello,\n\n{}\n", link()),
            html: "<p>Hello</p>".to_owned(),
        };
        let sender: Sender = "Fairlead <no-reply@mail.example.com>".parse().unwrap();
        String::from_utf8(message(&sender, &letter).unwrap().formatted()).unwrap()
    }

    /// The lines before the body, each with what it goes on with.
    fn headers(text: &str) -> Vec<String> {
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        let mut headers: Vec<String> = Vec::new();
        for line in head.split("\r\n") {
            match headers.last_mut() {
                Some(last) if line.starts_with([' ', '\t']) => last.push_str(line),
                _ => headers.push(line.to_owned()),
            }
        }
        headers
    }

    #[test]
    fn a_letter_says_from_whom_to_whom_when_and_which_it_is() {
        let text = written(Some("Ana Lima"), "Verify your address");
        let headers = headers(&text);
        for expected in [
            "From: Fairlead <no-reply@mail.example.com>",
            "To: \"Ana Lima\" <ana@example.com>",
            "Subject: Verify your address",
            "Date: Wed, 04 Mar 2026 05:06:07 +0000",
            "Message-ID: <00000000-0000-0000-0000-000000000007@mail.example.com>",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
        ] {
            assert!(headers.iter().any(|header| header == expected), "{expected}: {headers:?}");
        }
        assert!(text.contains(&format!("\r\n{}\r\n", link())), "{text}");
        assert!(text.contains("text/plain; charset=utf-8") && text.contains("text/html; charset=utf-8"));
    }

    #[test]
    fn nothing_that_people_write_becomes_a_header() {
        let plain = headers(&written(None, "x")).len();
        let long = "é".repeat(200);
        for name in
            ["Ana \"Bcc: eve@example.com\" <eve@example.com>,", "Ana, eve@example.com", "Zoë Ångström 王", &long]
        {
            let text = written(Some(name), name);
            let headers = headers(&text);
            assert_eq!(headers.len(), plain, "{headers:?}");
            let to = headers.iter().find(|header| header.starts_with("To: ")).unwrap();
            assert!(to.ends_with("<ana@example.com>"), "{to}");
            assert!(text.is_ascii() && text.lines().all(|line| line.len() < 998));
        }
        // Names can hold none of these; should a subject ever, they go nowhere.
        for subject in
            ["a\r\nBcc: eve@example.com", "a\nBcc: eve@example.com\n\nbody", "a\rBcc: eve@example.com", "a\0"]
        {
            let text = written(None, subject);
            let headers = headers(&text);
            assert_eq!(headers.len(), plain, "{headers:?}");
            assert!(!headers.iter().any(|header| header.starts_with("Bcc")) && !text.contains("\nBcc"), "{text}");
        }
    }

    #[test]
    fn a_sender_is_an_address_in_ascii() {
        for good in
            ["no-reply@example.com", "Fairlead <no-reply@example.com>", "\"F, Inc\" <a@b.example>", "a@localhost"]
        {
            assert!(good.parse::<Sender>().is_ok(), "{good}");
        }
        for bad in ["", "nobody", "<>", "a@bücher.example", "a@example.com, b@example.com"] {
            assert!(bad.parse::<Sender>().is_err(), "{bad}");
        }
    }
}
