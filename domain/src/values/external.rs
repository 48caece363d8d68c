//! Who somebody is to another system that vouches for them.

use super::text::{line, text_value};
use crate::kernel::Invalid;

text_value! {
    /// The short name of a provider of identities, as the installation's settings have it: `[a-z][a-z0-9_-]*`, 40
    /// characters at most.
    Provider
}

impl Provider {
    /// Checks a name.
    ///
    /// # Errors
    /// `provider.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let well_formed = text.len() <= 40
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'));
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("provider.invalid", "must match [a-z][a-z0-9_-]* and have 40 characters at most"))
        }
    }
}

text_value! {
    /// What a provider calls a person: its `sub` claim, 255 characters at most (OpenID Connect Core 1.0, section 2).
    ExternalSubject
}

impl ExternalSubject {
    /// Checks a subject.
    ///
    /// # Errors
    /// `subject.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        line(text, 255, "subject.invalid").map(Self)
    }
}
