use super::text::{line, text_value};
use crate::kernel::Invalid;

text_value! {
    /// What something is about, in one line of 1 to 200 characters.
    Subject
}

impl Subject {
    /// Trims and checks a line.
    ///
    /// # Errors
    /// `subject.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        line(text, 200, "subject.invalid").map(Self)
    }
}
