use super::text::text_value;
use crate::kernel::Invalid;

/// How many characters a text may have.
const MAX: usize = 10_000;

text_value! {
    /// What somebody wrote: 1 to 10,000 characters; line breaks and tabs are allowed.
    Prose
}

impl Prose {
    /// Trims and checks a text.
    ///
    /// # Errors
    /// `text.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let invalid = |detail: &str| Err(Invalid::new("text.invalid", detail));
        if text.is_empty() {
            invalid("must not be empty")
        } else if text.chars().count() > MAX {
            invalid("must not be longer than 10000 characters")
        } else if text.chars().any(|character| character.is_control() && !matches!(character, '\n' | '\r' | '\t')) {
            invalid("must not contain control characters but line breaks and tabs")
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}
