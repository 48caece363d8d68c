//! What letters say: in English, as plain text and as a page.

use std::fmt::Write;

use chrono::{DateTime, Utc};

/// What a letter says, before it is set as text and as a page.
pub(super) struct Wording {
    pub(super) subject: String,
    /// Before the link.
    opening: String,
    /// What the link does.
    deed: &'static str,
    /// After it.
    closing: String,
}

impl Wording {
    /// Asks the person to show that the address is theirs.
    pub(super) fn verification(expires_at: DateTime<Utc>) -> Self {
        Self {
            subject: "Verify your e-mail address".to_owned(),
            opening: "This address was given for an account at Fairlead. Open the link to confirm that it is yours."
                .to_owned(),
            deed: "Verify the address",
            closing: format!(
                "The link works once, until {}. If you did not ask for it, you can ignore this letter.",
                shown(expires_at)
            ),
        }
    }

    /// Lets the person choose another password.
    pub(super) fn password_reset(expires_at: DateTime<Utc>) -> Self {
        Self {
            subject: "Choose a new password".to_owned(),
            opening: "Somebody asked for a new password for your account at Fairlead. Open the link to choose one."
                .to_owned(),
            deed: "Choose a new password",
            closing: format!(
                "The link works once, until {}. If you did not ask for it, you can ignore this letter: your password stays \
                 as it is.",
                shown(expires_at)
            ),
        }
    }

    /// Asks the person into an organization.
    pub(super) fn invitation(organization: &str, inviter: Option<&str>, expires_at: DateTime<Utc>) -> Self {
        let (subject, opening) = match inviter {
            Some(inviter) => (
                format!("{inviter} invites you to {organization}"),
                format!("{inviter} invites you to join the organization {organization} at Fairlead."),
            ),
            None => (
                format!("You are invited to {organization}"),
                format!("You are invited to join the organization {organization} at Fairlead."),
            ),
        };
        Self {
            subject,
            opening,
            deed: "Accept the invitation",
            closing: format!(
                "The link works once, until {}. If you don't know who invites you, you can ignore this letter.",
                shown(expires_at)
            ),
        }
    }

    /// As plain text, with the link on a line of its own.
    pub(super) fn text(&self, name: Option<&str>, link: &str) -> String {
        format!("{}\n\n{}\n\n{link}\n\n{}\n", greeting(name), self.opening, self.closing)
    }

    /// As a page. Whatever people have written is escaped.
    pub(super) fn html(&self, name: Option<&str>, link: &str) -> String {
        let Self { subject, opening, deed, closing } = self;
        let [subject, opening, closing, link] = [subject, opening, closing, link].map(escaped);
        let greeting = escaped(&greeting(name));
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{subject}</title></head>\n\
             <body style=\"font-family: sans-serif; line-height: 1.5\">\n<p>{greeting}</p>\n<p>{opening}</p>\n\
             <p><a href=\"{link}\">{deed}</a></p>\n<p>{closing}</p>\n</body>\n</html>\n"
        )
    }
}

fn greeting(name: Option<&str>) -> String {
    name.map_or_else(|| "Hello,".to_owned(), |name| format!("Hello {name},"))
}

/// The moment, for people of whose time zone nothing is known.
fn shown(at: DateTime<Utc>) -> String {
    at.format("%-d %B %Y, %H:%M UTC").to_string()
}

/// Text that stands in a page or in an attribute of it as it is.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '"' | '\'' => drop(write!(escaped, "&#{};", u32::from(character))),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "https://app.example.com/verify-email?token=abc&x=1";

    fn at() -> DateTime<Utc> {
        "2026-03-04T05:06:07Z".parse().unwrap()
    }

    #[test]
    fn both_forms_say_the_same() {
        let wording = Wording::invitation("Ships & Co", Some("Bo Reis"), at());
        let (text, html) = (wording.text(Some("Ana"), LINK), wording.html(Some("Ana"), LINK));
        assert_eq!(wording.subject, "Bo Reis invites you to Ships & Co");
        assert!(
            text.starts_with("Hello Ana,\n\nBo Reis invites you to join the organization Ships & Co at Fairlead.\n")
        );
        assert!(text.contains(&format!("\n\n{LINK}\n\n")), "{text}");
        assert!(html.contains("href=\"https://app.example.com/verify-email?token=abc&#38;x=1\""), "{html}");
        for form in [text, html] {
            assert!(form.contains("Hello Ana,") && form.contains("Bo Reis invites you to join"), "{form}");
            assert!(form.contains("until 4 March 2026, 05:06 UTC"), "{form}");
        }
        for wording in [Wording::verification(at()), Wording::password_reset(at())] {
            assert!(wording.text(None, LINK).starts_with("Hello,\n"));
            assert!(wording.html(None, LINK).contains("4 March 2026, 05:06 UTC"));
        }
        assert_eq!(Wording::invitation("Ships", None, at()).subject, "You are invited to Ships");
    }

    #[test]
    fn what_people_have_written_is_no_markup() {
        let evil = "<a href='x' title=\"y\">&";
        let html = Wording::invitation(evil, Some(evil), at()).html(Some(evil), LINK);
        assert!(!html.contains("<a href='x'") && !html.contains("title=\""), "{html}");
        assert_eq!(html.matches("<a ").count(), 1);
        assert!(html.contains("&#60;a href=&#39;x&#39; title=&#34;y&#34;&#62;&#38;"));
    }
}
