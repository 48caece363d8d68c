use super::text::{line, text_value};
use crate::kernel::Invalid;

text_value! {
    /// What a person is called, as one line of 1 to 200 characters. Names have no common structure
    /// (W3C, "Personal names around the world"), so none is imposed.
    PersonName
}

impl PersonName {
    /// Trims and checks a name.
    ///
    /// # Errors
    /// `name.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        line(text, 200, "name.invalid").map(Self)
    }
}
