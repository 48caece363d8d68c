use email_address::EmailAddress;

use super::text::{line, text_value};
use crate::kernel::Invalid;

text_value! {
    /// An e-mail address (RFC 5321 mailbox without display name), kept as it was written.
    Email
}

impl Email {
    /// Checks an address.
    ///
    /// # Errors
    /// `email.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let text = line(text, 254, "email.invalid")?;
        let options = email_address::Options::default().without_display_text().without_domain_literal();
        EmailAddress::parse_with_options(&text, options.with_required_tld())
            .map_err(|_| Invalid::new("email.invalid", "must be an address such as name@example.com"))?;
        Ok(Self(text))
    }

    /// The form in which two addresses are the same to people: lower case throughout, although RFC 5321 lets the local
    /// part differ by case.
    pub fn normalized(&self) -> String {
        self.0.to_lowercase()
    }
}
