use super::text::{line, text_value};
use crate::kernel::Invalid;

text_value! {
    /// What an organization, a project, a role or a key is called: one line of 1 to 100 characters.
    Label
}

impl Label {
    /// Trims and checks a name.
    ///
    /// # Errors
    /// `name.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        line(text, 100, "name.invalid").map(Self)
    }

    /// The form in which two names are the same to people: lower case throughout.
    pub fn normalized(&self) -> String {
        self.0.to_lowercase()
    }
}
