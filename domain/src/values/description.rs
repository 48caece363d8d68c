use super::text::{line, text_value};
use crate::kernel::Invalid;

text_value! {
    /// What a thing is for, or why something was done: one line of 1 to 500 characters.
    Description
}

impl Description {
    /// Trims and checks a text.
    ///
    /// # Errors
    /// `description.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        line(text, 500, "description.invalid").map(Self)
    }
}
