use super::text::{line, text_value};
use crate::kernel::Invalid;

text_value! {
    /// What a record such as a company or a deal is called: one line of 1 to 200 characters.
    Title
}

impl Title {
    /// Trims and checks a name.
    ///
    /// # Errors
    /// `name.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        line(text, 200, "name.invalid").map(Self)
    }

    /// The form in which two names are the same to people: lower case throughout.
    pub fn normalized(&self) -> String {
        self.0.to_lowercase()
    }
}
