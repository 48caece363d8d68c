use super::text::{line, text_value};
use crate::kernel::Invalid;

text_value! {
    /// A label in lower case, 1 to 50 characters: letters, digits, and `-`, `_`, `.`, `/` between them.
    Tag
}

impl Tag {
    /// Lowers and checks a label.
    ///
    /// # Errors
    /// `tag.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let text = line(&text.to_lowercase(), 50, "tag.invalid")?;
        let mut characters = text.chars();
        let well_formed = characters.next().is_some_and(char::is_alphanumeric)
            && characters.all(|character| character.is_alphanumeric() || matches!(character, '-' | '_' | '.' | '/'));
        if well_formed {
            Ok(Self(text))
        } else {
            Err(Invalid::new("tag.invalid", "must begin with a letter or digit, then letters, digits, - _ . /"))
        }
    }
}
